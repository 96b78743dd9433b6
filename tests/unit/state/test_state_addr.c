/*
 * Addresses: what is read, what is refused, and what is asked for.
 */
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "tests/lib/test.h"
#include "tests/unit/state/rawfile.h"
#include "worker/state_addr.h"

#ifndef IFA_PROTO
#define IFA_PROTO 11
#endif

static const uint8_t local4[4] = { 10, 1, 0, 1 }, peer4[4] = { 10, 2, 0, 1 };
static const uint8_t local6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
static const uint8_t peer6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };

static int decode(const struct image_raw *raw, struct report *report)
{
	struct addr_list list;
	int status = addr_list_decode(raw, /* of_kernel= */ false, report, &list);

	addr_list_fini(&list);
	return status;
}

static void begin(struct rawfile *f, uint8_t family)
{
	const struct ifaddrmsg ifa = { .ifa_family = family,
				       .ifa_prefixlen = 24,
				       .ifa_flags = IFA_F_PERMANENT,
				       .ifa_scope = 7,
				       .ifa_index = 42 };

	*f = (struct rawfile){ 0 };
	rawfile_begin(f, RTM_NEWADDR, &ifa, sizeof(ifa));
}

static void full4(struct rawfile *f)
{
	const struct ifa_cacheinfo cache = { .ifa_prefered = 100, .ifa_valid = 200 };
	const uint8_t broadcast[4] = { 10, 1, 0, 255 };

	begin(f, AF_INET);
	rawfile_attr(f, IFA_ADDRESS, peer4, 4);
	rawfile_attr(f, IFA_LOCAL, local4, 4);
	rawfile_attr(f, IFA_BROADCAST, broadcast, 4);
	rawfile_attr(f, IFA_LABEL, "eth0:x", 7);
	rawfile_u32(f, IFA_FLAGS, IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT);
	rawfile_attr(f, IFA_CACHEINFO, &cache, sizeof(cache));
	rawfile_u32(f, IFA_RT_PRIORITY, 77);
	rawfile_u8(f, IFA_PROTO, 5);
}

static void full6(struct rawfile *f)
{
	begin(f, AF_INET6);
	rawfile_attr(f, IFA_ADDRESS, peer6, 16);
	rawfile_attr(f, IFA_LOCAL, local6, 16);
	rawfile_u32(f, IFA_FLAGS, IFA_F_MANAGETEMPADDR | IFA_F_PERMANENT);
	rawfile_u8(f, IFA_PROTO, 3);
}

static struct addr first(const struct rawfile *f)
{
	struct addr_list list;
	struct image_raw raw;
	struct addr addr;

	rawfile_take(f, &raw);
	assert_int_equal(addr_list_decode(&raw, /* of_kernel= */ false, NULL, &list), 0);
	assert_int_equal(list.n, 1);
	addr = list.addrs[0];
	addr_list_fini(&list);
	image_raw_fini(&raw);
	return addr;
}

static void all_of_v4(void **state)
{
	static struct rawfile f;
	struct addr addr;

	(void)state;
	full4(&f);
	addr = first(&f);
	assert_int_equal(addr.record, 1);
	assert_int_equal(addr.ifindex, 42);
	assert_int_equal(addr.family, AF_INET);
	assert_int_equal(addr.prefixlen, 24);
	assert_int_equal(addr.scope, 7);
	assert_int_equal(addr.proto, 5);
	assert_int_equal(addr.flags, IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT);
	assert_memory_equal(addr.local, local4, 4);
	assert_memory_equal(addr.peer, peer4, 4);
	assert_int_equal(addr.broadcast[3], 255);
	assert_string_equal(addr.label, "eth0:x");
	assert_int_equal(addr.preferred, 100);
	assert_int_equal(addr.valid, 200);
	assert_int_equal(addr.metric, 77);
}

