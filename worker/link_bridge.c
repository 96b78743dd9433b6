/*
 * bridge: made empty; its ports come to it when all links are there.
 *
 * Its options are not in CRIU's images, so it has the kernel's defaults; a dump says which are lost.
 */
#include <arpa/inet.h>
#include <net/if.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/link_ether.h"
#include "worker/link_kind.h"
#include "worker/plan_input.h"

static int check_bridge(const Img__NetDevice *dev, const struct entry_place *at,
			struct report *report)
{
	return link_ether_check(dev, "bridge", /* needed= */ false, at, report);
}

static int plan_bridge(struct plan_link *link, struct plan_input *in, struct report *report)
{
	(void)in;
	(void)report;
	link->maker = MAKER_WORKER;
	return 0;
}

/* --- saving --- */

/* Times are in hundredths of a second. */
/* clang-format off */
static const struct {
	uint16_t type, size;
	uint32_t otherwise; /* in a new bridge (net/bridge/br_device.c, br_multicast.c) */
	const char *name;
} options[] = {
	{ IFLA_BR_STP_STATE,           4, 0,                "stp_state" },
	{ IFLA_BR_PRIORITY,            2, 0x8000,           "priority" },
	{ IFLA_BR_FORWARD_DELAY,       4, 1500,             "forward_delay" },
	{ IFLA_BR_HELLO_TIME,          4, 200,              "hello_time" },
	{ IFLA_BR_MAX_AGE,             4, 2000,             "max_age" },
	{ IFLA_BR_AGEING_TIME,         4, 30000,            "ageing_time" },
	{ IFLA_BR_GROUP_FWD_MASK,      2, 0,                "group_fwd_mask" },
	{ IFLA_BR_VLAN_FILTERING,      1, 0,                "vlan_filtering" },
	{ IFLA_BR_VLAN_DEFAULT_PVID,   2, 1,                "vlan_default_pvid" },
	{ IFLA_BR_MCAST_SNOOPING,      1, 1,                "mcast_snooping" },
	{ IFLA_BR_MCAST_ROUTER,        1, 1,                "mcast_router" },
	{ IFLA_BR_MCAST_QUERIER,       1, 0,                "mcast_querier" },
	{ IFLA_BR_NF_CALL_IPTABLES,    1, 0,                "nf_call_iptables" },
	{ IFLA_BR_NF_CALL_IP6TABLES,   1, 0,                "nf_call_ip6tables" },
	{ IFLA_BR_NF_CALL_ARPTABLES,   1, 0,                "nf_call_arptables" },
};
/* clang-format on */

static uint32_t option_of(const struct dump_link *link, size_t i)
{
	const struct nlattr *attr = dump_info(link, options[i].type);

	if (options[i].size == 1)
		return dump_attr_u8(attr, options[i].otherwise);
	if (options[i].size == 2)
		return dump_attr_u16(attr, options[i].otherwise);
	return dump_attr_u32(attr, options[i].otherwise);
}

static int dump_bridge(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	const uint16_t vlan = htons(ETH_P_8021Q);

	(void)dev;
	(void)report;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (option_of(link, i) != options[i].otherwise)
			dump_lost(link, "its %s of %u", options[i].name, option_of(link, i));
	}
	if (dump_attr_u16(dump_info(link, IFLA_BR_VLAN_PROTOCOL), vlan) != vlan)
		dump_lost(link, "its vlan_protocol");
	dump_lost_queue(link, 1000);
	return 0;
}

const struct link_kind link_kind_bridge = {
	.type = IMG__LINK_TYPE__BRIDGE,
	.name = "bridge",
	.rtnl = "bridge",
	.ethernet = true,
	.is_master = true,
	.check = check_bridge,
	.plan = plan_bridge,
	.dump = dump_bridge,
};
