/*
 * A restore takes links in its own group for what an interrupted one left, and so for not there: the
 * list of the target's links is changed to say so.
 *
 * May: read. Must not: change the target.
 */
#include "worker/criu_verify.h"

#include <stdbool.h>
#include <string.h>

#include "worker/image.h"
#include "worker/links.h"
#include "worker/outside.h"
#include "worker/plan.h"
#include "worker/verify.h"

static bool is_made(const Img__NetDevice *dev)
{
	return dev->type != IMG__LINK_TYPE__LOOPBACK && dev->type != IMG__LINK_TYPE__EXTLINK;
}

static void expect_outside(struct outside *outside)
{
	for (size_t i = 0; i < outside->n; i++) {
		struct outside_link *link = &outside->links[i];

		link->now = (struct outside_facts){ .ifindex = link->adopts,
						    .bridge = OUTSIDE_BRIDGE_GOOD };
	}
}

void criu_verify_expect(const struct image_netns *image, struct link_list *links,
			struct outside *outside)
{
	for (size_t i = 0; i < image->n_links; i++) {
		for (size_t j = 0; j < links->n && is_made(image->links[i]); j++) {
			struct link_state *link = &links->links[j];

			if (link_kind_is_made(link->kind) &&
			    (strcmp(link->name, image->links[i]->name) == 0 ||
			     link->ifindex == image->links[i]->ifindex))
				link->group = PLAN_GROUP;
		}
	}
	expect_outside(outside);
}

int criu_verify(struct plan *plan, struct target *target, struct report *report)
{
	/* By now all have come up that were to. */
	for (size_t i = 0; i < plan->n_links; i++)
		plan->links[i].up_early = true;
	return verify(plan, target, report);
}
