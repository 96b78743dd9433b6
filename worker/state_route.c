/*
 * Routes, message by message. Pure but for the report.
 *
 * A route has many attributes, and there may be very many routes. So each becomes the request that
 * makes it, put together from what the table allows, in one order and without what the kernel
 * says of itself: then two routes are the same if their bytes are.
 */
#include "worker/state_route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "worker/image_raw.h"
#include "worker/msg_list.h"
#include "worker/raw_attr.h"
#include "worker/report.h"

enum {
	ATTRS = RTA_NH_ID + 1,
	/* What a request may be longer than the message that it comes from: table, priority,
	 * expiry, and padding. */
	MORE = 64,
	METRIC6 = 1024, /* IP6_RT_PRIO_USER: what none, or 0, becomes */
	TICKS = 100,    /* a second, of USER_HZ */
};

static const char no_tunnels[] = "this version makes no lightweight tunnels";
static const char no_mpls[] = "it is for MPLS";

/* clang-format off */
static const struct raw_attr attrs[ATTRS] = {
	[RTA_DST]           = { "destination", RAW_ADDRESS, 0, NULL },
	[RTA_SRC]           = { "source", RAW_ADDRESS, 0, NULL },
	[RTA_IIF]           = { "incoming link", RAW_U32, 0, NULL },
	[RTA_OIF]           = { "link", RAW_U32, 0, NULL },
	[RTA_GATEWAY]       = { "gateway", RAW_ADDRESS, 0, NULL },
	[RTA_PRIORITY]      = { "metric", RAW_U32, 0, NULL },
	[RTA_PREFSRC]       = { "preferred source", RAW_ADDRESS, 0, NULL },
	[RTA_METRICS]       = { "metrics", RAW_NEST, 0, NULL },
	[RTA_MULTIPATH]     = { "nexthops", RAW_NEST, 0, NULL },
	[RTA_FLOW]          = { "realms", RAW_U32, 0, NULL },
	[RTA_CACHEINFO]     = { "cache", RAW_BYTES, sizeof(struct rta_cacheinfo), NULL },
	[RTA_TABLE]         = { "table", RAW_U32, 0, NULL },
	[RTA_MARK]          = { "mark", RAW_U32, 0, NULL },
	[RTA_MFC_STATS]     = { "counters of multicast", RAW_REFUSED, 0, "it is a routing daemon's" },
	[RTA_VIA]           = { "gateway", RAW_BYTES, 2, NULL },
	[RTA_NEWDST]        = { "new destination", RAW_REFUSED, 0, no_mpls },
	[RTA_PREF]          = { "preference", RAW_U8, 0, NULL },
	[RTA_ENCAP_TYPE]    = { "encapsulation", RAW_REFUSED, 0, no_tunnels },
	[RTA_ENCAP]         = { "encapsulation", RAW_REFUSED, 0, no_tunnels },
	[RTA_EXPIRES]       = { "expiry", RAW_U32, 0, NULL },
	[RTA_PAD]           = { "padding", RAW_IGNORED, 0, NULL },
	[RTA_UID]           = { "uid", RAW_IGNORED, 0, NULL },
	[RTA_TTL_PROPAGATE] = { "TTL propagation", RAW_REFUSED, 0, no_mpls },
	[RTA_NH_ID]         = { "nexthop object", RAW_U32, 0, NULL },
};
/* clang-format on */
static const struct raw_table table = { attrs, ATTRS };

static uint32_t u32_of(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u32(attr) : 0;
}

/* --- what it says --- */

static int check_prefix(const struct nlattr *attr, uint8_t bits, uint8_t family, const char *what,
			const struct raw_at *at)
{
	const size_t len = raw_address_len(family);
	const uint8_t *address = attr ? mnl_attr_get_payload(attr) : NULL;

	if (bits > 8 * len)
		return raw_fail(at, "its %s has a prefix of %u bits", what, bits);
	if (bits > 0 && !address)
		return raw_fail(at, "its %s has a prefix and no address", what);
	for (size_t bit = bits; address && family == AF_INET && bit < 8 * len; bit++) {
		if (address[bit / 8] & (0x80 >> bit % 8))
			return raw_fail(at, "its %s has bits beyond its prefix of %u", what, bits);
	}
	return 0;
}

static int check_link(const struct nlattr *attr, const struct route_source *source,
		      const struct raw_at *at)
{
	if (attr && source->knows && !source->knows(mnl_attr_get_u32(attr), source->data))
		return raw_fail(at, "it is on link %u, which is not in the images",
				mnl_attr_get_u32(attr));
	return 0;
}

