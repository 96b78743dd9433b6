/* The way back: what the target was like before the first change. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/state_sysctl.h"

struct plan;
struct report;
struct target;

enum {
	UNDO_SETS_MAX = 8
};

struct undo {
	struct sysctl_set sets[UNDO_SETS_MAX]; /* owned; in the order they are put back */
	size_t n_sets;
	struct link_state lo; /* as it was */
	bool has_lo;
	struct netstate_before state;  /* owned */
	const struct netstate *images; /* borrowed; whose links the state is put back on */
	bool gave_nsids; /* these stay: the kernel takes none back (RTM_DELNSID: EOPNOTSUPP) */
};

/* Remember what a plan may change that exists already: the namespace's sysctls and lo.
 * @ret must be all-zero before. Returns 0 or an exit status. */
int undo_remember(struct undo *ret, struct target *target, struct report *report);

/* Put it back: delete every link in PLAN_GROUP, and bring lo and the sysctls to what they were.
 * Puts the outcome behind the report's error. Returns true if nothing is left. */
bool undo_run(const struct undo *undo, struct target *target, struct report *report);

void undo_fini(struct undo *undo);