static void all_of_v6(void **state)
{
	static struct rawfile f;
	struct addr addr;

	(void)state;
	full6(&f);
	addr = first(&f);
	assert_memory_equal(addr.local, local6, 16);
	assert_memory_equal(addr.peer, peer6, 16);
	assert_int_equal(addr.valid, ADDR_FOREVER);
	assert_int_equal(addr.flags, IFA_F_MANAGETEMPADDR | IFA_F_PERMANENT);
}

static void one_address_is_both(void **state)
{
	static struct rawfile f;
	struct addr addr;

	(void)state;
	begin(&f, AF_INET6);
	rawfile_attr(&f, IFA_ADDRESS, local6, 16);
	addr = first(&f);
	assert_memory_equal(addr.local, local6, 16);
	assert_memory_equal(addr.peer, local6, 16);
}

/* What is encoded reads as what it was made of. */
static void there_and_back(void **state)
{
	void (*const fill[])(struct rawfile *) = { full4, full6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		static struct rawfile f;
		union {
			struct nlmsghdr nlh;
			uint8_t bytes[ADDR_MSG_MAX];
		} buf = { 0 };
		struct addr addr, again;
		struct raw_at at = { 0 };
		const struct nlmsghdr *nlh;

		fill[i](&f);
		addr = first(&f);
		nlh = addr_encode(&addr, RTM_NEWADDR, addr.flags, buf.bytes);
		assert_true(nlh->nlmsg_len <= ADDR_MSG_MAX);
		assert_int_equal(addr_decode(nlh, /* of_kernel= */ false, &at, &again), 0);
		assert_int_equal(addr_compare(&again, &addr), 0);
		assert_true(addr_is_as(&again, &addr));
		assert_int_equal(again.flags, addr.flags);
		assert_int_equal(again.valid, addr.valid);
		assert_int_equal(again.preferred, addr.preferred);
		assert_int_equal(again.proto, addr.proto);
		nlh = addr_encode(&addr, RTM_DELADDR, 0, buf.bytes);
		assert_int_equal(nlh->nlmsg_type, RTM_DELADDR);
	}
}

static void spoilt(void **state)
{
	static struct rawfile f;

	(void)state;
	full4(&f);
	rawfile_accept(&f, decode);
	rawfile_spoil(&f, RAW_MAGIC_ADDRS, decode);
	full6(&f);
	rawfile_accept(&f, decode);
	rawfile_spoil(&f, RAW_MAGIC_ADDRS, decode);
}

/* Each type of attribute with each length. */
static void lengths_of_attributes(void **state)
{
	static const uint8_t bytes[64] = { 'a', 'b', 'c' };

	(void)state;
	for (uint16_t type = 0; type < 40; type++) {
		for (size_t len = 0; len <= 40; len++) {
			static struct rawfile f;
			const bool good = (type == IFA_FLAGS && len == 4) ||
					  (type == IFA_RT_PRIORITY && len == 4) ||
					  (type == IFA_BROADCAST && len == 4) ||
					  (type == IFA_LOCAL && len == 4) ||
					  (type == IFA_PROTO && len == 1) ||
					  (type == IFA_CACHEINFO && len >= 16) ||
					  (type == IFA_LABEL && len == 4);

			if (type == IFA_ADDRESS)
				continue;
			begin(&f, AF_INET);
			rawfile_attr(&f, IFA_ADDRESS, local4, 4);
			rawfile_attr(&f, type, bytes, len);
			if (type == IFA_CACHEINFO && len >= 16)
				memset(f.bytes + f.len - ((len + 3) & ~(size_t)3), 0, 8);
			if (good)
				rawfile_accept(&f, decode);
			else
				rawfile_refuse(&f, decode, "");
		}
	}
}

