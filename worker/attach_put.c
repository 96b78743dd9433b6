/*
 * RTM_NEWADDR and RTM_NEWROUTE for a link that the worker has just had made. Duplicate address
 * detection is the kernel's, as for any new address.
 *
 * May: rtnetlink over the socket it is given. Must not: log.
 */
#include "worker/attach_put.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "worker/raw_attr.h"

int attach_put_address(struct nl_sock *nl, uint32_t ifindex, const struct addr *addr,
		       char ret_text[NL_TEXT_MAX])
{
	_Alignas(struct nlmsghdr) uint8_t buf[ADDR_MSG_MAX];
	struct addr own = *addr;
	struct nlmsghdr *nlh;

	own.ifindex = ifindex;
	nlh = addr_encode(&own, RTM_NEWADDR, /* flags= */ 0, buf);
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	return nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
}

int attach_put_route(struct nl_sock *nl, uint32_t ifindex, const struct attach_route *route,
		     char ret_text[NL_TEXT_MAX])
{
	_Alignas(struct nlmsghdr) uint8_t buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const size_t len = raw_address_len(route->family);
	struct rtmsg *rtm;
	int r;

	nlh->nlmsg_type = RTM_NEWROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = route->family;
	rtm->rtm_dst_len = route->prefixlen;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_type = RTN_UNICAST;
	rtm->rtm_scope =
		route->family == AF_INET && !route->has_gateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (route->prefixlen > 0)
		mnl_attr_put(nlh, RTA_DST, len, route->dst);
	if (route->has_gateway)
		mnl_attr_put(nlh, RTA_GATEWAY, len, route->gateway);
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	r = nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
	if (r == -ENETUNREACH || r == -EHOSTUNREACH)
		(void)snprintf(ret_text, NL_TEXT_MAX, "%s",
			       "no address and no route of the link leads to this gateway");
	else if (r == -EEXIST)
		(void)snprintf(ret_text, NL_TEXT_MAX, "%s", "there is such a route already");
	return r;
}

void attach_address_text(const struct addr *addr, char ret[ATTACH_ADDRESS_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];

	(void)inet_ntop(addr->family, addr->local, text, sizeof(text));
	(void)snprintf(ret, ATTACH_ADDRESS_TEXT_MAX, "%s/%u", text, addr->prefixlen);
}

void attach_address_what(const struct addr *addr, char ret[ATTACH_WHAT_MAX])
{
	char text[ATTACH_ADDRESS_TEXT_MAX];

	attach_address_text(addr, text);
	(void)snprintf(ret, ATTACH_WHAT_MAX, "give it the address %s", text);
}

void attach_route_what(const struct attach_route *route, char ret[ATTACH_WHAT_MAX])
{
	char text[ATTACH_ROUTE_TEXT_MAX];

	attach_route_text(route, text);
	(void)snprintf(ret, ATTACH_WHAT_MAX, "make the route %s", text);
}
