/*
 * What images cannot hold of one link. All of it is in the message that tells of the link.
 *
 * May: look at the message. Must not: ask the kernel.
 */
#include <string.h>
#include <sys/socket.h>

#include <linux/if_bridge.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/dump_losses.h"
#include "worker/state_sysctl.h"

/* --- the port of a bridge --- */

/* clang-format off */
static const struct {
	uint16_t type, size;
	const char *name;
	uint32_t otherwise; /* what a new port has (new_nbp() in net/bridge/br_if.c) */
} port_options[] = {
	{ IFLA_BRPORT_PRIORITY, 2, "priority", 32 },
	{ IFLA_BRPORT_MODE, 1, "hairpin", 0 },
	{ IFLA_BRPORT_GUARD, 1, "guard", 0 },
	{ IFLA_BRPORT_PROTECT, 1, "root_block", 0 },
	{ IFLA_BRPORT_FAST_LEAVE, 1, "fastleave", 0 },
	{ IFLA_BRPORT_LEARNING, 1, "learning", 1 },
	{ IFLA_BRPORT_UNICAST_FLOOD, 1, "flood", 1 },
	{ IFLA_BRPORT_MCAST_FLOOD, 1, "mcast_flood", 1 },
	{ IFLA_BRPORT_BCAST_FLOOD, 1, "bcast_flood", 1 },
	{ IFLA_BRPORT_MULTICAST_ROUTER, 1, "mcast_router", 1 },
	{ IFLA_BRPORT_MCAST_TO_UCAST, 1, "mcast_to_unicast", 0 },
	{ IFLA_BRPORT_PROXYARP, 1, "proxy_arp", 0 },
	{ IFLA_BRPORT_PROXYARP_WIFI, 1, "proxy_arp_wifi", 0 },
	{ IFLA_BRPORT_GROUP_FWD_MASK, 2, "group_fwd_mask", 0 },
	{ IFLA_BRPORT_NEIGH_SUPPRESS, 1, "neigh_suppress", 0 },
	{ IFLA_BRPORT_VLAN_TUNNEL, 1, "vlan_tunnel", 0 },
	{ IFLA_BRPORT_ISOLATED, 1, "isolated", 0 },
	{ IFLA_BRPORT_LOCKED, 1, "locked", 0 },
	{ IFLA_BRPORT_BACKUP_PORT, 4, "backup_port", 0 },
};
/* clang-format on */

/* It follows from the link's speed (port_cost() in net/bridge/br_if.c), which is told nowhere here. */
static bool is_usual_cost(uint32_t cost)
{
	return cost <= 2 || cost == 4 || cost == 19 || cost == 100;
}

static void find_port(struct dump_link *link)
{
	const struct nlattr *info = link->attrs[IFLA_LINKINFO];
	const struct nlattr *kind = dump_nested(info, IFLA_INFO_SLAVE_KIND);
	const struct nlattr *port = dump_nested(info, IFLA_INFO_SLAVE_DATA);
	uint32_t cost;

	if (!kind || !port || mnl_attr_validate(kind, MNL_TYPE_NUL_STRING) < 0 ||
	    strcmp(mnl_attr_get_str(kind), "bridge") != 0)
		return;
	cost = dump_attr_u32(dump_nested(port, IFLA_BRPORT_COST), 0);
	if (!is_usual_cost(cost))
		dump_lost(link, "its port's cost of %u", cost);
	for (size_t i = 0; i < ARRAY_SIZE(port_options); i++) {
		const struct nlattr *attr = dump_nested(port, port_options[i].type);
		const uint32_t otherwise = port_options[i].otherwise;
		uint32_t value;

		if (port_options[i].size == 4)
			value = dump_attr_u32(attr, otherwise);
		else if (port_options[i].size == 2)
			value = dump_attr_u16(attr, otherwise);
		else
			value = dump_attr_u8(attr, otherwise);
		if (value != otherwise)
			dump_lost(link, "its port's %s of %u", port_options[i].name, value);
	}
}

bool dump_losses_has_vlans(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr, *vlans = NULL;
	struct bridge_vlan_info vlan;
	size_t others = 0;
	bool first = false;

	nl_attr_each (attr, nlh, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_AF_SPEC)
			vlans = attr;
	}
	if (!vlans)
		return false;
	nl_attr_each_nested (attr, vlans) {
		if (mnl_attr_get_type(attr) != IFLA_BRIDGE_VLAN_INFO ||
		    mnl_attr_get_payload_len(attr) < sizeof(vlan))
			continue;
		memcpy(&vlan, mnl_attr_get_payload(attr), sizeof(vlan));
		if (vlan.vid == 1 &&
		    vlan.flags == (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED))
			first = true;
		else
			others++;
	}
	return others > 0 || !first;
}

