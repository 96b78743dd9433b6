/*
 * The decoder between a hostile worker and the kernel, and the encoder behind it.
 *
 * Every message is decoded from a block of exactly its size, so that a build with
 * AddressSanitizer sees a read past its end.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/link_msg.h"
#include "tests/lib/rawmsg.h"
#include "tests/lib/spec.h"
#include "tests/lib/test.h"

enum {
	HEAD = sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg),
	CREATE_FLAGS = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
	MACVLAN_PADDED = 8, /* the kind with its NUL */
};

static struct link_spec got;        /* of the last decode that succeeded */
static char why[2 * LINK_TEXT_MAX]; /* of the last decode */

/* The explanation is one line of text within its bounds, and the spec is as it was. */
static void check_refusal(int r, const struct link_spec *spec, const struct link_spec *before)
{
	assert_true(r == -EINVAL || r == -EADDRNOTAVAIL);
	assert_memory_equal(spec, before, sizeof(*spec));
	assert_true(strlen(why) > 0 && strlen(why) < LINK_TEXT_MAX);
	for (const char *c = why; *c; c++)
		assert_in_range(*c, ' ', '~');
	for (size_t i = LINK_TEXT_MAX; i < sizeof(why); i++)
		assert_int_equal((uint8_t)why[i], 0x5a);
}

static int decode(const void *buf, size_t len)
{
	struct link_spec spec, before;
	uint8_t *block = malloc(len);
	int r;

	assert_true(block || len == 0);
	if (len)
		memcpy(block, buf, len);
	memset(&spec, 0xa5, sizeof(spec));
	memset(why, 0x5a, sizeof(why));
	before = spec;
	r = link_msg_decode(block, len, &spec, why);
	free(block);
	if (r < 0) {
		check_refusal(r, &spec, &before);
	} else {
		assert_int_equal(r, 0);
		got = spec;
	}
	return r;
}

static int finish_and_decode(struct rawmsg *m)
{
	rawmsg_finish(m);
	return decode(m->buf, m->len);
}

static void must_accept(struct rawmsg *m)
{
	if (finish_and_decode(m) != 0)
		fail_msg("refused: %s", why);
}

static void must_refuse(struct rawmsg *m, const char *what)
{
	if (finish_and_decode(m) != -EINVAL)
		fail_msg("not refused with EINVAL: %s", what);
}

static void put_name(struct rawmsg *m)
{
	rawmsg_put(m, IFLA_IFNAME, "eth0", 5);
}

static void begin_data(struct rawmsg *m, size_t nests[2])
{
	nests[0] = rawmsg_nest(m, IFLA_LINKINFO | NLA_F_NESTED);
	rawmsg_put(m, IFLA_INFO_KIND, "macvlan", MACVLAN_PADDED);
	nests[1] = rawmsg_nest(m, IFLA_INFO_DATA | NLA_F_NESTED);
}

static void end_data(struct rawmsg *m, const size_t nests[2])
{
	rawmsg_nest_end(m, nests[1]);
	rawmsg_nest_end(m, nests[0]);
}

static void put_linkinfo(struct rawmsg *m)
{
	size_t nests[2];

	begin_data(m, nests);
	rawmsg_put_u32(m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	end_data(m, nests);
}

/* A message that is fine, but for what is changed in it afterwards. */
static void valid(struct rawmsg *m)
{
	rawmsg_begin(m);
	put_name(m);
	put_linkinfo(m);
	rawmsg_finish(m);
}

static void encode_full(struct rawmsg *m)
{
	struct link_spec spec = spec_full();
	int r;

	*m = (struct rawmsg){ 0 };
	r = link_msg_encode(&spec, NULL, m->buf, LINK_MSG_MAX);
	assert_true(r > 0);
	m->len = (size_t)r;
}

/* --- round trips --- */

static void round_trip(const struct link_spec *spec)
{
	struct rawmsg m = { 0 };
	int r = link_msg_encode(spec, NULL, m.buf, LINK_MSG_MAX);

	assert_true(r > HEAD);
	assert_int_equal(r, m.nlh.nlmsg_len);
	assert_int_equal(m.nlh.nlmsg_flags, CREATE_FLAGS);
	if (decode(m.buf, (size_t)r) != 0)
		fail_msg("refused: %s", why);
	assert_spec_equal(&got, spec);
}

static void round_trip_of_each_field(void **state)
{
	struct link_spec spec = spec_minimal();

	(void)state;
	round_trip(&spec);
	for (size_t i = 0; i < spec_n_fields; i++) {
		spec = spec_minimal();
		spec_set(&spec, &spec_fields[i], spec_fields[i].some);
		round_trip(&spec);
	}
	spec = spec_minimal();
	spec.has = LINK_HAS_ADDRESS;
	spec.address[0] = 2;
	round_trip(&spec);
}

static void round_trip_of_all_fields(void **state)
{
	struct link_spec spec = spec_full();

	(void)state;
	assert_int_equal(spec.has, (LINK_HAS_BC_CUTOFF << 1) - 1);
	round_trip(&spec);
	spec.bc_cutoff = -1;
	round_trip(&spec);
}

static void round_trip_of_each_mode(void **state)
{
	static const uint32_t modes[] = { 1, 2, 4, 8, 16 };
	struct link_spec spec = spec_minimal();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		spec.mode = modes[i];
		round_trip(&spec);
	}
}

