/*
 * The kernel tells IPv4's and IPv6's settings of a link in two arrays (inet_fill_link_af() in
 * net/ipv4/devinet.c, ipv6_store_devconf() in net/ipv6/addrconf.c). Places in them are never given
 * to another setting; a kernel that is older has a shorter array.
 *
 * May: look at the message, and read the files of "default". Must not: believe in a value for
 * which this kernel has no file: it may be built without it, and the array has 0 there then.
 */
#include "worker/dump_conf.h"

#include <string.h>
#include <sys/socket.h>

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/report.h"

enum {
	IN_FILE = UINT16_MAX, /* not in the array */
	IN_MS = 0x8000,       /* told in milliseconds, of what the file has in seconds */
};

/* clang-format off */

/* In the order of sysctl_conf4. Numbers of IPv4 begin with 1, the array with 0. */
static const uint16_t places4[] = {
	IPV4_DEVCONF_ACCEPT_LOCAL, IPV4_DEVCONF_ACCEPT_REDIRECTS, IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE,
	IPV4_DEVCONF_ARP_ACCEPT, IPV4_DEVCONF_ARP_ANNOUNCE, IPV4_DEVCONF_ARPFILTER,
	IPV4_DEVCONF_ARP_IGNORE, IPV4_DEVCONF_ARP_NOTIFY, IPV4_DEVCONF_BOOTP_RELAY,
	IPV4_DEVCONF_NOPOLICY, IPV4_DEVCONF_NOXFRM, IPV4_DEVCONF_FORCE_IGMP_VERSION,
	IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_IGMPV2_UNSOLICITED_REPORT_INTERVAL,
	IPV4_DEVCONF_IGMPV3_UNSOLICITED_REPORT_INTERVAL, IPV4_DEVCONF_LOG_MARTIANS,
	IPV4_DEVCONF_MEDIUM_ID, IPV4_DEVCONF_PROMOTE_SECONDARIES, IPV4_DEVCONF_PROXY_ARP,
	IPV4_DEVCONF_PROXY_ARP_PVLAN, IPV4_DEVCONF_ROUTE_LOCALNET, IPV4_DEVCONF_RP_FILTER,
	IPV4_DEVCONF_SECURE_REDIRECTS, IPV4_DEVCONF_SEND_REDIRECTS, IPV4_DEVCONF_SHARED_MEDIA,
	IPV4_DEVCONF_SRC_VMARK, IPV4_DEVCONF_TAG, IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN,
	IPV4_DEVCONF_DROP_GRATUITOUS_ARP, IPV4_DEVCONF_DROP_UNICAST_IN_L2_MULTICAST,
};

/* In the order of sysctl_conf6. */
static const uint16_t places6[] = {
	DEVCONF_ACCEPT_DAD, DEVCONF_ACCEPT_RA, DEVCONF_ACCEPT_RA_DEFRTR,
	DEVCONF_ACCEPT_RA_FROM_LOCAL, DEVCONF_ACCEPT_RA_MIN_HOP_LIMIT, DEVCONF_ACCEPT_RA_MTU,
	DEVCONF_ACCEPT_RA_PINFO, DEVCONF_ACCEPT_RA_RT_INFO_MAX_PLEN, DEVCONF_ACCEPT_RA_RTR_PREF,
	DEVCONF_ACCEPT_REDIRECTS, DEVCONF_ACCEPT_SOURCE_ROUTE, DEVCONF_AUTOCONF,
	DEVCONF_DAD_TRANSMITS, DEVCONF_DISABLE_IPV6, DEVCONF_DROP_UNICAST_IN_L2_MULTICAST,
	DEVCONF_DROP_UNSOLICITED_NA, DEVCONF_FORCE_MLD_VERSION, DEVCONF_FORCE_TLLAO,
	DEVCONF_FORWARDING, DEVCONF_HOPLIMIT, DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN,
	DEVCONF_KEEP_ADDR_ON_DOWN, DEVCONF_MAX_ADDRESSES, DEVCONF_MAX_DESYNC_FACTOR,
	DEVCONF_MLDV1_UNSOLICITED_REPORT_INTERVAL, DEVCONF_MLDV2_UNSOLICITED_REPORT_INTERVAL,
	DEVCONF_MTU6, DEVCONF_NDISC_NOTIFY, DEVCONF_OPTIMISTIC_DAD, DEVCONF_PROXY_NDP,
	DEVCONF_REGEN_MAX_RETRY, IN_MS | DEVCONF_RTR_PROBE_INTERVAL,
	IN_MS | DEVCONF_RTR_SOLICIT_DELAY, IN_MS | DEVCONF_RTR_SOLICIT_INTERVAL,
	DEVCONF_RTR_SOLICITS, IN_FILE /* stable_secret */, DEVCONF_SUPPRESS_FRAG_NDISC,
	DEVCONF_TEMP_PREFERED_LFT, DEVCONF_TEMP_VALID_LFT, DEVCONF_USE_OIF_ADDRS_ONLY,
	DEVCONF_USE_OPTIMISTIC, DEVCONF_USE_TEMPADDR,
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(places4) == 30, "one for each name of sysctl_conf4");
_Static_assert(ARRAY_SIZE(places6) == DUMP_CONF_MAX, "one for each name of sysctl_conf6");

int dump_conf_open(struct dump *d)
{
	int r;

	r = sysctl_set_read(d->sysctls, &sysctl_conf4, "ipv4/conf/default", /* known= */ NULL,
			    &d->there4);
	if (r == 0)
		r = sysctl_set_read(d->sysctls, &sysctl_conf6, "ipv6/conf/default",
				    /* known= */ NULL, &d->there6);
	return r < 0 ? report_fail(d->report, EXIT_UNDONE,
				   "cannot read the sysctls of new links: %s", strerror(-r))
		     : 0;
}

/* Values of seconds that do not come out even are left to the file. */
static void take(const struct nlattr *array, size_t i, bool in_ms, struct sysctl_value *ret)
{
	const uint8_t *values = mnl_attr_get_payload(array);
	int32_t value;

	if (i >= mnl_attr_get_payload_len(array) / sizeof(value))
		return;
	memcpy(&value, values + i * sizeof(value), sizeof(value));
	if (in_ms && (value < 0 || value % 1000 != 0))
		return;
	ret->type = SYSCTL_NUMBER;
	ret->number = in_ms ? value / 1000 : value;
}

void dump_conf_get(const struct dump *d, const struct sysctl_table *table,
		   const struct nlattr *families, struct sysctl_value ret[DUMP_CONF_MAX])
{
	const bool of4 = table == &sysctl_conf4;
	const struct nlattr *array = dump_nested(dump_nested(families, of4 ? AF_INET : AF_INET6),
						 of4 ? IFLA_INET_CONF : IFLA_INET6_CONF);
	const struct sysctl_value *there = of4 ? d->there4.values : d->there6.values;
	const uint16_t *places = of4 ? places4 : places6;

	memset(ret, 0, DUMP_CONF_MAX * sizeof(*ret));
	for (size_t i = 0; array && i < table->n; i++) {
		const bool in_ms = places[i] & IN_MS;

		if (places[i] != IN_FILE && there[i].type != SYSCTL_ABSENT)
			take(array, (size_t)(places[i] & ~IN_MS) - of4, in_ms, &ret[i]);
	}
}
