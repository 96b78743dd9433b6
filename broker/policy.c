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

/* The second bit of an address: it was given by software, and by no manufacturer. */
enum {
	MAC_LOCAL = 0x02
};

_Static_assert(POLICY_DEFAULT_MODES ==
		       (MACVLAN_MODE_BRIDGE | MACVLAN_MODE_PRIVATE | MACVLAN_MODE_VEPA),
	       "the default modes are those that leave the parent as it is");
_Static_assert(POLICY_ALL_MODES ==
		       (POLICY_DEFAULT_MODES | MACVLAN_MODE_PASSTHRU | MACVLAN_MODE_SOURCE),
	       "what a rule denies that names no mode");

#define each_rule(rule, policy) \
	for (const struct policy_rule *(rule) = (policy)->rules; (rule); (rule) = (rule)->next)

static struct verdict allowed(const struct policy_rule *rule)
{
	return (struct verdict){ .allow = true, .why = "allowed", .rule = rule };
}

static struct verdict denied(const char *why)
{
	return (struct verdict){ .allow = false, .why = why };
}

bool parent_set_has(const struct parent_set *set, size_t nr)
{
	return set->bits[nr / 64] & (UINT64_C(1) << (nr % 64));
}

void parent_set_add(struct parent_set *set, size_t nr)
{
	set->bits[nr / 64] |= UINT64_C(1) << (nr % 64);
}

static bool has_gid(const struct caller *caller, uint32_t gid)
{
	for (size_t i = 0; i < caller->n_gids; i++) {
		if (caller->gids[i] == gid)
			return true;
	}
	return false;
}

static bool is_about(const struct policy_rule *rule, const struct caller *caller)
{
	for (size_t i = 0; i < rule->n_users; i++) {
		const struct policy_id *user = &rule->users[i];

		if (user->is_group ? has_gid(caller, user->id) : user->id == caller->uid)
			return true;
	}
	return rule->anyone;
}

void policy_parents_of(const struct policy *policy, const struct caller *caller,
		       struct parent_set *ret)
{
	*ret = (struct parent_set){ 0 };
	each_rule (rule, policy) {
		for (size_t i = 0; is_about(rule, caller) && i < rule->n_parents; i++)
			parent_set_add(ret, rule->parents[i]);
	}
}

static bool names(const struct policy *policy, const struct policy_rule *rule, uint16_t netns,
		  const char *name)
{
	for (size_t i = 0; i < rule->n_parents; i++) {
		const struct policy_parent *parent = &policy->parents[rule->parents[i]];

		if (parent->netns == netns && strcmp(parent->name, name) == 0)
			return true;
	}
	return false;
}

struct verdict policy_judge_absent(const struct policy *policy, const struct caller *caller,
				   uint16_t netns, const char *name)
{
	struct verdict v = denied("no such parent, and none of that name is allowed");

	each_rule (rule, policy) {
		if (!names(policy, rule, netns, name) || !is_about(rule, caller))
			continue;
		if (rule->deny)
			return (struct verdict){ .why = v.why, .rule = rule };
		if (!v.allow)
			v = allowed(rule);
	}
	return v;
}

uint16_t policy_find_netns(const struct policy *policy, const char *name)
{
	for (uint16_t i = 0; i < policy->n_netns; i++) {
		if (strcmp(policy->netns[i].name, name) == 0)
			return (uint16_t)(i + 1);
	}
	return 0;
}

struct verdict policy_judge_target(const struct policy *policy, const struct caller *caller,
				   const struct nsfd_facts *facts)
{
	switch (facts->owner) {
	case NSFD_OWNER_CALLER:
		return allowed(/* rule= */ NULL);
	case NSFD_OWNER_INIT:
		each_rule (rule, policy) {
			if (caller->uid == 0 && rule->init_netns && is_about(rule, caller))
				return allowed(rule);
		}
		return denied("the target is owned by the init user namespace");
	case NSFD_OWNER_OTHER:
	default:
		return denied("the target is owned by somebody else");
	}
}

static bool has_parent(const struct policy_rule *rule, const struct parent_facts *parent)
{
	for (size_t i = 0; i < rule->n_parents; i++) {
		if (parent_set_has(&parent->is, rule->parents[i]))
			return true;
	}
	return false;
}

const struct policy_rule *policy_find_grant(const struct policy *policy,
					    const struct caller *caller,
					    const struct parent_facts *parent)
{
	uint32_t denied_modes = 0;

	each_rule (rule, policy) {
		if (rule->deny && has_parent(rule, parent) && is_about(rule, caller))
			denied_modes |= rule->modes;
	}
	each_rule (rule, policy) {
		if (!rule->deny && (rule->modes & ~denied_modes) && has_parent(rule, parent) &&
		    is_about(rule, caller))
			return rule;
	}
	return NULL;
}

/* Of a link without an address the kernel makes one up, locally administered and not known yet:
 * that is what a rule that denies has to be afraid of. */
static bool has_mac(const struct policy_rule *rule, const struct link_spec *spec)
{
	const bool given = spec->has & LINK_HAS_ADDRESS;

	if (rule->mac_any || (!given && (rule->mac_keep || rule->deny)))
		return true;
	if (!given)
		return false;
	if (rule->mac_keep && (spec->address[0] & MAC_LOCAL))
		return true;
	for (size_t i = 0; i < rule->n_macs; i++) {
		if (memcmp(rule->macs[i].bytes, spec->address, rule->macs[i].n) == 0)
			return true;
	}
	return false;
}

/* NULL, or why a rule about the caller and the parent is not about the link. */
static const char *is_other(const struct policy_rule *rule, const struct link_spec *spec,
			    bool init_netns)
{
	const char *why = NULL;

	if (!(rule->modes & spec->mode))
		why = "the mode is not allowed";
	else if (!has_mac(rule, spec))
		why = "the MAC address is not allowed";
	else if (init_netns && !rule->init_netns && !rule->deny)
		why = "the rule is not for targets of the init user namespace";
	return why;
}

struct verdict policy_judge_link(const struct policy *policy, const struct caller *caller,
				 const struct parent_facts *parent, const struct link_spec *spec,
				 bool init_netns)
{
	struct verdict v = denied("the parent is not allowed");

	if (!parent->found)
		return v;
	if (parent->elsewhere)
		return denied("the parent's lowest device is in another namespace");
	if (spec->change & ~POLICY_FLAGS)
		return denied("a flag is not allowed");
	each_rule (rule, policy) {
		const char *other;

		/* Once a rule allows it, only those that deny are left to be asked. */
		if ((v.allow && !rule->deny) || !has_parent(rule, parent) ||
		    !is_about(rule, caller))
			continue;
		other = is_other(rule, spec, init_netns);
		if (!other && rule->deny)
			return (struct verdict){ .why = "a rule denies it", .rule = rule };
		if (!rule->deny)
			v = other ? denied(other) : allowed(rule);
	}
	return v;
}
