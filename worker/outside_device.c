/*
 * A device that was prepared outside: moved into the target, and back as it was.
 *
 * May: move it, and set what the kernel changes by that. Must not: delete, or change any other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/log.h"
#include "worker/outside_links.h"
#include "worker/report.h"

/* @ifindex: the one it is to get; 0: whichever. */
static int move(struct nl_sock *nl, uint32_t which, int netns, const char *name, uint32_t ifindex,
		uint32_t group, char text[NL_TEXT_MAX])
{
	union outside_message request = { 0 };
	struct nlmsghdr *nlh = outside_put_header(request.bytes, RTM_SETLINK, 0, which);

	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	if (ifindex)
		mnl_attr_put_u32(nlh, IFLA_NEW_IFINDEX, ifindex);
	return outside_send(nl, nlh, text);
}

int outside_device_adopt(struct outside_hands *h, const struct outside_link *link,
			 const struct outside_request *wish, struct outside_made *made,
			 struct report *report)
{
	struct link_state now;
	char text[NL_TEXT_MAX] = "";
	int r;

	r = outside_find_link(&h->out, link->out, 0, &made->before);
	if (r == 0 && made->before.master)
		r = -EBUSY;
	if (r == 0) {
		made->what = OUTSIDE_DEVICE;
		made->inner = wish->ifindex;
		r = move(&h->out, made->before.ifindex, h->target, link->in, wish->ifindex,
			 OUTSIDE_GROUP, text);
	}
	if (r == 0) {
		r = outside_find_link(&h->in, NULL, wish->ifindex, &now);
		if (r == 0 && strcmp(now.name, link->in) != 0)
			r = -EIO;
	}
	if (r == 0)
		return 0;
	return report_fail(report, r == -EPERM ? EXIT_REFUSED : EXIT_UNDONE,
			   "cannot bring %s in from outside as %s with index %u: %s%s%s%s%s",
			   link->out, link->in, wish->ifindex, log_errname(-r), *text ? " (" : "",
			   text, *text ? ")" : "",
			   r == -EBUSY    ? ": it has a master, or the index is taken by now"
			   : r == -EINVAL ? ": it may be of a kind that cannot be moved"
					  : "");
}

/* Where it may be while it is not outside. */
static int find_inner(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_made *made, struct link_state *ret)
{
	int r = outside_find_link(&h->in, NULL, made->inner, ret);

	if (r == 0 && strcmp(ret->name, link->in) != 0 && strcmp(ret->name, link->out) != 0)
		return -ENODEV;
	return r;
}

static int bring_back(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_made *made)
{
	const struct link_state *before = &made->before;
	struct link_state now;
	char text[NL_TEXT_MAX];
	int r = outside_find_link(&h->out, NULL, before->ifindex, &now);

	if (r == 0 && strcmp(now.name, before->name) == 0)
		return 0; /* it never went */
	r = find_inner(h, link, made, &now);
	if (r < 0)
		return r;
	r = move(&h->in, now.ifindex, h->netns, before->name, before->ifindex, before->group, text);
	if (r == -EBUSY) /* better there with another index than not at all */
		r = move(&h->in, now.ifindex, h->netns, before->name, 0, before->group, text);
	return r;
}

static bool is_as_before(const struct link_state *now, const struct link_state *before)
{
	return now->ifindex == before->ifindex && now->group == before->group &&
	       now->mtu == before->mtu && now->has_address == before->has_address &&
	       memcmp(now->address, before->address, sizeof(now->address)) == 0 &&
	       (now->flags & LINKS_SETTABLE) == (before->flags & LINKS_SETTABLE);
}

/* The kernel takes a device down when it moves it. */
static int set_back(struct outside_hands *h, const struct link_state *before)
{
	struct link_change change = { .flags = &before->flags,
				      .mtu = &before->mtu,
				      .group = &before->group };
	struct link_state now;
	char text[NL_TEXT_MAX];
	int r = outside_find_link(&h->out, before->name, 0, &now);

	if (r < 0 || is_as_before(&now, before))
		return r;
	if (before->has_address && memcmp(now.address, before->address, sizeof(now.address)) != 0)
		change.address = before->address;
	r = links_change(&h->out, now.ifindex, &change, text);
	if (r == 0)
		r = outside_find_link(&h->out, before->name, 0, &now);
	return r == 0 && !is_as_before(&now, before) ? -EIO : r;
}

int outside_device_undo(struct outside_hands *h, const struct outside_link *link,
			const struct outside_made *made, struct report *report)
{
	int r = bring_back(h, link, made);

	if (r < 0)
		return outside_left(report, "this device is not back outside as it was:", link->out,
				    r);
	r = set_back(h, &made->before);
	if (r < 0)
		return outside_left(report,
				    "index, flags, MTU, address or group is left changed of",
				    link->out, r);
	return 0;
}