/* Written by hand from rtnetlink(7), so that encoder and decoder cannot be wrong together. */
static void encoded_bytes_are_the_expected(void **state)
{
	struct link_spec spec = spec_minimal();
	struct rawmsg want;
	union {
		struct nlmsghdr nlh;
		uint8_t buf[LINK_MSG_MAX];
	} have = { 0 };
	int r;

	(void)state;
	spec.ifindex = 77;
	spec.flags = IFF_UP;
	spec.change = IFF_UP;
	spec.mtu = 1400;
	spec.has = LINK_HAS_MTU;
	rawmsg_begin(&want);
	want.ifi.ifi_index = 77;
	want.ifi.ifi_flags = IFF_UP;
	want.ifi.ifi_change = IFF_UP;
	put_name(&want);
	rawmsg_put_u32(&want, IFLA_MTU, 1400);
	put_linkinfo(&want);
	rawmsg_finish(&want);

	r = link_msg_encode(&spec, NULL, have.buf, sizeof(have));
	assert_int_equal(r, want.len);
	assert_memory_equal(have.buf, want.buf, want.len);
}

static struct nlattr attr_at(const uint8_t *buf, size_t at)
{
	struct nlattr attr;

	memcpy(&attr, buf + at, sizeof(attr));
	return attr;
}

/* Where the payload of the one attribute @type begins, or 0. */
static size_t find_attr(const uint8_t *buf, size_t len, uint16_t type)
{
	size_t found = 0, at = HEAD;

	while (at < len) {
		struct nlattr attr = attr_at(buf, at);

		if (attr.nla_type == type) {
			assert_int_equal(found, 0);
			found = at + sizeof(attr);
		}
		at += (size_t)NLA_ALIGN(attr.nla_len);
	}
	assert_int_equal(at, len);
	return found;
}

static void assert_u32(const uint8_t *buf, size_t len, uint16_t type, uint32_t want)
{
	size_t at = find_attr(buf, len, type);
	uint32_t have;

	assert_true(at > 0);
	assert_int_equal(attr_at(buf, at - sizeof(struct nlattr)).nla_len,
			 sizeof(struct nlattr) + sizeof(have));
	memcpy(&have, buf + at, sizeof(have));
	assert_int_equal(have, want);
}

static void place_adds_parent_and_netns(void **state)
{
	static const int netns_fds[] = { 7, 0, -1 };
	struct link_spec spec = spec_full();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(netns_fds); i++) {
		struct link_place place = { .parent = 33, .netns_fd = netns_fds[i] };
		struct rawmsg m = { 0 };
		int r = link_msg_encode(&spec, &place, m.buf, LINK_MSG_MAX);

		assert_true(r > 0);
		assert_int_equal(m.nlh.nlmsg_flags, CREATE_FLAGS);
		assert_u32(m.buf, (size_t)r, IFLA_LINK, 33);
		if (netns_fds[i] >= 0)
			assert_u32(m.buf, (size_t)r, IFLA_NET_NS_FD, (uint32_t)netns_fds[i]);
		else
			assert_int_equal(find_attr(m.buf, (size_t)r, IFLA_NET_NS_FD), 0);
		/* What says where is the broker's own to say. */
		assert_int_equal(decode(m.buf, (size_t)r), -EINVAL);
	}
}

static void proposal_has_no_place(void **state)
{
	struct rawmsg m;

	(void)state;
	encode_full(&m);
	assert_int_equal(find_attr(m.buf, m.len, IFLA_LINK), 0);
	assert_int_equal(find_attr(m.buf, m.len, IFLA_NET_NS_FD), 0);
}

static void encoder_stays_within_its_buffer(void **state)
{
	const struct link_place place = { .parent = 2, .netns_fd = 3 };
	struct link_spec spec = spec_full();
	union {
		struct nlmsghdr nlh;
		uint8_t buf[LINK_MSG_MAX];
	} whole = { 0 };
	int need = link_msg_encode(&spec, &place, whole.buf, sizeof(whole));

	(void)state;
	assert_true(need > 0);
	for (size_t size = 0; size <= (size_t)need; size++) {
		uint8_t *block = calloc(1, size);
		int r = link_msg_encode(&spec, &place, block, size);

		assert_int_equal(r, size == (size_t)need ? need : -EMSGSIZE);
		if (r > 0)
			assert_memory_equal(block, whole.buf, (size_t)need);
		free(block);
	}
}

