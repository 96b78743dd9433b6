/*
 * sit: the request byte by byte, and reading back, neither of which needs a kernel that has it.
 * What Debian's 6.1 makes of such requests was looked at by hand.
 */
#include <arpa/inet.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "tests/unit/kinds/kinds.h"
#include "worker/link_make.h"

/* Of linux/if_tunnel.h, spelled out: they are the format. */
enum {
	LINK = 1,
	LOCAL = 2,
	REMOTE = 3,
	TTL = 4,
	TOS = 5,
	FLAGS = 8,
	PROTO = 9,
	PMTUDISC = 10,
	RD_PREFIX = 11,
	RELAY_PREFIX = 12,
	RD_PREFIXLEN = 13,
	RELAY_PREFIXLEN = 14,
	ENCAP_TYPE = 15,
	ENCAP_FLAGS = 16,
	ENCAP_SPORT = 17,
	ENCAP_DPORT = 18,
};

static Img__Sit sit;
static uint32_t local, remote, rd_prefix[4], relay_prefix;

static void fill(void)
{
	img__sit__init(&sit);
	(void)inet_pton(AF_INET, "192.0.2.1", &local);
	(void)inet_pton(AF_INET, "198.51.100.2", &remote);
	(void)inet_pton(AF_INET6, "2001:db8:1::", rd_prefix);
	(void)inet_pton(AF_INET, "10.0.0.0", &relay_prefix);
	sit.n_local = sit.n_remote = sit.n_relay_prefix = 1;
	sit.local = &local;
	sit.remote = &remote;
	sit.n_rd_prefix = 4;
	sit.rd_prefix = rd_prefix;
	sit.relay_prefix = &relay_prefix;
	sit.has_link = sit.has_ttl = sit.has_tos = sit.has_pmtudisc = sit.has_proto = 1;
	sit.has_flags = sit.has_encap_type = sit.has_encap_flags = sit.has_encap_sport = 1;
	sit.has_encap_dport = sit.has_rd_prefixlen = sit.has_relay_prefixlen = 1;
	sit.link = 20;
	sit.ttl = 64;
	sit.tos = 1;
	sit.pmtudisc = 1;
	sit.proto = 41;
	sit.flags = 1;
	sit.encap_type = 2;
	sit.encap_flags = 3;
	sit.encap_sport = htons(4444);
	sit.encap_dport = htons(5555);
	sit.rd_prefixlen = 48;
	sit.relay_prefixlen = 8;
}

struct data {
	uint8_t at[LINKS_DATA_MAX];
	size_t len;
};

static void put(struct data *d, uint16_t type, uint16_t size, const void *payload)
{
	const uint16_t head[2] = { (uint16_t)(size + sizeof(head)), type };

	memcpy(d->at + d->len, head, sizeof(head));
	memcpy(d->at + d->len + sizeof(head), payload, size);
	d->len += (sizeof(head) + size + 3U) & ~3U;
}

static void put8(struct data *d, uint16_t type, uint8_t value)
{
	put(d, type, 1, &value);
}

static void put16(struct data *d, uint16_t type, uint16_t value)
{
	put(d, type, 2, &value);
}

static void put32(struct data *d, uint16_t type, uint32_t value)
{
	put(d, type, 4, &value);
}

static struct data full_data(void)
{
	static const uint8_t bytes[] = {
		0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
	};
	struct data d = { .len = 0 };

	put32(&d, LINK, 20);
	put8(&d, TTL, 64);
	put8(&d, TOS, 1);
	put16(&d, FLAGS, 1);
	put8(&d, PROTO, 41);
	put16(&d, ENCAP_TYPE, 2);
	put16(&d, ENCAP_FLAGS, 3);
	put(&d, ENCAP_SPORT, 2, "\x11\x5c");
	put(&d, ENCAP_DPORT, 2, "\x15\xb3");
	put16(&d, RD_PREFIXLEN, 48);
	put16(&d, RELAY_PREFIXLEN, 8);
	put8(&d, PMTUDISC, 1);
	put(&d, LOCAL, 4, "\xc0\x00\x02\x01");
	put(&d, REMOTE, 4, "\xc6\x33\x64\x02");
	put(&d, RD_PREFIX, sizeof(bytes), bytes);
	put(&d, RELAY_PREFIX, 4, "\x0a\0\0\0");
	return d;
}

/* IFLA_INFO_DATA of the request for @link must be @d; it stands at the end. */
static void check_data(const struct plan_link *link, const struct data *d)
{
	const uint16_t head[2] = { (uint16_t)(d->len + 4), IFLA_INFO_DATA | NLA_F_NESTED };
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MAKE_MAX];
	} buf;
	int n = link_make_encode(link, buf.bytes, sizeof(buf));

	assert_true(n > (int)(d->len + 4 + 8));
	assert_memory_equal(buf.bytes + n - d->len, d->at, d->len);
	assert_memory_equal(buf.bytes + n - d->len - 4, head, sizeof(head));
	assert_memory_equal(buf.bytes + n - d->len - 4 - 8, "\x08\0\x01\0sit", 8);
	/* Headers, name, MTU, group and two more headers, and no address: that is the local one. */
	assert_int_equal(n, 32 + 12 + 8 + 8 + 4 + 8 + 4 + (int)d->len);
}

