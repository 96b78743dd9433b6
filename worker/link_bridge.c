/*
 * bridge: made empty; its ports come to it when all links are there.
 *
 * Its options are not in CRIU's images, so it has the kernel's defaults.
 */
#include "worker/link_ether.h"
#include "worker/link_kind.h"
#include "worker/plan.h"

static int check_bridge(const Img__NetDevice *dev, const struct entry_place *at,
			struct report *report)
{
	return link_ether_check(dev, "bridge", /* needed= */ false, at, report);
}

static int plan_bridge(struct plan_link *link, struct plan_input *in, struct report *report)
{
	(void)in;
	(void)report;
	link->maker = MAKER_WORKER;
	return 0;
}

const struct link_kind link_kind_bridge = {
	.type = IMG__LINK_TYPE__BRIDGE,
	.name = "bridge",
	.rtnl = "bridge",
	.ethernet = true,
	.is_master = true,
	.check = check_bridge,
	.plan = plan_bridge,
};
