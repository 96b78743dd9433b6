/* Which device a parent is that somebody names, now. */
#pragma once

#include "broker/nsfd.h"
#include "broker/policy.h"
#include "common/nl.h"

/* What one caller's rules speak of. */
struct parents {
	struct parent_set wanted;    /* of policy.parents: those of rules about the caller */
	int netns[POLICY_NETNS_MAX]; /* owned; -1: no rule about the caller has it, or it is gone */
};

/* Nothing, and nothing open. */
void parents_init(struct parents *ret);

/* Open the namespaces that rules about @caller speak of. One that is not there, or is none, or is
 * the broker's own, is as if its interfaces were not there. Opens by path: not after the
 * lock-down. They stay open until the process ends. */
void parents_open(struct parents *parents, const struct policy *policy, const struct caller *caller,
		  const struct nsfd_self *self);

/* Look up @name in namespace @netns of the policy (0: that of @nl), down to its lowest device, and
 * which of the wanted parents that is. An interface that is not there is no error: ret->found
 * says so. @nl is of the broker's netns. Returns 0 or -errno. */
int parents_find(const struct parents *parents, const struct policy *policy, struct nl_sock *nl,
		 uint16_t netns, const char *name, struct parent_facts *ret);
