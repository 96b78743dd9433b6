/* net.ipv6.conf.WHERE.stable_secret: it can be set and changed, and unset by nobody, and a new link
 * inherits that of "default". */
#pragma once

struct plan;
struct report;
struct target;

/* Where a link that is made has none and "default" has one, split "default"'s off into a set that is
 * written when the links are there: plan->late, which is NULL otherwise. Returns 0 or an exit status. */
int stable_secret_plan(struct plan *plan, struct report *report);

/* Whether each link has just what its image has, also where that is none. Returns 0 or EXIT_UNDONE. */
int stable_secret_verify(const struct plan *plan, const struct target *target,
			 struct report *report);
