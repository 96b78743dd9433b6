/*
 * Parents, from names to devices. Names are what an administrator writes; what a name stands for
 * may change while a session runs, so that it is looked up for each request: what has the name
 * then is what is meant. Alternative names and macvlans in a rule are followed as those in a
 * request are, and it is the lowest devices that are compared.
 *
 * May: ask rtnl.c; before the lock-down, open namespaces. Must not: decide.
 */
#include "broker/parents.h"

#include <errno.h>
#include <string.h>

#include "broker/rtnl.h"

void parents_init(struct parents *ret)
{
	*ret = (struct parents){ 0 };
	for (size_t i = 0; i < POLICY_NETNS_MAX; i++)
		ret->netns[i] = -1;
}

void parents_open(struct parents *parents, const struct policy *policy, const struct caller *caller,
		  const struct nsfd_self *self)
{
	policy_parents_of(policy, caller, &parents->wanted);
	for (size_t i = 0; i < policy->n_parents; i++) {
		const uint16_t netns = policy->parents[i].netns;

		if (!netns || !parent_set_has(&parents->wanted, i) ||
		    parents->netns[netns - 1] >= 0)
			continue;
		(void)nsfd_open(policy->netns[netns - 1].path, self, &parents->netns[netns - 1]);
	}
}

/* @parent, which a rule names, is the device of @facts. */
static int is_parent(const struct policy_parent *parent, struct nl_sock *nl, int32_t nsid,
		     const struct parent_facts *facts, bool *ret)
{
	struct rtnl_parent link;
	int r;

	*ret = strcmp(parent->name, facts->name) == 0;
	/* --allow-parent: the name alone could be another device by now, the index alone could have
	 * a new name. */
	if (parent->ifindex) {
		*ret = *ret && parent->ifindex == facts->ifindex;
		return 0;
	}
	if (*ret)
		return 0;
	r = rtnl_parent_find(nl, nsid, parent->name, &link);
	if (r == 0)
		*ret = link.found && !link.elsewhere && link.ifindex == facts->ifindex;
	return r;
}

int parents_find(const struct parents *parents, const struct policy *policy, struct nl_sock *nl,
		 uint16_t netns, const char *name, struct parent_facts *ret)
{
	const int netns_fd = netns ? parents->netns[netns - 1] : -1;
	int32_t nsid = RTNL_OWN_NSID;
	char text[NL_TEXT_MAX];
	struct rtnl_parent link = { 0 };
	int r;

	*ret = (struct parent_facts){ .netns = netns };
	if (netns && netns_fd < 0)
		return 0;
	r = netns ? rtnl_nsid_alloc(nl, netns_fd, /* wanted= */ -1, &nsid, text) : 0;
	ret->nsid = nsid;
	if (r == 0)
		r = rtnl_parent_find(nl, nsid, name, &link);
	if (r < 0 || !link.found)
		return r;
	ret->found = true;
	ret->elsewhere = link.elsewhere;
	ret->ifindex = link.ifindex;
	memcpy(ret->name, link.name, sizeof(ret->name));
	for (size_t i = 0; i < policy->n_parents && !link.elsewhere; i++) {
		const struct policy_parent *parent = &policy->parents[i];
		bool is = false;

		if (parent->netns != netns || !parent_set_has(&parents->wanted, i))
			continue;
		r = is_parent(parent, nl, nsid, ret, &is);
		if (r < 0)
			return r;
		if (is)
			parent_set_add(&ret->is, i);
	}
	return 0;
}
