/* Who may do what: const rules after start, and pure questions to them. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/policy_rule.h"

struct caller;
struct link_spec;
struct nsfd_facts;

/* All-zero means deny. */
struct verdict {
	bool allow;
	const char *why;                /* for the audit line; a constant of this program */
	const struct policy_rule *rule; /* that granted it, or denied it; NULL: none did */
};

/* Some of policy.parents. */
struct parent_set {
	uint64_t bits[POLICY_PARENTS_MAX / 64];
};

/* A parent as the kernel has it now. A macvlan on a macvlan is a macvlan on its lowest device
 * (macvlan_common_newlink() in drivers/net/macvlan.c), so that is what is judged. */
struct parent_facts {
	bool found;
	bool elsewhere;       /* the lowest device is in another netns */
	uint16_t netns;       /* as in struct policy_parent */
	int32_t nsid;         /* of that in the broker's own; set where netns is not 0 */
	uint32_t ifindex;     /* of the lowest device */
	char name[IFNAMSIZ];  /* its first name, never an alternative one */
	struct parent_set is; /* those of the policy's parents, about the caller, that it is */
};

bool parent_set_has(const struct parent_set *set, size_t nr);
void parent_set_add(struct parent_set *set, size_t nr);

/* May @caller bind a target of which @facts are true? */
struct verdict policy_judge_target(const struct policy *policy, const struct caller *caller,
				   const struct nsfd_facts *facts);

/* May @caller make a link @spec on @parent? @init_netns: in a target that the init user namespace
 * owns. */
struct verdict policy_judge_link(const struct policy *policy, const struct caller *caller,
				 const struct parent_facts *parent, const struct link_spec *spec,
				 bool init_netns);

/* The first rule that allows @caller links on @parent, in a mode in which no rule denies them any;
 * or NULL. */
const struct policy_rule *policy_find_grant(const struct policy *policy,
					    const struct caller *caller,
					    const struct parent_facts *parent);

/* The parents of all rules that are about @caller. */
void policy_parents_of(const struct policy *policy, const struct caller *caller,
		       struct parent_set *ret);

/* Is @name in @netns, which is not there, written in a rule that allows it to @caller, and in none
 * that denies it? */
struct verdict policy_judge_absent(const struct policy *policy, const struct caller *caller,
				   uint16_t netns, const char *name);

/* The number of the namespace @name, as struct policy_parent has it, or 0. */
uint16_t policy_find_netns(const struct policy *policy, const char *name);
