/*
 * IPv6 routes that were several and will be one. The kernel makes routes to the same destination with
 * the same metric the nexthops of one route, but for those that it has from router advertisements
 * (rt6_qualify_for_ecmp() in include/net/ip6_route.h); before Linux 4.11 it told each by itself. From
 * anybody else it takes them as one, so they are asked for as one.
 *
 * Pure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "worker/msg_list.h"
#include "worker/state_route.h"

enum {
	HOPS_MAX = 256,
	HOP_SIZE = sizeof(struct rtnexthop) + NLMSG_ALIGN(sizeof(struct nlattr) + 16),
};

/* A route by one gateway. */
struct single {
	struct {
		uint32_t table, metric;
		uint8_t dst[16], src[16];
		uint32_t dst_len, src_len;
	} key; /* without padding, as it is compared as bytes */
	struct {
		uint32_t link;
		uint8_t gateway[16];
	} hop;
	size_t i; /* its number in the list */
};

static void read_address(const struct nlattr *attr, uint8_t ret[16])
{
	if (mnl_attr_get_payload_len(attr) == 16)
		memcpy(ret, mnl_attr_get_payload(attr), 16);
}

/* Whether message @i of @list is such a route. */
static bool read_single(const struct msg_list *list, size_t i, struct single *ret)
{
	const struct nlmsghdr *nlh = msg_list_get(list, i);
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool gateway = false;

	memset(ret, 0, sizeof(*ret));
	ret->i = i;
	ret->key.dst_len = rtm->rtm_dst_len;
	ret->key.src_len = rtm->rtm_src_len;
	nl_attr_each (attr, nlh, sizeof(*rtm)) {
		const uint16_t type = mnl_attr_get_type(attr);

		if (type == RTA_TABLE)
			ret->key.table = mnl_attr_get_u32(attr);
		else if (type == RTA_PRIORITY)
			ret->key.metric = mnl_attr_get_u32(attr);
		else if (type == RTA_DST)
			read_address(attr, ret->key.dst);
		else if (type == RTA_SRC)
			read_address(attr, ret->key.src);
		else if (type == RTA_OIF)
			ret->hop.link = mnl_attr_get_u32(attr);
		else if (type == RTA_GATEWAY)
			read_address(attr, ret->hop.gateway);
		gateway = gateway || type == RTA_GATEWAY;
	}
	return rtm->rtm_family == AF_INET6 && rtm->rtm_type == RTN_UNICAST && gateway &&
	       ret->hop.link != 0;
}

static int by_key(const void *a, const void *b)
{
	const struct single *l = a, *r = b;
	int order = memcmp(&l->key, &r->key, sizeof(l->key));

	return order ? order : (l->i > r->i) - (l->i < r->i);
}

/* Drop those that lead where another one leads. Returns how many are left. */
static size_t drop_same(struct single *group, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_new = true;

		for (size_t j = 0; is_new && j < kept; j++)
			is_new = memcmp(&group[j].hop, &group[i].hop, sizeof(group[j].hop)) != 0;
		if (is_new)
			group[kept++] = group[i];
	}
	return kept;
}

static void put_hops(struct nlmsghdr *nlh, const struct msg_list *list, const struct single *group,
		     size_t n)
{
	struct nlattr *nest = mnl_nlmsg_get_payload_tail(nlh);

	mnl_attr_put(nlh, RTA_MULTIPATH, 0, NULL);
	for (size_t i = 0; i < n; i++) {
		const struct rtmsg *rtm = mnl_nlmsg_get_payload(msg_list_get(list, group[i].i));
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(nlh);

		*hop = (struct rtnexthop){ .rtnh_len = HOP_SIZE,
					   .rtnh_flags = rtm->rtm_flags & RTNH_F_ONLINK,
					   .rtnh_ifindex = (int)group[i].hop.link };
		nlh->nlmsg_len += (uint32_t)sizeof(*hop);
		mnl_attr_put(nlh, RTA_GATEWAY, sizeof(group[i].hop.gateway), group[i].hop.gateway);
	}
	mnl_attr_nest_end(nlh, nest);
}

/* The first of @group with the nexthops of all, in the order in which put_route() has it. */
static int add_merged(const struct msg_list *list, const struct single *group, size_t n,
		      struct msg_list *ret)
{
	const struct nlmsghdr *from = msg_list_get(list, group->i);
	struct msg_item item = list->items[group->i];
	struct nlmsghdr *nlh = msg_list_room(ret, from->nlmsg_len + sizeof(*from) + n * HOP_SIZE);
	bool put = false;
	const struct nlattr *attr;
	struct rtmsg *rtm;

	if (!nlh)
		return -ENOMEM;
	nlh = mnl_nlmsg_put_header(nlh);
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	memcpy(rtm, mnl_nlmsg_get_payload(from), sizeof(*rtm));
	rtm->rtm_flags = 0;
	item.same = 0;
	nl_attr_each (attr, from, sizeof(*rtm)) {
		const uint16_t type = mnl_attr_get_type(attr);

		if (type == RTA_OIF || type == RTA_GATEWAY)
			continue;
		if (!put && type > RTA_MULTIPATH && type != RTA_TABLE) {
			put_hops(nlh, list, group, n);
			put = true;
		}
		if (type == RTA_EXPIRES)
			item.same = nlh->nlmsg_len - sizeof(*nlh);
		mnl_attr_put(nlh, type, mnl_attr_get_payload_len(attr), mnl_attr_get_payload(attr));
	}
	if (!put)
		put_hops(nlh, list, group, n);
	if (item.same == 0)
		item.same = nlh->nlmsg_len - sizeof(*nlh);
	return msg_list_add(ret, &item);
}

/* @heads: by number in @list, where the group begins that the message is first of; @sizes: of how many
 * it is made, 0 where it is in another's. */
static int rebuild(struct msg_list *list, const struct single *singles, const size_t *heads,
		   const size_t *sizes)
{
	struct msg_list made = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		if (sizes[i] == 1)
			r = msg_list_copy(&made, list, i);
		else if (sizes[i] > 1)
			r = add_merged(list, &singles[heads[i]], sizes[i], &made);
	}
	if (r < 0) {
		msg_list_fini(&made);
		return r;
	}
	msg_list_fini(list);
	*list = made;
	return 0;
}

int route_merge(struct msg_list *list, size_t *ret_merged)
{
	_cleanup_free_ struct single *singles = calloc(list->n + 1, sizeof(*singles));
	_cleanup_free_ size_t *heads = calloc(list->n + 1, sizeof(*heads));
	_cleanup_free_ size_t *sizes = calloc(list->n + 1, sizeof(*sizes));
	size_t n = 0, end;

	*ret_merged = 0;
	if (!singles || !heads || !sizes)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		sizes[i] = 1;
		n += read_single(list, i, &singles[n]);
	}
	qsort(singles, n, sizeof(*singles), by_key);
	for (size_t at = 0; at < n; at = end) {
		for (end = at + 1;
		     end < n && end - at < HOPS_MAX &&
		     memcmp(&singles[at].key, &singles[end].key, sizeof(singles[at].key)) == 0;
		     end++)
			sizes[singles[end].i] = 0;
		heads[singles[at].i] = at;
		sizes[singles[at].i] = drop_same(&singles[at], end - at);
		*ret_merged += sizes[singles[at].i] - 1;
	}
	return n > 0 && *ret_merged > 0 ? rebuild(list, singles, heads, sizes) : 0;
}
