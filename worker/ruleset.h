/* The packet filter's rules of one network namespace: nftables, and the old iptables and
 * ip6tables. Images hold each as the text that its tool prints. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/tools.h"

struct report;

enum {
	RULESET_IMAGE_MAX = 4 * 1024 * 1024, /* bytes of one image, for restore */
	RULESET_NAME_MAX = 64
};

/* In the order of their loading: the rules of an iptables that is built on nftables are part of
 * what nft replaces. */
enum ruleset_part_id {
	RULESET_NFT,
	RULESET_IPTABLES,
	RULESET_IP6TABLES,
	RULESET_PARTS
};

struct ruleset_part {
	char file[RULESET_NAME_MAX]; /* for messages */
	char *text;                  /* owned; NULL or empty: there are no rules */
	size_t len, n_tables;
};

struct ruleset {
	struct ruleset_part parts[RULESET_PARTS];
};

/* Which jobs a part needs. */
struct ruleset_jobs {
	enum tools_job load, list;
	const char *name; /* "nftables", as in the image's file name */
};
extern const struct ruleset_jobs ruleset_jobs[RULESET_PARTS];

/* Load nftables-@id.img, iptables-@id.img and ip6tables-@id.img, check that they are what these
 * tools print and nothing else, and take CRIU's lock out (nft_text.h, ipt_text.h). A file that is
 * not there has no rules. @run_id: dump_criu_run_id of the inventory, or NULL. Returns 0, or
 * EXIT_IMAGE with file and line named; ruleset_fini() is due in any case. */
int ruleset_load(int dir, uint32_t id, const char *run_id, struct ruleset *ret,
		 struct report *report);
void ruleset_fini(struct ruleset *ruleset);

bool ruleset_has(const struct ruleset *ruleset, enum ruleset_part_id part);

/* Whether the programs that @ruleset needs are there. Returns 0 or EXIT_OS_. */
int ruleset_check_tools(const struct ruleset *ruleset, const struct tools *tools,
			struct report *report);
