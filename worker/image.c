/*
 * Image files to messages: which files there are, and what is in them.
 *
 * May: read below the image directory. Must not: judge values (image_check.c).
 */
#include "worker/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "criu/ids.pb-c.h"
#include "worker/image_file.h"
#include "worker/image_magic.h"
#include "worker/netstate.h"
#include "worker/report.h"

static int fail_entry(struct image_file *r)
{
	return report_fail(r->report, EXIT_IMAGE,
			   "%s: record %zu: its %zu bytes are no entry of this kind of file",
			   r->name, r->record, r->len);
}

/* Decoding cuts a text at a NUL, and takes the last of a field that comes twice, both in silence:
 * an entry with either is longer than what came of it. */
static int check_form(struct image_file *r, const ProtobufCMessage *msg)
{
	if (protobuf_c_message_get_packed_size(msg) != r->len)
		return report_fail(r->report, EXIT_IMAGE,
				   "%s: record %zu: a text in it has a NUL, or a field comes "
				   "twice: this is no dumper's work",
				   r->name, r->record);
	if (msg->n_unknown_fields)
		report_warn(r->report,
			    "%s: record %zu: %u fields that this version does not know are passed "
			    "over",
			    r->name, r->record, msg->n_unknown_fields);
	return 0;
}

/* --- the kinds of file --- */

static int read_links(struct image_file *r, struct image_netns *ret)
{
	size_t room = 0;
	int n;

	while ((n = image_file_entry(r)) > 0) {
		Img__NetDevice *dev;
		int status;

		if (ret->n_links == IMAGE_LINKS_MAX)
			return report_fail(r->report, EXIT_IMAGE, "%s: more than %d records",
					   r->name, IMAGE_LINKS_MAX);
		if (ret->n_links == room) {
			Img__NetDevice **more;

			room = room ? room * 2 : 64;
			more = reallocarray(ret->links, room, sizeof(*more));
			if (!more)
				return image_file_fail(r, "get memory for it");
			ret->links = more;
		}
		dev = img__net_device__unpack(/* allocator= */ NULL, r->len, r->buf);
		if (!dev)
			return fail_entry(r);
		ret->links[ret->n_links++] = dev;
		status = check_form(r, &dev->base);
		if (status)
			return status;
	}
	return n < 0 ? EXIT_IMAGE : 0;
}

static int load_links(int dir, struct image_netns *ret, struct report *report)
{
	struct image_file r;
	int status;

	status = image_file_open(&r, dir, ret->netdev_name, report);
	if (!status)
		status = image_file_magic(&r, IMAGE_MAGIC_NETDEV);
	if (!status)
		status = read_links(&r, ret);
	image_file_close(&r);
	return status;
}

/* A file of one entry. Returns the reader with it, to be closed in any case. */
static int open_single(struct image_file *r, int dir, const char *name, uint32_t magic,
		       struct report *report)
{
	int status, n;

	status = image_file_open(r, dir, name, report);
	if (!status)
		status = image_file_magic(r, magic);
	if (status)
		return status;
	n = image_file_entry(r);
	if (n == 0)
		return report_fail(report, EXIT_IMAGE, "%s: has no entry", name);
	return n < 0 ? EXIT_IMAGE : 0;
}

static int load_netns(int dir, struct image_netns *ret, struct report *report)
{
	struct image_file r;
	uint8_t more;
	int status;

	status = open_single(&r, dir, ret->netns_name, IMAGE_MAGIC_NETNS, report);
	if (!status) {
		ret->netns = img__netns__unpack(/* allocator= */ NULL, r.len, r.buf);
		if (!ret->netns)
			status = fail_entry(&r);
		else
			status = check_form(&r, &ret->netns->base);
	}
	if (!status && image_file_get(&r, &more, sizeof(more), "end") != 0)
		status = report_fail(report, EXIT_IMAGE, "%s: has more than its one entry",
				     ret->netns_name);
	image_file_close(&r);
	return status;
}

/* The id of the namespace that the dumper ran in, by which nsids of the host are known. An image
 * set without an inventory is restored all the same. */
static int load_host_id(int dir, struct image_netns *ret, struct report *report)
{
	static const char name[] = "inventory.img";
	Img__Inventory *inventory;
	struct image_file r;
	int status;

	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	status = open_single(&r, dir, name, IMAGE_MAGIC_INVENTORY, report);
	if (!status) {
		inventory = img__inventory__unpack(/* allocator= */ NULL, r.len, r.buf);
		if (!inventory)
			status = fail_entry(&r);
		else if (inventory->root_ids && inventory->root_ids->has_net_ns_id)
			ret->host_id = inventory->root_ids->net_ns_id;
		if (inventory && inventory->dump_criu_run_id)
			(void)snprintf(ret->run_id, sizeof(ret->run_id), "%s",
				       inventory->dump_criu_run_id);
		if (inventory)
			img__inventory__free_unpacked(inventory, NULL);
	}
	image_file_close(&r);
	return status;
}

