/*
 * What the kernel says of a link, taken apart; and which kind it is.
 */
#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_bridge.h>

#include "tests/lib/test.h"
#include "worker/dump.h"
#include "worker/dump_losses.h"
#include "worker/link_kind.h"
#include "worker/report.h"
#include "worker/skip_kinds.h"

static union {
	struct nlmsghdr nlh;
	uint8_t bytes[1024];
} msg;

static struct nlmsghdr *begin(void)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(msg.bytes);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = 7;
	return nlh;
}

static void attributes(void **state)
{
	struct nlmsghdr *nlh = begin();
	struct nlattr *info, *data;
	struct dump_link link;

	(void)state;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	mnl_attr_put_u32(nlh, IFLA_MTU, 1400);
	mnl_attr_put_u32(nlh, IFLA_MAX + 1, 1);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvlan");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, 4);
	mnl_attr_put_u16(nlh, IFLA_MACVLAN_FLAGS, 1);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	assert_int_equal(dump_link_parse(nlh, &link), 0);
	assert_int_equal(link.ifi->ifi_index, 7);
	assert_string_equal(link.name, "eth0");
	assert_string_equal(link.kind, "macvlan");
	assert_int_equal(dump_attr_u32(link.attrs[IFLA_MTU], 0), 1400);
	assert_null(link.attrs[IFLA_MASTER]);
	assert_int_equal(dump_attr_u32(dump_info(&link, IFLA_MACVLAN_MODE), 0), 4);
	assert_int_equal(dump_attr_u16(dump_info(&link, IFLA_MACVLAN_FLAGS), 0), 1);
	assert_null(dump_info(&link, IFLA_MACVLAN_MACADDR_COUNT));
}

static void numbers_of_another_size(void **state)
{
	struct nlmsghdr *nlh = begin();
	struct dump_link link;

	(void)state;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "eth0");
	mnl_attr_put_u16(nlh, IFLA_MTU, 1400);
	mnl_attr_put_u8(nlh, IFLA_GROUP, 3);
	assert_int_equal(dump_link_parse(nlh, &link), 0);
	assert_int_equal(dump_attr_u32(link.attrs[IFLA_MTU], 5), 5);
	assert_int_equal(dump_attr_u8(link.attrs[IFLA_MTU], 5), 5);
	assert_int_equal(dump_attr_u8(link.attrs[IFLA_GROUP], 5), 3);
	assert_int_equal(dump_attr_u16(link.attrs[IFLA_GROUP], 5), 5);
	assert_int_equal(dump_attr_u32(NULL, 6), 6);
	assert_string_equal(link.kind, "");
	assert_null(dump_info(&link, 1));
}

static void no_name(void **state)
{
	struct dump_link link;
	struct nlmsghdr *nlh = begin();

	(void)state;
	assert_int_equal(dump_link_parse(nlh, &link), -EIO);
	mnl_attr_put(nlh, IFLA_IFNAME, 4, "eth0"); /* and no NUL */
	assert_int_equal(dump_link_parse(nlh, &link), -EIO);
}

static void what_is_lost(void **state)
{
	struct dump_link link = { .lost = "" };

	(void)state;
	dump_lost(&link, "its alias");
	dump_lost(&link, "its group %u", 7U);
	assert_string_equal(link.lost, "its alias, its group 7");
	for (int i = 0; i < 100; i++)
		dump_lost(&link, "another %d of those things", i);
	assert_true(strlen(link.lost) < sizeof(link.lost));
}

static bool has_vlans(const struct bridge_vlan_info *vlans, size_t n)
{
	struct nlmsghdr *nlh = begin();
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "port");
	nest = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	for (size_t i = 0; i < n; i++)
		mnl_attr_put(nlh, IFLA_BRIDGE_VLAN_INFO, sizeof(vlans[i]), &vlans[i]);
	mnl_attr_nest_end(nlh, nest);
	return dump_losses_has_vlans(nlh);
}

/* In words of the kernel, as not every kernel has VLANs of bridges. */
static void vlans_of_a_port(void **state)
{
	const uint16_t usual = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;
	const struct bridge_vlan_info vlans[] = {
		{ usual, 1 }, { 0, 20 }, { usual, 20 }, { BRIDGE_VLAN_INFO_UNTAGGED, 1 }
	};

	(void)state;
	assert_false(has_vlans(&vlans[0], 1));
	assert_true(has_vlans(&vlans[0], 2));
	assert_true(has_vlans(&vlans[1], 1));
	assert_true(has_vlans(&vlans[2], 1));
	assert_true(has_vlans(&vlans[3], 1));
	assert_true(has_vlans(NULL, 0));
	/* A kernel without them says nothing. */
	assert_false(dump_losses_has_vlans(begin()));
}

static void kinds(void **state)
{
	(void)state;
	assert_ptr_equal(link_kind_of_kernel(ARPHRD_LOOPBACK, ""), &link_kind_loopback);
	assert_ptr_equal(link_kind_of_kernel(ARPHRD_ETHER, "macvlan"), &link_kind_macvlan);
	assert_int_equal(link_kind_of_kernel(ARPHRD_SIT, "sit")->type, IMG__LINK_TYPE__SIT);
	assert_int_equal(link_kind_of_kernel(ARPHRD_VOID, "")->type, IMG__LINK_TYPE__VENET);
	assert_null(link_kind_of_kernel(ARPHRD_ETHER, ""));
	assert_null(link_kind_of_kernel(ARPHRD_ETHER, "macvtap"));
	assert_null(link_kind_of_kernel(ARPHRD_ETHER, "extlink"));
	assert_null(link_kind_of_kernel(ARPHRD_NONE, ""));
}

static void skipping(void **state)
{
	struct skip_kinds skip = { .n = 0 };
	struct report report;

	(void)state;
	assert_int_equal(report_init(&report, "dump", true), 0);
	assert_int_equal(skip_kinds_add(&skip, "dummy", &report), 0);
	assert_int_equal(skip_kinds_add(&skip, "device", &report), 0);
	assert_true(skip_kinds_has(&skip, "dummy"));
	assert_true(skip_kinds_has(&skip, ""));
	assert_false(skip_kinds_has(&skip, "dum"));
	assert_false(skip_kinds_has(&skip, "vxlan"));
	assert_int_equal(skip_kinds_add(&skip, "", &report), EXIT_USAGE_);
	assert_int_equal(skip_kinds_add(&skip, "loopback", &report), EXIT_USAGE_);
	for (int i = 2; i < SKIP_KINDS_MAX; i++)
		assert_int_equal(skip_kinds_add(&skip, "vxlan", &report), 0);
	assert_int_equal(skip_kinds_add(&skip, "vxlan", &report), EXIT_USAGE_);
	report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes),      cmocka_unit_test(numbers_of_another_size),
		cmocka_unit_test(no_name),         cmocka_unit_test(what_is_lost),
		cmocka_unit_test(kinds),           cmocka_unit_test(skipping),
		cmocka_unit_test(vlans_of_a_port),
	};

	return cmocka_run_group_tests_name("dump_link", tests, NULL, NULL);
}
