/*
 * Routes: what is read, what is refused, in which order they are made, and which are the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/nl.h"
#include "tests/lib/test.h"
#include "tests/unit/state/rawfile.h"
#include "worker/msg_list.h"
#include "worker/state_route.h"

static bool knows(uint32_t ifindex, const void *data)
{
	(void)data;
	return ifindex == 42;
}

static int decode_into(const struct image_raw *raw, struct report *report, struct msg_list *list)
{
	const struct route_source source = { .knows = knows };

	return route_list_decode(raw, &source, report, list);
}

static int decode(const struct image_raw *raw, struct report *report)
{
	struct msg_list list = { 0 };
	int status = decode_into(raw, report, &list);

	msg_list_fini(&list);
	return status;
}

static const uint8_t net4[4] = { 10, 1 }, gw4[4] = { 10, 2, 0, 1 };
static const uint8_t net6[16] = { 0x20, 1, 0xd, 0xb8 }, gw6[16] = { 0xfe, 0x80, [15] = 1 };

static void add(struct rawfile *f, uint8_t family, uint8_t scope)
{
	const struct rtmsg rtm = { .rtm_family = family,
				   .rtm_dst_len = 16,
				   .rtm_table = RT_TABLE_MAIN,
				   .rtm_protocol = RTPROT_BOOT,
				   .rtm_scope = scope,
				   .rtm_type = RTN_UNICAST };

	rawfile_begin(f, RTM_NEWROUTE, &rtm, sizeof(rtm));
	if (family == AF_INET)
		rawfile_attr(f, RTA_DST, net4, 4);
	else
		rawfile_attr(f, RTA_DST, net6, 16);
}

static void begin(struct rawfile *f, uint8_t family)
{
	*f = (struct rawfile){ 0 };
	add(f, family, RT_SCOPE_UNIVERSE);
}

static void put_metrics(struct rawfile *f)
{
	struct {
		struct nlattr mtu;
		uint32_t mtu_value;
		struct nlattr cc;
		char cc_value[8];
	} nest = { { 8, RTAX_MTU }, 1300, { 4 + 6, RTAX_CC_ALGO }, "cubic" };

	rawfile_attr(f, RTA_METRICS, &nest, sizeof(nest));
}

static void put_hops(struct rawfile *f, int ifindex, uint8_t flags)
{
	struct {
		struct rtnexthop hop;
		struct nlattr gw;
		uint8_t gw_value[4];
		struct rtnexthop second;
	} nest = {
		{ 16, flags, 2, ifindex }, { 8, RTA_GATEWAY }, { 10, 2, 0, 1 }, { 8, 0, 0, 42 }
	};

	rawfile_attr(f, RTA_MULTIPATH, &nest, sizeof(nest));
}

static void full4(struct rawfile *f)
{
	begin(f, AF_INET);
	rawfile_u32(f, RTA_TABLE, 100000);
	rawfile_u32(f, RTA_PRIORITY, 7);
	rawfile_attr(f, RTA_PREFSRC, gw4, 4);
	rawfile_attr(f, RTA_GATEWAY, gw4, 4);
	rawfile_u32(f, RTA_OIF, 42);
	rawfile_u32(f, RTA_FLOW, 5);
	put_metrics(f);
}

static void multipath4(struct rawfile *f)
{
	begin(f, AF_INET);
	rawfile_u32(f, RTA_TABLE, RT_TABLE_MAIN);
	put_hops(f, 42, RTNH_F_ONLINK);
}

static void full6(struct rawfile *f)
{
	const struct rta_cacheinfo cache = { .rta_expires = 250 };

	begin(f, AF_INET6);
	rawfile_u32(f, RTA_PRIORITY, 1024);
	rawfile_attr(f, RTA_GATEWAY, gw6, 16);
	rawfile_u32(f, RTA_OIF, 42);
	put_metrics(f);
	rawfile_attr(f, RTA_CACHEINFO, &cache, sizeof(cache));
	rawfile_u8(f, RTA_PREF, 1);
}

static struct msg_list list_of(const struct rawfile *f)
{
	struct msg_list list = { 0 };
	struct image_raw raw;

	rawfile_take(f, &raw);
	assert_int_equal(decode_into(&raw, NULL, &list), 0);
	image_raw_fini(&raw);
	return list;
}

static const struct nlattr *find(const struct msg_list *list, size_t i, uint16_t type)
{
	const struct nlmsghdr *nlh = msg_list_get(list, i);
	const struct nlattr *attr, *found = NULL;

	nl_attr_each (attr, nlh, sizeof(struct rtmsg)) {
		if (mnl_attr_get_type(attr) == type) {
			assert_null(found);
			found = attr;
		}
	}
	return found;
}

static void all_of_v4(void **state)
{
	static struct rawfile f;
	struct msg_list list;

	(void)state;
	full4(&f);
	list = list_of(&f);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.items[0].record, 1);
	assert_int_equal(mnl_attr_get_u32(find(&list, 0, RTA_TABLE)), 100000);
	assert_int_equal(mnl_attr_get_u32(find(&list, 0, RTA_PRIORITY)), 7);
	assert_int_equal(mnl_attr_get_u32(find(&list, 0, RTA_OIF)), 42);
	assert_int_equal(mnl_attr_get_u32(find(&list, 0, RTA_FLOW)), 5);
	assert_memory_equal(mnl_attr_get_payload(find(&list, 0, RTA_GATEWAY)), gw4, 4);
	assert_int_equal(mnl_attr_get_payload_len(find(&list, 0, RTA_METRICS)), 8 + 12);
	msg_list_fini(&list);
}

static void expiry(void **state)
{
	static const struct {
		int32_t ticks;
		uint32_t seconds;
		size_t n;
	} cases[] = { { 0, 0, 1 },
		      { 1, 1, 1 },
		      { 100, 1, 1 },
		      { 101, 2, 1 },
		      { 250, 3, 1 },
		      { -1, 0, 0 },
		      { INT32_MAX, 21474837, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rta_cacheinfo cache = { .rta_expires = cases[i].ticks };
		static struct rawfile f;
		struct msg_list list;

		begin(&f, AF_INET6);
		rawfile_attr(&f, RTA_CACHEINFO, &cache, sizeof(cache));
		list = list_of(&f);
		assert_int_equal(list.n, cases[i].n);
		if (cases[i].seconds)
			assert_int_equal(mnl_attr_get_u32(find(&list, 0, RTA_EXPIRES)),
					 cases[i].seconds);
		else if (list.n > 0)
			assert_null(find(&list, 0, RTA_EXPIRES));
		msg_list_fini(&list);
	}
}

static void cached_ones_are_passed_over(void **state)
{
	static struct rawfile f;
	struct msg_list list;
	struct rtmsg *rtm;

	(void)state;
	full6(&f);
	rtm = (struct rtmsg *)(void *)(f.bytes + sizeof(struct nlmsghdr));
	rtm->rtm_flags = RTM_F_CLONED;
	list = list_of(&f);
	assert_int_equal(list.n, 0);
	msg_list_fini(&list);
}

/* What the kernel says of a route, but nobody asks for, makes no other route of it. */
static void same(void **state)
{
	static struct rawfile f;
	struct msg_list list;
	struct rtmsg *rtm;

	(void)state;
	begin(&f, AF_INET6);
	rawfile_u32(&f, RTA_OIF, 42);
	add(&f, AF_INET6, RT_SCOPE_UNIVERSE);
	rtm = (struct rtmsg *)(void *)(f.bytes + f.first + sizeof(struct nlmsghdr));
	rtm->rtm_flags = RTNH_F_LINKDOWN | RTM_F_OFFLOAD;
	rawfile_u8(&f, RTA_PREF, 0);
	rawfile_u32(&f, RTA_OIF, 42);
	rawfile_u32(&f, RTA_TABLE, RT_TABLE_MAIN);
	rawfile_u32(&f, RTA_PRIORITY, 1024);
	rawfile_u32(&f, RTA_EXPIRES, 99);
	add(&f, AF_INET6, RT_SCOPE_UNIVERSE);
	rtm = (struct rtmsg *)(void *)(f.bytes + f.first + sizeof(struct nlmsghdr));
	rtm->rtm_flags = RTNH_F_ONLINK;
	rawfile_u32(&f, RTA_OIF, 42);
	list = list_of(&f);
	assert_int_equal(list.n, 3);
	assert_int_equal(msg_compare(&list, 0, &list, 1), 0);
	assert_int_not_equal(msg_compare(&list, 0, &list, 2), 0);
	msg_list_fini(&list);
}