/* --- IPv4 and IPv6 --- */

struct conf {
	uint16_t place; /* in the kernel's array */
	const char *name;
	int32_t otherwise; /* of a kernel that nobody told anything else */
};

/* The array of IPv4 begins with 1 (inet_fill_link_af() in net/ipv4/devinet.c). */
static const struct conf conf4[] = {
	{ IPV4_DEVCONF_BC_FORWARDING - 1, "bc_forwarding", 0 },
	{ IPV4_DEVCONF_ARP_EVICT_NOCARRIER - 1, "arp_evict_nocarrier", 1 },
};

static const struct conf conf6[] = {
	{ DEVCONF_ENHANCED_DAD, "enhanced_dad", 1 },
	{ DEVCONF_DISABLE_POLICY, "disable_policy", 0 },
	{ DEVCONF_ACCEPT_RA_RT_INFO_MIN_PLEN, "accept_ra_rt_info_min_plen", 0 },
	{ DEVCONF_NDISC_TCLASS, "ndisc_tclass", 0 },
	{ DEVCONF_RPL_SEG_ENABLED, "rpl_seg_enabled", 0 },
	{ DEVCONF_SEG6_ENABLED, "seg6_enabled", 0 },
	{ DEVCONF_RA_DEFRTR_METRIC, "ra_defrtr_metric", 1024 },
	{ DEVCONF_IOAM6_ENABLED, "ioam6_enabled", 0 },
	{ DEVCONF_IOAM6_ID, "ioam6_id", 65535 },
	{ DEVCONF_IOAM6_ID_WIDE, "ioam6_id_wide", -1 },
	{ DEVCONF_NDISC_EVICT_NOCARRIER, "ndisc_evict_nocarrier", 1 },
	{ DEVCONF_ACCEPT_UNTRACKED_NA, "accept_untracked_na", 0 },
	{ DEVCONF_ACCEPT_RA_MIN_LFT, "accept_ra_min_lft", 0 },
};

static void find_conf(struct dump_link *link, const struct nlattr *array, const struct conf *conf,
		      size_t n, const char *family)
{
	int32_t value;

	for (size_t i = 0; array && i < n; i++) {
		if (mnl_attr_get_payload_len(array) / sizeof(value) <= conf[i].place)
			continue;
		memcpy(&value,
		       (const uint8_t *)mnl_attr_get_payload(array) + conf[i].place * sizeof(value),
		       sizeof(value));
		if (value != conf[i].otherwise)
			dump_lost(link, "its sysctl %s/%s of %d", family, conf[i].name, value);
	}
}

/* A secret brings its mode with it, and one without link layer addresses gets its own. */
static void find_mode(struct dump_link *link, const struct nlattr *attr, const Img__NetDevice *dev)
{
	const uint32_t mode = dump_attr_u8(attr, IN6_ADDR_GEN_MODE_EUI64);
	bool secret = false;

	for (size_t i = 0; i < dev->n_conf6 && i < sysctl_conf6.n; i++)
		secret |=
			strcmp(sysctl_conf6.names[i], "stable_secret") == 0 && dev->conf6[i]->sarg;
	if (mode == IN6_ADDR_GEN_MODE_EUI64 ||
	    (mode == IN6_ADDR_GEN_MODE_STABLE_PRIVACY && secret) ||
	    (mode == IN6_ADDR_GEN_MODE_RANDOM && !link->attrs[IFLA_ADDRESS]))
		return;
	dump_lost(link, "its addr_gen_mode of %u", mode);
}

void dump_losses_of_link(struct dump_link *link, const Img__NetDevice *dev)
{
	const struct nlattr *families = link->attrs[IFLA_AF_SPEC];
	const struct nlattr *of4 = dump_nested(families, AF_INET),
			    *of6 = dump_nested(families, AF_INET6);

	find_port(link);
	find_mode(link, dump_nested(of6, IFLA_INET6_ADDR_GEN_MODE), dev);
	find_conf(link, dump_nested(of4, IFLA_INET_CONF), conf4, ARRAY_SIZE(conf4), "ipv4");
	find_conf(link, dump_nested(of6, IFLA_INET6_CONF), conf6, ARRAY_SIZE(conf6), "ipv6");
}
