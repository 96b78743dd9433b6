/*
 * lo: every netns has it, with index 1; its flags, its MTU and its sysctls are set.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/dump.h"
#include "worker/link_kind.h"
#include "worker/plan_input.h"
#include "worker/report.h"

static int check_loopback(const Img__NetDevice *dev, const struct entry_place *at,
			  struct report *report)
{
	if (strcmp(dev->name, "lo") != 0 || dev->ifindex != 1)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: a loopback is named lo and has index 1, not %s "
				   "and %u",
				   at->file, at->record, dev->name, dev->ifindex);
	return 0;
}

static int plan_loopback(struct plan_link *link, struct plan_input *in, struct report *report)
{
	(void)in;
	(void)report;
	link->maker = MAKER_THERE;
	return 0;
}

/* Its address is all zero, and not saved. */
static int dump_loopback(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	(void)link;
	(void)report;
	free(dev->address.data);
	dev->address = (ProtobufCBinaryData){ 0 };
	dev->has_address = 0;
	return 0;
}

const struct link_kind link_kind_loopback = {
	.type = IMG__LINK_TYPE__LOOPBACK,
	.name = "loopback",
	.check = check_loopback,
	.plan = plan_loopback,
	.dump = dump_loopback,
};