/* IPv4 by scope, IPv6 those with a gateway last, and else as in the file. */
static void order(void **state)
{
	static const uint8_t scopes[] = { RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST,
					  RT_SCOPE_UNIVERSE, 200,           RT_SCOPE_LINK };
	static const size_t wanted[] = { 2, 1, 5, 4, 0, 3 };
	static struct rawfile f;
	struct msg_list list;
	size_t *sorted;

	(void)state;
	f = (struct rawfile){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
		add(&f, AF_INET, scopes[i]);
	list = list_of(&f);
	sorted = msg_list_by_order(&list);
	assert_memory_equal(sorted, wanted, sizeof(wanted));
	free(sorted);
	msg_list_fini(&list);
	begin(&f, AF_INET6);
	rawfile_attr(&f, RTA_GATEWAY, gw6, 16);
	add(&f, AF_INET6, RT_SCOPE_UNIVERSE);
	list = list_of(&f);
	assert_true(list.items[0].order > list.items[1].order);
	msg_list_fini(&list);
}

static void spoilt(void **state)
{
	void (*const fill[])(struct rawfile *) = { full4, multipath4, full6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		static struct rawfile f;

		fill[i](&f);
		rawfile_accept(&f, decode);
		rawfile_spoil(&f, RAW_MAGIC_ROUTES, decode);
	}
}

static bool is_good(uint16_t type, size_t len)
{
	static const uint16_t words[] = { RTA_PRIORITY, RTA_FLOW, RTA_TABLE,   RTA_MARK,
					  RTA_EXPIRES,  RTA_SRC,  RTA_GATEWAY, RTA_PREFSRC };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i] == type)
			return len == 4;
	}
	if (type == RTA_PREF)
		return len == 1;
	if (type == RTA_CACHEINFO)
		return len >= sizeof(struct rta_cacheinfo);
	return type == RTA_PAD || type == RTA_UID || (type == RTA_METRICS && len == 0);
}