static struct kinds *planned(void **state)
{
	struct kinds *k = *state;

	fill();
	kinds_pair(k, "ve0", 20, "ve1", 21);
	kinds_add(k, IMG__LINK_TYPE__SIT, "sit1", 30)->sit = &sit;
	k->devs[2].has_address = 1;
	k->devs[2].address.len = 4;
	return k;
}

static void with_everything(void **state)
{
	struct kinds *k = planned(state);
	const struct data d = full_data();

	assert_int_equal(kinds_plan(k), 0);
	check_data(kinds_link(k, "sit1"), &d);
}

/* pmtudisc is always sent: where it is missing the kernel sets it. */
static void with_nothing(void **state)
{
	struct kinds *k = planned(state);
	struct data d = { .len = 0 };

	img__sit__init(&sit);
	assert_int_equal(kinds_plan(k), 0);
	put8(&d, PMTUDISC, 0);
	check_data(kinds_link(k, "sit1"), &d);
	sit.has_pmtudisc = 1;
	check_data(kinds_link(k, "sit1"), &d);
	sit.has_ttl = 1;
	d.len = 0;
	put8(&d, TTL, 0);
	put8(&d, PMTUDISC, 0);
	check_data(kinds_link(k, "sit1"), &d);
}

/* To ask for a TTL brings it with it. That of 64 can be had without asking. */
static void pmtudisc_comes_with_a_ttl(void **state)
{
	struct kinds *k = planned(state);
	struct data d = { .len = 0 };

	img__sit__init(&sit);
	sit.has_ttl = 1;
	sit.ttl = 63;
	assert_int_equal(kinds_plan(k), 0);
	put8(&d, TTL, 63);
	put8(&d, PMTUDISC, 1);
	check_data(kinds_link(k, "sit1"), &d);
	sit.ttl = 64;
	d.len = 0;
	put8(&d, PMTUDISC, 0);
	check_data(kinds_link(k, "sit1"), &d);
	sit.has_pmtudisc = sit.pmtudisc = 1;
	d.len = 0;
	put8(&d, TTL, 64);
	put8(&d, PMTUDISC, 1);
	check_data(kinds_link(k, "sit1"), &d);
}

/* The link that it is bound to may be one that was there, with another index. */
static void bound_to_a_link_with_another_index(void **state)
{
	struct kinds *k = *state;
	struct data d = { .len = 0 };

	img__sit__init(&sit);
	sit.has_link = 1;
	sit.link = 7;
	(void)kinds_add(k, IMG__LINK_TYPE__EXTLINK, "ext0", 7);
	(void)kinds_there(k, "ext0", 99, "veth");
	kinds_add(k, IMG__LINK_TYPE__SIT, "sit1", 30)->sit = &sit;
	assert_int_equal(kinds_plan(k), 0);
	put32(&d, LINK, 99);
	put8(&d, PMTUDISC, 0);
	check_data(kinds_link(k, "sit1"), &d);
}

static int verify_with(struct kinds *k, const struct data *d)
{
	struct link_state state = { .data_len = d->len };
	const struct plan_link *link = kinds_link(k, "sit1");

	k->report.status = 0;
	memcpy(state.data, d->at, d->len);
	return link->kind->verify(link, &state, &k->report);
}

static void reading_back(void **state)
{
	struct kinds *k = planned(state);
	struct data d = full_data();

	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(verify_with(k, &d), 0);
	/* Each byte of a payload counts. */
	for (size_t at = 0; at < d.len;) {
		uint16_t size;

		memcpy(&size, d.at + at, sizeof(size));
		for (size_t i = at + 4; i < at + size; i++) {
			d.at[i] ^= 1;
			assert_int_equal(verify_with(k, &d), EXIT_UNDONE);
			d.at[i] ^= 1;
		}
		at += (size + 3U) & ~3U;
	}
	/* So does that one is missing. */
	d.len = 8;
	assert_int_equal(verify_with(k, &d), EXIT_UNDONE);
}

static void parts_that_do_not_go_together(void **state)
{
	struct kinds *k = planned(state);

	sit.n_local = 2;
	kinds_refused(k, EXIT_IMAGE, "record 3: sit sit1 has an address that is not one word");
	fill();
	sit.n_rd_prefix = 3;
	kinds_refused(k, EXIT_IMAGE, "6rd prefix");
	fill();
	sit.has_rd_prefixlen = 0;
	kinds_refused(k, EXIT_IMAGE, "6rd prefix");
	fill();
	sit.n_relay_prefix = 0;
	kinds_refused(k, EXIT_IMAGE, "relay prefix");
	fill();
	sit.ttl = 256;
	kinds_refused(k, EXIT_IMAGE, "ttl 256");
	fill();
	sit.link = 77;
	kinds_refused(k, EXIT_IMAGE, "bound to index 77");
	k->devs[2].sit = NULL;
	kinds_refused(k, EXIT_IMAGE, "no sit part");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kinds_setup, kinds_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_everything),
		TEST(with_nothing),
		TEST(pmtudisc_comes_with_a_ttl),
		TEST(bound_to_a_link_with_another_index),
		TEST(reading_back),
		TEST(parts_that_do_not_go_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
