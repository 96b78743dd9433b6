/*
 * The rules, and the answers that follow from them.
 *
 * May: compare. Must not: call the system, allocate, log. What has to be asked of the kernel
 * is asked before, and comes in as facts.
 */
#include "broker/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>

#include "broker/nsfd.h"
#include "common/check.h"
#include "common/link_msg.h"

/* What a link may be told at creation. Promiscuity and all-multicast reach the parent, and the
 * worker can set them afterwards in its own right. */
#define POLICY_FLAGS ((uint32_t)(IFF_UP | IFF_NOARP | IFF_MULTICAST))

static const struct verdict allowed = { .allow = true, .why = "allowed" };

static struct verdict denied(const char *why)
{
	return (struct verdict){ .allow = false, .why = why };
}

void policy_init(struct policy *policy)
{
	*policy = (struct policy){ .modes = MACVLAN_MODE_BRIDGE | MACVLAN_MODE_PRIVATE |
					    MACVLAN_MODE_VEPA };
}

int policy_add_parent(struct policy *policy, const char *name)
{
	struct policy_parent *parent;

	if (check_ifname(name) < 0)
		return -EINVAL;
	if (policy_lists_parent(policy, name))
		return -EEXIST;
	if (policy->n_parents >= POLICY_PARENTS_MAX)
		return -E2BIG;
	parent = &policy->parents[policy->n_parents++];
	(void)snprintf(parent->name, sizeof(parent->name), "%s", name);
	return 0;
}

bool policy_lists_parent(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_parents; i++) {
		if (strcmp(policy->parents[i].name, name) == 0)
			return true;
	}
	return false;
}

struct verdict policy_judge_target(const struct policy *policy, uid_t uid,
				   const struct nsfd_facts *facts)
{
	switch (facts->owner) {
	case NSFD_OWNER_CALLER:
		return allowed;
	case NSFD_OWNER_INIT:
		if (uid == 0 && policy->init_netns)
			return allowed;
		return denied("the target is owned by the init user namespace");
	case NSFD_OWNER_OTHER:
	default:
		return denied("the target is owned by somebody else");
	}
}

/* The name alone could be another device by now, the index alone could have a new one. */
static bool policy_allows_parent(const struct policy *policy, const struct parent_facts *parent)
{
	for (size_t i = 0; i < policy->n_parents; i++) {
		const struct policy_parent *p = &policy->parents[i];

		if (strcmp(p->name, parent->name) == 0 && p->ifindex == parent->ifindex)
			return true;
	}
	return false;
}

struct verdict policy_judge_link(const struct policy *policy, const struct parent_facts *parent,
				 const struct link_spec *spec)
{
	if (!parent->found)
		return denied("no such parent, and none of that name is allowed");
	if (parent->elsewhere)
		return denied("the parent's lowest device is in another namespace");
	if (!policy_allows_parent(policy, parent))
		return denied("the parent is not allowed");
	if (!(policy->modes & spec->mode))
		return denied("the mode is not allowed");
	if (spec->change & ~POLICY_FLAGS)
		return denied("a flag is not allowed");
	return allowed;
}
