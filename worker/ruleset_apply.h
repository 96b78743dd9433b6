/* Rules into the target, and back out of it. */
#pragma once

#include "worker/ruleset.h"

struct report;

/* What the target had before, of each part that was touched. All-zero: nothing was. */
struct ruleset_undo {
	struct {
		bool touched;
		bool is_unknown; /* whether anything was changed: the helper died over it */
		char *text;      /* owned; what brings it back, for the tool that loads */
		size_t len;
	} parts[RULESET_PARTS];
};

/* Make the rules of the target's @part those of @ruleset, in place of all that it has: nftables
 * as a whole and at once; of iptables each table that @ruleset has, one after the other. Returns 0
 * or an exit status. */
int ruleset_apply(const struct ruleset *ruleset, enum ruleset_part_id part, struct tools *tools,
		  struct ruleset_undo *undo, struct report *report);

/* Bring back what was there before. Puts what could not be behind the report's error. Returns
 * true if nothing is left changed. */
bool ruleset_undo_run(const struct ruleset_undo *undo, struct tools *tools, struct report *report);

void ruleset_undo_fini(struct ruleset_undo *undo);
