/* The network namespaces that one dump is about, and the files that become of each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/dump.h"
#include "worker/image_write.h"
#include "worker/target.h"
#include "worker/target_args.h"

struct externals;
struct report;

/* Of one namespace, in the order in which they get their names: the one by which a namespace is
 * found is the last. */
enum dump_file {
	DUMP_IFADDR,
	DUMP_ROUTE,
	DUMP_ROUTE6,
	DUMP_RULE,
	DUMP_NFTABLES,
	DUMP_IPTABLES,
	DUMP_IP6TABLES,
	DUMP_NETDEV,
	DUMP_NETNS,
	DUMP_FILES_
};

struct dump_space {
	struct target target; /* owned */
	struct dump dump;     /* owned */
	const char *ext_key;  /* of a namespace that is external: nothing else is saved */
	struct image_out files[DUMP_FILES_]; /* owned; without a name: not of this dump */
};

struct dump_spaces {
	struct dump_space list[TARGETS_MAX];
	size_t n;
	struct dump_saved saved[TARGETS_MAX]; /* of those that are not external; by their ids */
	size_t n_saved;
};

/* Spaces that own nothing. */
void dump_spaces_init(struct dump_spaces *spaces);
void dump_spaces_fini(struct dump_spaces *spaces);

/* Open the namespaces of @args, join them in the order in which everybody takes the locks, and start
 * what reads rules there. @ns_id is that of --ns-id, or 0; the id of the first may be 0 then.
 * Each function returns 0 or an exit status. */
int dump_spaces_open(struct dump_spaces *spaces, const struct target_args *args, uint32_t ns_id,
		     struct externals *externals, struct skip_kinds *skip, struct report *report);

/* When all have an id: names for their files, none of which is in directory @images. */
int dump_spaces_name(struct dump_spaces *spaces, int images, struct report *report);

/* Read all of them, into the files. */
int dump_spaces_read(struct dump_spaces *spaces, struct report *report);

/* When the links of several were read: whether what they belong to in another is there, too; the part
 * in dump_between.c. */
int dump_spaces_check(struct dump_spaces *spaces, struct report *report);