static void lengths_of_attributes(void **state)
{
	static const uint8_t zero[64];

	(void)state;
	for (uint16_t type = 0; type < 60; type++) {
		for (size_t len = 0; len <= 40; len++) {
			static struct rawfile f;

			if (type == RTA_DST)
				continue;
			begin(&f, AF_INET);
			rawfile_attr(&f, type, zero, len);
			if (is_good(type, len))
				rawfile_accept(&f, decode);
			else
				rawfile_refuse(&f, decode, "");
		}
	}
}

static void metrics(void **state)
{
	(void)state;
	for (uint16_t type = 0; type < 40; type++) {
		for (size_t len = 0; len <= 20; len++) {
			struct {
				struct nlattr attr;
				char value[20];
			} nest = { { (uint16_t)(4 + len), type }, "cub" };
			static struct rawfile f;

			begin(&f, AF_INET);
			rawfile_attr(&f, RTA_METRICS, &nest, 4 + len);
			if (type > 0 && type <= RTAX_FASTOPEN_NO_COOKIE && len == 4)
				rawfile_accept(&f, decode);
			else
				rawfile_refuse(&f, decode, "");
		}
	}
}

static void refused(void **state)
{
	static struct rawfile f;
	const uint16_t via[3] = { AF_INET6, 1, 2 };

	(void)state;
	begin(&f, AF_INET);
	put_hops(&f, 43, 0);
	rawfile_refuse(&f, decode, "link 43, which is not in the images");
	begin(&f, AF_INET);
	rawfile_u32(&f, RTA_OIF, 43);
	rawfile_refuse(&f, decode, "link 43, which is not in the images");
	begin(&f, AF_INET);
	rawfile_u32(&f, RTA_IIF, 43);
	rawfile_refuse(&f, decode, "link 43, which is not in the images");
	multipath4(&f);
	rawfile_u32(&f, RTA_OIF, 42);
	rawfile_refuse(&f, decode, "both nexthops and a link");
	begin(&f, AF_INET);
	rawfile_attr(&f, RTA_MULTIPATH, NULL, 0);
	rawfile_refuse(&f, decode, "nexthops has 0 bytes");
	begin(&f, AF_INET);
	rawfile_attr(&f, RTA_VIA, via, sizeof(via));
	rawfile_refuse(&f, decode, "gateway of family 10");
	begin(&f, AF_INET);
	rawfile_u32(&f, RTA_NH_ID, 5);
	rawfile_refuse(&f, decode, "nexthop object 5, and nexthop objects are not in the images");
	begin(&f, AF_INET);
	rawfile_attr(&f, RTA_ENCAP, NULL, 0);
	rawfile_refuse(&f, decode, "lightweight tunnels");
	begin(&f, AF_INET);
	f.bytes[sizeof(struct nlmsghdr) + 1] = 12;
	f.bytes[f.len - 3] = 0x11;
	rawfile_refuse(&f, decode, "beyond its prefix of 12");
	begin(&f, AF_INET);
	f.bytes[sizeof(struct nlmsghdr) + offsetof(struct rtmsg, rtm_type)] = RTN_MAX + 1;
	rawfile_refuse(&f, decode, "type 12, which is none");
}

