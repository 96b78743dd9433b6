/*
 * Whether what the command line says of a link outside can be, by what is there now.
 *
 * May: compute. Must not: call the system.
 */
#include "worker/link_outside.h"

#include <string.h>

#include <linux/if_ether.h>

#include "worker/externals.h"
#include "worker/image.h"
#include "worker/links.h"
#include "worker/outside.h"
#include "worker/plan_input.h"
#include "worker/report.h"

static int fail(const struct plan_link *link, const char *name, const char *why,
		struct report *report)
{
	return report_fail(report, EXIT_UNDONE, "%s %s: %s outside %s; nothing was done",
			   link->kind->name, link->dev->name, name, why);
}

/* Whether it is the outer end of a pair that an interrupted restore left. It will go with its
 * inner end, which is in the group. */
static bool is_leftover(const struct outside_link *outside, const struct plan_input *in)
{
	const struct link_state *inner = links_find_index(in->links, outside->now.peer);

	return inner && inner->group == PLAN_GROUP;
}

static int check_pair(const struct plan_link *link, const struct plan_input *in,
		      struct report *report)
{
	const struct outside_link *outside = link->outside;

	if (outside->now.ifindex && !is_leftover(outside, in))
		return fail(link, outside->out, "is there already", report);
	if (*outside->bridge && outside->now.bridge == OUTSIDE_BRIDGE_NONE)
		return fail(link, outside->bridge, "is not there, and is to be its bridge", report);
	if (*outside->bridge && outside->now.bridge == OUTSIDE_BRIDGE_OTHER)
		return fail(link, outside->bridge, "is no bridge", report);
	return 0;
}

static int check_device(const struct plan_link *link, const struct plan_input *in,
			struct report *report)
{
	const struct outside_link *outside = link->outside;
	const struct link_state *there = links_find_name(in->links, link->dev->name);

	if (there && there->group == OUTSIDE_GROUP)
		return report_fail(report, EXIT_UNDONE,
				   "%s %s: the target has it from a restore that was killed "
				   "together with its helper; move it back outside, as %s and in "
				   "group 0; nothing was done",
				   link->kind->name, link->dev->name, outside->out);
	if (!outside->now.ifindex)
		return fail(link, outside->out, "is not there", report);
	if (outside->now.has_master)
		return fail(link, outside->out, "has a master", report);
	if (outside->now.has_address)
		return fail(link, outside->out, "has an address, and would lose it", report);
	return 0;
}

/* A key is for the link of that name in each of several namespaces, but outside there is one. */
static int check_once(const struct plan_link *link, const struct plan_input *in,
		      struct report *report)
{
	for (size_t i = 0; i < in->n_all; i++) {
		const struct plan *plan = in->all[i].plan;

		for (size_t j = 0; &in->all[i] != in && j < plan->n_links; j++) {
			const struct plan_link *other = &plan->links[j];

			if (other->outside && strcmp(other->outside->out, link->outside->out) == 0)
				return report_fail(report, EXIT_USAGE_,
						   "%s %s is in namespace %u, too, and both would "
						   "have %s outside; nothing was done",
						   link->kind->name, link->dev->name, other->ns_id,
						   link->outside->out);
		}
	}
	return 0;
}

int link_outside_plan(struct plan_link *link, struct plan_input *in, bool adopts,
		      struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	int status;

	link->outside = in->outside ? outside_find(in->outside, dev->name, adopts) : NULL;
	if (!link->outside)
		return 0;
	(void)externals_find(in->externals, adopts ? "netdev" : "veth", dev->name);
	link->maker = MAKER_OUTSIDE;
	/* A pair is made with it. */
	link->set_address = adopts && dev->has_address && dev->address.len == ETH_ALEN;
	status = check_once(link, in, report);
	if (status)
		return status;
	return adopts ? check_device(link, in, report) : check_pair(link, in, report);
}
