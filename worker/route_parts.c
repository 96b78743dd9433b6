/*
 * What is nested in a route: metrics, and the nexthops of a multipath route. Pure but for the
 * report.
 */
#include <libmnl/libmnl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/exit.h"
#include "common/nl.h"
#include "worker/image_raw.h"
#include "worker/raw_attr.h"
#include "worker/state_route.h"

enum {
	NEST_MAX = 60000
}; /* bytes: encoded anew, with padding, it must still have a length of 16 bits */

/* clang-format off */
static const struct raw_attr metric_attrs[] = {
	[RTAX_LOCK]               = { "metric lock", RAW_U32, 0, NULL },
	[RTAX_MTU]                = { "metric mtu", RAW_U32, 0, NULL },
	[RTAX_WINDOW]             = { "metric window", RAW_U32, 0, NULL },
	[RTAX_RTT]                = { "metric rtt", RAW_U32, 0, NULL },
	[RTAX_RTTVAR]             = { "metric rttvar", RAW_U32, 0, NULL },
	[RTAX_SSTHRESH]           = { "metric ssthresh", RAW_U32, 0, NULL },
	[RTAX_CWND]               = { "metric cwnd", RAW_U32, 0, NULL },
	[RTAX_ADVMSS]             = { "metric advmss", RAW_U32, 0, NULL },
	[RTAX_REORDERING]         = { "metric reordering", RAW_U32, 0, NULL },
	[RTAX_HOPLIMIT]           = { "metric hoplimit", RAW_U32, 0, NULL },
	[RTAX_INITCWND]           = { "metric initcwnd", RAW_U32, 0, NULL },
	[RTAX_FEATURES]           = { "metric features", RAW_U32, 0, NULL },
	[RTAX_RTO_MIN]            = { "metric rto_min", RAW_U32, 0, NULL },
	[RTAX_INITRWND]           = { "metric initrwnd", RAW_U32, 0, NULL },
	[RTAX_QUICKACK]           = { "metric quickack", RAW_U32, 0, NULL },
	[RTAX_CC_ALGO]            = { "metric congctl", RAW_NAME, 0, NULL },
	[RTAX_FASTOPEN_NO_COOKIE] = { "metric fastopen_no_cookie", RAW_U32, 0, NULL },
};
/* clang-format on */
static const struct raw_table metric_table = { metric_attrs, ARRAY_SIZE(metric_attrs) };

/* clang-format off */
static const struct raw_attr nexthop_attrs[] = {
	[RTA_GATEWAY]    = { "gateway of a nexthop", RAW_ADDRESS, 0, NULL },
	[RTA_VIA]        = { "gateway of a nexthop", RAW_BYTES, 2, NULL },
	[RTA_FLOW]       = { "realms of a nexthop", RAW_U32, 0, NULL },
	[RTA_PREF]       = { "preference of a nexthop", RAW_U8, 0, NULL },
	[RTA_ENCAP_TYPE] = { "encapsulation at a nexthop", RAW_REFUSED, 0,
			     "this version makes no lightweight tunnels" },
	[RTA_ENCAP]      = { "encapsulation at a nexthop", RAW_REFUSED, 0,
			     "this version makes no lightweight tunnels" },
};
/* clang-format on */
static const struct raw_table nexthop_table = { nexthop_attrs, ARRAY_SIZE(nexthop_attrs) };

static void put_copy(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	mnl_attr_put(nlh, mnl_attr_get_type(attr), mnl_attr_get_payload_len(attr),
		     mnl_attr_get_payload(attr));
}

int route_put_metrics(struct nlmsghdr *nlh, const struct nlattr *metrics, const struct raw_at *at)
{
	const struct nlattr *tb[ARRAY_SIZE(metric_attrs)];
	struct nlattr *nest;

	if (mnl_attr_get_payload_len(metrics) > NEST_MAX)
		return raw_fail(at, "its metrics have %u bytes", mnl_attr_get_payload_len(metrics));
	/* Metrics that this version does not know must not get lost, so none is of_kernel. */
	if (raw_attrs(mnl_attr_get_payload(metrics), mnl_attr_get_payload_len(metrics),
		      &metric_table, AF_UNSPEC, /* of_kernel= */ false, at, tb))
		return EXIT_IMAGE;
	nest = mnl_nlmsg_get_payload_tail(nlh);
	mnl_attr_put(nlh, RTA_METRICS, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(tb); i++) {
		if (tb[i])
			put_copy(nlh, tb[i]);
	}
	mnl_attr_nest_end(nlh, nest);
	return 0;
}