static void refused(void **state)
{
	static struct rawfile f;
	const struct ifa_cacheinfo odd = { .ifa_prefered = 2, .ifa_valid = 1 };

	(void)state;
	begin(&f, AF_INET);
	rawfile_refuse(&f, decode, "no address");
	begin(&f, AF_INET);
	rawfile_attr(&f, IFA_LOCAL, local4, 4);
	rawfile_attr(&f, IFA_LOCAL, local4, 4);
	rawfile_refuse(&f, decode, "twice");
	begin(&f, AF_INET6);
	rawfile_attr(&f, IFA_LOCAL, local6, 16);
	rawfile_attr(&f, IFA_LABEL, "x", 2);
	rawfile_refuse(&f, decode, "label");
	begin(&f, AF_INET);
	rawfile_attr(&f, IFA_LOCAL, local4, 4);
	rawfile_u32(&f, IFA_TARGET_NETNSID, 3);
	rawfile_refuse(&f, decode, "another namespace");
	begin(&f, AF_INET);
	rawfile_attr(&f, IFA_LOCAL, local4, 4);
	rawfile_attr(&f, IFA_CACHEINFO, &odd, sizeof(odd));
	rawfile_refuse(&f, decode, "lifetime");
	begin(&f, AF_PACKET);
	rawfile_refuse(&f, decode, "family 17");
	begin(&f, AF_INET);
	f.bytes[sizeof(struct nlmsghdr) + 1] = 33;
	rawfile_attr(&f, IFA_LOCAL, local4, 4);
	rawfile_refuse(&f, decode, "prefix of 33");
}

static void who_has_passed(void **state)
{
	struct addr addr = { .family = AF_INET6, .flags = IFA_F_PERMANENT };

	(void)state;
	assert_true(addr_has_passed(&addr));
	addr.flags = IFA_F_TENTATIVE;
	assert_false(addr_has_passed(&addr));
	addr.flags = IFA_F_TENTATIVE | IFA_F_DADFAILED;
	assert_false(addr_has_passed(&addr));
	addr.flags = IFA_F_NODAD;
	assert_true(addr_has_passed(&addr));
}

static void what_counts(void **state)
{
	struct addr is = { .family = AF_INET6, .valid = ADDR_FOREVER, .preferred = ADDR_FOREVER };
	struct addr wanted = is;

	(void)state;
	wanted.flags = IFA_F_STABLE_PRIVACY | IFA_F_PERMANENT;
	assert_true(addr_is_as(&is, &wanted));
	is.flags = IFA_F_TENTATIVE;
	assert_false(addr_is_as(&is, &wanted));
	wanted.flags |= IFA_F_TENTATIVE;
	assert_true(addr_is_as(&is, &wanted));
	is.flags |= IFA_F_NOPREFIXROUTE;
	assert_false(addr_is_as(&is, &wanted));
	is.flags = 0;
	wanted.valid = 5;
	assert_false(addr_is_as(&is, &wanted));
	is.valid = 4;
	assert_true(addr_is_as(&is, &wanted));
	wanted.metric = 9;
	assert_false(addr_is_as(&is, &wanted));
}

static void order(void **state)
{
	struct addr a = { .ifindex = 1, .family = AF_INET, .prefixlen = 24, .local = { 10 } };
	struct addr b = a;

	(void)state;
	assert_int_equal(addr_compare(&a, &b), 0);
	b.prefixlen = 25;
	assert_true(addr_compare(&a, &b) < 0);
	/* To the kernel two IPv6 addresses are one, if only their prefixes differ. */
	a.family = b.family = AF_INET6;
	assert_int_equal(addr_compare(&a, &b), 0);
	b.local[15] = 1;
	assert_true(addr_compare(&a, &b) < 0);
	a.ifindex = 2;
	assert_true(addr_compare(&a, &b) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_v4),
		cmocka_unit_test(all_of_v6),
		cmocka_unit_test(one_address_is_both),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(spoilt),
		cmocka_unit_test(lengths_of_attributes),
		cmocka_unit_test(refused),
		cmocka_unit_test(who_has_passed),
		cmocka_unit_test(what_counts),
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
