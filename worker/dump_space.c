/*
 * One namespace of a dump after the other: found, joined, read. What is between them are the other
 * ends and the lower devices of links, and the ids by which they know each other.
 *
 * May: open namespaces, setns, read. Must not: make a file.
 */
#include "worker/dump_space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "worker/dump_losses.h"
#include "worker/dump_raw.h"
#include "worker/externals.h"
#include "worker/report.h"
#include "worker/targets.h"

/* They go on with the id. */
static const char *const file_names[] = {
	[DUMP_IFADDR] = "ifaddr",       [DUMP_ROUTE] = "route",       [DUMP_ROUTE6] = "route6",
	[DUMP_RULE] = "rule",           [DUMP_NFTABLES] = "nftables", [DUMP_IPTABLES] = "iptables",
	[DUMP_IP6TABLES] = "ip6tables", [DUMP_NETDEV] = "netdev",     [DUMP_NETNS] = "netns",
};
_Static_assert(ARRAY_SIZE(file_names) == DUMP_FILES_, "every file has a name");

void dump_spaces_init(struct dump_spaces *spaces)
{
	spaces->n = 0;
	spaces->n_saved = 0;
	for (size_t i = 0; i < TARGETS_MAX; i++) {
		spaces->list[i] = (struct dump_space){ .dump = { .nft = -1 } };
		target_init(&spaces->list[i].target);
	}
}

void dump_spaces_fini(struct dump_spaces *spaces)
{
	for (size_t i = 0; i < TARGETS_MAX; i++) {
		struct dump_space *space = &spaces->list[i];

		for (size_t j = 0; j < DUMP_FILES_; j++)
			image_out_fini(&space->files[j]);
		dump_fini(&space->dump);
		target_fini(&space->target);
	}
}

/* Which of them it is about, before all texts; if there are several. */
static void name_space(const struct dump_spaces *spaces, const struct dump_space *space,
		       struct report *report)
{
	report->ns_id = space && spaces->n > 1 ? space->dump.ns_id : 0;
}

/* --- opening --- */

static void set_up(struct dump_space *space, struct externals *externals, struct skip_kinds *skip,
		   struct report *report)
{
	struct target *target = &space->target;
	char inode[24];

	(void)snprintf(inode, sizeof(inode), "%llu", (unsigned long long)target->ino);
	space->ext_key = externals_find(externals, "net", inode);
	space->dump.nl = &target->nl;
	space->dump.sysctls = &target->net;
	space->dump.uids = target->uids;
	space->dump.gids = target->gids;
	space->dump.tools = &target->tools;
	space->dump.externals = externals;
	space->dump.skip = skip;
	space->dump.report = report;
}

static int start_tools(struct dump_space *space, struct report *report)
{
	int status = tools_start(&space->target.tools, report);

	return status ? status : dump_rules_open(&space->dump);
}

static int join(struct dump_space *space, struct externals *externals, struct skip_kinds *skip,
		struct report *report)
{
	const int on = 1;
	int status = target_join(&space->target, report);

	if (status)
		return status;
	set_up(space, externals, skip, report);
	if (!space->ext_key)
		status = start_tools(space, report);
	/* Without it the kernel heeds no table in a request for routes. */
	if (!status && setsockopt(space->target.nl.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
				  sizeof(on)) < 0)
		status = report_fail(report, EXIT_OS_,
				     "cannot have requests to rtnetlink checked strictly: %s",
				     strerror(errno));
	return status;
}

int dump_spaces_open(struct dump_spaces *spaces, const struct target_args *args, uint32_t ns_id,
		     struct externals *externals, struct skip_kinds *skip, struct report *report)
{
	struct target *targets[TARGETS_MAX];
	uint32_t ids[TARGETS_MAX] = { 0 };
	size_t order[TARGETS_MAX];
	int status;

	for (size_t i = 0; i < TARGETS_MAX; i++)
		targets[i] = &spaces->list[i].target;
	status = targets_open(args, ns_id, targets, ids, &spaces->n, report);
	for (size_t i = 0; i < spaces->n; i++)
		spaces->list[i].dump.ns_id = ids[i];
	if (!status)
		status = targets_order(targets, spaces->n, order, report);
	for (size_t i = 0; !status && i < spaces->n; i++) {
		struct dump_space *space = &spaces->list[order[i]];

		name_space(spaces, space, report);
		status = join(space, externals, skip, report);
	}
	name_space(spaces, NULL, report);
	return status;
}

/* --- ids and names --- */

static int compare_ids(const void *a, const void *b)
{
	const uint32_t one = ((const struct dump_saved *)a)->ns_id;
	const uint32_t other = ((const struct dump_saved *)b)->ns_id;

	return (one > other) - (one < other);
}