static void message_needs_no_alignment(void **state)
{
	struct link_spec spec = spec_full(), ret = { 0 };
	uint8_t shifted[LINK_MSG_MAX + 4];
	struct rawmsg m;

	(void)state;
	encode_full(&m);
	for (size_t by = 0; by < 4; by++) {
		memcpy(shifted + by, m.buf, m.len);
		assert_int_equal(link_msg_decode(shifted + by, m.len, &ret, why), 0);
		assert_spec_equal(&ret, &spec);
	}
}

static void order_of_attributes_is_free(void **state)
{
	struct rawmsg m;

	(void)state;
	rawmsg_begin(&m);
	put_linkinfo(&m);
	rawmsg_put_u32(&m, IFLA_MTU, 1500);
	put_name(&m);
	must_accept(&m);
	assert_string_equal(got.name, "eth0");
	assert_int_equal(got.mtu, 1500);
}

/* --- values --- */

static int decode_with(const struct spec_field *f, int64_t value)
{
	struct link_spec spec = spec_minimal();
	struct rawmsg m = { 0 };
	int r;

	spec_set(&spec, f, value);
	r = link_msg_encode(&spec, NULL, m.buf, LINK_MSG_MAX);
	assert_true(r > 0);
	r = decode(m.buf, (size_t)r);
	if (r == 0)
		assert_spec_equal(&got, &spec);
	return r;
}

static void L11_L12_L16_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < spec_n_fields; i++) {
		const struct spec_field *f = &spec_fields[i];
		const int64_t outside[] = { f->low - 1, f->high + 1, INT32_MIN, UINT32_MAX - 1 };

		if (decode_with(f, f->low) != 0 || decode_with(f, f->high) != 0)
			fail_msg("%s: an end of the range is refused: %s", f->name, why);
		for (size_t j = 0; j < ARRAY_SIZE(outside); j++) {
			/* 0 - 1 is the highest number in as many bytes; as 16 bits, any is. */
			if (f->size == 2 && j >= 2)
				continue;
			if (decode_with(f, outside[j]) != -EINVAL)
				fail_msg("%s: %lld is accepted", f->name, (long long)outside[j]);
		}
	}
}

static void L16_modes(void **state)
{
	(void)state;
	for (uint32_t mode = 0; mode <= 40; mode++) {
		struct link_spec spec = spec_minimal();
		struct rawmsg m = { 0 };
		bool is_one = mode == 1 || mode == 2 || mode == 4 || mode == 8 || mode == 16;
		int r;

		spec.mode = mode;
		r = link_msg_encode(&spec, NULL, m.buf, LINK_MSG_MAX);
		assert_true(r > 0);
		assert_int_equal(decode(m.buf, (size_t)r), is_one ? 0 : -EINVAL);
		assert_int_equal(link_mode_name(mode) != NULL, is_one);
		if (is_one)
			assert_int_equal(link_mode_parse(link_mode_name(mode)), mode);
	}
	assert_int_equal(link_mode_parse(""), 0);
	assert_int_equal(link_mode_parse("bridge "), 0);
	assert_int_equal(link_mode_parse("Bridge"), 0);
	assert_string_equal(link_mode_name(8), "passthru");
}

static void L13_addresses(void **state)
{
	static const struct {
		uint8_t bytes[32];
		size_t len;
		int want;
	} cases[] = {
		{ { 0x02, 0, 0, 0, 0, 1 }, 6, 0 },
		{ { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff }, 6, 0 },
		{ { 0, 0, 0, 0, 0, 1 }, 6, 0 },
		{ { 0 }, 6, -EADDRNOTAVAIL },
		{ { 0x01, 0, 0, 0, 0, 1 }, 6, -EADDRNOTAVAIL },
		{ { 0x03, 0, 0, 0, 0, 1 }, 6, -EADDRNOTAVAIL },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 6, -EADDRNOTAVAIL },
		{ { 0x02 }, 0, -EINVAL },
		{ { 0x02 }, 5, -EINVAL },
		{ { 0x02 }, 7, -EINVAL },
		{ { 0x02 }, 8, -EINVAL },
		{ { 0x02 }, 32, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rawmsg m;

		valid(&m);
		rawmsg_put(&m, IFLA_ADDRESS, cases[i].bytes, cases[i].len);
		if (finish_and_decode(&m) != cases[i].want)
			fail_msg("address %zu", i);
		if (cases[i].want == 0)
			assert_memory_equal(got.address, cases[i].bytes, 6);
	}
}

