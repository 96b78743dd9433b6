/*
 * macvlan on a parent outside: made by the broker, whole, in one request.
 *
 * The images do not name the parent: peer_ifindex is its index on the host of the dump, which
 * says nothing about this one. --external names it.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>

#include "common/check.h"
#include "common/link_msg.h"
#include "worker/externals.h"
#include "worker/link_kind.h"
#include "worker/links.h"
#include "worker/plan.h"
#include "worker/report.h"

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
	if (!dev->has_address || dev->address.len != 6 || check_mac(dev->address.data) < 0)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: macvlan %s has no unicast address of 6 bytes",
				   at->file, at->record, dev->name);
	if (!check_u32_range(dev->mtu, 68, 65535))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: macvlan %s has an MTU of %u, which is not "
				   "within 68..65535",
				   at->file, at->record, dev->name, dev->mtu);
	return 0;
}

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
	if (check_ifname(parent) < 0)
		return report_fail(report, EXIT_USAGE_,
				   "the parent '%s' of macvlan %s is not a name of an interface",
				   parent, link->dev->name);
	(void)snprintf(link->parent, sizeof(link->parent), "%s", parent);
	return 0;
}

static int plan_macvlan(struct plan_link *link, struct externals *externals, struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	/* It comes up when everything else is right, at the release. */
	const uint32_t change = LINKS_SETTABLE & ~LINKS_LATE;
	int status = find_parent(link, externals, report);

	if (status)
		return status;
	link->maker = MAKER_BROKER;
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

const struct link_kind link_kind_macvlan = {
	.type = IMG__LINK_TYPE__MACVLAN,
	.name = "macvlan",
	.check = check_macvlan,
	.plan = plan_macvlan,
	.show = show_macvlan,
	.json = json_macvlan,
};
