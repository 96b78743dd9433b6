/*
 * The requests that make a bridge and a veth pair, byte by byte.
 */
#include <errno.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "tests/unit/kinds/kinds.h"
#include "worker/link_make.h"

/* Bytes that are put together one after the other, numbers in host order. */
struct bytes {
	uint8_t at[LINK_MAKE_MAX];
	size_t len;
};

static void add(struct bytes *b, const void *from, size_t n)
{
	memcpy(b->at + b->len, from, n);
	b->len += (n + 3) & ~(size_t)3;
}

static void add_attr(struct bytes *b, uint16_t type, const void *payload, uint16_t n)
{
	const uint16_t head[2] = { (uint16_t)(n + sizeof(head)), type };

	add(b, head, sizeof(head));
	if (n > 0)
		add(b, payload, n);
}

static void add_u32(struct bytes *b, uint16_t type, uint32_t value)
{
	add_attr(b, type, &value, sizeof(value));
}

static void add_link(struct bytes *b, uint32_t ifindex)
{
	const struct ifinfomsg ifi = { .ifi_index = (int)ifindex };

	add(b, &ifi, sizeof(ifi));
}

static void add_common(struct bytes *b, const char *name, uint8_t last, uint32_t mtu)
{
	const uint8_t address[6] = { 2, 0, 0, 0xcc, 0, last };

	add_attr(b, IFLA_IFNAME, name, (uint16_t)(strlen(name) + 1));
	if (last)
		add_attr(b, IFLA_ADDRESS, address, sizeof(address));
	add_u32(b, IFLA_MTU, mtu);
	add_u32(b, IFLA_GROUP, 0x6e657463);
}

/* The header that makes it a message: only ever with NLM_F_EXCL, so nothing that is there can be
 * changed by it. */
static struct bytes message(const struct bytes *body)
{
	const struct nlmsghdr head = { .nlmsg_len = (uint32_t)(sizeof(head) + body->len),
				       .nlmsg_type = RTM_NEWLINK,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
						      NLM_F_EXCL };
	struct bytes whole = { .len = 0 };

	add(&whole, &head, sizeof(head));
	add(&whole, body->at, body->len);
	return whole;
}

static void check_request(const struct plan_link *link, const struct bytes *body)
{
	const struct bytes wanted = message(body);
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MAKE_MAX];
	} buf;
	int n;

	memset(&buf, 0x5a, sizeof(buf));
	n = link_make_encode(link, buf.bytes, sizeof(buf));
	assert_int_equal(n, wanted.len);
	assert_memory_equal(buf.bytes, wanted.at, wanted.len);
	/* Every shorter block is too short. */
	for (size_t size = 0; size < wanted.len; size++)
		assert_int_equal(link_make_encode(link, buf.bytes, size), -EMSGSIZE);
	assert_int_equal(link_make_encode(link, buf.bytes, wanted.len), wanted.len);
}

static void add_bridge_info(struct bytes *b)
{
	struct bytes info = { .len = 0 };

	add_attr(&info, IFLA_INFO_KIND, "bridge", 7);
	add_attr(b, IFLA_LINKINFO | NLA_F_NESTED, info.at, (uint16_t)info.len);
}

static void bridge(void **state)
{
	struct kinds *k = *state;
	struct bytes body = { .len = 0 };

	kinds_add(k, IMG__LINK_TYPE__BRIDGE, "br0", 5)->mtu = 9000;
	assert_int_equal(kinds_plan(k), 0);
	add_link(&body, 5);
	add_common(&body, "br0", 5, 9000);
	add_bridge_info(&body);
	check_request(kinds_link(k, "br0"), &body);
}

static void bridge_without_an_address(void **state)
{
	struct kinds *k = *state;
	struct bytes body = { .len = 0 };

	kinds_add(k, IMG__LINK_TYPE__BRIDGE, "a-long-name.123", 0x7fffffff)->has_address = 0;
	assert_int_equal(kinds_plan(k), 0);
	add_link(&body, 0x7fffffff);
	add_common(&body, "a-long-name.123", 0, 1500);
	add_bridge_info(&body);
	check_request(kinds_link(k, "a-long-name.123"), &body);
}

static void veth(void **state)
{
	struct kinds *k = *state;
	struct bytes body = { .len = 0 }, peer = { .len = 0 }, data = { .len = 0 },
		     info = { .len = 0 };

	kinds_pair(k, "ve0", 20, "ve1", 21);
	k->devs[0].mtu = 1400;
	assert_int_equal(kinds_plan(k), 0);
	add_link(&body, 20);
	add_common(&body, "ve0", 20, 1400);
	add_link(&peer, 21);
	add_common(&peer, "ve1", 21, 1500);
	add_attr(&data, VETH_INFO_PEER | NLA_F_NESTED, peer.at, (uint16_t)peer.len);
	add_attr(&info, IFLA_INFO_KIND, "veth", 5);
	add_attr(&info, IFLA_INFO_DATA | NLA_F_NESTED, data.at, (uint16_t)data.len);
	add_attr(&body, IFLA_LINKINFO | NLA_F_NESTED, info.at, (uint16_t)info.len);
	check_request(kinds_link(k, "ve0"), &body);
	assert_int_equal(kinds_link(k, "ve1")->maker, MAKER_PEER);
}

static void venet(void **state)
{
	struct kinds *k = *state;
	struct bytes body = { .len = 0 }, info = { .len = 0 };

	(void)kinds_add(k, IMG__LINK_TYPE__VENET, "venet0", 3);
	assert_int_equal(kinds_plan(k), 0);
	add_link(&body, 3);
	add_common(&body, "venet0", 0, 1500);
	add_attr(&info, IFLA_INFO_KIND, "venet", 6);
	add_attr(&info, IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	add_attr(&body, IFLA_LINKINFO | NLA_F_NESTED, info.at, (uint16_t)info.len);
	check_request(kinds_link(k, "venet0"), &body);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kinds_setup, kinds_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bridge),
		TEST(bridge_without_an_address),
		TEST(veth),
		TEST(venet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