static void L9_names(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} cases[] = {
		{ "a", 2, true },
		{ "abcdefghijklmno", 16, true },
		{ "eth0.1-_@!", 11, true },
		{ "abcdefghijklmnop", 17, false },
		{ "abcdefghijklmnop", 16, false }, /* not terminated */
		{ "", 0, false },
		{ "", 1, false },
		{ "a", 1, false },
		{ "abc", 3, false },
		{ "ab\0d", 5, false },
		{ "ab\0", 4, false },
		{ "ab\0\0", 5, false },
		{ ".", 2, false },
		{ "..", 3, false },
		{ "a/b", 4, false },
		{ "a:b", 4, false },
		{ "a b", 4, false },
		{ "mv%d", 5, false },
		{ "%d", 3, false },
		{ "a\x01", 3, false },
		{ "a\xff", 3, false },
		{ "a\x7f", 3, false },
		{ "all", 4, false },
		{ "default", 8, false },
		{ "lo", 3, false },
		{ "lo0", 4, true },
		{ "All", 4, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rawmsg m;

		rawmsg_begin(&m);
		rawmsg_put(&m, IFLA_IFNAME, cases[i].bytes, cases[i].len);
		put_linkinfo(&m);
		if (finish_and_decode(&m) != (cases[i].good ? 0 : -EINVAL))
			fail_msg("name %zu, '%s'", i, cases[i].bytes);
		if (cases[i].good)
			assert_string_equal(got.name, cases[i].bytes);
	}
}

static void L4_kinds(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} cases[] = {
		{ "macvlan", 8, true },
		{ "macvlan", 7, false },
		{ "macvlan\0x", 10, false },
		{ "macvlan\0", 9, false },
		{ "macvlanX", 9, false },
		{ "macvtap", 8, false },
		{ "Macvlan", 8, false },
		{ "veth", 5, false },
		{ "bridge", 7, false },
		{ "tun", 4, false },
		{ "ipvlan", 7, false },
		{ "vxlan", 6, false },
		{ "", 0, false },
		{ "", 1, false },
		{ "macvlanmacvlanmacvlan", 22, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rawmsg m;
		size_t info, data;

		rawmsg_begin(&m);
		put_name(&m);
		info = rawmsg_nest(&m, IFLA_LINKINFO | NLA_F_NESTED);
		rawmsg_put(&m, IFLA_INFO_KIND, cases[i].bytes, cases[i].len);
		data = rawmsg_nest(&m, IFLA_INFO_DATA | NLA_F_NESTED);
		rawmsg_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
		rawmsg_nest_end(&m, data);
		rawmsg_nest_end(&m, info);
		if (finish_and_decode(&m) != (cases[i].good ? 0 : -EINVAL))
			fail_msg("kind %zu, '%s'", i, cases[i].bytes);
	}
}

/* --- header --- */

static void L1_lengths_of_the_header(void **state)
{
	struct rawmsg m;
	uint32_t len;

	(void)state;
	valid(&m);
	len = m.nlh.nlmsg_len;
	for (uint32_t wrong = 0; wrong < 2 * len; wrong++) {
		m.nlh.nlmsg_len = wrong;
		assert_int_equal(decode(m.buf, m.len), wrong == len ? 0 : -EINVAL);
	}
	m.nlh.nlmsg_len = UINT32_MAX;
	assert_int_equal(decode(m.buf, m.len), -EINVAL);
}

static void L1_two_messages(void **state)
{
	struct rawmsg m, one;

	(void)state;
	valid(&one);
	m = one;
	rawmsg_raw(&m, one.buf, one.len);
	assert_int_equal(decode(m.buf, m.len), -EINVAL);
	must_refuse(&m, "two messages under one length");
}

static void L2_other_types(void **state)
{
	struct rawmsg m;

	(void)state;
	valid(&m);
	for (unsigned int type = 0; type <= UINT16_MAX; type++) {
		m.nlh.nlmsg_type = (uint16_t)type;
		assert_int_equal(decode(m.buf, m.len), type == RTM_NEWLINK ? 0 : -EINVAL);
	}
}

static void L3_other_flags(void **state)
{
	struct rawmsg m;

	(void)state;
	valid(&m);
	for (unsigned int flags = 0; flags <= UINT16_MAX; flags++) {
		m.nlh.nlmsg_flags = (uint16_t)flags;
		assert_int_equal(decode(m.buf, m.len), flags == CREATE_FLAGS ? 0 : -EINVAL);
	}
}

static void L3_port_and_sequence(void **state)
{
	struct rawmsg m;

	(void)state;
	valid(&m);
	m.nlh.nlmsg_pid = 1;
	assert_int_equal(decode(m.buf, m.len), -EINVAL);
	valid(&m);
	m.nlh.nlmsg_seq = 1;
	assert_int_equal(decode(m.buf, m.len), -EINVAL);
}

static void family_and_device_type(void **state)
{
	struct rawmsg m;

	(void)state;
	for (unsigned int value = 1; value <= UINT8_MAX; value++) {
		valid(&m);
		m.ifi.ifi_family = (uint8_t)value;
		assert_int_equal(decode(m.buf, m.len), -EINVAL);
		valid(&m);
		m.ifi.__ifi_pad = (uint8_t)value;
		assert_int_equal(decode(m.buf, m.len), -EINVAL);
		valid(&m);
		m.ifi.ifi_type = (uint16_t)(value << 8);
		assert_int_equal(decode(m.buf, m.len), -EINVAL);
	}
	valid(&m);
	assert_int_equal(decode(m.buf, m.len), 0);
}

