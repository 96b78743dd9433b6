/*
 * What the raw images hold, in words and as JSON.
 *
 * May: print. Must not: judge.
 */
#include "worker/show_state.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "worker/netstate.h"
#include "worker/state_text.h"

static void set_int(json_t *to, const char *key, uint32_t value)
{
	(void)json_object_set_new(to, key, json_integer(value));
}

static void set_text(json_t *to, const char *key, const char *text)
{
	(void)json_object_set_new(to, key, json_string(text));
}

static void set_family(json_t *to, uint8_t family)
{
	set_text(to, "family", family == AF_INET6 ? "inet6" : "inet");
}

static void set_address(json_t *to, const char *key, uint8_t family, const void *address)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(family, address, text);
	set_text(to, key, text);
}

static void set_prefix(json_t *to, const char *key, uint8_t family, const void *address,
		       uint8_t bits)
{
	char text[ADDRESS_TEXT_MAX], prefix[ADDRESS_TEXT_MAX + 8];

	address_text(family, address, text);
	(void)snprintf(prefix, sizeof(prefix), "%s/%u", text, bits);
	set_text(to, key, prefix);
}

static void set_link(json_t *to, const struct addr_links *links, uint32_t ifindex)
{
	char text[ADDRESS_TEXT_MAX];

	link_text(links, ifindex, text);
	set_text(to, "link", text);
	set_int(to, "ifindex", ifindex);
}

/* --- addresses --- */

static const struct {
	uint32_t flag;
	const char *name;
} address_flags[] = {
	{ IFA_F_NODAD, "nodad" },
	{ IFA_F_OPTIMISTIC, "optimistic" },
	{ IFA_F_DADFAILED, "dadfailed" },
	{ IFA_F_HOMEADDRESS, "home" },
	{ IFA_F_DEPRECATED, "deprecated" },
	{ IFA_F_TENTATIVE, "tentative" },
	{ IFA_F_PERMANENT, "permanent" },
	{ IFA_F_MANAGETEMPADDR, "mngtmpaddr" },
	{ IFA_F_NOPREFIXROUTE, "noprefixroute" },
	{ IFA_F_MCAUTOJOIN, "autojoin" },
	{ IFA_F_STABLE_PRIVACY, "stable-privacy" },
};

static json_t *flags_to_json(const struct addr *addr)
{
	json_t *list = json_array();

	if (addr->flags & IFA_F_SECONDARY)
		(void)json_array_append_new(
			list, json_string(addr->family == AF_INET6 ? "temporary" : "secondary"));
	for (size_t i = 0; i < ARRAY_SIZE(address_flags); i++) {
		if (addr->flags & address_flags[i].flag)
			(void)json_array_append_new(list, json_string(address_flags[i].name));
	}
	return list;
}

static void set_lifetime(json_t *to, const char *key, uint32_t seconds)
{
	if (seconds != ADDR_FOREVER)
		set_int(to, key, seconds);
}

static json_t *address_to_json(const struct addr *addr, const struct addr_links *links)
{
	static const uint8_t none[4];
	json_t *to = json_object();

	set_family(to, addr->family);
	set_address(to, "address", addr->family, addr->local);
	set_int(to, "prefixlen", addr->prefixlen);
	set_link(to, links, addr->ifindex);
	if (memcmp(addr->peer, addr->local, sizeof(addr->peer)) != 0)
		set_address(to, "peer", addr->family, addr->peer);
	if (memcmp(addr->broadcast, none, sizeof(none)) != 0)
		set_address(to, "broadcast", addr->family, addr->broadcast);
	if (addr->label[0])
		set_text(to, "label", addr->label);
	set_int(to, "scope", addr->scope);
	(void)json_object_set_new(to, "flags", flags_to_json(addr));
	set_lifetime(to, "preferred_seconds", addr->preferred);
	set_lifetime(to, "valid_seconds", addr->valid);
	if (addr->metric)
		set_int(to, "metric", addr->metric);
	if (addr->proto)
		set_int(to, "protocol", addr->proto);
	return to;
}

/* --- routes --- */

static const char *const metric_names[] = {
	[RTAX_LOCK] = "lock",
	[RTAX_MTU] = "mtu",
	[RTAX_WINDOW] = "window",
	[RTAX_RTT] = "rtt",
	[RTAX_RTTVAR] = "rttvar",
	[RTAX_SSTHRESH] = "ssthresh",
	[RTAX_CWND] = "cwnd",
	[RTAX_ADVMSS] = "advmss",
	[RTAX_REORDERING] = "reordering",
	[RTAX_HOPLIMIT] = "hoplimit",
	[RTAX_INITCWND] = "initcwnd",
	[RTAX_FEATURES] = "features",
	[RTAX_RTO_MIN] = "rto_min",
	[RTAX_INITRWND] = "initrwnd",
	[RTAX_QUICKACK] = "quickack",
	[RTAX_FASTOPEN_NO_COOKIE] = "fastopen_no_cookie",
};

