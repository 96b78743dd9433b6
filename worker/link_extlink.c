/*
 * extlink: somebody else brings the device, and the images have its parameters: address, MTU,
 * flags and sysctls. It is known by its name; its index may be another one than at the dump, unless
 * it is brought in from outside.
 */
#include <string.h>

#include <linux/if_ether.h>

#include "common/check.h"
#include "worker/link_kind.h"
#include "worker/link_outside.h"
#include "worker/links.h"
#include "worker/plan_input.h"
#include "worker/report.h"

static int check_extlink(const Img__NetDevice *dev, const struct entry_place *at,
			 struct report *report)
{
	if (dev->has_address && dev->address.len == ETH_ALEN && check_mac(dev->address.data) < 0)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: extlink %s has an address that is not unicast",
				   at->file, at->record, dev->name);
	return 0;
}

/* Whether @index is a link that an interrupted restore left behind, and that will be gone. */
static bool is_leftover(const struct link_list *links, uint32_t index)
{
	const struct link_state *link = links_find_index(links, index);

	return link && link->group == PLAN_GROUP;
}

static int plan_extlink(struct plan_link *link, struct plan_input *in, struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	const struct link_state *there = links_find_name(in->links, dev->name);
	int status = link_outside_plan(link, in, /* adopts= */ true, report);

	if (status || link->outside)
		return status;
	if (!there || there->group == PLAN_GROUP)
		return report_fail(
			report, EXIT_UNDONE,
			"%s: record %zu: link %s is one that the images have only the "
			"parameters of, and the target has none of this name; provide it "
			"first, or bring it in by --external 'netdev[%s]:DEVICE'; nothing was done",
			link->at.file, link->at.record, dev->name, dev->name);
	if (there->master && !is_leftover(in->links, there->master))
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: link %s of the target has a master already; "
				   "release it first; nothing was done",
				   link->at.file, link->at.record, dev->name);
	link->maker = MAKER_THERE;
	link->ifindex = there->ifindex;
	link->set_address = dev->has_address && dev->address.len == ETH_ALEN &&
			    there->has_address &&
			    memcmp(dev->address.data, there->address, ETH_ALEN) != 0;
	return 0;
}

const struct link_kind link_kind_extlink = {
	.type = IMG__LINK_TYPE__EXTLINK,
	.name = "extlink",
	.ethernet = true,
	.check = check_extlink,
	.plan = plan_extlink,
};
