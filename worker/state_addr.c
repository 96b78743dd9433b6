/*
 * Addresses, message by message. Pure but for the report.
 *
 * Of what an image may say there is a table; everything else is refused by name.
 */
#include "worker/state_addr.h"

#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "worker/image_raw.h"
#include "worker/raw_attr.h"
#include "worker/report.h"

#ifndef IFA_PROTO
#define IFA_PROTO 11 /* Linux 5.18 */
#endif

enum {
	ATTRS = 12
};

/* clang-format off */
static const struct raw_attr attrs[ATTRS] = {
	[IFA_ADDRESS]        = { "address", RAW_ADDRESS, 0, NULL },
	[IFA_LOCAL]          = { "local address", RAW_ADDRESS, 0, NULL },
	[IFA_LABEL]          = { "label", RAW_NAME, 0, NULL },
	[IFA_BROADCAST]      = { "broadcast address", RAW_ADDRESS, 0, NULL },
	[IFA_CACHEINFO]      = { "lifetime", RAW_BYTES, sizeof(struct ifa_cacheinfo), NULL },
	[IFA_FLAGS]          = { "flags", RAW_U32, 0, NULL },
	[IFA_RT_PRIORITY]    = { "metric", RAW_U32, 0, NULL },
	[IFA_TARGET_NETNSID] = { "nsid", RAW_REFUSED, 0, "it is of another namespace" },
	[IFA_PROTO]          = { "protocol", RAW_U8, 0, NULL },
};
/* clang-format on */
static const struct raw_table table = { attrs, ATTRS };

static void take_addresses(const struct nlattr *tb[], struct addr *ret)
{
	const size_t len = raw_address_len(ret->family);
	const struct nlattr *local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	const struct nlattr *peer = tb[IFA_ADDRESS] ? tb[IFA_ADDRESS] : tb[IFA_LOCAL];

	memcpy(ret->local, mnl_attr_get_payload(local), len);
	memcpy(ret->peer, mnl_attr_get_payload(peer), len);
	if (tb[IFA_BROADCAST] && ret->family == AF_INET)
		memcpy(ret->broadcast, mnl_attr_get_payload(tb[IFA_BROADCAST]), len);
}

static void take_others(const struct nlattr *tb[], struct addr *ret)
{
	struct ifa_cacheinfo cache;

	if (tb[IFA_LABEL])
		memcpy(ret->label, mnl_attr_get_payload(tb[IFA_LABEL]),
		       mnl_attr_get_payload_len(tb[IFA_LABEL]));
	if (tb[IFA_FLAGS])
		ret->flags = mnl_attr_get_u32(tb[IFA_FLAGS]);
	if (tb[IFA_RT_PRIORITY])
		ret->metric = mnl_attr_get_u32(tb[IFA_RT_PRIORITY]);
	if (tb[IFA_PROTO])
		ret->proto = mnl_attr_get_u8(tb[IFA_PROTO]);
	if (!tb[IFA_CACHEINFO])
		return;
	memcpy(&cache, mnl_attr_get_payload(tb[IFA_CACHEINFO]), sizeof(cache));
	ret->preferred = cache.ifa_prefered;
	ret->valid = cache.ifa_valid;
}

int addr_decode(const struct nlmsghdr *nlh, bool of_kernel, const struct raw_at *at,
		struct addr *ret)
{
	const struct nlattr *tb[ATTRS];
	struct ifaddrmsg ifa;
	const uint8_t *payload = mnl_nlmsg_get_payload(nlh);
	const size_t len = mnl_nlmsg_get_payload_len(nlh);

	if (nlh->nlmsg_type != RTM_NEWADDR)
		return raw_fail(at, "a message of type %u, where addresses are expected",
				nlh->nlmsg_type);
	if (len < sizeof(ifa))
		return raw_fail(at, "an address of %zu bytes", len);
	memcpy(&ifa, payload, sizeof(ifa));
	if (ifa.ifa_family != AF_INET && ifa.ifa_family != AF_INET6)
		return raw_fail(at, "an address of family %u, which is none of IPv4 and IPv6",
				ifa.ifa_family);
	if (ifa.ifa_prefixlen > 8 * raw_address_len(ifa.ifa_family))
		return raw_fail(at, "an address with a prefix of %u bits", ifa.ifa_prefixlen);
	if (raw_attrs(payload + NLMSG_ALIGN(sizeof(ifa)), len - NLMSG_ALIGN(sizeof(ifa)), &table,
		      ifa.ifa_family, of_kernel, at, tb))
		return EXIT_IMAGE;
	if (!tb[IFA_ADDRESS] && !tb[IFA_LOCAL])
		return raw_fail(at, "it has no address");
	if (tb[IFA_LABEL] && ifa.ifa_family != AF_INET)
		return raw_fail(at, "an IPv6 address with a label");
	*ret = (struct addr){
		.record = (uint32_t)at->record,
		.ifindex = ifa.ifa_index,
		.family = ifa.ifa_family,
		.prefixlen = ifa.ifa_prefixlen,
		.scope = ifa.ifa_scope,
		.flags = ifa.ifa_flags,
		.preferred = ADDR_FOREVER,
		.valid = ADDR_FOREVER,
	};
	take_addresses(tb, ret);
	take_others(tb, ret);
	if (ret->preferred > ret->valid)
		return raw_fail(at, "its preferred lifetime is longer than its valid one");
	return 0;
}