static void L14_indexes(void **state)
{
	static const struct {
		int index;
		int want;
	} cases[] = {
		{ 0, 0 },        { 1, -EINVAL },       { 2, 0 },        { INT_MAX, 0 },
		{ -1, -EINVAL }, { INT_MIN, -EINVAL }, { -5, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rawmsg m;

		valid(&m);
		m.ifi.ifi_index = cases[i].index;
		assert_int_equal(decode(m.buf, m.len), cases[i].want);
		if (cases[i].want == 0)
			assert_int_equal(got.ifindex, cases[i].index);
	}
}

static int decode_flags(uint32_t flags, uint32_t change)
{
	struct rawmsg m;
	int r;

	valid(&m);
	m.ifi.ifi_flags = flags;
	m.ifi.ifi_change = change;
	r = decode(m.buf, m.len);
	if (r == 0) {
		assert_int_equal(got.flags, flags);
		assert_int_equal(got.change, change);
	}
	return r;
}

static void L15_flags(void **state)
{
	(void)state;
	assert_int_equal(decode_flags(0, 0), 0);
	assert_int_equal(decode_flags(LINK_FLAGS, LINK_FLAGS), 0);
	assert_int_equal(decode_flags(0, UINT32_MAX), -EINVAL);
	assert_int_equal(decode_flags(UINT32_MAX, UINT32_MAX), -EINVAL);
	for (unsigned int bit = 0; bit < 32; bit++) {
		uint32_t flag = UINT32_C(1) << bit;
		bool known =
			flag & (IFF_UP | IFF_NOARP | IFF_MULTICAST | IFF_ALLMULTI | IFF_PROMISC);

		assert_int_equal(decode_flags(flag, flag), known ? 0 : -EINVAL);
		assert_int_equal(decode_flags(0, flag), known ? 0 : -EINVAL);
		/* The kernel sets what is in flags also where change is 0. */
		assert_int_equal(decode_flags(flag, 0), -EINVAL);
		assert_int_equal(decode_flags(flag, flag == IFF_UP ? IFF_NOARP : IFF_UP), -EINVAL);
	}
}

/* --- attributes --- */

static const struct spec_field *field_of(uint16_t type, bool in_data)
{
	for (size_t i = 0; i < spec_n_fields; i++) {
		if (spec_fields[i].type == type && spec_fields[i].in_data == in_data)
			return &spec_fields[i];
	}
	return NULL;
}

/* A message with attribute @type beside what is always there, in one place or the other. */
static int decode_attr(uint16_t type, bool in_data, const void *payload, size_t len)
{
	struct rawmsg m;
	size_t nests[2];

	rawmsg_begin(&m);
	put_name(&m);
	if (!in_data)
		rawmsg_put(&m, type, payload, len);
	begin_data(&m, nests);
	if (in_data)
		rawmsg_put(&m, type, payload, len);
	rawmsg_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	end_data(&m, nests);
	return finish_and_decode(&m);
}

static bool is_allowed_attr(uint16_t type, bool in_data)
{
	/* The mode is there already. */
	return field_of(type, in_data) && !(in_data && type == IFLA_MACVLAN_MODE);
}

static void sweep_types(bool in_data)
{
	static const uint16_t flags[] = { 0, NLA_F_NESTED, NLA_F_NET_BYTEORDER,
					  NLA_F_NESTED | NLA_F_NET_BYTEORDER };

	for (uint16_t type = 0; type <= 70; type++) {
		const struct spec_field *f = field_of(type, in_data);
		uint32_t value = f ? (uint32_t)f->some : 2;
		size_t len = f ? f->size : sizeof(value);

		for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
			bool want = flags[i] == 0 && is_allowed_attr(type, in_data);
			int r = decode_attr(type | flags[i], in_data, &value, len);

			if (r != (want ? 0 : -EINVAL))
				fail_msg("type %u, flags %#x: %d", type, flags[i], r);
		}
	}
}

static void L6_L10_every_type_but_the_allowed(void **state)
{
	(void)state;
	sweep_types(/* in_data= */ false);
	/* 0x3fff is the highest type; above are the flag bits, swept with the low ones. */
	for (uint16_t type = 71; type < 0x4000; type++)
		assert_int_equal(decode_attr(type, false, "abc", 4), -EINVAL);
}

static void L16_every_type_in_data_but_the_allowed(void **state)
{
	(void)state;
	sweep_types(/* in_data= */ true);
}

