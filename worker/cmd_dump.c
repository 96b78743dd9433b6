/*
 * netcr-worker dump: open -> join -> confine -> read -> encode -> write.
 *
 * As in a restore, everything that needs a path or another namespace is opened before the
 * confinement, and nothing of the target is looked at before it. All is read and encoded before
 * the first file is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/commands.h"
#include "worker/confine.h"
#include "worker/dump_space.h"
#include "worker/image.h"
#include "worker/image_write.h"
#include "worker/link_kind.h"
#include "worker/options.h"
#include "worker/report.h"

enum {
	/* The root task's network namespace in what CRIU writes, where nothing says another. */
	DEFAULT_NS_ID = 10,
	WHOLE_FILES = 2,
	FILES_MAX = WHOLE_FILES + TARGETS_MAX * DUMP_FILES_,
};

struct saving {
	struct options options;
	struct report report;
	int images;
	struct dump_spaces spaces;
	/* Of the whole directory, where they are missing; without a name: not of this dump. */
	struct image_out inventory, ids;
	struct image_out files[FILES_MAX]; /* borrowed: all, in the order in which they get names */
	size_t n_files;
};

/* --- what it is about --- */

static int open_all(struct saving *c)
{
	c->images = open(c->options.images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->images < 0)
		return report_fail(&c->report, EXIT_OS_, "cannot open the image directory %s: %s",
				   c->options.images, strerror(errno));
	return dump_spaces_open(&c->spaces, &c->options.target, c->options.ns_id,
				&c->options.externals, &c->options.skip, &c->report);
}

static bool is_there(const struct saving *c, const char *name)
{
	return faccessat(c->images, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Images that are there already, of the rest of a checkpoint, say what the id has to be. */
static int choose_id(struct saving *c)
{
	uint32_t *id = &c->spaces.list[0].dump.ns_id;

	if (*id)
		return 0;
	*id = DEFAULT_NS_ID;
	return is_there(c, "ids-1.img") ? image_root_task_id(c->images, id, &c->report) : 0;
}

static void name_whole(struct saving *c, const char *name, struct image_out *file)
{
	if (!is_there(c, name))
		(void)snprintf(file->name, sizeof(file->name), "%s", name);
}

/* Names for those files that are wanted, and no file of these names there. */
static int name_files(struct saving *c)
{
	name_whole(c, "inventory.img", &c->inventory);
	name_whole(c, "ids-1.img", &c->ids);
	return dump_spaces_name(&c->spaces, c->images, &c->report);
}

/* --- contents --- */

static int make_all(struct saving *c)
{
	struct dump *root = &c->spaces.list[0].dump;
	int status = dump_spaces_read(&c->spaces, &c->report);

	if (!status && c->inventory.name[0])
		status = dump_inventory(root, &c->inventory);
	if (!status && c->ids.name[0])
		status = dump_ids(root, &c->ids);
	return status;
}

static void list_file(struct saving *c, const struct image_out *file)
{
	if (file->name[0])
		c->files[c->n_files++] = *file;
}

static int write_all(struct saving *c)
{
	list_file(c, &c->inventory);
	list_file(c, &c->ids);
	for (size_t j = 0; j < DUMP_FILES_; j++) {
		for (size_t i = 0; i < c->spaces.n; i++)
			list_file(c, &c->spaces.list[i].files[j]);
	}
	return image_write(c->images, c->files, c->n_files, &c->report);
}

/* --- and the rest --- */

static void print_space(struct saving *c, const struct dump_space *space, json_t *to)
{
	const struct dump *d = &space->dump;
	json_t *links = json_array();

	for (size_t i = 0; i < d->n_links; i++) {
		const Img__NetDevice *dev = d->links[i];

		(void)json_array_append_new(links, json_pack("{s:s, s:s, s:I}", "name", dev->name,
							     "kind", link_kind_of(dev)->name,
							     "ifindex", (json_int_t)dev->ifindex));
	}
	(void)json_object_set_new(to, "ns_id", json_integer(d->ns_id));
	(void)json_object_set_new(to, "netns_inode", json_integer((json_int_t)space->target.ino));
	(void)json_object_set_new(to, "links", links);
	if (!c->options.json)
		(void)printf("saved net:[%llu] as namespace %u of the images: %zu links%s",
			     (unsigned long long)space->target.ino, d->ns_id, d->n_links,
			     c->spaces.n > 1 ? "\n" : ", ");
}

static void print_result(struct saving *c)
{
	json_t *list = json_array(), *names = json_array();

	for (size_t i = 0; c->spaces.n > 1 && i < c->spaces.n; i++) {
		json_t *object = json_object();

		print_space(c, &c->spaces.list[i], object);
		(void)json_array_append_new(list, object);
	}
	if (c->spaces.n == 1)
		print_space(c, &c->spaces.list[0], c->report.root);
	else
		(void)json_object_set(c->report.root, "namespaces", list);
	json_decref(list);
	for (size_t i = 0; i < c->n_files; i++)
		(void)json_array_append_new(names, json_string(c->files[i].name));
	(void)json_object_set_new(c->report.root, "files", names);
	if (!c->options.json)
		(void)printf("%zu files\n", c->n_files);
}

static int run(struct saving *c)
{
	struct confine_args bounds;
	int status;

	status = open_all(c);
	bounds = (struct confine_args){ .image_dir = c->images,
					.sysctls = c->spaces.list[0].target.sysctls,
					.saves = true };
	if (!status)
		status = confine(&bounds, &c->report);
	if (!status)
		status = choose_id(c);
	if (!status)
		status = name_files(c);
	if (!status)
		status = make_all(c);
	if (!status)
		status = write_all(c);
	if (status)
		return status;
	externals_warn_unused(&c->options.externals, &c->report);
	skip_kinds_warn_unused(&c->options.skip, &c->report);
	print_result(c);
	return 0;
}

int cmd_dump(int argc, char *argv[])
{
	static struct saving c;
	int status;

	c.images = -1;
	dump_spaces_init(&c.spaces);
	status = options_parse(argc, argv,
			       OPTION_IMAGES | OPTION_TARGET | OPTION_SPACES | OPTION_NS_ID |
				       OPTION_EXTERNAL | OPTION_JSON | OPTION_SKIP_KIND,
			       &c.options, &c.report);
	if (!status)
		(void)run(&c);
	status = report_finish(&c.report);
	image_out_fini(&c.inventory);
	image_out_fini(&c.ids);
	dump_spaces_fini(&c.spaces);
	fd_closep(&c.images);
	options_fini(&c.options);
	report_fini(&c.report);
	return status;
}
