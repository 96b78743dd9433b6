/*
 * What a dump makes of what the kernel says of a link: also of kinds that this kernel may lack.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>

#include "tests/unit/kinds/kinds.h"
#include "worker/dump.h"
#include "worker/link_kind.h"

static union {
	struct nlmsghdr nlh;
	uint8_t bytes[2048];
} msg;

static struct nlattr *info, *data;
static Img__NetDevice *dev;
static struct dump_link link_;

/* A message up to the inside of IFLA_INFO_DATA. */
static struct nlmsghdr *begin(const char *kind)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	memset(&msg, 0, sizeof(msg));
	nlh = mnl_nlmsg_put_header(msg.bytes);
	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = 7;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "x0");
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	return nlh;
}

static int dump_it(struct kinds *k, struct nlmsghdr *nlh, const struct link_kind *kind)
{
	static struct dump d;

	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	d = (struct dump){ .ns_id = KINDS_NS, .uids = &k->uids, .gids = &k->gids };
	assert_int_equal(dump_link_parse(nlh, &link_), 0);
	link_.d = &d;
	link_.link_ns_id = KINDS_NS;
	dev = malloc(sizeof(*dev));
	assert_non_null(dev);
	img__net_device__init(dev);
	return kind->dump(&link_, dev, &k->report);
}

static void done(void)
{
	img__net_device__free_unpacked(dev, NULL);
}

/* --- sit --- */

static struct nlmsghdr *begin_sit(uint16_t rd_prefixlen, uint16_t relay_prefixlen)
{
	struct nlmsghdr *nlh = begin("sit");
	struct in6_addr prefix;

	assert_int_equal(inet_pton(AF_INET6, "2001:db8:1::", &prefix), 1);
	mnl_attr_put_u32(nlh, IFLA_IPTUN_LINK, 20);
	mnl_attr_put_u32(nlh, IFLA_IPTUN_LOCAL, htonl(0xc0000201));
	mnl_attr_put_u32(nlh, IFLA_IPTUN_REMOTE, 0);
	mnl_attr_put_u8(nlh, IFLA_IPTUN_TTL, 64);
	mnl_attr_put_u8(nlh, IFLA_IPTUN_TOS, 0);
	mnl_attr_put_u8(nlh, IFLA_IPTUN_PROTO, 41);
	mnl_attr_put_u8(nlh, IFLA_IPTUN_PMTUDISC, relay_prefixlen != 0);
	mnl_attr_put_u16(nlh, IFLA_IPTUN_FLAGS, 1);
	mnl_attr_put(nlh, IFLA_IPTUN_6RD_PREFIX, sizeof(prefix), &prefix);
	mnl_attr_put_u32(nlh, IFLA_IPTUN_6RD_RELAY_PREFIX, htonl(0x0a000000));
	mnl_attr_put_u16(nlh, IFLA_IPTUN_6RD_PREFIXLEN, rd_prefixlen);
	mnl_attr_put_u16(nlh, IFLA_IPTUN_6RD_RELAY_PREFIXLEN, relay_prefixlen);
	mnl_attr_put_u16(nlh, IFLA_IPTUN_ENCAP_TYPE, 2);
	mnl_attr_put_u16(nlh, IFLA_IPTUN_ENCAP_SPORT, htons(4444));
	mnl_attr_put_u16(nlh, IFLA_IPTUN_ENCAP_DPORT, htons(5555));
	mnl_attr_put_u16(nlh, IFLA_IPTUN_ENCAP_FLAGS, 3);
	return nlh;
}

static void sit_with_everything(void **state)
{
	const Img__Sit *sit;

	assert_int_equal(dump_it(*state, begin_sit(48, 8), &link_kind_sit), 0);
	sit = dev->sit;
	assert_true(sit->has_link && sit->link == 20);
	assert_int_equal(sit->n_local, 1);
	assert_int_equal(sit->local[0], htonl(0xc0000201));
	assert_int_equal(sit->n_remote, 0);
	assert_true(sit->has_ttl && sit->ttl == 64);
	assert_true(sit->has_tos && sit->tos == 0);
	assert_true(sit->has_proto && sit->proto == 41);
	assert_true(sit->has_pmtudisc && sit->pmtudisc);
	assert_true(sit->has_flags && sit->flags == 1);
	assert_true(sit->has_encap_type && sit->encap_type == 2);
	assert_true(sit->has_encap_flags && sit->encap_flags == 3);
	assert_true(sit->has_encap_sport && sit->encap_sport == htons(4444));
	assert_true(sit->has_encap_dport && sit->encap_dport == htons(5555));
	assert_true(sit->has_rd_prefixlen && sit->rd_prefixlen == 48);
	assert_int_equal(sit->n_rd_prefix, 4);
	assert_int_equal(sit->rd_prefix[0], htonl(0x20010db8));
	assert_int_equal(sit->rd_prefix[1], htonl(0x00010000));
	assert_true(sit->has_relay_prefixlen && sit->relay_prefixlen == 8);
	assert_int_equal(sit->n_relay_prefix, 1);
	assert_int_equal(sit->relay_prefix[0], htonl(0x0a000000));
	assert_string_equal(link_.lost, "");
	done();
}