static json_t *metrics_to_json(const struct nlattr *metrics)
{
	json_t *to = json_object();
	const struct nlattr *attr;

	nl_attr_each_nested (attr, metrics) {
		const uint16_t type = mnl_attr_get_type(attr);

		if (type == RTAX_CC_ALGO)
			set_text(to, "congctl", mnl_attr_get_str(attr));
		else if (type < ARRAY_SIZE(metric_names) && metric_names[type])
			set_int(to, metric_names[type], mnl_attr_get_u32(attr));
	}
	return to;
}

static void set_via(json_t *to, const struct nlattr *via)
{
	const uint8_t *bytes = mnl_attr_get_payload(via);
	uint16_t family;

	memcpy(&family, bytes, sizeof(family));
	set_address(to, "gateway", (uint8_t)family, bytes + sizeof(family));
}

static json_t *nexthops_to_json(const struct nlattr *list, uint8_t family,
				const struct addr_links *links)
{
	const uint8_t *next = mnl_attr_get_payload(list);
	const uint8_t *const end = next + mnl_attr_get_payload_len(list);
	json_t *to = json_array();

	while (next < end) {
		const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)next;
		const struct nlattr *attr = (const struct nlattr *)(const void *)(hop + 1);
		json_t *one = json_object();

		next += NLMSG_ALIGN((size_t)hop->rtnh_len);
		(void)json_array_append_new(to, one);
		set_link(one, links, (uint32_t)hop->rtnh_ifindex);
		set_int(one, "weight", hop->rtnh_hops + 1U);
		if (hop->rtnh_flags & RTNH_F_ONLINK)
			(void)json_object_set_new(one, "onlink", json_true());
		for (; mnl_attr_ok(attr, (int)(next - (const uint8_t *)attr));
		     attr = mnl_attr_next(attr)) {
			if (mnl_attr_get_type(attr) == RTA_GATEWAY)
				set_address(one, "gateway", family, mnl_attr_get_payload(attr));
			if (mnl_attr_get_type(attr) == RTA_VIA)
				set_via(one, attr);
		}
	}
	return to;
}

static void set_route_attr(json_t *to, const struct nlattr *attr, const struct rtmsg *rtm,
			   const struct addr_links *links)
{
	const void *payload = mnl_attr_get_payload(attr);

	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		set_prefix(to, "destination", rtm->rtm_family, payload, rtm->rtm_dst_len);
		break;
	case RTA_SRC:
		set_prefix(to, "source", rtm->rtm_family, payload, rtm->rtm_src_len);
		break;
	case RTA_OIF:
		set_link(to, links, mnl_attr_get_u32(attr));
		break;
	case RTA_GATEWAY:
		set_address(to, "gateway", rtm->rtm_family, payload);
		break;
	case RTA_VIA:
		set_via(to, attr);
		break;
	case RTA_PREFSRC:
		set_address(to, "preferred_source", rtm->rtm_family, payload);
		break;
	case RTA_PRIORITY:
		set_int(to, "metric", mnl_attr_get_u32(attr));
		break;
	case RTA_TABLE:
		set_int(to, "table", mnl_attr_get_u32(attr));
		break;
	case RTA_FLOW:
		set_int(to, "realms", mnl_attr_get_u32(attr));
		break;
	case RTA_PREF:
		set_int(to, "preference", mnl_attr_get_u8(attr));
		break;
	case RTA_EXPIRES:
		set_int(to, "expires_seconds", mnl_attr_get_u32(attr));
		break;
	case RTA_METRICS:
		(void)json_object_set_new(to, "metrics", metrics_to_json(attr));
		break;
	case RTA_MULTIPATH:
		(void)json_object_set_new(to, "nexthops",
					  nexthops_to_json(attr, rtm->rtm_family, links));
		break;
	default:
		break;
	}
}

static json_t *route_to_json(const struct nlmsghdr *request, const struct addr_links *links)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(request);
	const char *type = route_type_name(rtm->rtm_type);
	const struct nlattr *attr;
	json_t *to = json_object();

	set_family(to, rtm->rtm_family);
	set_text(to, "type", type ? type : "?");
	set_text(to, "destination", "default");
	nl_attr_each (attr, request, sizeof(*rtm))
		set_route_attr(to, attr, rtm, links);
	set_int(to, "protocol", rtm->rtm_protocol);
	set_int(to, "scope", rtm->rtm_scope);
	if (rtm->rtm_tos)
		set_int(to, "tos", rtm->rtm_tos);
	if (rtm->rtm_flags & RTNH_F_ONLINK)
		(void)json_object_set_new(to, "onlink", json_true());
	return to;
}

