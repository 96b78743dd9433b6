/*
 * The last look, before links are released. The broker is not believed, the kernel is.
 *
 * May: read. Must not: mend.
 */
#include "worker/verify.h"

#include <stdbool.h>
#include <string.h>

#include <linux/if_ether.h>

#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/outside.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/stable_secret.h"
#include "worker/target.h"

static int differs(const struct plan_link *link, const char *what, unsigned long is,
		   unsigned long should, struct report *report)
{
	return report_fail(report, EXIT_UNDONE,
			   "%s: record %zu: %s %s came out with %s %#lx in place of %#lx",
			   link->at.file, link->at.record, link->kind->name, link->dev->name, what,
			   is, should);
}

/* What a link that was made has beyond those that were there. */
static int verify_made(const struct plan_link *link, const struct link_state *state,
		       struct report *report)
{
	const Img__NetDevice *dev = link->dev;

	/* What was prepared outside is whatever it is. */
	const bool is_known = !link->outside || !link->outside->adopts;

	if (is_known && strcmp(state->kind, link->kind->rtnl) != 0)
		return report_fail(report, EXIT_UNDONE, "%s came out as a '%s' and not a %s",
				   dev->name, state->kind, link->kind->rtnl);
	/* That of a macvlan may be its parent's. */
	if (plan_is_ethernet(link) && dev->type != IMG__LINK_TYPE__MACVLAN && dev->has_address &&
	    (!state->has_address || memcmp(state->address, dev->address.data, ETH_ALEN) != 0))
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: %s %s came out with another address",
				   link->at.file, link->at.record, link->kind->name, dev->name);
	return is_known && link->kind->verify ? link->kind->verify(link, state, report) : 0;
}

static int verify_link(const struct plan_link *link, const struct link_state *state,
		       struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	uint32_t flags = dev->flags & LINKS_SETTABLE;

	/* It comes up with the release, whose acks say that it did. */
	if (plan_is_made(link) && !link->up_early)
		flags &= ~(uint32_t)IFF_UP;
	if (!state || strcmp(state->name, dev->name) != 0)
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: the target has no %s with index %u",
				   link->at.file, link->at.record, dev->name, link->ifindex);
	if (state->mtu != dev->mtu)
		return differs(link, "MTU", state->mtu, dev->mtu, report);
	if ((state->flags & LINKS_SETTABLE) != flags)
		return differs(link, "flags", state->flags & LINKS_SETTABLE, flags, report);
	if (link->set_address && memcmp(state->address, dev->address.data, ETH_ALEN) != 0)
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: link %s did not take its address",
				   link->at.file, link->at.record, dev->name);
	if (state->master != (link->master ? link->master->ifindex : 0))
		return differs(link, "master", state->master,
			       link->master ? link->master->ifindex : 0, report);
	return plan_is_made(link) ? verify_made(link, state, report) : 0;
}

int verify(const struct plan *plan, struct target *target, struct report *report)
{
	struct link_list links = { 0 };
	int status = 0, r;

	r = links_get(&target->nl, &links);
	if (r < 0)
		return report_fail(report, EXIT_UNDONE, "the links cannot be read back: %s",
				   strerror(-r));
	for (size_t i = 0; !status && i < plan->n_links; i++) {
		const struct plan_link *link = &plan->links[i];

		if (link->maker != MAKER_NONE)
			status = verify_link(link, links_find_index(&links, link->ifindex), report);
	}
	links_fini(&links);
	if (!status)
		status = stable_secret_verify(plan, target, report);
	if (!status && plan->state)
		status = netstate_verify(plan->state, &target->nl, report);
	return status;
}
