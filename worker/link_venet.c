/*
 * venet: OpenVZ's point-to-point device. No kernel but theirs has the kind, so elsewhere it is
 * refused by name before anything is made.
 *
 * CRIU puts a descriptor of its own network namespace into IFLA_INFO_DATA, that of the other
 * end. The worker has no right to any namespace but the target, so this is left out.
 */
#include "worker/link_kind.h"
#include "worker/plan.h"

static int plan_venet(struct plan_link *link, struct plan_input *in, struct report *report)
{
	(void)in;
	(void)report;
	link->maker = MAKER_WORKER;
	return 0;
}

static bool put_venet(struct nlmsghdr *nlh, size_t size, const struct plan_link *link)
{
	(void)nlh;
	(void)size;
	(void)link;
	return true;
}

const struct link_kind link_kind_venet = {
	.type = IMG__LINK_TYPE__VENET,
	.name = "venet",
	.rtnl = "venet",
	.plan = plan_venet,
	.put_data = put_venet,
};
