/*
 * The answers that follow from the rules. What no rule allows is denied. A rule that denies wins
 * over all that allow, whatever their order; of those that allow, the first one grants, and it is
 * by its limits that is counted.
 *
 * May: compare. Must not: call the system, allocate, log. What has to be asked of the kernel
 * is asked before, and comes in as facts.
 */
#include "broker/policy.h"

#include <string.h>

#include <linux/if_link.h>

#include "broker/caller.h"
#include "broker/nsfd.h"
#include "common/link_msg.h"

/* What a link may be told at creation. Promiscuity and all-multicast reach the parent, and the
 * worker can set them afterwards in its own right. */
#define POLICY_FLAGS ((uint32_t)(IFF_UP | IFF_NOARP | IFF_MULTICAST))

_Static_assert(POLICY_DEFAULT_MODES ==
		       (MACVLAN_MODE_BRIDGE | MACVLAN_MODE_PRIVATE | MACVLAN_MODE_VEPA),
	       "the default modes are those that leave the parent as it is");

static struct verdict allowed(const struct policy_rule *rule)
{
	return (struct verdict){ .allow = true, .why = "allowed", .rule = rule };
}

static struct verdict denied(const char *why)
{
	return (struct verdict){ .allow = false, .why = why };
}

static bool is_about(const struct policy_rule *rule, const struct caller *caller)
{
	(void)caller;
	return rule->anyone;
}

bool policy_lists_parent(const struct policy *policy, const struct caller *caller, const char *name)
{
	for (const struct policy_rule *rule = policy->rules; rule; rule = rule->next) {
		for (size_t i = 0; i < rule->n_parents && is_about(rule, caller); i++) {
			if (strcmp(rule->parents[i].name, name) == 0)
				return true;
		}
	}
	return false;
}

struct verdict policy_judge_target(const struct policy *policy, const struct caller *caller,
				   const struct nsfd_facts *facts)
{
	switch (facts->owner) {
	case NSFD_OWNER_CALLER:
		return allowed(/* rule= */ NULL);
	case NSFD_OWNER_INIT:
		for (const struct policy_rule *rule = policy->rules; rule; rule = rule->next) {
			if (caller->uid == 0 && rule->init_netns && is_about(rule, caller))
				return allowed(rule);
		}
		return denied("the target is owned by the init user namespace");
	case NSFD_OWNER_OTHER:
	default:
		return denied("the target is owned by somebody else");
	}
}

/* The name alone could be another device by now, the index alone could have a new one. */
static bool has_parent(const struct policy_rule *rule, const struct parent_facts *parent)
{
	for (size_t i = 0; i < rule->n_parents; i++) {
		const struct policy_parent *p = &rule->parents[i];

		if (strcmp(p->name, parent->name) == 0 && p->ifindex == parent->ifindex)
			return true;
	}
	return false;
}

struct verdict policy_judge_link(const struct policy *policy, const struct caller *caller,
				 const struct parent_facts *parent, const struct link_spec *spec)
{
	struct verdict v = denied("the parent is not allowed");

	if (!parent->found)
		return denied("no such parent, and none of that name is allowed");
	if (parent->elsewhere)
		return denied("the parent's lowest device is in another namespace");
	if (spec->change & ~POLICY_FLAGS)
		return denied("a flag is not allowed");
	for (const struct policy_rule *rule = policy->rules; rule; rule = rule->next) {
		if (!is_about(rule, caller) || !has_parent(rule, parent))
			continue;
		if (rule->modes & spec->mode)
			return allowed(rule);
		v = denied("the mode is not allowed");
	}
	return v;
}
