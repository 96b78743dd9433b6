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
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/commands.h"
#include "worker/confine.h"
#include "worker/dump.h"
#include "worker/dump_losses.h"
#include "worker/dump_raw.h"
#include "worker/image.h"
#include "worker/image_write.h"
#include "worker/link_kind.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/target.h"

enum {
	/* The root task's network namespace in what CRIU writes, where nothing says another. */
	DEFAULT_NS_ID = 10,
};

/* The files, in the order in which they get their names: the one by which a namespace is found is
 * the last. */
enum file {
	FILE_INVENTORY,
	FILE_IDS,
	FILE_IFADDR,
	FILE_ROUTE,
	FILE_ROUTE6,
	FILE_RULE,
	FILE_NFTABLES,
	FILE_IPTABLES,
	FILE_IP6TABLES,
	FILE_NETDEV,
	FILE_NETNS,
	FILE_MAX_,
};

/* Those of the namespace go on with its id. */
static const char *const file_names[] = {
	[FILE_INVENTORY] = "inventory.img",
	[FILE_IDS] = "ids-1.img",
	[FILE_IFADDR] = "ifaddr",
	[FILE_ROUTE] = "route",
	[FILE_ROUTE6] = "route6",
	[FILE_RULE] = "rule",
	[FILE_NFTABLES] = "nftables",
	[FILE_IPTABLES] = "iptables",
	[FILE_IP6TABLES] = "ip6tables",
	[FILE_NETDEV] = "netdev",
	[FILE_NETNS] = "netns",
};
_Static_assert(ARRAY_SIZE(file_names) == FILE_MAX_, "every file has a name");

struct saving {
	struct options options;
	struct report report;
	int images;
	struct target target;
	struct dump dump;
	const char *ext_key; /* of a namespace that is external: nothing else is saved */
	struct image_out files[FILE_MAX_];
};

/* --- what it is about --- */

static void find_external(struct saving *c)
{
	char inode[24];

	(void)snprintf(inode, sizeof(inode), "%llu", (unsigned long long)c->target.ino);
	c->ext_key = externals_find(&c->options.externals, "net", inode);
}

static int start_tools(struct saving *c)
{
	int status = tools_start(&c->target.tools, &c->report);

	return status ? status : dump_rules_open(&c->dump);
}