/* The kernel tells the id of an object and what it resolves to: the images have the latter. */
static void nexthop_object(void **state)
{
	static struct rawfile plain, f;
	struct msg_list one, other;
	size_t blackhole;

	(void)state;
	multipath4(&plain);
	multipath4(&f);
	rawfile_u32(&f, RTA_NH_ID, 5);
	one = list_of(&plain);
	other = list_of(&f);
	assert_int_equal(msg_compare(&one, 0, &other, 0), 0);
	assert_null(find(&other, 0, RTA_NH_ID));
	msg_list_fini(&one);
	msg_list_fini(&other);

	/* Leads nowhere, by the object's lo. */
	begin(&f, AF_INET);
	blackhole = sizeof(struct nlmsghdr) + offsetof(struct rtmsg, rtm_type);
	f.bytes[blackhole] = RTN_BLACKHOLE;
	rawfile_u32(&f, RTA_OIF, 42);
	rawfile_u32(&f, RTA_NH_ID, 5);
	other = list_of(&f);
	assert_null(find(&other, 0, RTA_OIF));
	msg_list_fini(&other);
}

/* A route of the target stays one by its object: nothing else brings it back. */
static void nexthop_object_of_the_target(void **state)
{
	const struct route_source source = { .of_kernel = true };
	static struct rawfile f;
	struct msg_list list = { 0 };
	struct image_raw raw;

	(void)state;
	full4(&f);
	rawfile_u32(&f, RTA_NH_ID, 5);
	rawfile_take(&f, &raw);
	assert_int_equal(route_list_decode(&raw, &source, NULL, &list), 0);
	image_raw_fini(&raw);
	assert_int_equal(list.n, 1);
	assert_int_equal(mnl_attr_get_u32(find(&list, 0, RTA_NH_ID)), 5);
	assert_null(find(&list, 0, RTA_GATEWAY));
	assert_null(find(&list, 0, RTA_OIF));
	msg_list_fini(&list);
}