int addr_list_decode(const struct image_raw *raw, bool of_kernel, struct report *report,
		     struct addr_list *ret)
{
	struct raw_at at = { .raw = raw, .report = report };
	const struct nlmsghdr *nlh;

	*ret = (struct addr_list){ 0 };
	if (!of_kernel && raw->n > ADDR_LIST_MAX)
		return report_fail(report, EXIT_IMAGE, "%s: more than %d records", raw->name,
				   ADDR_LIST_MAX);
	ret->addrs = calloc(raw->n + 1, sizeof(*ret->addrs));
	if (!ret->addrs)
		return report_fail(report, EXIT_OS_, "no memory for %zu addresses", raw->n);
	while ((nlh = image_raw_next(&at))) {
		int status = addr_decode(nlh, of_kernel, &at, &ret->addrs[ret->n]);

		/* Of other families there may be some in the kernel. */
		if (!status)
			ret->n++;
		else if (!of_kernel)
			return status;
	}
	return 0;
}

void addr_list_fini(struct addr_list *list)
{
	free(list->addrs);
	*list = (struct addr_list){ 0 };
}

struct nlmsghdr *addr_encode(const struct addr *addr, uint16_t type, uint32_t flags, void *buf)
{
	static const uint8_t none[4];
	const size_t len = raw_address_len(addr->family);
	const struct ifa_cacheinfo cache = { .ifa_prefered = addr->preferred,
					     .ifa_valid = addr->valid };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	nlh->nlmsg_type = type;
	ifa->ifa_family = addr->family;
	ifa->ifa_prefixlen = addr->prefixlen;
	ifa->ifa_scope = addr->scope;
	ifa->ifa_index = addr->ifindex;
	ifa->ifa_flags = (uint8_t)flags;
	mnl_attr_put(nlh, IFA_ADDRESS, len, addr->peer);
	mnl_attr_put(nlh, IFA_LOCAL, len, addr->local);
	if (addr->label[0])
		mnl_attr_put_strz(nlh, IFA_LABEL, addr->label);
	/* To RTM_DELADDR only the above says which one is meant. */
	if (type == RTM_DELADDR)
		return nlh;
	if (memcmp(addr->broadcast, none, sizeof(none)) != 0)
		mnl_attr_put(nlh, IFA_BROADCAST, len, addr->broadcast);
	mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(cache), &cache);
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	if (addr->metric)
		mnl_attr_put_u32(nlh, IFA_RT_PRIORITY, addr->metric);
	if (addr->proto)
		mnl_attr_put_u8(nlh, IFA_PROTO, addr->proto);
	return nlh;
}

bool addr_has_passed(const struct addr *addr)
{
	return addr->family == AF_INET ||
	       !(addr->flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC | IFA_F_DADFAILED));
}

/* find_matching_ifa() and __inet_insert_ifa() in net/ipv4/devinet.c look at the prefix and the
 * peer, too; ipv6_get_ifaddr() in net/ipv6/addrconf.c at the address alone. */
int addr_compare(const void *a, const void *b)
{
	const struct addr *l = a, *r = b;
	int order;

	if (l->ifindex != r->ifindex)
		return l->ifindex > r->ifindex ? 1 : -1;
	if (l->family != r->family)
		return l->family > r->family ? 1 : -1;
	order = memcmp(l->local, r->local, sizeof(l->local));
	if (order || l->family != AF_INET)
		return order;
	if (l->prefixlen != r->prefixlen)
		return l->prefixlen > r->prefixlen ? 1 : -1;
	return memcmp(l->peer, r->peer, sizeof(l->peer));
}

void addr_list_sort(struct addr_list *list)
{
	qsort(list->addrs, list->n, sizeof(*list->addrs), addr_compare);
}

const struct addr *addr_find(const struct addr_list *sorted, const struct addr *addr)
{
	return bsearch(addr, sorted->addrs, sorted->n, sizeof(*addr), addr_compare);
}

bool addr_is_as(const struct addr *is, const struct addr *wanted)
{
	const uint32_t flags = wanted->family == AF_INET ? ADDR_FLAGS4 : ADDR_FLAGS6;

	return is->prefixlen == wanted->prefixlen && is->scope == wanted->scope &&
	       ((is->flags ^ wanted->flags) & flags) == 0 &&
	       memcmp(is->peer, wanted->peer, sizeof(is->peer)) == 0 &&
	       memcmp(is->broadcast, wanted->broadcast, sizeof(is->broadcast)) == 0 &&
	       (strcmp(is->label, wanted->label) == 0 || !*wanted->label) &&
	       is->metric == wanted->metric && (is->proto == wanted->proto || !is->proto) &&
	       (is->valid == ADDR_FOREVER) == (wanted->valid == ADDR_FOREVER) &&
	       (is->preferred == ADDR_FOREVER) == (wanted->preferred == ADDR_FOREVER) &&
	       (addr_has_passed(is) || !addr_has_passed(wanted));
}
