/*
 * The last look, before links are released. The broker is not believed, the kernel is.
 *
 * May: read. Must not: mend.
 */
#include "worker/verify.h"

#include <stdbool.h>
#include <string.h>

#include <linux/if_link.h>

#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/target.h"

static int differs(const struct plan_link *link, const char *what, unsigned long is,
		   unsigned long should, struct report *report)
{
	return report_fail(report, EXIT_UNDONE,
			   "%s: record %zu: %s %s came out with %s %#lx in place of %#lx",
			   link->at.file, link->at.record, link->kind->name, link->dev->name, what,
			   is, should);
}

static int verify_macvlan(const struct plan_link *link, const struct link_state *state,
			  struct report *report)
{
	const struct link_spec *spec = &link->spec;

	if (strcmp(state->kind, "macvlan") != 0)
		return report_fail(report, EXIT_UNDONE, "%s came out as a '%s' and not a macvlan",
				   link->dev->name, state->kind);
	if (state->macvlan_mode != spec->mode)
		return differs(link, "mode", state->macvlan_mode, spec->mode, report);
	if (spec->has & LINK_HAS_MACVLAN_FLAGS && state->macvlan_flags != spec->macvlan_flags)
		return differs(link, "macvlan flags", state->macvlan_flags, spec->macvlan_flags,
			       report);
	/* A passthru macvlan has its parent's address, whatever was asked for. */
	if (spec->mode != MACVLAN_MODE_PASSTHRU &&
	    (!state->has_address ||
	     memcmp(state->address, spec->address, sizeof(state->address)) != 0))
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: macvlan %s came out with "
				   "another address",
				   link->at.file, link->at.record, link->dev->name);
	return 0;
}

static int verify_link(const struct plan_link *link, const struct link_state *state,
		       struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	uint32_t flags = dev->flags & LINKS_SETTABLE;

	/* It comes up with the release, whose acks say that it did. */
	if (link->maker != MAKER_THERE && !link->up_early)
		flags &= ~(uint32_t)IFF_UP;
	if (!state || strcmp(state->name, dev->name) != 0)
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: the target has no %s with index %u",
				   link->at.file, link->at.record, dev->name, dev->ifindex);
	if (state->mtu != dev->mtu)
		return differs(link, "MTU", state->mtu, dev->mtu, report);
	if ((state->flags & LINKS_SETTABLE) != flags)
		return differs(link, "flags", state->flags & LINKS_SETTABLE, flags, report);
	return link->maker == MAKER_BROKER ? verify_macvlan(link, state, report) : 0;
}

int verify(const struct plan *plan, struct target *target, struct report *report)
{
	struct link_list links = { 0 };
	int status = 0, r;

	r = links_get(&target->nl, &links);
	if (r < 0)
		return report_fail(report, EXIT_UNDONE, "the links cannot be read back: %s",
				   strerror(-r));
	for (size_t i = 0; !status && i < plan->n_links; i++)
		status = verify_link(&plan->links[i],
				     links_find_index(&links, plan->links[i].dev->ifindex), report);
	links_fini(&links);
	if (!status && plan->state)
		status = netstate_verify(plan->state, &target->nl, report);
	return status;
}