/* Routes of the target with an encapsulation, which no kernel is asked for: they are told apart. */
static void encapsulated(void **state)
{
	static const struct {
		struct nlattr nest;
		uint32_t tunnel;
	} encap = { { 8, 1 }, 7 };
	struct msg_list list = { 0 }, foreign = { 0 };
	const struct route_source source = { .of_kernel = true, .foreign = &foreign };
	const struct route_source strict = { .of_kernel = true };
	struct {
		struct rtnexthop hop;
		struct nlattr type;
		uint16_t type_value, padding;
		struct nlattr encap;
		uint8_t encap_value[sizeof(encap)];
	} nest = { { 28, 0, 2, 42 }, { 6, RTA_ENCAP_TYPE }, 1, 0, { 12, RTA_ENCAP }, { 8, 0, 1 } };
	static struct rawfile f;
	struct image_raw raw;

	(void)state;
	f = (struct rawfile){ 0 };
	full4(&f);
	add(&f, AF_INET, RT_SCOPE_UNIVERSE);
	rawfile_u32(&f, RTA_OIF, 42);
	rawfile_attr(&f, RTA_ENCAP, &encap, sizeof(encap));
	rawfile_attr(&f, RTA_ENCAP_TYPE, &(uint16_t){ 1 }, 2);
	add(&f, AF_INET, RT_SCOPE_UNIVERSE);
	rawfile_attr(&f, RTA_MULTIPATH, &nest, sizeof(nest));
	rawfile_take(&f, &raw);
	assert_int_equal(route_list_decode(&raw, &source, NULL, &list), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(foreign.n, 2);
	assert_int_equal(mnl_attr_get_u32(find(&foreign, 0, RTA_OIF)), 42);
	assert_null(find(&foreign, 0, RTA_ENCAP));
	msg_list_fini(&list);
	assert_int_equal(route_list_decode(&raw, &strict, NULL, &list), 0);
	assert_int_equal(list.n, 1);
	image_raw_fini(&raw);
	msg_list_fini(&list);
	msg_list_fini(&foreign);
}

static void nexthop_lengths(void **state)
{
	(void)state;
	for (uint16_t len = 0; len < 32; len++) {
		struct {
			struct rtnexthop hop;
			struct nlattr gw;
			uint8_t gw_value[4];
		} nest = { { len, 0, 2, 42 }, { 8, RTA_GATEWAY }, { 10, 2, 0, 1 } };
		static struct rawfile f;

		begin(&f, AF_INET);
		rawfile_attr(&f, RTA_MULTIPATH, &nest, sizeof(nest));
		if (len == 16)
			rawfile_accept(&f, decode);
		else
			rawfile_refuse(&f, decode, "");
	}
}

static void automatic(void **state)
{
	static struct rawfile f;
	struct msg_list list;

	(void)state;
	begin(&f, AF_INET6);
	rawfile_u32(&f, RTA_PRIORITY, 0);
	add(&f, AF_INET6, RT_SCOPE_UNIVERSE);
	add(&f, AF_INET, RT_SCOPE_UNIVERSE);
	list = list_of(&f);
	assert_true(route_is_automatic(msg_list_get(&list, 0)));
	assert_false(route_is_automatic(msg_list_get(&list, 1)));
	assert_false(route_is_automatic(msg_list_get(&list, 2)));
	msg_list_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_v4),
		cmocka_unit_test(expiry),
		cmocka_unit_test(cached_ones_are_passed_over),
		cmocka_unit_test(same),
		cmocka_unit_test(order),
		cmocka_unit_test(spoilt),
		cmocka_unit_test(lengths_of_attributes),
		cmocka_unit_test(metrics),
		cmocka_unit_test(refused),
		cmocka_unit_test(nexthop_object),
		cmocka_unit_test(nexthop_object_of_the_target),
		cmocka_unit_test(encapsulated),
		cmocka_unit_test(nexthop_lengths),
		cmocka_unit_test(automatic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