static int open_all(struct saving *c)
{
	const int on = 1;
	int status;

	c->images = open(c->options.images, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->images < 0)
		return report_fail(&c->report, EXIT_OS_, "cannot open the image directory %s: %s",
				   c->options.images, strerror(errno));
	status = target_open(&c->options.target, &c->target, &c->report);
	if (!status)
		status = target_join(&c->target, &c->report);
	find_external(c);
	if (!status && !c->ext_key)
		status = start_tools(c);
	/* Without it the kernel heeds no table in a request for routes. */
	if (!status &&
	    setsockopt(c->target.nl.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
		status = report_fail(&c->report, EXIT_OS_,
				     "cannot have requests to rtnetlink checked strictly: %s",
				     strerror(errno));
	return status;
}

static bool is_there(const struct saving *c, const char *name)
{
	return faccessat(c->images, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Images that are there already, of the rest of a checkpoint, say what the id has to be. */
static int choose_id(struct saving *c)
{
	c->dump.ns_id = c->options.ns_id;
	if (c->dump.ns_id)
		return 0;
	c->dump.ns_id = DEFAULT_NS_ID;
	if (!is_there(c, file_names[FILE_IDS]))
		return 0;
	return image_root_task_id(c->images, &c->dump.ns_id, &c->report);
}

/* Whether a file is part of this dump. */
static bool is_wanted(const struct saving *c, size_t i)
{
	if (i == FILE_INVENTORY || i == FILE_IDS)
		return !is_there(c, file_names[i]);
	return i == FILE_NETNS || !c->ext_key;
}

/* Names for those files that are wanted, and no file of these names there. */
static int name_files(struct saving *c)
{
	int status = 0;

	for (size_t i = 0; !status && i < FILE_MAX_; i++) {
		struct image_out *file = &c->files[i];

		if (!is_wanted(c, i))
			continue;
		if (i == FILE_INVENTORY || i == FILE_IDS)
			(void)snprintf(file->name, sizeof(file->name), "%s", file_names[i]);
		else
			(void)snprintf(file->name, sizeof(file->name), "%s-%u.img", file_names[i],
				       c->dump.ns_id);
		status = image_write_check(c->images, file, 1, &c->report);
	}
	return status;
}

/* --- contents --- */

static int fail_memory(struct saving *c, enum file file)
{
	return report_fail(&c->report, EXIT_OS_, "no memory for %s", c->files[file].name);
}

static int make_netdev(struct saving *c)
{
	struct image_out *file = &c->files[FILE_NETDEV];
	int status = dump_links(&c->dump);
	int r;

	if (status)
		return status;
	r = image_out_word(file, IMAGE_MAGIC_COMMON);
	if (r == 0)
		r = image_out_word(file, IMAGE_MAGIC_NETDEV);
	for (size_t i = 0; r == 0 && i < c->dump.n_links; i++)
		r = image_out_entry(file, &c->dump.links[i]->base);
	return r < 0 ? fail_memory(c, FILE_NETDEV) : 0;
}

static int make_netns(struct saving *c)
{
	struct image_out *file = &c->files[FILE_NETNS];
	Img__Netns *netns = malloc(sizeof(*netns));
	int status = 0;

	if (!netns)
		return fail_memory(c, FILE_NETNS);
	img__netns__init(netns);
	if (!c->ext_key)
		status = dump_netns(&c->dump, netns);
	else if (!(netns->ext_key = strdup(c->ext_key)))
		status = fail_memory(c, FILE_NETNS);
	if (!status && (image_out_word(file, IMAGE_MAGIC_COMMON) < 0 ||
			image_out_word(file, IMAGE_MAGIC_NETNS) < 0 ||
			image_out_entry(file, &netns->base) < 0))
		status = fail_memory(c, FILE_NETNS);
	img__netns__free_unpacked(netns, NULL);
	return status;
}

static int make_all(struct saving *c)
{
	static const enum file rules[RULESET_PARTS] = {
		[RULESET_NFT] = FILE_NFTABLES,
		[RULESET_IPTABLES] = FILE_IPTABLES,
		[RULESET_IP6TABLES] = FILE_IP6TABLES,
	};
	struct dump *d = &c->dump;
	int status;

	status = dump_nsids(d);
	/* First the links: which of them are left out decides on the rest. */
	if (!status && !c->ext_key)
		status = make_netdev(c);
	if (!status && !c->ext_key)
		dump_losses(d);
	if (!status)
		status = make_netns(c);
	if (!status && !c->ext_key)
		dump_losses_of_sysctls(d);
	if (!status && !c->ext_key)
		status = dump_addr(d, &c->files[FILE_IFADDR]);
	if (!status && !c->ext_key)
		status = dump_route(d, AF_INET, &c->files[FILE_ROUTE]);
	if (!status && !c->ext_key)
		status = dump_route(d, AF_INET6, &c->files[FILE_ROUTE6]);
	if (!status && !c->ext_key)
		status = dump_rule(d, &c->files[FILE_RULE]);
	for (int part = 0; !status && !c->ext_key && part < RULESET_PARTS; part++)
		status = dump_rules(d, (enum ruleset_part_id)part, &c->files[rules[part]]);
	if (!status && c->files[FILE_INVENTORY].name[0])
		status = dump_inventory(d, &c->files[FILE_INVENTORY]);
	if (!status && c->files[FILE_IDS].name[0])
		status = dump_ids(d, &c->files[FILE_IDS]);
	return status;
}

static int write_files(struct saving *c, size_t *ret_n)
{
	struct image_out wanted[FILE_MAX_];
	size_t n = 0;

	for (size_t i = 0; i < FILE_MAX_; i++) {
		if (c->files[i].name[0])
			wanted[n++] = c->files[i];
	}
	*ret_n = n;
	return image_write(c->images, wanted, n, &c->report);
}

/* --- and the rest --- */

static void print_result(struct saving *c, size_t n_files)
{
	json_t *links = json_array(), *files = json_array();

	for (size_t i = 0; i < c->dump.n_links; i++) {
		const Img__NetDevice *dev = c->dump.links[i];

		(void)json_array_append_new(links, json_pack("{s:s, s:s, s:I}", "name", dev->name,
							     "kind", link_kind_of(dev)->name,
							     "ifindex", (json_int_t)dev->ifindex));
	}
	for (size_t i = 0; i < FILE_MAX_; i++) {
		if (c->files[i].name[0])
			(void)json_array_append_new(files, json_string(c->files[i].name));
	}
	(void)json_object_set_new(c->report.root, "ns_id", json_integer(c->dump.ns_id));
	(void)json_object_set_new(c->report.root, "netns_inode",
				  json_integer((json_int_t)c->target.ino));
	(void)json_object_set_new(c->report.root, "links", links);
	(void)json_object_set_new(c->report.root, "files", files);
	if (!c->options.json)
		(void)printf("saved net:[%llu] as namespace %u of the images: %zu links, %zu "
			     "files\n",
			     (unsigned long long)c->target.ino, c->dump.ns_id, c->dump.n_links,
			     n_files);
}

static int run(struct saving *c)
{
	struct confine_args bounds;
	size_t n_files;
	int status;

	status = open_all(c);
	bounds = (struct confine_args){ .image_dir = c->images,
					.sysctls = c->target.sysctls,
					.saves = true };
	if (!status)
		status = confine(&bounds, &c->report);
	if (!status)
		status = choose_id(c);
	if (status)
		return status;
	c->dump.nl = &c->target.nl;
	c->dump.netns = c->target.netns;
	c->dump.sysctls = &c->target.net;
	c->dump.uids = c->target.uids;
	c->dump.gids = c->target.gids;
	status = name_files(c);
	if (!status)
		status = make_all(c);
	if (!status)
		status = write_files(c, &n_files);
	if (status)
		return status;
	externals_warn_unused(&c->options.externals, &c->report);
	skip_kinds_warn_unused(&c->options.skip, &c->report);
	print_result(c, n_files);
	return 0;
}

int cmd_dump(int argc, char *argv[])
{
	static struct saving c;
	int status;

	c.images = -1;
	target_init(&c.target);
	c.dump.nft = -1;
	c.dump.tools = &c.target.tools;
	c.dump.externals = &c.options.externals;
	c.dump.skip = &c.options.skip;
	c.dump.report = &c.report;
	status = options_parse(argc, argv,
			       OPTION_IMAGES | OPTION_TARGET | OPTION_NS_ID | OPTION_EXTERNAL |
				       OPTION_JSON | OPTION_SKIP_KIND,
			       &c.options, &c.report);
	if (!status)
		(void)run(&c);
	status = report_finish(&c.report);
	for (size_t i = 0; i < FILE_MAX_; i++)
		image_out_fini(&c.files[i]);
	dump_fini(&c.dump);
	target_fini(&c.target);
	fd_closep(&c.images);
	options_fini(&c.options);
	report_fini(&c.report);
	return status;
}