/* --- rules --- */

/* Attributes of a rule that are a number of four bytes. */
static const struct {
	uint16_t type;
	const char *name;
} rule_numbers[] = {
	{ FRA_PRIORITY, "priority" }, { FRA_TABLE, "table" }, { FRA_GOTO, "goto" },
	{ FRA_FWMARK, "mark" },       { FRA_FWMASK, "mask" }, { FRA_FLOW, "realms" },
};

static void set_suppress(json_t *to, const char *key, const struct nlattr *attr)
{
	if (mnl_attr_get_u32(attr) != UINT32_MAX)
		set_int(to, key, mnl_attr_get_u32(attr));
}

static void set_rule_attr(json_t *to, const struct nlattr *attr, const struct fib_rule_hdr *frh)
{
	const uint16_t type = mnl_attr_get_type(attr);
	const void *payload = mnl_attr_get_payload(attr);

	for (size_t i = 0; i < ARRAY_SIZE(rule_numbers); i++) {
		if (rule_numbers[i].type == type)
			set_int(to, rule_numbers[i].name, mnl_attr_get_u32(attr));
	}
	if (type == FRA_SRC)
		set_prefix(to, "from", frh->family, payload, frh->src_len);
	if (type == FRA_DST)
		set_prefix(to, "to", frh->family, payload, frh->dst_len);
	if (type == FRA_IIFNAME)
		set_text(to, "iif", mnl_attr_get_str(attr));
	if (type == FRA_OIFNAME)
		set_text(to, "oif", mnl_attr_get_str(attr));
	if (type == FRA_PROTOCOL)
		set_int(to, "protocol", mnl_attr_get_u8(attr));
	if (type == FRA_IP_PROTO)
		set_int(to, "ip_protocol", mnl_attr_get_u8(attr));
	if (type == FRA_SUPPRESS_PREFIXLEN)
		set_suppress(to, "suppress_prefixlength", attr);
	if (type == FRA_SUPPRESS_IFGROUP)
		set_suppress(to, "suppress_ifgroup", attr);
}

static json_t *rule_to_json(const struct nlmsghdr *request)
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(request);
	const char *action = rule_action_name(frh->action);
	const struct nlattr *attr;
	json_t *to = json_object();

	set_family(to, frh->family);
	set_text(to, "action", action ? action : "?");
	if (frh->flags & FIB_RULE_INVERT)
		(void)json_object_set_new(to, "not", json_true());
	if (frh->tos)
		set_int(to, "tos", frh->tos);
	nl_attr_each (attr, request, sizeof(*frh))
		set_rule_attr(to, attr, frh);
	return to;
}

/* --- all --- */

void show_state_json(const struct netstate *state, json_t *to)
{
	json_t *addresses = json_array(), *routes = json_array(), *rules = json_array();

	(void)json_object_set_new(to, "addresses", addresses);
	(void)json_object_set_new(to, "routes", routes);
	(void)json_object_set_new(to, "rules", rules);
	if (!state)
		return;
	for (size_t i = 0; i < state->addrs.n; i++)
		(void)json_array_append_new(addresses,
					    address_to_json(&state->addrs.addrs[i], &state->links));
	for (size_t i = 0; i < NETSTATE_ROUTES_MAX; i++) {
		/* IPv4 first, as people expect it. */
		const struct msg_list *list = &state->routes[NETSTATE_ROUTES_MAX - 1 - i];

		for (size_t j = 0; j < list->n; j++)
			(void)json_array_append_new(
				routes, route_to_json(msg_list_get(list, j), &state->links));
	}
	for (size_t i = 0; i < state->rules.n; i++)
		(void)json_array_append_new(rules, rule_to_json(msg_list_get(&state->rules, i)));
}

void show_state_print(const struct netstate *state)
{
	char text[STATE_TEXT_MAX];

	if (!state)
		return;
	for (size_t i = 0; i < state->addrs.n; i++) {
		addr_text(&state->addrs.addrs[i], &state->links, text);
		(void)printf("address  %s\n", text);
	}
	for (size_t i = 0; i < NETSTATE_ROUTES_MAX; i++) {
		const struct msg_list *list = &state->routes[NETSTATE_ROUTES_MAX - 1 - i];

		for (size_t j = 0; j < list->n; j++) {
			route_text(msg_list_get(list, j), &state->links, text);
			(void)printf("route    %s\n", text);
		}
	}
	for (size_t i = 0; i < state->rules.n; i++) {
		rule_text(msg_list_get(&state->rules, i), text);
		(void)printf("rule     %s\n", text);
	}
}