/* --- which namespace --- */

/* The id in "netns-ID.img", or 0. */
static uint32_t id_of_name(const char *name)
{
	static const char head[] = "netns-";
	unsigned long id;
	char *end;

	if (strncmp(name, head, sizeof(head) - 1) != 0)
		return 0;
	name += sizeof(head) - 1;
	if (*name < '1' || *name > '9')
		return 0;
	errno = 0;
	id = strtoul(name, &end, 10);
	return errno || strcmp(end, ".img") != 0 || id > UINT32_MAX ? 0 : (uint32_t)id;
}

static int by_id(const void *a, const void *b)
{
	const uint32_t *l = a, *r = b;

	return (*l > *r) - (*l < *r);
}

int image_list(int dir, uint32_t ret_ids[IMAGE_NETNS_MAX], size_t *ret_n, struct report *report)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	*ret_n = 0;
	if (!list) {
		fd_closep(&fd);
		return report_fail(report, EXIT_IMAGE, "cannot list the image directory: %s",
				   strerror(errno));
	}
	while ((entry = readdir(list)) && *ret_n < IMAGE_NETNS_MAX) {
		uint32_t id = id_of_name(entry->d_name);

		if (id)
			ret_ids[(*ret_n)++] = id;
	}
	(void)closedir(list);
	if (entry)
		return report_fail(report, EXIT_IMAGE,
				   "the image directory has more than %d network namespaces",
				   IMAGE_NETNS_MAX);
	if (*ret_n == 0)
		return report_fail(report, EXIT_IMAGE,
				   "the image directory has no netns-ID.img: it is not one of a "
				   "checkpoint with a network namespace");
	qsort(ret_ids, *ret_n, sizeof(*ret_ids), by_id);
	return 0;
}

int image_root_task_id(int dir, uint32_t *ret_id, struct report *report)
{
	static const char name[] = "ids-1.img";
	Img__TaskIds *ids;
	struct image_file r;
	int status;

	status = open_single(&r, dir, name, IMAGE_MAGIC_IDS, report);
	if (!status) {
		ids = img__task_ids__unpack(/* allocator= */ NULL, r.len, r.buf);
		if (!ids)
			status = fail_entry(&r);
		else if (!ids->has_net_ns_id || ids->net_ns_id == 0)
			status = report_fail(report, EXIT_IMAGE,
					     "%s: names no network namespace; use --ns-id", name);
		else
			*ret_id = ids->net_ns_id;
		if (ids)
			img__task_ids__free_unpacked(ids, NULL);
	}
	image_file_close(&r);
	return status;
}

static int find_id(int dir, uint32_t *ret_id, struct report *report)
{
	uint32_t ids[IMAGE_NETNS_MAX] = { 0 };
	size_t n;
	int status;

	status = image_list(dir, ids, &n, report);
	if (status)
		return status;
	if (n > 1)
		return image_root_task_id(dir, ret_id, report);
	*ret_id = ids[0];
	return 0;
}

int image_dir_open(const char *path, int *ret_fd, struct report *report)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return report_fail(report, EXIT_IMAGE, "cannot open the image directory %s: %s",
				   path, strerror(errno));
	*ret_fd = fd;
	return 0;
}

int image_load(int dir, uint32_t id, struct image_netns *ret, struct report *report)
{
	int status = 0;

	*ret = (struct image_netns){ .id = id };
	if (id == 0)
		status = find_id(dir, &ret->id, report);
	if (status)
		return status;
	(void)snprintf(ret->netdev_name, sizeof(ret->netdev_name), "netdev-%u.img", ret->id);
	(void)snprintf(ret->netns_name, sizeof(ret->netns_name), "netns-%u.img", ret->id);
	status = load_netns(dir, ret, report);
	/* Of a namespace that was external there is the key, and no links. */
	if (!status && !ret->netns->ext_key)
		status = load_links(dir, ret, report);
	if (!status)
		status = load_host_id(dir, ret, report);
	if (!status && !ret->netns->ext_key)
		status = ruleset_load(dir, ret->id, ret->run_id, &ret->ruleset, report);
	if (!status)
		status = netstate_load(dir, ret, &ret->state, report);
	if (status)
		image_fini(ret);
	return status;
}

void image_fini(struct image_netns *image)
{
	for (size_t i = 0; i < image->n_links; i++)
		img__net_device__free_unpacked(image->links[i], NULL);
	free(image->links);
	ruleset_fini(&image->ruleset);
	netstate_free(image->state);
	if (image->netns)
		img__netns__free_unpacked(image->netns, NULL);
	image->links = NULL;
	image->n_links = 0;
	image->netns = NULL;
	image->state = NULL;
}
