/* Running a plan: all of it, or nothing. */
#pragma once

struct broker;
struct plan;
struct report;
struct target;

/* Take the steps of @plan in the target. If one fails, everything that was done is undone and
 * the report says so, or names what is left. SIGINT, SIGTERM and SIGHUP are heeded between steps
 * and undo what was done, too. @broker is greeted and bound, or absent where the plan needs none.
 * Returns 0 or an exit status. */
int apply(const struct plan *plan, struct target *target, struct broker *broker,
	  struct report *report);
