/*
 * veth: both ends in one request, each with its own name, index, address and MTU. The end that
 * comes first in the image makes the pair. One whose other end is outside is made by the helper.
 */
#include <stdio.h>

#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "worker/dump.h"
#include "worker/image.h"
#include "worker/link_ether.h"
#include "worker/link_kind.h"
#include "worker/link_make.h"
#include "worker/link_outside.h"
#include "worker/links.h"
#include "worker/outside.h"
#include "worker/plan_input.h"
#include "worker/report.h"
#include "worker/target.h"

static int check_veth(const Img__NetDevice *dev, const struct entry_place *at,
		      struct report *report)
{
	return link_ether_check(dev, "veth", /* needed= */ false, at, report);
}

/* The other end lies in another namespace. */
static int fail_elsewhere(const struct plan_link *link, struct report *report)
{
	const Img__NetDevice *dev = link->dev;

	if (!dev->has_peer_nsid)
		return report_fail(
			report, EXIT_USAGE_,
			"%s: record %zu: veth %s has its other end (index %u) outside of the "
			"checkpoint: name it by --external 'veth[%s]:OUT[@BRIDGE]', or bring in "
			"a device by --external 'netdev[%s]:DEVICE'; nothing was done",
			link->at.file, link->at.record, dev->name, dev->peer_ifindex, dev->name,
			dev->name);
	return report_fail(report, EXIT_USAGE_,
			   "%s: record %zu: veth %s has its other end (index %u) in namespace %u "
			   "of the images, which is not given: restore them together, by --netns "
			   "%u=PATH for it; nothing was done",
			   link->at.file, link->at.record, dev->name, dev->peer_ifindex,
			   dev->peer_nsid, dev->peer_nsid);
}

static int plan_elsewhere(struct plan_link *link, struct plan_input *in, struct report *report)
{
	int status = link_outside_plan(link, in, /* adopts= */ false, report);

	if (!status && !link->outside)
		status = link_outside_plan(link, in, /* adopts= */ true, report);
	return status || link->outside ? status : fail_elsewhere(link, report);
}

static int fail_peer(const struct plan_link *link, const char *what, struct report *report)
{
	return report_fail(report, EXIT_IMAGE,
			   "%s: record %zu: the other end of veth %s is to have index %u, %s",
			   link->at.file, link->at.record, link->dev->name, link->dev->peer_ifindex,
			   what);
}

static int plan_veth(struct plan_link *link, struct plan_input *in, struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	const struct plan_input *there;
	struct plan_link *peer;
	bool is_own;

	if (!dev->has_peer_ifindex)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: veth %s does not say which its other end is",
				   link->at.file, link->at.record, dev->name);
	there = dev->has_peer_nsid ? plan_input_of(in, dev->peer_nsid) : NULL;
	if (!there)
		return plan_elsewhere(link, in, report);
	is_own = there == in;
	if (is_own && dev->peer_ifindex == dev->ifindex)
		return fail_peer(link, "which is its own", report);
	peer = plan_find(there, dev->peer_ifindex);
	if (!peer)
		return fail_peer(link, "which no link of the image has", report);
	if (peer->dev->type != IMG__LINK_TYPE__VETH)
		return fail_peer(link, "which is no veth's", report);
	if (!peer->dev->has_peer_nsid || peer->dev->peer_nsid != in->image->id ||
	    !peer->dev->has_peer_ifindex || peer->dev->peer_ifindex != dev->ifindex)
		return fail_peer(link, "and the veth with that index names another one", report);
	link->peer = peer;
	link->maker = (is_own ? peer->at.record < link->at.record : there < in) ? MAKER_PEER
										: MAKER_WORKER;
	return 0;
}

static bool put_veth(struct nlmsghdr *nlh, size_t size, const struct plan_link *link)
{
	struct nlattr *peer = mnl_attr_nest_start_check(nlh, size, VETH_INFO_PEER);
	struct ifinfomsg *ifi;

	if (!peer || size - nlh->nlmsg_len < sizeof(*ifi))
		return false;
	/* The kernel takes the index from here only if the first end has one, too. */
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)link->peer->ifindex;
	if (!link_put_common(nlh, size, link->peer))
		return false;
	if (link->peer->ns_id != link->ns_id &&
	    !mnl_attr_put_u32_check(nlh, size, IFLA_NET_NS_FD, (uint32_t)link->peer->target->netns))
		return false;
	mnl_attr_nest_end(nlh, peer);
	return true;
}

static int verify_veth(const struct plan_link *link, const struct link_state *state,
		       struct report *report)
{
	if (link->outside && state->link_elsewhere)
		return 0;
	if (link->outside)
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: veth %s came out with its other end inside",
				   link->at.file, link->at.record, link->dev->name);
	if (state->link != link->peer->ifindex ||
	    state->link_elsewhere != (link->peer->ns_id != link->ns_id))
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: veth %s came out with index %u as its other "
				   "end in place of %u",
				   link->at.file, link->at.record, link->dev->name, state->link,
				   link->peer->ifindex);
	return 0;
}

static void show_veth(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX])
{
	if (dev->has_peer_nsid)
		(void)snprintf(ret, LINK_DETAIL_MAX, "peer index %u in namespace %u",
			       dev->peer_ifindex, dev->peer_nsid);
	else
		(void)snprintf(ret, LINK_DETAIL_MAX, "peer index %u outside", dev->peer_ifindex);
}

/* The other end is told as what the link is on: IFLA_LINK, which every link has saved. Where it is
 * in a namespace that is not saved there is no peer_nsid, and somebody else makes it. */
static int dump_veth(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	(void)dev;
	(void)report;
	dump_lost_queue(link, 1000);
	return 0;
}

const struct link_kind link_kind_veth = {
	.type = IMG__LINK_TYPE__VETH,
	.name = "veth",
	.rtnl = "veth",
	.ethernet = true,
	.check = check_veth,
	.plan = plan_veth,
	.put_data = put_veth,
	.verify = verify_veth,
	.show = show_veth,
	.dump = dump_veth,
};
