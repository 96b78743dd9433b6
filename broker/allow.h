/* --allow-parent and --allow-mode: a policy of one rule, for whoever holds the privilege to start a
 * broker with it. */
#pragma once

#include "broker/policy.h"

/* To be zeroed first. It does not move, once allow_rule() was called. */
struct allow {
	struct policy_rule rule;
	struct policy_parent parents[POLICY_QUICK_PARENTS_MAX];
};

/* Take the argument of such an option. Returns 0, or an exit status if it makes no sense; why has
 * been printed then. */
int allow_parent(struct allow *allow, const char *name);
int allow_mode(struct allow *allow, const char *name);

/* The rule that follows; NULL without a parent. */
struct policy_rule *allow_rule(struct allow *allow);
