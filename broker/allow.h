/* --allow-parent and --allow-mode: a policy of one rule, for whoever holds the privilege to start a
 * broker with it. */
#pragma once

#include "broker/policy.h"

enum {
	ALLOW_PARENTS_MAX = 64
};

/* To be zeroed first. It does not move, once allow_policy() was called. */
struct allow {
	struct policy_rule rule;
	struct policy_parent parents[ALLOW_PARENTS_MAX];
	uint16_t numbers[ALLOW_PARENTS_MAX];
};

/* Take the argument of such an option. Returns 0, or an exit status if it makes no sense; why has
 * been printed then. */
int allow_parent(struct allow *allow, const char *name);
int allow_mode(struct allow *allow, const char *name);

/* The policy that follows, which lives in @allow. false, without one, where no parent was given. */
bool allow_policy(struct allow *allow, bool init_netns, struct policy *ret);