/* Those whose acceptance would be worst, each in the form that the kernel takes. */
static void L8_L10_forbidden_by_name(void **state)
{
	static const struct {
		uint16_t type;
		bool in_data;
		const char *name;
	} cases[] = {
		{ IFLA_NET_NS_FD, false, "IFLA_NET_NS_FD" },
		{ IFLA_NET_NS_PID, false, "IFLA_NET_NS_PID" },
		{ IFLA_TARGET_NETNSID, false, "IFLA_TARGET_NETNSID" },
		{ IFLA_LINK_NETNSID, false, "IFLA_LINK_NETNSID" },
		{ IFLA_LINK, false, "IFLA_LINK" },
		{ IFLA_MASTER, false, "IFLA_MASTER" },
		{ IFLA_NEW_IFINDEX, false, "IFLA_NEW_IFINDEX" },
		{ IFLA_CARRIER, false, "IFLA_CARRIER" },
		{ IFLA_PROTO_DOWN, false, "IFLA_PROTO_DOWN" },
		{ IFLA_NUM_VF, false, "IFLA_NUM_VF" },
		{ IFLA_IFALIAS, false, "IFLA_IFALIAS" },
		{ IFLA_PROP_LIST | NLA_F_NESTED, false, "IFLA_PROP_LIST" },
		{ IFLA_AF_SPEC | NLA_F_NESTED, false, "IFLA_AF_SPEC" },
		{ IFLA_XDP | NLA_F_NESTED, false, "IFLA_XDP" },
		{ IFLA_MACVLAN_MACADDR_MODE, true, "IFLA_MACVLAN_MACADDR_MODE" },
		{ IFLA_MACVLAN_MACADDR, true, "IFLA_MACVLAN_MACADDR" },
		{ IFLA_MACVLAN_MACADDR_DATA | NLA_F_NESTED, true, "IFLA_MACVLAN_MACADDR_DATA" },
		{ IFLA_MACVLAN_MACADDR_COUNT, true, "IFLA_MACVLAN_MACADDR_COUNT" },
	};
	static const uint8_t payload[40] = { 2, 0, 0, 0, 0, 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t len = 0; len <= sizeof(payload); len++) {
			if (decode_attr(cases[i].type, cases[i].in_data, payload, len) != -EINVAL)
				fail_msg("%s of %zu bytes", cases[i].name, len);
		}
	}
}

static void number_has_its_length(void **state)
{
	static const uint8_t payload[16];

	(void)state;
	for (size_t i = 0; i < spec_n_fields; i++) {
		const struct spec_field *f = &spec_fields[i];

		for (size_t len = 0; len <= sizeof(payload); len++) {
			if (len == f->size)
				continue;
			if (decode_attr(f->type, f->in_data, payload, len) != -EINVAL)
				fail_msg("%s of %zu bytes", f->name, len);
		}
	}
}

static void L5_duplicate_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < spec_n_fields; i++) {
		const struct spec_field *f = &spec_fields[i];
		uint32_t value = (uint32_t)f->some;
		struct rawmsg m;
		size_t nests[2];

		for (int times = 1; times <= 2; times++) {
			rawmsg_begin(&m);
			put_name(&m);
			for (int n = 0; n < times && !f->in_data; n++)
				rawmsg_put(&m, f->type, &value, f->size);
			begin_data(&m, nests);
			for (int n = 0; n < times && f->in_data; n++)
				rawmsg_put(&m, f->type, &value, f->size);
			if (f->has || !f->in_data)
				rawmsg_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
			end_data(&m, nests);
			if (finish_and_decode(&m) != (times == 1 ? 0 : -EINVAL))
				fail_msg("%s, %d times", f->name, times);
		}
	}
}

static void L5_duplicate_ifname(void **state)
{
	struct rawmsg m;

	(void)state;
	valid(&m);
	rawmsg_put(&m, IFLA_IFNAME, "eth1", 5);
	must_refuse(&m, "two names");
	valid(&m);
	put_name(&m);
	must_refuse(&m, "the same name twice");
}

static void L5_duplicate_address(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct rawmsg m;

	(void)state;
	valid(&m);
	rawmsg_put(&m, IFLA_ADDRESS, mac, sizeof(mac));
	must_accept(&m);
	rawmsg_put(&m, IFLA_ADDRESS, mac, sizeof(mac));
	must_refuse(&m, "two addresses");
}

static void L5_duplicate_linkinfo(void **state)
{
	struct rawmsg m;

	(void)state;
	valid(&m);
	put_linkinfo(&m);
	must_refuse(&m, "two LINKINFO");
}

static void missing_parts(void **state)
{
	struct rawmsg m;
	size_t nests[2];

	(void)state;
	rawmsg_begin(&m);
	must_refuse(&m, "nothing");
	put_name(&m);
	must_refuse(&m, "no LINKINFO");
	rawmsg_begin(&m);
	put_linkinfo(&m);
	must_refuse(&m, "no name");
	rawmsg_begin(&m);
	put_name(&m);
	begin_data(&m, nests);
	end_data(&m, nests);
	must_refuse(&m, "no mode");
}

