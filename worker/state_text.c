/*
 * Words for messages and for `show`. Pure.
 */
#include "worker/state_text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "worker/state_addr.h"
#include "worker/sync_addr.h"

static const char *const types[] = {
	[RTN_UNICAST] = "unicast",
	[RTN_LOCAL] = "local",
	[RTN_BROADCAST] = "broadcast",
	[RTN_ANYCAST] = "anycast",
	[RTN_MULTICAST] = "multicast",
	[RTN_BLACKHOLE] = "blackhole",
	[RTN_UNREACHABLE] = "unreachable",
	[RTN_PROHIBIT] = "prohibit",
	[RTN_THROW] = "throw",
	[RTN_NAT] = "nat",
};
static const char *const actions[] = {
	[FR_ACT_TO_TBL] = "lookup",
	[FR_ACT_GOTO] = "goto",
	[FR_ACT_NOP] = "nop",
	[FR_ACT_BLACKHOLE] = "blackhole",
	[FR_ACT_UNREACHABLE] = "unreachable",
	[FR_ACT_PROHIBIT] = "prohibit",
};

const char *route_type_name(uint8_t type)
{
	return type < ARRAY_SIZE(types) ? types[type] : NULL;
}

const char *rule_action_name(uint8_t action)
{
	return action < ARRAY_SIZE(actions) ? actions[action] : NULL;
}

void address_text(uint8_t family, const void *address, char ret[ADDRESS_TEXT_MAX])
{
	if (!address || !inet_ntop(family, address, ret, ADDRESS_TEXT_MAX))
		ret[0] = '\0';
}

void link_text(const struct addr_links *links, uint32_t ifindex, char ret[ADDRESS_TEXT_MAX])
{
	const struct addr_link *link = links ? addr_links_find(links, ifindex) : NULL;

	if (link && link->name)
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "%s", link->name);
	else
		(void)snprintf(ret, ADDRESS_TEXT_MAX, "%u", ifindex);
}

static void __attribute__((format(printf, 2, 3)))
add(char ret[STATE_TEXT_MAX], const char *format, ...)
{
	const size_t len = strlen(ret);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret + len, STATE_TEXT_MAX - len, format, args);
	va_end(args);
}

static void add_address(char ret[STATE_TEXT_MAX], const char *what, uint8_t family,
			const void *address)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(family, address, text);
	add(ret, "%s%s", what, text);
}

static void add_link(char ret[STATE_TEXT_MAX], const struct addr_links *links, uint32_t ifindex)
{
	char text[ADDRESS_TEXT_MAX];

	link_text(links, ifindex, text);
	add(ret, " dev %s", text);
}

void addr_text(const struct addr *addr, const struct addr_links *links, char ret[STATE_TEXT_MAX])
{
	ret[0] = '\0';
	add_address(ret, "", addr->family, addr->local);
	if (memcmp(addr->peer, addr->local, sizeof(addr->peer)) != 0)
		add_address(ret, " peer ", addr->family, addr->peer);
	add(ret, "/%u", addr->prefixlen);
	add_link(ret, links, addr->ifindex);
}

/* --- routes --- */

static void add_via(char ret[STATE_TEXT_MAX], const struct nlattr *attr)
{
	const uint8_t *bytes = mnl_attr_get_payload(attr);
	uint16_t family;

	memcpy(&family, bytes, sizeof(family));
	add_address(ret, family == AF_INET6 ? " via inet6 " : " via inet ", (uint8_t)family,
		    bytes + sizeof(family));
}

static void add_nexthops(char ret[STATE_TEXT_MAX], const struct nlattr *list, uint8_t family,
			 const struct addr_links *links)
{
	const uint8_t *next = mnl_attr_get_payload(list);
	size_t left = mnl_attr_get_payload_len(list);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)next;
		const uint8_t *end = next + hop->rtnh_len;
		const struct nlattr *attr = (const struct nlattr *)(const void *)(hop + 1);

		add(ret, " nexthop");
		for (; mnl_attr_ok(attr, (int)(end - (const uint8_t *)attr));
		     attr = mnl_attr_next(attr)) {
			if (mnl_attr_get_type(attr) == RTA_GATEWAY)
				add_address(ret, " via ", family, mnl_attr_get_payload(attr));
			if (mnl_attr_get_type(attr) == RTA_VIA)
				add_via(ret, attr);
		}
		add_link(ret, links, (uint32_t)hop->rtnh_ifindex);
		add(ret, " weight %u", hop->rtnh_hops + 1U);
		if (hop->rtnh_len < sizeof(*hop) || NLMSG_ALIGN((size_t)hop->rtnh_len) > left)
			return;
		next += NLMSG_ALIGN((size_t)hop->rtnh_len);
		left -= NLMSG_ALIGN((size_t)hop->rtnh_len);
	}
}

