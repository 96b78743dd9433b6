/*
 * Steps in words, for --dry-run. Pure.
 */
#include <stdio.h>

#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/outside.h"
#include "worker/plan.h"
#include "worker/ruleset.h"

static size_t count_due(const struct sysctl_set *set, const struct sysctl_set *defaults)
{
	size_t n = 0;

	for (size_t i = 0; i < set->table->n; i++)
		n += sysctl_is_due(set, defaults, i);
	return n;
}

static void describe_make(const struct plan *plan, const struct step *step, char *ret, size_t size)
{
	const struct plan_link *first = &plan->links[step->first];
	const struct plan_link *last = &plan->links[step->first + step->n - 1];

	if (step->n == 1)
		(void)snprintf(ret, size, "make macvlan %s with index %u on %s", first->dev->name,
			       first->dev->ifindex, first->parent);
	else
		(void)snprintf(ret, size,
			       "make %zu macvlans, from %s with index %u on %s to %s with "
			       "index %u on %s",
			       step->n, first->dev->name, first->dev->ifindex, first->parent,
			       last->dev->name, last->dev->ifindex, last->parent);
}

static void describe_outside(const struct plan_link *link, char *ret, size_t size)
{
	const struct outside_link *outside = link->outside;

	if (outside->adopts)
		(void)snprintf(ret, size, "bring %s in from outside, as %s with index %u",
			       outside->out, link->dev->name, link->ifindex);
	else
		(void)snprintf(ret, size,
			       "make veth %s with index %u, and its other end %s outside%s%s",
			       link->dev->name, link->ifindex, outside->out,
			       *outside->bridge ? ", up and a port of " : "", outside->bridge);
}

enum {
	WHERE_MAX = 32
};

/* " in namespace N", or nothing where @other is in the same. */
static const char *elsewhere(const struct plan_link *link, const struct plan_link *other,
			     char buf[WHERE_MAX])
{
	buf[0] = '\0';
	if (link->ns_id != other->ns_id)
		(void)snprintf(buf, WHERE_MAX, " in namespace %u", other->ns_id);
	return buf;
}

static void describe_own(const struct plan_link *link, char *ret, size_t size)
{
	char where[WHERE_MAX];

	if (link->outside)
		describe_outside(link, ret, size);
	else if (link->peer)
		(void)snprintf(ret, size,
			       "make %s %s with index %u, and its other end %s with "
			       "index %u%s",
			       link->kind->name, link->dev->name, link->ifindex,
			       link->peer->dev->name, link->peer->ifindex,
			       elsewhere(link, link->peer, where));
	else
		(void)snprintf(ret, size, "make %s %s with index %u%s%s%s", link->kind->name,
			       link->dev->name, link->ifindex, link->below ? " on " : "",
			       link->below ? link->below->dev->name : "",
			       link->below ? elsewhere(link, link->below, where) : "");
}

static void describe_link_sysctls(const struct plan *plan, const struct plan_link *link, char *ret,
				  size_t size)
{
	(void)snprintf(ret, size, "bring %zu sysctls of %s to their values",
		       count_due(&link->conf4, plan_inherited4(plan, link)) +
			       count_due(&link->conf6, plan_inherited6(plan, link)),
		       link->dev->name);
}

static void describe_ruleset(const struct ruleset_part *part, enum tools_job job, char *ret,
			     size_t size)
{
	(void)snprintf(ret, size, "load %zu tables of rules from %s by %s%s", part->n_tables,
		       part->file, tools_name(job),
		       job == TOOLS_NFT_LOAD ? ", in place of all that there are" : "");
}

static void describe_rules(const struct step *step, char *ret, size_t size)
{
	(void)snprintf(ret, size, "bring the policy rules to the %zu that there were", step->n);
}

static void describe_nsid(const struct plan *plan, const struct plan_nsid *nsid, char *ret,
			  size_t size)
{
	if (*nsid->netns)
		(void)snprintf(ret, size, "give the broker's network namespace %s the nsid %d",
			       nsid->netns, nsid->nsid);
	else if (nsid->of_host)
		(void)snprintf(ret, size, "give the %s network namespace the nsid %d",
			       nsid->by_outside ? "outside" : "broker's", nsid->nsid);
	else if (nsid->ns_id == plan->ns_id)
		(void)snprintf(ret, size, "give the target's own network namespace the nsid %d",
			       nsid->nsid);
	else
		(void)snprintf(ret, size, "give network namespace %u the nsid %d", nsid->ns_id,
			       nsid->nsid);
}

void plan_describe(const struct plan *plan, const struct step *step, char *ret, size_t size)
{
	const struct plan_link *link = &plan->links[step->first];
	const struct sysctl_set *set;

	switch (step->type) {
	case STEP_CLEAR:
		(void)snprintf(ret, size, "delete what an interrupted restore left behind");
		break;
	case STEP_SYSCTLS:
		set = &plan->sets[step->first];
		(void)snprintf(ret, size, "bring %zu sysctls of net/%s to their values",
			       count_due(set, NULL), set->dir);
		break;
	case STEP_NSID:
		describe_nsid(plan, &plan->nsids[step->first], ret, size);
		break;
	case STEP_MAKE:
		describe_make(plan, step, ret, size);
		break;
	case STEP_MAKE_OWN:
		describe_own(link, ret, size);
		break;
	case STEP_MASTER:
		(void)snprintf(ret, size, "make %s a port of %s", link->dev->name,
			       link->master->dev->name);
		break;
	case STEP_SETTLE:
		(void)snprintf(ret, size, "bring flags and MTU of %s to %#x and %u",
			       link->dev->name, link->dev->flags & LINKS_SETTABLE, link->dev->mtu);
		break;
	case STEP_LINK_SYSCTLS:
		describe_link_sysctls(plan, link, ret, size);
		break;
	case STEP_RULESET:
		describe_ruleset(&plan->ruleset->parts[step->first], ruleset_jobs[step->first].load,
				 ret, size);
		break;
	case STEP_ASIDE:
		(void)snprintf(
			ret, size,
			"take rules that are in the way of routes away until these are made");
		break;
	case STEP_ADDRS:
		(void)snprintf(ret, size, "add what is missing of %zu addresses", step->n);
		break;
	case STEP_ROUTES:
		(void)snprintf(ret, size, "add what is missing of the %zu routes of %s", step->n,
			       plan->state->routes_name[step->first]);
		break;
	case STEP_RULES:
		describe_rules(step, ret, size);
		break;
	case STEP_VERIFY:
		(void)snprintf(ret, size, "read everything back");
		break;
	case STEP_RELEASE:
	default:
		(void)snprintf(
			ret, size,
			"release the links from the group of unfinished ones, and bring them "
			"up");
		break;
	}
}