/* The id of the first may come from the images. */
static int list_saved(struct dump_spaces *spaces, struct report *report)
{
	for (size_t i = 0; i < spaces->n; i++) {
		const struct dump_space *space = &spaces->list[i];

		if (i > 0 && space->dump.ns_id == spaces->list[0].dump.ns_id)
			return report_fail(report, EXIT_USAGE_,
					   "namespace %u of the images is that of the root task, "
					   "and so that of --pid, and another --netns has its id",
					   space->dump.ns_id);
		if (!space->ext_key)
			spaces->saved[spaces->n_saved++] =
				(struct dump_saved){ .netns = space->target.netns,
						     .ns_id = space->dump.ns_id };
	}
	qsort(spaces->saved, spaces->n_saved, sizeof(spaces->saved[0]), compare_ids);
	return 0;
}

int dump_spaces_name(struct dump_spaces *spaces, int images, struct report *report)
{
	int status = list_saved(spaces, report);

	for (size_t i = 0; !status && i < spaces->n; i++) {
		struct dump_space *space = &spaces->list[i];

		space->dump.saved = spaces->saved;
		space->dump.n_saved = spaces->n_saved;
		for (size_t j = 0; !status && j < DUMP_FILES_; j++) {
			struct image_out *file = &space->files[j];

			if (space->ext_key && j != DUMP_NETNS)
				continue;
			(void)snprintf(file->name, sizeof(file->name), "%s-%u.img", file_names[j],
				       space->dump.ns_id);
			status = image_write_check(images, file, 1, report);
		}
	}
	return status;
}

/* --- contents --- */

static int fail_memory(struct dump_space *space, enum dump_file file)
{
	return report_fail(space->dump.report, EXIT_OS_, "no memory for %s",
			   space->files[file].name);
}

static int make_netdev(struct dump_space *space)
{
	struct image_out *file = &space->files[DUMP_NETDEV];
	int r;

	r = image_out_word(file, IMAGE_MAGIC_COMMON);
	if (r == 0)
		r = image_out_word(file, IMAGE_MAGIC_NETDEV);
	for (size_t i = 0; r == 0 && i < space->dump.n_links; i++)
		r = image_out_entry(file, &space->dump.links[i]->base);
	return r < 0 ? fail_memory(space, DUMP_NETDEV) : 0;
}

static int make_netns(struct dump_space *space)
{
	struct image_out *file = &space->files[DUMP_NETNS];
	Img__Netns *netns = malloc(sizeof(*netns));
	int status = 0;

	if (!netns)
		return fail_memory(space, DUMP_NETNS);
	img__netns__init(netns);
	if (!space->ext_key)
		status = dump_netns(&space->dump, netns);
	else if (!(netns->ext_key = strdup(space->ext_key)))
		status = fail_memory(space, DUMP_NETNS);
	if (!status && (image_out_word(file, IMAGE_MAGIC_COMMON) < 0 ||
			image_out_word(file, IMAGE_MAGIC_NETNS) < 0 ||
			image_out_entry(file, &netns->base) < 0))
		status = fail_memory(space, DUMP_NETNS);
	img__netns__free_unpacked(netns, NULL);
	return status;
}

static int read_state(struct dump_space *space)
{
	static const enum dump_file rules[RULESET_PARTS] = {
		[RULESET_NFT] = DUMP_NFTABLES,
		[RULESET_IPTABLES] = DUMP_IPTABLES,
		[RULESET_IP6TABLES] = DUMP_IP6TABLES,
	};
	struct dump *d = &space->dump;
	int status;

	dump_losses(d);
	status = make_netns(space);
	if (!status)
		dump_losses_of_sysctls(d);
	if (!status)
		status = dump_addr(d, &space->files[DUMP_IFADDR]);
	if (!status)
		status = dump_route(d, AF_INET, &space->files[DUMP_ROUTE]);
	if (!status)
		status = dump_route(d, AF_INET6, &space->files[DUMP_ROUTE6]);
	if (!status)
		status = dump_rule(d, &space->files[DUMP_RULE]);
	for (int part = 0; !status && part < RULESET_PARTS; part++)
		status = dump_rules(d, (enum ruleset_part_id)part, &space->files[rules[part]]);
	return status;
}

int dump_spaces_read(struct dump_spaces *spaces, struct report *report)
{
	int status = 0;

	/* First the links of all: which of them are left out decides on the rest. */
	for (size_t i = 0; !status && i < spaces->n; i++) {
		struct dump_space *space = &spaces->list[i];

		name_space(spaces, space, report);
		if (!space->ext_key)
			status = dump_links(&space->dump);
	}
	if (!status && spaces->n > 1)
		status = dump_spaces_check(spaces, report);
	for (size_t i = 0; !status && i < spaces->n; i++) {
		struct dump_space *space = &spaces->list[i];

		name_space(spaces, space, report);
		if (space->ext_key) {
			status = make_netns(space);
			continue;
		}
		status = make_netdev(space);
		if (!status)
			status = read_state(space);
	}
	name_space(spaces, NULL, report);
	return status;
}