static void add_route_attr(char ret[STATE_TEXT_MAX], const struct nlattr *attr, uint8_t family,
			   const struct addr_links *links)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_GATEWAY:
		add_address(ret, " via ", family, mnl_attr_get_payload(attr));
		break;
	case RTA_VIA:
		add_via(ret, attr);
		break;
	case RTA_OIF:
		add_link(ret, links, mnl_attr_get_u32(attr));
		break;
	case RTA_PREFSRC:
		add_address(ret, " src ", family, mnl_attr_get_payload(attr));
		break;
	case RTA_MULTIPATH:
		add_nexthops(ret, attr, family, links);
		break;
	case RTA_TABLE:
		if (mnl_attr_get_u32(attr) != RT_TABLE_MAIN)
			add(ret, " table %u", mnl_attr_get_u32(attr));
		break;
	case RTA_PRIORITY:
		add(ret, " metric %u", mnl_attr_get_u32(attr));
		break;
	case RTA_EXPIRES:
		add(ret, " expires %us", mnl_attr_get_u32(attr));
		break;
	default:
		break;
	}
}

void route_text(const struct nlmsghdr *request, const struct addr_links *links,
		char ret[STATE_TEXT_MAX])
{
	static const uint16_t order[] = { RTA_GATEWAY, RTA_VIA,   RTA_OIF,      RTA_MULTIPATH,
					  RTA_PREFSRC, RTA_TABLE, RTA_PRIORITY, RTA_EXPIRES };
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(request);
	const char *type = route_type_name(rtm->rtm_type);
	const struct nlattr *attr, *destination = NULL;

	nl_attr_each (attr, request, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_DST)
			destination = attr;
	}
	ret[0] = '\0';
	if (rtm->rtm_type != RTN_UNICAST)
		add(ret, "%s ", type ? type : "?");
	if (destination) {
		add_address(ret, "", rtm->rtm_family, mnl_attr_get_payload(destination));
		add(ret, "/%u", rtm->rtm_dst_len);
	} else {
		add(ret, rtm->rtm_family == AF_INET6 ? "default (IPv6)" : "default");
	}
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		nl_attr_each (attr, request, sizeof(*rtm)) {
			if (mnl_attr_get_type(attr) == order[i])
				add_route_attr(ret, attr, rtm->rtm_family, links);
		}
	}
	if (rtm->rtm_flags & RTNH_F_ONLINK)
		add(ret, " onlink");
}

/* --- rules --- */

static void add_rule_attr(char ret[STATE_TEXT_MAX], const struct nlattr *attr,
			  const struct fib_rule_hdr *frh)
{
	switch (mnl_attr_get_type(attr)) {
	case FRA_SRC:
		add_address(ret, " from ", frh->family, mnl_attr_get_payload(attr));
		add(ret, "/%u", frh->src_len);
		break;
	case FRA_DST:
		add_address(ret, " to ", frh->family, mnl_attr_get_payload(attr));
		add(ret, "/%u", frh->dst_len);
		break;
	case FRA_IIFNAME:
		add(ret, " iif %s", mnl_attr_get_str(attr));
		break;
	case FRA_OIFNAME:
		add(ret, " oif %s", mnl_attr_get_str(attr));
		break;
	case FRA_FWMARK:
		add(ret, " fwmark %#x", mnl_attr_get_u32(attr));
		break;
	case FRA_FWMASK:
		add(ret, "/%#x", mnl_attr_get_u32(attr));
		break;
	case FRA_GOTO:
		add(ret, " to priority %u", mnl_attr_get_u32(attr));
		break;
	case FRA_TABLE:
		add(ret, " table %u", mnl_attr_get_u32(attr));
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		if (mnl_attr_get_u32(attr) != UINT32_MAX)
			add(ret, " suppress_prefixlength %u", mnl_attr_get_u32(attr));
		break;
	default:
		break;
	}
}

void rule_text(const struct nlmsghdr *request, char ret[STATE_TEXT_MAX])
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(request);
	const char *action = rule_action_name(frh->action);
	const struct nlattr *attr;
	uint32_t priority = 0;

	nl_attr_each (attr, request, sizeof(*frh)) {
		if (mnl_attr_get_type(attr) == FRA_PRIORITY)
			priority = mnl_attr_get_u32(attr);
	}
	ret[0] = '\0';
	add(ret, "%u:%s%s %s", priority, frh->flags & FIB_RULE_INVERT ? " not" : "",
	    frh->family == AF_INET6 ? " (IPv6)" : "", action ? action : "?");
	nl_attr_each (attr, request, sizeof(*frh))
		add_rule_attr(ret, attr, frh);
}
