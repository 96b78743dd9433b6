/*
 * venet: OpenVZ's point-to-point device. No kernel but theirs has the kind, so elsewhere it is
 * refused by name before anything is made.
 *
 * CRIU puts a descriptor of its own network namespace into IFLA_INFO_DATA, that of the other
 * end. The worker has no right to any namespace but the target, so this is left out.
 */
#include <string.h>

#include "worker/dump.h"
#include "worker/link_kind.h"
#include "worker/plan_input.h"
#include "worker/report.h"

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

/* It has nothing of its own in the images. A device of the same type without a kind is none. */
static int dump_venet(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	(void)dev;
	if (strcmp(link->kind, "venet") == 0)
		return 0;
	return report_fail(report, EXIT_IMAGE,
			   "link %s is a device without a kind, which the images cannot hold; "
			   "nothing was done: leave it out by --skip-kind device",
			   link->name);
}

const struct link_kind link_kind_venet = {
	.type = IMG__LINK_TYPE__VENET,
	.name = "venet",
	.rtnl = "venet",
	.plan = plan_venet,
	.put_data = put_venet,
	.dump = dump_venet,
};