static int check_route(const struct rtmsg *rtm, const struct nlattr *tb[],
		       const struct route_source *source, const struct raw_at *at)
{
	if (rtm->rtm_type == RTN_UNSPEC || rtm->rtm_type > RTN_MAX)
		return raw_fail(at, "a route of type %u, which is none", rtm->rtm_type);
	if (check_prefix(tb[RTA_DST], rtm->rtm_dst_len, rtm->rtm_family, "destination", at) ||
	    check_prefix(tb[RTA_SRC], rtm->rtm_src_len, rtm->rtm_family, "source", at) ||
	    check_link(tb[RTA_OIF], source, at) || check_link(tb[RTA_IIF], source, at))
		return EXIT_IMAGE;
	if (tb[RTA_VIA] && route_check_via(tb[RTA_VIA], at))
		return EXIT_IMAGE;
	if (tb[RTA_MULTIPATH] && (tb[RTA_GATEWAY] || tb[RTA_VIA] || tb[RTA_OIF]))
		return raw_fail(at, "it has both nexthops and a link or gateway of its own");
	return 0;
}

/* Images have no nexthop objects, but routes that say their ids and where these lead: such a one is
 * an ordinary route. One of the target goes by the object and by nothing else, as the kernel wants
 * it said. */
static int settle_nexthop(const struct rtmsg *rtm, const struct nlattr *tb[],
			  const struct route_source *source, const struct raw_at *at)
{
	if (!tb[RTA_NH_ID])
		return 0;
	if (source->of_kernel) {
		tb[RTA_OIF] = tb[RTA_GATEWAY] = tb[RTA_VIA] = tb[RTA_MULTIPATH] = NULL;
		return 0;
	}
	if (rtm->rtm_type != RTN_BLACKHOLE && !tb[RTA_OIF] && !tb[RTA_GATEWAY] && !tb[RTA_VIA] &&
	    !tb[RTA_MULTIPATH])
		return raw_fail(at,
				"it goes by nexthop object %u, and nexthop objects are not in the "
				"images, nor is where it leads",
				mnl_attr_get_u32(tb[RTA_NH_ID]));
	/* The object's lo: no IPv4 route that leads nowhere may name a link (fib_create_info()). */
	if (rtm->rtm_type == RTN_BLACKHOLE && rtm->rtm_family == AF_INET)
		tb[RTA_OIF] = NULL;
	tb[RTA_NH_ID] = NULL;
	return 0;
}

/* Seconds to live of an IPv6 route, 0: for ever. */
static int64_t expiry_of(const struct rtmsg *rtm, const struct nlattr *tb[])
{
	struct rta_cacheinfo cache;

	if (rtm->rtm_family != AF_INET6)
		return 0;
	if (tb[RTA_EXPIRES])
		return mnl_attr_get_u32(tb[RTA_EXPIRES]);
	if (!tb[RTA_CACHEINFO])
		return 0;
	memcpy(&cache, mnl_attr_get_payload(tb[RTA_CACHEINFO]), sizeof(cache));
	if (cache.rta_expires < 0)
		return -1;
	return (cache.rta_expires + (int64_t)TICKS - 1) / TICKS;
}

static uint32_t order_of(const struct rtmsg *rtm, const struct nlattr *tb[])
{
	if (rtm->rtm_family == AF_INET)
		return (uint32_t)RT_SCOPE_NOWHERE - rtm->rtm_scope;
	return tb[RTA_GATEWAY] || tb[RTA_VIA] ||
	       (tb[RTA_MULTIPATH] && route_has_gateway(tb[RTA_MULTIPATH]));
}

/* --- the request --- */

static int put_attr(struct nlmsghdr *nlh, const struct rtmsg *rtm, const struct nlattr *attr,
		    const struct route_source *source, const struct raw_at *at)
{
	const uint16_t type = mnl_attr_get_type(attr);

	switch (type) {
	/* Of the default route the kernel tells none. */
	case RTA_DST:
		if (rtm->rtm_dst_len == 0)
			return 0;
		break;
	case RTA_SRC:
		if (rtm->rtm_src_len == 0)
			return 0;
		break;
	case RTA_METRICS:
		return route_put_metrics(nlh, attr, at);
	case RTA_MULTIPATH:
		return route_put_nexthops(nlh, attr, rtm->rtm_family, source, at);
	/* Said in one way each: see put_route(). */
	case RTA_PRIORITY:
	case RTA_TABLE:
	case RTA_CACHEINFO:
	case RTA_EXPIRES:
	case RTA_PAD:
	case RTA_UID:
		return 0;
	case RTA_PREF:
		if (mnl_attr_get_u8(attr) == 0)
			return 0;
		break;
	default:
		break;
	}
	mnl_attr_put(nlh, type, mnl_attr_get_payload_len(attr), mnl_attr_get_payload(attr));
	return 0;
}