/* What CRIU leaves out at its default stays out; and a restore takes what is left. */
static void sit_with_little(void **state)
{
	const struct entry_place at = { "netdev-10.img", 2 };
	struct kinds *k = *state;

	assert_int_equal(dump_it(k, begin_sit(16, 0), &link_kind_sit), 0);
	assert_false(dev->sit->has_pmtudisc);
	assert_int_equal(dev->sit->n_rd_prefix, 4);
	assert_false(dev->sit->has_relay_prefixlen);
	assert_int_equal(dev->sit->n_relay_prefix, 0);
	assert_int_equal(link_kind_sit.check(dev, &at, &k->report), 0);
	done();
	assert_int_equal(dump_it(k, begin_sit(0, 8), &link_kind_sit), 0);
	assert_false(dev->sit->has_rd_prefixlen || dev->sit->has_relay_prefixlen);
	assert_int_equal(dev->sit->n_rd_prefix + dev->sit->n_relay_prefix, 0);
	assert_string_equal(link_.lost, "its 6rd prefix of length 0");
	assert_int_equal(link_kind_sit.check(dev, &at, &k->report), 0);
	done();
}

/* --- tun --- */

static struct nlmsghdr *begin_tun(uint8_t type, uint32_t owner, uint32_t group)
{
	struct nlmsghdr *nlh = begin("tun");

	if (owner != UINT32_MAX)
		mnl_attr_put_u32(nlh, IFLA_TUN_OWNER, owner);
	if (group != UINT32_MAX)
		mnl_attr_put_u32(nlh, IFLA_TUN_GROUP, group);
	mnl_attr_put_u8(nlh, IFLA_TUN_TYPE, type);
	mnl_attr_put_u8(nlh, IFLA_TUN_PI, 0);
	mnl_attr_put_u8(nlh, IFLA_TUN_VNET_HDR, 1);
	mnl_attr_put_u8(nlh, IFLA_TUN_PERSIST, 1);
	mnl_attr_put_u8(nlh, IFLA_TUN_MULTI_QUEUE, 1);
	return nlh;
}

static void tun(void **state)
{
	struct kinds *k = *state;

	assert_int_equal(dump_it(k, begin_tun(2, 0, 65535), &link_kind_tun), 0);
	assert_int_equal(dev->tun->flags,
			 IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_PERSIST | IFF_MULTI_QUEUE);
	/* By the map of the user namespace, to what is outside. */
	assert_int_equal(dev->tun->owner, 100000);
	assert_int_equal(dev->tun->group, 165535);
	assert_int_equal(dev->tun->vnethdr, 10);
	assert_int_equal(dev->tun->sndbuf, INT_MAX);
	done();
	assert_int_equal(dump_it(k, begin_tun(1, UINT32_MAX, UINT32_MAX), &link_kind_tun), 0);
	assert_int_equal(dev->tun->owner, -1);
	assert_int_equal(dev->tun->group, -1);
	done();
}

static void tun_of_nobody(void **state)
{
	assert_int_equal(dump_it(*state, begin_tun(1, 65536, UINT32_MAX), &link_kind_tun),
			 EXIT_IMAGE);
	done();
}

static void tun_of_nobodys_group(void **state)
{
	assert_int_equal(dump_it(*state, begin_tun(1, 5, 70000), &link_kind_tun), EXIT_IMAGE);
	done();
}

/* Before Linux 4.17. */
static void tun_without_a_type(void **state)
{
	assert_int_equal(dump_it(*state, begin("tun"), &link_kind_tun), EXIT_OS_);
	done();
}

/* --- others --- */

static void bridge(void **state)
{
	struct nlmsghdr *nlh = begin("bridge");

	mnl_attr_put_u32(nlh, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u16(nlh, IFLA_BR_PRIORITY, 0x8000);
	mnl_attr_put_u16(nlh, IFLA_BR_VLAN_PROTOCOL, htons(0x8100));
	assert_int_equal(dump_it(*state, nlh, &link_kind_bridge), 0);
	assert_string_equal(link_.lost, "");
	done();
	nlh = begin("bridge");
	mnl_attr_put_u32(nlh, IFLA_BR_STP_STATE, 1);
	mnl_attr_put_u8(nlh, IFLA_BR_VLAN_FILTERING, 1);
	mnl_attr_put_u16(nlh, IFLA_BR_VLAN_PROTOCOL, htons(0x88a8));
	assert_int_equal(dump_it(*state, nlh, &link_kind_bridge), 0);
	assert_string_equal(link_.lost,
			    "its stp_state of 1, its vlan_filtering of 1, its vlan_protocol");
	done();
}

static void venet(void **state)
{
	assert_int_equal(dump_it(*state, begin("venet"), &link_kind_venet), 0);
	done();
}

static void void_device_without_a_kind(void **state)
{
	assert_int_equal(dump_it(*state, begin(""), &link_kind_venet), EXIT_IMAGE);
	done();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kinds_setup, kinds_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sit_with_everything),
		TEST(sit_with_little),
		TEST(tun),
		TEST(tun_of_nobody),
		TEST(tun_of_nobodys_group),
		TEST(tun_without_a_type),
		TEST(bridge),
		TEST(venet),
		TEST(void_device_without_a_kind),
	};

	return cmocka_run_group_tests_name("kinds_dump", tests, NULL, NULL);
}
