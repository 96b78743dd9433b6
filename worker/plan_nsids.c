/*
 * How a namespace calls others: the table of netns-ID.img, for those that are restored together and
 * for the host. Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/image.h"
#include "worker/plan_input.h"
#include "worker/report.h"

/* Where the other ends of the images' links are. */
static bool has_outside(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_links; i++) {
		if (plan->links[i].maker == MAKER_OUTSIDE)
			return true;
	}
	return false;
}

/* What was the host's is now where the parents are: in the namespace of policy that all of them are
 * in, and else, or where there are none, in the broker's own, which is "". */
static void name_netns(const struct plan *plan, char ret[CHECK_NETNS_NAME_MAX])
{
	const char *parent = NULL;
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < plan->n_links; i++) {
		const struct plan_link *link = &plan->links[i];

		if (link->maker != MAKER_BROKER)
			continue;
		if (!parent) {
			parent = link->parent;
			len = strcspn(parent, "/");
		}
		if (parent[len] != '/' || strncmp(link->parent, parent, len + 1) != 0)
			return;
	}
	if (parent)
		(void)snprintf(ret, CHECK_NETNS_NAME_MAX, "%.*s", (int)len, parent);
}

int plan_nsids(struct plan_input *in, struct report *report)
{
	struct plan *plan = in->plan;
	const bool by_outside = has_outside(plan);
	const struct image_netns *image = in->image;
	const Img__Netns *ns = image->netns;

	if (ns->n_nsids == 0)
		return 0;
	if (ns->n_nsids > PLAN_NSIDS_MAX)
		return report_fail(report, EXIT_IMAGE, "%s: record 1: %zu nsids, more than %d",
				   image->netns_name, ns->n_nsids, PLAN_NSIDS_MAX);
	plan->nsids = calloc(ns->n_nsids, sizeof(*plan->nsids));
	if (!plan->nsids)
		return report_fail(report, EXIT_OS_, "no memory for %zu nsids", ns->n_nsids);
	for (size_t i = 0; i < ns->n_nsids; i++) {
		const Img__NetnsId *id = ns->nsids[i];
		const struct plan_input *of = plan_input_of(in, id->target_ns_id);
		bool of_host = image->host_id && id->target_ns_id == image->host_id;

		if (id->netnsid_value < 0)
			return report_fail(report, EXIT_IMAGE, "%s: record 1: nsid %d is negative",
					   image->netns_name, id->netnsid_value);
		for (size_t j = 0; j < i; j++) {
			if (ns->nsids[j]->netnsid_value == id->netnsid_value ||
			    ns->nsids[j]->target_ns_id == id->target_ns_id)
				return report_fail(report, EXIT_IMAGE,
						   "%s: record 1: nsid %d or the namespace %u has "
						   "two entries",
						   image->netns_name, id->netnsid_value,
						   id->target_ns_id);
		}
		if (id->target_ns_id == 0)
			return report_fail(
				report, EXIT_IMAGE,
				"%s: record 1: nsid %d stands for namespace 0, which is none",
				image->netns_name, id->netnsid_value);
		if (!of_host && !of)
			return report_fail(report, EXIT_USAGE_,
					   "%s: record 1: nsid %d stands for namespace %u of the "
					   "images, which is not given: restore them together, by "
					   "--netns %u=PATH for it",
					   image->netns_name, id->netnsid_value, id->target_ns_id,
					   id->target_ns_id);
		plan->nsids[plan->n_nsids++] =
			(struct plan_nsid){ .nsid = id->netnsid_value,
					    .of_host = of_host,
					    .by_outside = of_host && by_outside,
					    .ns_id = id->target_ns_id,
					    .target = of ? of->target : NULL };
		if (of_host && !by_outside)
			name_netns(plan, plan->nsids[i].netns);
		plan->needs_broker |= of_host && !by_outside;
	}
	return 0;
}
