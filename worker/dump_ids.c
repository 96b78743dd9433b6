/*
 * The two files that make a directory one of images, where no checkpoint has written them. What a
 * task has beside its network namespace is not ours to say: the ids are there because the format
 * wants them.
 */
#include "criu/ids.pb-c.h"
#include "worker/dump.h"
#include "worker/image_write.h"
#include "worker/report.h"

enum {
	IMG_VERSION = 2, /* files begin with the common magic number */
	SOME_ID = 1,
};

int dump_inventory(struct dump *d, struct image_out *ret)
{
	Img__Inventory inventory = IMG__INVENTORY__INIT;

	inventory.img_version = IMG_VERSION;
	if (image_out_word(ret, IMAGE_MAGIC_INVENTORY) < 0 ||
	    image_out_entry(ret, &inventory.base) < 0)
		return report_fail(d->report, EXIT_OS_, "no memory for %s", ret->name);
	return 0;
}

int dump_ids(struct dump *d, struct image_out *ret)
{
	Img__TaskIds ids = IMG__TASK_IDS__INIT;

	ids.has_vm_id = ids.has_files_id = ids.has_fs_id = ids.has_sighand_id = 1;
	ids.vm_id = ids.files_id = ids.fs_id = ids.sighand_id = SOME_ID;
	ids.has_net_ns_id = 1;
	ids.net_ns_id = d->ns_id;
	if (image_out_word(ret, IMAGE_MAGIC_COMMON) < 0 ||
	    image_out_word(ret, IMAGE_MAGIC_IDS) < 0 || image_out_entry(ret, &ids.base) < 0)
		return report_fail(d->report, EXIT_OS_, "no memory for %s", ret->name);
	return 0;
}
