/*
 * macvlan. On a parent outside it is made by the broker, whole, in one request; on a parent in the
 * target by the worker itself, after the parent.
 *
 * The images do not name a parent outside: peer_ifindex is its index on the host of the dump,
 * which says nothing about this one. --external names it, NS/IF where it is in a namespace that the
 * broker's policy calls NS. A parent inside is a link of the image.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>

#include "common/check.h"
#include "common/link_msg.h"
#include "worker/dump.h"
#include "worker/externals.h"
#include "worker/image.h"
#include "worker/link_ether.h"
#include "worker/link_kind.h"
#include "worker/links.h"
#include "worker/plan_input.h"
#include "worker/report.h"
#include "worker/target.h"

#define ATTR_BC_CUTOFF 9 /* IFLA_MACVLAN_BC_CUTOFF, Linux 6.4 */

#define ALL_FLAGS ((uint32_t)(MACVLAN_FLAG_NOPROMISC | MACVLAN_FLAG_NODST))

static int check_macvlan(const Img__NetDevice *dev, const struct entry_place *at,
			 struct report *report)
{
	if (!dev->macvlan)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: macvlan %s has no macvlan part", at->file,
				   at->record, dev->name);
	if (!link_mode_name(dev->macvlan->mode))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: macvlan %s has mode %u, "
				   "which is none",
				   at->file, at->record, dev->name, dev->macvlan->mode);
	if (dev->macvlan->has_flags && (dev->macvlan->flags & ~ALL_FLAGS))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: macvlan %s has flags %#x, "
				   "which are not known",
				   at->file, at->record, dev->name, dev->macvlan->flags);
	return link_ether_check(dev, "macvlan", /* needed= */ true, at, report);
}

/* --- planning --- */

static int find_parent(struct plan_link *link, struct externals *externals, struct report *report)
{
	const char *parent = externals_find(externals, "macvlan", link->dev->name);

	if (!parent)
		return report_fail(
			report, EXIT_USAGE_,
			"%s: record %zu: the images do not name the parent of macvlan "
			"%s; add --external 'macvlan[%s]:PARENT', or 'macvlan[*]:PARENT' "
			"for all",
			link->at.file, link->at.record, link->dev->name, link->dev->name);
	if (check_parent(parent) < 0)
		return report_fail(report, EXIT_USAGE_,
				   "the parent '%s' of macvlan %s is not a name of an interface, "
				   "nor NAMESPACE/INTERFACE",
				   parent, link->dev->name);
	(void)snprintf(link->parent, sizeof(link->parent), "%s", parent);
	return 0;
}

/* The namespace of the parent where the images say that it is in one of those that are restored,
 * and no --external NAME overrules; else NULL. */
static const struct plan_input *parents_of(const struct plan_link *link,
					   const struct plan_input *in)
{
	const Img__NetDevice *dev = link->dev;

	if (!dev->has_peer_ifindex || !dev->has_peer_nsid ||
	    externals_has(in->externals, "macvlan", dev->name))
		return NULL;
	return plan_input_of(in, dev->peer_nsid);
}

static int find_parent_inside(struct plan_link *link, const struct plan_input *there,
			      struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	const struct plan_link *parent = plan_find(there, dev->peer_ifindex);

	if (!parent || parent == link)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: the parent of macvlan %s is to have index %u "
				   "in %s, which no other link of the image has",
				   link->at.file, link->at.record, dev->name, dev->peer_ifindex,
				   there->image->netdev_name);
	/* One on top of another is made on the lowest (macvlan_common_newlink()). */
	if (!plan_is_ethernet(parent) || parent->dev->type == IMG__LINK_TYPE__MACVLAN)
		return report_fail(
			report, EXIT_IMAGE,
			"%s: record %zu: the parent of macvlan %s is %s, and a %s cannot "
			"have macvlans",
			link->at.file, link->at.record, dev->name, parent->dev->name,
			parent->kind->name);
	link->below = parent;
	(void)snprintf(link->parent, sizeof(link->parent), "%s", parent->dev->name);
	return 0;
}

static int plan_macvlan(struct plan_link *link, struct plan_input *in, struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	/* It comes up when everything else is right, at the release. */
	const uint32_t change = LINKS_SETTABLE & ~LINKS_LATE;
	const struct plan_input *there = parents_of(link, in);
	int status = there ? find_parent_inside(link, there, report)
			   : find_parent(link, in->externals, report);

	if (status)
		return status;
	link->maker = there ? MAKER_WORKER : MAKER_BROKER;
	link->spec = (struct link_spec){
		.has = LINK_HAS_ADDRESS | LINK_HAS_MTU | LINK_HAS_GROUP,
		.ifindex = dev->ifindex,
		.flags = dev->flags & change & ~(uint32_t)IFF_UP,
		.change = change,
		.mtu = dev->mtu,
		.group = PLAN_GROUP,
		.mode = dev->macvlan->mode,
	};
	(void)snprintf(link->spec.name, sizeof(link->spec.name), "%s", dev->name);
	memcpy(link->spec.address, dev->address.data, sizeof(link->spec.address));
	/* A dumper that lost the presence bit wrote no flags at all: nothing to guess then. */
	if (dev->macvlan->has_flags) {
		link->spec.has |= LINK_HAS_MACVLAN_FLAGS;
		link->spec.macvlan_flags = (uint16_t)dev->macvlan->flags;
	}
	return 0;
}

