/* The way back: what the target was like before the first change. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/ruleset_apply.h"
#include "worker/state_sysctl.h"

struct plan;
struct report;
struct target;

struct undo {
	struct sysctl_set *sets; /* owned; in the order they are put back */
	size_t n_sets;
	struct link_list links; /* owned; as they were, without those of an interrupted restore */
	struct ruleset_undo ruleset;   /* owned; filled in by the steps that touch it */
	struct netstate_before state;  /* owned */
	struct netstate_made made;     /* owned; filled in by the steps */
	const struct netstate *images; /* borrowed; whose links the state is put back on */
	bool gave_nsids; /* these stay: the kernel takes none back (RTM_DELNSID: EOPNOTSUPP) */
};

/* Remember what a restore may change that exists already: the namespace's sysctls, and the links
 * with theirs, also of those that the images do not speak of: to write one of the "all" writes
 * it in each. @ret must be all-zero before. Returns 0 or an exit status. */
int undo_remember(struct undo *ret, struct target *target, struct report *report);

/* Put it back: delete every link in PLAN_GROUP, and bring the rules, the other links and the sysctls to
 * what they were.
 * Puts what is left behind the report's error. Returns true if nothing is left. */
bool undo_run(const struct undo *undo, struct target *target, struct report *report);

void undo_fini(struct undo *undo);
