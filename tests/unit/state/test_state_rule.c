/*
 * Policy rules: what is read, what is refused, which are the same; and a namespace's rules, made
 * others and back.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "tests/lib/test.h"
#include "tests/unit/state/rawfile.h"
#include "worker/msg_list.h"
#include "worker/nl_batch.h"
#include "worker/state_rule.h"

static int decode(const struct image_raw *raw, struct report *report)
{
	struct msg_list list = { 0 };
	int status = rule_list_decode(raw, /* of_kernel= */ false, report, &list);

	msg_list_fini(&list);
	return status;
}

static void add(struct rawfile *f, uint8_t family, uint8_t action)
{
	const struct fib_rule_hdr frh = { .family = family, .action = action };

	rawfile_begin(f, RTM_NEWRULE, &frh, sizeof(frh));
}

static void begin(struct rawfile *f)
{
	*f = (struct rawfile){ 0 };
	add(f, AF_INET, FR_ACT_TO_TBL);
}

static void full(struct rawfile *f)
{
	const uint64_t tunnel = 9;

	begin(f);
	rawfile_u32(f, FRA_TABLE, 100);
	rawfile_u32(f, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	rawfile_u8(f, FRA_PROTOCOL, 2);
	rawfile_u32(f, FRA_PRIORITY, 50);
	rawfile_attr(f, FRA_IIFNAME, "eth0", 5);
	rawfile_u32(f, FRA_FWMARK, 16);
	rawfile_u32(f, FRA_FWMASK, 255);
	rawfile_attr(f, FRA_TUN_ID, &tunnel, sizeof(tunnel));
	rawfile_attr(f, FRA_SRC, "\12\1\0\0", 4);
}

static struct msg_list list_of(const struct rawfile *f)
{
	struct msg_list list = { 0 };
	struct image_raw raw;

	rawfile_take(f, &raw);
	assert_int_equal(rule_list_decode(&raw, /* of_kernel= */ false, NULL, &list), 0);
	image_raw_fini(&raw);
	return list;
}

static void spoilt(void **state)
{
	static struct rawfile f;

	(void)state;
	full(&f);
	rawfile_accept(&f, decode);
	rawfile_spoil(&f, RAW_MAGIC_RULES, decode);
}

/* The kernel leaves the priority 0 out, and would choose another one; older ones leave out what there is
 * to suppress, and the protocol. */
static void what_is_always_said(void **state)
{
	static struct rawfile f;
	struct msg_list list;
	const struct nlmsghdr *nlh;

	(void)state;
	begin(&f);
	list = list_of(&f);
	nlh = msg_list_get(&list, 0);
	assert_int_equal(nlh->nlmsg_len,
			 sizeof(struct nlmsghdr) + sizeof(struct fib_rule_hdr) + 3 * 8);
	assert_int_equal(list.items[0].order, 0);
	msg_list_fini(&list);
}

static void same(void **state)
{
	static struct rawfile f;
	struct fib_rule_hdr *frh;
	struct msg_list list;

	(void)state;
	begin(&f);
	frh = (struct fib_rule_hdr *)(void *)(f.bytes + sizeof(struct nlmsghdr));
	frh->table = 100;
	frh->flags = FIB_RULE_UNRESOLVED | FIB_RULE_PERMANENT | FIB_RULE_IIF_DETACHED;
	add(&f, AF_INET, FR_ACT_TO_TBL);
	rawfile_u32(&f, FRA_TABLE, 100);
	rawfile_u32(&f, FRA_PRIORITY, 0);
	add(&f, AF_INET, FR_ACT_TO_TBL);
	frh = (struct fib_rule_hdr *)(void *)(f.bytes + f.first + sizeof(struct nlmsghdr));
	frh->flags = FIB_RULE_INVERT;
	rawfile_u32(&f, FRA_TABLE, 100);
	list = list_of(&f);
	assert_int_equal(msg_compare(&list, 0, &list, 1), 0);
	assert_int_not_equal(msg_compare(&list, 0, &list, 2), 0);
	msg_list_fini(&list);
}

static size_t length_of(uint16_t type)
{
	switch (type) {
	case FRA_PROTOCOL:
	case FRA_IP_PROTO:
	case FRA_L3MDEV:
	case 25:
	case 30:
		return 1;
	case 28:
	case 29:
		return 2;
	case FRA_TUN_ID:
	case FRA_UID_RANGE:
		return 8;
	case FRA_UNUSED2:
	case FRA_UNUSED3:
	case FRA_UNUSED4:
	case FRA_UNUSED5:
	case FRA_UNSPEC:
		return 1000;
	default:
		return type > 30 ? 1000 : 4;
	}
}

static void lengths_of_attributes(void **state)
{
	(void)state;
	for (uint16_t type = 0; type < 60; type++) {
		for (size_t len = 0; len <= 40; len++) {
			static const char bytes[64] = "abc";
			static struct rawfile f;

			begin(&f);
			rawfile_attr(&f, type, bytes, len);
			if (len == length_of(type) || type == FRA_PAD)
				rawfile_accept(&f, decode);
			else
				rawfile_refuse(&f, decode, "");
		}
	}
}

static void refused(void **state)
{
	static struct rawfile f;

	(void)state;
	f = (struct rawfile){ 0 };
	add(&f, AF_INET, FR_ACT_GOTO);
	rawfile_refuse(&f, decode, "goes to nowhere");
	f = (struct rawfile){ 0 };
	add(&f, AF_INET, FR_ACT_UNSPEC);
	rawfile_refuse(&f, decode, "action 0");
	f = (struct rawfile){ 0 };
	add(&f, AF_UNIX, FR_ACT_TO_TBL);
	rawfile_refuse(&f, decode, "family 1");
	begin(&f);
	f.bytes[sizeof(struct nlmsghdr) + 1] = 8;
	rawfile_refuse(&f, decode, "no address");
	f.bytes[sizeof(struct nlmsghdr) + 1] = 33;
	rawfile_refuse(&f, decode, "33 bits");
	begin(&f);
	rawfile_attr(&f, FRA_IIFNAME, "a b", 4);
	rawfile_refuse(&f, decode, "incoming link");
}

/* --- in a namespace --- */

static union {
	struct nlmsghdr align;
	uint8_t bytes[NL_BUFFER_SIZE];
} buffer;

static void put(struct rawfile *f, uint32_t priority, uint32_t table, const uint8_t *from)
{
	add(f, AF_INET, FR_ACT_TO_TBL);
	if (from) {
		f->bytes[f->first + sizeof(struct nlmsghdr) + 2] = 32;
		rawfile_attr(f, FRA_SRC, from, 4);
	}
	rawfile_u32(f, FRA_PRIORITY, priority);
	rawfile_u32(f, FRA_TABLE, table);
	rawfile_u32(f, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	rawfile_u8(f, FRA_PROTOCOL, 0);
}

static int in_a_namespace(void *arg)
{
	static const uint8_t one[4] = { 10, 0, 0, 1 }, two[4] = { 10, 0, 0, 2 };
	struct nl_sock nl = { .fd = -1, .buf = buffer.bytes };
	struct msg_list wanted, before, after, usual;
	static struct rawfile f;
	struct nl_failure failure;
	bool more;

	(void)arg;
	NEED(enter_netns() == 0);
	NEED(nl_open(&nl.fd) == 0);
	CHECK(rule_list_get(&nl, &before) == 0);
	CHECK(before.n >= 3);
	CHECK(rule_list_usual(&before, &usual) == 0);
	CHECK(usual.n == before.n);
	CHECK(rule_first_missing(&nl, &usual, true, &more) == (long)usual.n && !more);
	msg_list_fini(&usual);
	/* A looser one before and behind stricter ones of its priority, and twice the same. */
	put(&f, 50, 9, one);
	put(&f, 50, 9, NULL);
	put(&f, 50, 9, two);
	put(&f, 50, 9, two);
	put(&f, 0, 255, NULL);
	wanted = list_of(&f);
	CHECK(rule_first_missing(&nl, &wanted, false, &more) == 4 || more);
	CHECK(rule_sync(&nl, &wanted, false, NULL, &failure) == 0);
	CHECK(rule_first_missing(&nl, &wanted, false, &more) == (long)wanted.n && !more);
	CHECK(rule_list_get(&nl, &after) == 0);
	CHECK(rule_sync(&nl, &wanted, false, NULL, &failure) == 0);
	CHECK(rule_sync(&nl, &before, true, NULL, &failure) == 0);
	CHECK(rule_first_missing(&nl, &before, true, &more) == (long)before.n && !more);
	CHECK(rule_first_missing(&nl, &after, true, &more) < (long)after.n || more);
	msg_list_fini(&wanted);
	msg_list_fini(&before);
	msg_list_fini(&after);
	return CHILD_OK;
}

static void made_and_taken_back(void **state)
{
	(void)state;
	child_must_pass(in_a_namespace, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spoilt),  cmocka_unit_test(what_is_always_said),
		cmocka_unit_test(same),    cmocka_unit_test(lengths_of_attributes),
		cmocka_unit_test(refused), cmocka_unit_test(made_and_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