/* LINKINFO with the attributes in @types, each holding what it should; 0 ends the list. */
static int decode_linkinfo_of(const uint16_t *types, uint16_t info_type)
{
	struct rawmsg m;
	size_t info;

	rawmsg_begin(&m);
	put_name(&m);
	info = rawmsg_nest(&m, info_type);
	for (; *types; types++) {
		if ((*types & NLA_TYPE_MASK) == IFLA_INFO_DATA) {
			size_t data = rawmsg_nest(&m, *types);

			rawmsg_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
			rawmsg_nest_end(&m, data);
		} else {
			rawmsg_put(&m, *types, "macvlan", MACVLAN_PADDED);
		}
	}
	rawmsg_nest_end(&m, info);
	return finish_and_decode(&m);
}

static void L5_L6_linkinfo_is_kind_and_data(void **state)
{
	enum {
		KIND = IFLA_INFO_KIND,
		DATA = IFLA_INFO_DATA | NLA_F_NESTED,
		FLAT = IFLA_INFO_DATA,
		SLAVE = IFLA_INFO_SLAVE_KIND,
		NETORDER = NLA_F_NET_BYTEORDER,
	};
	static const struct {
		uint16_t types[5];
		bool good;
	} cases[] = {
		{ { KIND, DATA }, true },
		{ { 0 }, false },
		{ { KIND }, false },
		{ { DATA }, false },
		{ { DATA, KIND }, false },
		{ { KIND, FLAT }, false },
		{ { KIND | NLA_F_NESTED, DATA }, false },
		{ { KIND, DATA | NETORDER }, false },
		{ { KIND, KIND, DATA }, false },
		{ { KIND, DATA, DATA }, false },
		{ { KIND, DATA, KIND }, false },
		{ { KIND, DATA, SLAVE }, false },
		{ { SLAVE, DATA }, false },
		{ { KIND, SLAVE, DATA }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = decode_linkinfo_of(cases[i].types, IFLA_LINKINFO | NLA_F_NESTED);

		if (r != (cases[i].good ? 0 : -EINVAL))
			fail_msg("linkinfo %zu: %d", i, r);
		r = decode_linkinfo_of(cases[i].types, IFLA_LINKINFO);
		assert_int_equal(r, -EINVAL);
	}
}

/* --- lengths --- */

static void L7_truncation_at_every_byte(void **state)
{
	struct rawmsg m;

	(void)state;
	encode_full(&m);
	for (size_t len = 0; len < m.len; len++) {
		struct rawmsg cut = m;

		assert_int_equal(decode(cut.buf, len), -EINVAL);
		cut.nlh.nlmsg_len = (uint32_t)len;
		assert_int_equal(decode(cut.buf, len), -EINVAL);
	}
	assert_int_equal(decode(m.buf, m.len), 0);
}

static void set_attr_len(struct rawmsg *m, size_t at, unsigned int len)
{
	uint16_t narrow = (uint16_t)len;

	memcpy(m->buf + at + offsetof(struct nlattr, nla_len), &narrow, sizeof(narrow));
}

/* Every length but the right one for the attribute at @at. */
static void sweep_length_at(const struct rawmsg *m, size_t at)
{
	const struct nlattr attr = attr_at(m->buf, at);
	struct rawmsg wrong = *m;

	for (unsigned int len = 0; len <= m->len + 8; len++) {
		set_attr_len(&wrong, at, len);
		if (decode(wrong.buf, wrong.len) != (len == attr.nla_len ? 0 : -EINVAL))
			fail_msg("attribute %u at %zu with length %u instead of %u", attr.nla_type,
				 at, len, attr.nla_len);
	}
	set_attr_len(&wrong, at, UINT16_MAX);
	assert_int_equal(decode(wrong.buf, wrong.len), -EINVAL);
}

static void sweep_lengths(const struct rawmsg *m, size_t at, size_t end)
{
	while (at < end) {
		const struct nlattr attr = attr_at(m->buf, at);
		bool nested = attr.nla_type & NLA_F_NESTED;

		sweep_length_at(m, at);
		/* Into a nest, whose first attribute follows its header; else past it. */
		at += nested ? sizeof(attr) : (size_t)NLA_ALIGN(attr.nla_len);
	}
	assert_int_equal(at, end);
}

static void L7_every_attribute_length(void **state)
{
	struct rawmsg m;

	(void)state;
	encode_full(&m);
	sweep_lengths(&m, HEAD, m.len);
}

static void L7_nest_past_its_parent(void **state)
{
	struct rawmsg m;
	size_t nests[2], inner;

	(void)state;
	/* The last nested attribute reaches into the attribute behind LINKINFO. */
	rawmsg_begin(&m);
	put_name(&m);
	begin_data(&m, nests);
	inner = m.len;
	rawmsg_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	end_data(&m, nests);
	rawmsg_put_u32(&m, IFLA_MTU, 1500);
	must_accept(&m);
	for (unsigned int len = 9; len < 40; len++) {
		set_attr_len(&m, inner, len);
		must_refuse(&m, "mode past its nest");
	}
}

static void L7_nests_in_nests(void **state)
{
	struct rawmsg m;
	size_t nests[2], inner[10];

	(void)state;
	rawmsg_begin(&m);
	put_name(&m);
	begin_data(&m, nests);
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++)
		inner[i] = rawmsg_nest(&m, IFLA_MACVLAN_MODE | NLA_F_NESTED);
	rawmsg_put_u32(&m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	for (size_t i = ARRAY_SIZE(inner); i > 0; i--)
		rawmsg_nest_end(&m, inner[i - 1]);
	end_data(&m, nests);
	must_refuse(&m, "ten nests");
}

static void L7_junk_behind(void **state)
{
	static const uint8_t junk[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t zero[8];

	(void)state;
	for (size_t n = 1; n <= sizeof(junk); n++) {
		struct rawmsg m;

		valid(&m);
		rawmsg_raw(&m, junk, n);
		assert_int_equal(decode(m.buf, m.len), -EINVAL);
		must_refuse(&m, "junk");
		valid(&m);
		rawmsg_raw(&m, zero, n);
		must_refuse(&m, "zeros");
	}
}

/* A message that ends without the padding of its last attribute is not what an encoder writes. */
static void last_attribute_is_padded(void **state)
{
	struct rawmsg m;

	(void)state;
	rawmsg_begin(&m);
	put_linkinfo(&m);
	put_name(&m);
	must_accept(&m);
	for (size_t cut = 1; cut <= 3; cut++) {
		struct rawmsg shorter = m;

		shorter.len -= cut;
		must_refuse(&shorter, "no padding");
	}
}

static void P9_messages_without_a_whole_header(void **state)
{
	struct rawmsg m;

	(void)state;
	valid(&m);
	for (size_t len = 0; len < HEAD; len++) {
		struct rawmsg cut = m;

		cut.nlh.nlmsg_len = (uint32_t)len;
		assert_int_equal(decode(cut.buf, len), -EINVAL);
		assert_non_null(strstr(why, "header"));
	}
}

static void message_has_a_highest_length(void **state)
{
	struct rawmsg m;

	(void)state;
	rawmsg_begin(&m);
	m.len = LINK_MSG_MAX;
	must_refuse(&m, "1024 zeros");
	assert_null(strstr(why, "too long"));
	m.len = LINK_MSG_MAX + 4;
	must_refuse(&m, "1028 zeros");
	assert_non_null(strstr(why, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_of_each_field),
		cmocka_unit_test(round_trip_of_all_fields),
		cmocka_unit_test(round_trip_of_each_mode),
		cmocka_unit_test(encoded_bytes_are_the_expected),
		cmocka_unit_test(place_adds_parent_and_netns),
		cmocka_unit_test(proposal_has_no_place),
		cmocka_unit_test(encoder_stays_within_its_buffer),
		cmocka_unit_test(message_needs_no_alignment),
		cmocka_unit_test(order_of_attributes_is_free),
		cmocka_unit_test(L11_L12_L16_ranges),
		cmocka_unit_test(L16_modes),
		cmocka_unit_test(L13_addresses),
		cmocka_unit_test(L9_names),
		cmocka_unit_test(L4_kinds),
		cmocka_unit_test(L1_lengths_of_the_header),
		cmocka_unit_test(L1_two_messages),
		cmocka_unit_test(L2_other_types),
		cmocka_unit_test(L3_other_flags),
		cmocka_unit_test(L3_port_and_sequence),
		cmocka_unit_test(family_and_device_type),
		cmocka_unit_test(L14_indexes),
		cmocka_unit_test(L15_flags),
		cmocka_unit_test(L6_L10_every_type_but_the_allowed),
		cmocka_unit_test(L16_every_type_in_data_but_the_allowed),
		cmocka_unit_test(L8_L10_forbidden_by_name),
		cmocka_unit_test(number_has_its_length),
		cmocka_unit_test(L5_duplicate_number),
		cmocka_unit_test(L5_duplicate_ifname),
		cmocka_unit_test(L5_duplicate_address),
		cmocka_unit_test(L5_duplicate_linkinfo),
		cmocka_unit_test(missing_parts),
		cmocka_unit_test(L5_L6_linkinfo_is_kind_and_data),
		cmocka_unit_test(L7_truncation_at_every_byte),
		cmocka_unit_test(L7_every_attribute_length),
		cmocka_unit_test(L7_nest_past_its_parent),
		cmocka_unit_test(L7_nests_in_nests),
		cmocka_unit_test(L7_junk_behind),
		cmocka_unit_test(last_attribute_is_padded),
		cmocka_unit_test(P9_messages_without_a_whole_header),
		cmocka_unit_test(message_has_a_highest_length),
	};

	return cmocka_run_group_tests_name("link_msg", tests, NULL, NULL);
}