static int put_route(struct nlmsghdr *nlh, const struct rtmsg *from, const struct nlattr *tb[],
		     const struct route_source *source, const struct raw_at *at, size_t *ret_same)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	uint32_t metric = u32_of(tb[RTA_PRIORITY]);
	const int64_t expiry = expiry_of(from, tb);

	*rtm = *from;
	rtm->rtm_table = RT_TABLE_UNSPEC;
	/* By an object, the flag is the object's. */
	rtm->rtm_flags &= tb[RTA_NH_ID] ? 0 : (unsigned int)RTNH_F_ONLINK;
	mnl_attr_put_u32(nlh, RTA_TABLE, tb[RTA_TABLE] ? u32_of(tb[RTA_TABLE]) : from->rtm_table);
	if (!tb[RTA_PRIORITY] && from->rtm_family == AF_INET6)
		metric = METRIC6;
	if (metric || from->rtm_family == AF_INET6)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, metric);
	for (size_t i = 0; i < ATTRS; i++) {
		if (tb[i] && put_attr(nlh, rtm, tb[i], source, at))
			return EXIT_IMAGE;
	}
	/* The last one, as it changes from dump to dump. */
	*ret_same = nlh->nlmsg_len - sizeof(*nlh);
	if (expiry > 0)
		mnl_attr_put_u32(nlh, RTA_EXPIRES,
				 expiry < UINT32_MAX ? (uint32_t)expiry : UINT32_MAX);
	return 0;
}

int route_decode(const struct nlmsghdr *nlh, const struct route_source *source,
		 const struct raw_at *at, struct msg_list *list)
{
	const uint8_t *payload = mnl_nlmsg_get_payload(nlh);
	const size_t len = mnl_nlmsg_get_payload_len(nlh);
	struct msg_item item = { .record = source->of_kernel ? 0 : (uint32_t)at->record };
	const struct nlattr *tb[ATTRS];
	struct rtmsg rtm;
	void *room;

	if (nlh->nlmsg_type != RTM_NEWROUTE)
		return raw_fail(at, "a message of type %u, where routes are expected",
				nlh->nlmsg_type);
	if (len < sizeof(rtm))
		return raw_fail(at, "a route of %zu bytes", len);
	memcpy(&rtm, payload, sizeof(rtm));
	if (rtm.rtm_family != AF_INET && rtm.rtm_family != AF_INET6)
		return raw_fail(at, "a route of family %u, which is none of IPv4 and IPv6",
				rtm.rtm_family);
	if (raw_attrs(payload + sizeof(rtm), len - sizeof(rtm), &table, rtm.rtm_family,
		      source->of_kernel, at, tb) ||
	    check_route(&rtm, tb, source, at) || settle_nexthop(&rtm, tb, source, at))
		return EXIT_IMAGE;
	if (rtm.rtm_flags & RTM_F_CLONED || expiry_of(&rtm, tb) < 0)
		return 0;
	room = msg_list_room(list, nlh->nlmsg_len + MORE);
	if (!room)
		return EXIT_OS_;
	if (put_route(mnl_nlmsg_put_header(room), &rtm, tb, source, at, &item.same))
		return EXIT_IMAGE;
	item.order = order_of(&rtm, tb);
	return msg_list_add(list, &item) < 0 ? EXIT_OS_ : 0;
}

int route_list_decode(const struct image_raw *raw, const struct route_source *source,
		      struct report *report, struct msg_list *list)
{
	struct raw_at at = { .raw = raw, .report = report };
	const struct nlmsghdr *nlh;

	while ((nlh = image_raw_next(&at))) {
		const bool foreign = source->of_kernel && route_is_encapsulated(nlh);
		int status = 0;

		if (!foreign)
			status = route_decode(nlh, source, &at, list);
		else if (source->foreign)
			status = route_decode(nlh, source, &at, source->foreign);

		if (status == EXIT_OS_)
			return report ? report_fail(report, EXIT_OS_, "no memory for the routes")
				      : EXIT_OS_;
		/* Of other families there may be some in the kernel. */
		if (status && !source->of_kernel)
			return status;
	}
	return 0;
}

bool route_is_automatic(const struct nlmsghdr *request)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(request);
	const struct nlattr *attr;

	if (rtm->rtm_family != AF_INET6)
		return false;
	nl_attr_each (attr, request, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_PRIORITY && mnl_attr_get_u32(attr) == 0)
			return true;
	}
	return rtm->rtm_type == RTN_ANYCAST && rtm->rtm_protocol == RTPROT_KERNEL;
}