/* struct rtvia: a family and an address of it. A gateway of another family than the route's. */
int route_check_via(const struct nlattr *via, const struct raw_at *at)
{
	const size_t len = mnl_attr_get_payload_len(via);
	uint16_t family;

	memcpy(&family, mnl_attr_get_payload(via), sizeof(family));
	if ((family != AF_INET && family != AF_INET6) ||
	    len != sizeof(family) + raw_address_len((uint8_t)family))
		return raw_fail(at, "its gateway of family %u has %zu bytes", family,
				len - sizeof(family));
	return 0;
}

static int put_nexthop(struct nlmsghdr *nlh, const struct rtnexthop *from, uint8_t family,
		       const struct route_source *source, const struct raw_at *at)
{
	const struct nlattr *tb[ARRAY_SIZE(nexthop_attrs)];
	const uint8_t *first = (const uint8_t *)from + sizeof(*from);
	struct rtnexthop *to = mnl_nlmsg_get_payload_tail(nlh);

	if (raw_attrs(first, from->rtnh_len - sizeof(*from), &nexthop_table, family,
		      source->of_kernel, at, tb))
		return EXIT_IMAGE;
	if (tb[RTA_VIA] && route_check_via(tb[RTA_VIA], at))
		return EXIT_IMAGE;
	if (from->rtnh_ifindex && source->knows &&
	    !source->knows((uint32_t)from->rtnh_ifindex, source->data))
		return raw_fail(at, "a nexthop is on link %d, which is not in the images",
				from->rtnh_ifindex);
	*to = (struct rtnexthop){ .rtnh_flags = from->rtnh_flags & RTNH_F_ONLINK,
				  .rtnh_hops = from->rtnh_hops,
				  .rtnh_ifindex = from->rtnh_ifindex };
	nlh->nlmsg_len += (uint32_t)sizeof(*to);
	for (size_t i = 0; i < ARRAY_SIZE(tb); i++) {
		if (tb[i] && (i != RTA_PREF || mnl_attr_get_u8(tb[i])))
			put_copy(nlh, tb[i]);
	}
	to->rtnh_len = (uint16_t)((uint8_t *)mnl_nlmsg_get_payload_tail(nlh) - (uint8_t *)to);
	return 0;
}

int route_put_nexthops(struct nlmsghdr *nlh, const struct nlattr *multipath, uint8_t family,
		       const struct route_source *source, const struct raw_at *at)
{
	const uint8_t *next = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);
	struct nlattr *nest = mnl_nlmsg_get_payload_tail(nlh);

	if (left == 0 || left > NEST_MAX)
		return raw_fail(at, "its list of nexthops has %zu bytes", left);
	mnl_attr_put(nlh, RTA_MULTIPATH, 0, NULL);
	while (left > 0) {
		const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)next;
		size_t step;

		if (left < sizeof(*hop) || hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			return raw_fail(at,
					"its nexthops do not fill their list: %zu bytes are left",
					left);
		if (put_nexthop(nlh, hop, family, source, at))
			return EXIT_IMAGE;
		step = NLMSG_ALIGN((size_t)hop->rtnh_len);
		step = step < left ? step : left;
		next += step;
		left -= step;
	}
	mnl_attr_nest_end(nlh, nest);
	return 0;
}

static bool has_encap(const struct nlattr *attr, const uint8_t *end)
{
	while (mnl_attr_ok(attr, (int)(end - (const uint8_t *)attr))) {
		if (mnl_attr_get_type(attr) == RTA_ENCAP)
			return true;
		attr = mnl_attr_next(attr);
	}
	return false;
}

bool route_is_encapsulated(const struct nlmsghdr *nlh)
{
	const uint8_t *next = NULL;
	const struct nlattr *attr;
	size_t left = 0;

	nl_attr_each (attr, nlh, sizeof(struct rtmsg)) {
		if (mnl_attr_get_type(attr) == RTA_ENCAP)
			return true;
		if (mnl_attr_get_type(attr) != RTA_MULTIPATH)
			continue;
		next = mnl_attr_get_payload(attr);
		left = mnl_attr_get_payload_len(attr);
	}
	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)next;
		const size_t step = NLMSG_ALIGN((size_t)hop->rtnh_len);

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			break;
		if (has_encap((const struct nlattr *)(const void *)(next + sizeof(*hop)),
			      next + hop->rtnh_len))
			return true;
		if (step > left)
			break;
		next += step;
		left -= step;
	}
	return false;
}

/* Of one that route_put_nexthops() took. */
bool route_has_gateway(const struct nlattr *multipath)
{
	const uint8_t *next = mnl_attr_get_payload(multipath);
	size_t left = mnl_attr_get_payload_len(multipath);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const struct rtnexthop *)(const void *)next;
		const size_t step = NLMSG_ALIGN((size_t)hop->rtnh_len);

		if (hop->rtnh_len > sizeof(*hop))
			return true;
		if (step == 0 || step > left)
			break;
		next += step;
		left -= step;
	}
	return false;
}
