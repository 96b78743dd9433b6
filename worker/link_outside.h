/* Links that reach outside: planning them, for the kinds that may. */
#pragma once

#include <stdbool.h>

struct plan_input;
struct plan_link;
struct report;

/* Plan @link by the --external of its own, veth[] or with @adopts netdev[]. Returns 0 or an exit
 * status; link->outside stays NULL where there is none. */
int link_outside_plan(struct plan_link *link, struct plan_input *in, bool adopts,
		      struct report *report);
