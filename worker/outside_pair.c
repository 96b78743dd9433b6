/*
 * A veth pair, with one end in the target and the other outside.
 *
 * May: make it, make its outer end a port, and delete it. Must not: change any other link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "common/log.h"
#include "worker/outside_links.h"
#include "worker/plan.h"
#include "worker/report.h"

/* The inner end is the link of the request, as only that can have an index while the other has
 * none; the outer end then comes up where the socket is. With NLM_F_EXCL neither name may be taken:
 * the kernel looks for each where it is to be. */
static int send_pair(struct outside_hands *h, const struct outside_link *link,
		     const struct outside_request *wish, char text[NL_TEXT_MAX])
{
	union outside_message request = { 0 };
	struct nlattr *info, *data, *peer;
	struct nlmsghdr *nlh;

	nlh = outside_put_header(request.bytes, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
				 wish->ifindex);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, link->in);
	mnl_attr_put_u32(nlh, IFLA_MTU, wish->mtu);
	mnl_attr_put_u32(nlh, IFLA_GROUP, PLAN_GROUP);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)h->target);
	if (wish->has_address)
		mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(wish->address), wish->address);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, link->out);
	mnl_attr_put_u32(nlh, IFLA_MTU, wish->mtu);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return outside_send(&h->out, nlh, text);
}

/* As CRIU does, the outer end comes up only with a bridge. */
static int attach(struct outside_hands *h, const struct outside_link *link, uint32_t outer,
		  char text[NL_TEXT_MAX])
{
	const uint32_t up = IFF_UP | IFF_BROADCAST | IFF_MULTICAST;
	struct link_change change = { 0 };
	struct link_state bridge;
	int r;

	text[0] = '\0';
	r = outside_find_link(&h->out, link->bridge, 0, &bridge);
	if (r == 0 && strcmp(bridge.kind, "bridge") != 0)
		r = -ENOTSUP;
	if (r < 0)
		return r;
	change.master = &bridge.ifindex;
	change.flags = &up;
	return links_change(&h->out, outer, &change, text);
}

int outside_pair_make(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_request *wish, struct outside_made *made,
		      struct report *report)
{
	struct link_state outer;
	char text[NL_TEXT_MAX];
	int r = send_pair(h, link, wish, text);

	/* Without an answer it may have been made. */
	if (r == 0 || r == -ETIMEDOUT || r == -EIO)
		*made = (struct outside_made){ .what = OUTSIDE_PAIR, .inner = wish->ifindex };
	if (r < 0)
		return report_fail(
			report, r == -EPERM ? EXIT_REFUSED : EXIT_UNDONE,
			"cannot make veth %s with its other end %s outside: %s%s%s%s%s", link->in,
			link->out, log_errname(-r), *text ? " (" : "", text, *text ? ")" : "",
			r == -EEXIST ? ": the target has the name or the index by now, or there is "
				       "such a link outside"
			: r == -EOPNOTSUPP ? ": this kernel has no veth; load the module"
					   : "");
	r = outside_find_link(&h->out, link->out, 0, &outer);
	if (r == 0 && outer.link != wish->ifindex)
		r = -EIO;
	if (r < 0)
		return report_fail(report, EXIT_UNDONE,
				   "cannot find %s outside, which was made: %s", link->out,
				   log_errname(-r));
	made->outer = outer.ifindex;
	r = *link->bridge ? attach(h, link, made->outer, text) : 0;
	if (r < 0)
		return report_fail(report, EXIT_UNDONE,
				   "cannot make %s a port of %s outside, and up: %s%s%s%s",
				   link->out, link->bridge, log_errname(-r), *text ? " (" : "",
				   text, *text ? ")" : "");
	return 0;
}

/* By its index, or while that was not known by its other end. */
static int find_outer(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_made *made, struct link_state *ret)
{
	uint32_t peer = 0;
	int r;

	if (made->outer) {
		r = outside_find_link(&h->out, NULL, made->outer, ret);
		return r == 0 && strcmp(ret->kind, "veth") != 0 ? -ENODEV : r;
	}
	r = outside_find_link(&h->out, link->out, 0, ret);
	if (r == 0)
		r = outside_find_peer(h, ret, &peer);
	return r == 0 && peer != made->inner ? -ENODEV : r;
}

int outside_pair_undo(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_made *made, struct report *report)
{
	union outside_message request = { 0 };
	struct link_state outer;
	char text[NL_TEXT_MAX];
	int r = find_outer(h, link, made, &outer);

	if (r == 0)
		r = outside_send(&h->out,
				 outside_put_header(request.bytes, RTM_DELLINK, 0, outer.ifindex),
				 text);
	if (r == 0 || r == -ENODEV)
		return 0;
	return outside_left(report, "a link is left outside, which is", link->out, r);
}