/* --- making, and reading back --- */

static int make_macvlan(const struct plan_link *link, struct target *target,
			char ret_text[NL_TEXT_MAX])
{
	/* In the parent's namespace, where its index is one. */
	const bool elsewhere = link->below->ns_id != link->ns_id;
	struct target *parents = elsewhere ? link->below->target : target;
	const struct link_place place = { .parent = link->below->ifindex,
					  .netns_fd = elsewhere ? target->netns : -1 };
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MSG_MAX];
	} request;
	int r = link_msg_encode(&link->spec, &place, request.bytes, sizeof(request));

	if (r < 0)
		return r;
	return nl_talk(&parents->nl, &request.nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
}

static int differs(const struct plan_link *link, const char *what, uint32_t is, uint32_t should,
		   struct report *report)
{
	return report_fail(report, EXIT_UNDONE,
			   "%s: record %zu: macvlan %s came out with %s %#x in place of %#x",
			   link->at.file, link->at.record, link->dev->name, what, is, should);
}

static int verify_macvlan(const struct plan_link *link, const struct link_state *state,
			  struct report *report)
{
	const struct link_spec *spec = &link->spec;

	if (state->macvlan_mode != spec->mode)
		return differs(link, "mode", state->macvlan_mode, spec->mode, report);
	if (spec->has & LINK_HAS_MACVLAN_FLAGS && state->macvlan_flags != spec->macvlan_flags)
		return differs(link, "macvlan flags", state->macvlan_flags, spec->macvlan_flags,
			       report);
	if (link->below && (state->link != link->below->ifindex ||
			    state->link_elsewhere != (link->below->ns_id != link->ns_id)))
		return differs(link, "a parent of index", state->link, link->below->ifindex,
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

/* --- showing --- */

static void show_macvlan(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX])
{
	const char *mode = dev->macvlan ? link_mode_name(dev->macvlan->mode) : NULL;

	(void)snprintf(ret, LINK_DETAIL_MAX, "mode %s%s%s, parent had index %u", mode ? mode : "?",
		       dev->macvlan && dev->macvlan->flags & MACVLAN_FLAG_NOPROMISC ? " nopromisc"
										    : "",
		       dev->macvlan && dev->macvlan->flags & MACVLAN_FLAG_NODST ? " nodst" : "",
		       dev->peer_ifindex);
}

static int json_macvlan(const Img__NetDevice *dev, json_t *object)
{
	const char *mode;

	if (!dev->macvlan)
		return 0;
	mode = link_mode_name(dev->macvlan->mode);
	if (json_object_set_new(object, "mode", mode ? json_string(mode) : json_null()) < 0)
		return -1;
	if (!dev->macvlan->has_flags)
		return 0;
	return json_object_set_new(object, "macvlan_flags", json_integer(dev->macvlan->flags));
}

/* The default of a macvlan is the kernel's (drivers/net/macvlan.c, net/ethernet/eth.c). */
static void find_lost(struct dump_link *link)
{
	const uint32_t addresses = dump_attr_u32(dump_info(link, IFLA_MACVLAN_MACADDR_COUNT), 0);
	const uint32_t queue = dump_attr_u32(dump_info(link, IFLA_MACVLAN_BC_QUEUE_LEN), 1000);
	const uint32_t cutoff = dump_attr_u32(dump_info(link, ATTR_BC_CUTOFF), 1);

	if (addresses > 0)
		dump_lost(link, "its list of %u source addresses", addresses);
	if (queue != 1000)
		dump_lost(link, "its broadcast queue of %u packets", queue);
	if (cutoff != 1)
		dump_lost(link, "its broadcast cutoff of %d", (int32_t)cutoff);
	dump_lost_queue(link, 1000);
}

static int dump_macvlan(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	const uint32_t flags = dump_attr_u16(dump_info(link, IFLA_MACVLAN_FLAGS), 0);
	const struct nlattr *mode = dump_info(link, IFLA_MACVLAN_MODE);

	if (!mode)
		return report_fail(report, EXIT_UNDONE, "the kernel says no mode of macvlan %s",
				   link->name);
	dev->macvlan = malloc(sizeof(*dev->macvlan));
	if (!dev->macvlan)
		return report_fail(report, EXIT_OS_, "no memory for macvlan %s", link->name);
	img__macvlan__init(dev->macvlan);
	dev->macvlan->mode = dump_attr_u32(mode, 0);
	/* With its presence bit: without it, no reader sees the value. */
	dev->macvlan->has_flags = flags != 0;
	dev->macvlan->flags = flags;
	find_lost(link);
	return 0;
}

const struct link_kind link_kind_macvlan = {
	.type = IMG__LINK_TYPE__MACVLAN,
	.name = "macvlan",
	.rtnl = "macvlan",
	.einval = "the parent takes no macvlan of this MTU or mode",
	.ethernet = true,
	.check = check_macvlan,
	.plan = plan_macvlan,
	.make = make_macvlan,
	.verify = verify_macvlan,
	.show = show_macvlan,
	.json = json_macvlan,
	.dump = dump_macvlan,
};
