/*
 * Sysctls that images cannot hold and that are not what a new network namespace has: those of
 * conf/ that came after the images' lists, and some of the namespace.
 *
 * May: read below /proc/sys/net.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/dump_losses.h"
#include "worker/report.h"
#include "worker/sysctl_net.h"

struct known {
	const char *path, *otherwise; /* below net/; what a new namespace has */
};

/* clang-format off */
static const struct known known[] = {
	{ "core/somaxconn", "4096" },
	{ "ipv4/ip_local_port_range", "32768 60999" }, { "ipv4/ip_unprivileged_port_start", "1024" },
	{ "ipv4/ip_local_reserved_ports", "" }, { "ipv4/ip_default_ttl", "64" },
	{ "ipv4/ip_nonlocal_bind", "0" }, { "ipv4/ip_no_pmtu_disc", "0" },
	{ "ipv4/icmp_echo_ignore_all", "0" }, { "ipv4/icmp_echo_ignore_broadcasts", "1" },
	{ "ipv4/fib_multipath_hash_policy", "0" }, { "ipv4/nexthop_compat_mode", "1" },
	{ "ipv4/fwmark_reflect", "0" }, { "ipv4/tcp_fwmark_accept", "0" },
	{ "ipv4/tcp_ecn", "2" }, { "ipv4/tcp_timestamps", "1" }, { "ipv4/tcp_sack", "1" },
	{ "ipv4/tcp_window_scaling", "1" }, { "ipv4/tcp_keepalive_time", "7200" },
	{ "ipv4/tcp_keepalive_intvl", "75" }, { "ipv4/tcp_keepalive_probes", "9" },
	{ "ipv4/tcp_fin_timeout", "60" }, { "ipv4/tcp_retries1", "3" }, { "ipv4/tcp_retries2", "15" },
	{ "ipv4/tcp_syn_retries", "6" }, { "ipv4/tcp_synack_retries", "5" },
	{ "ipv4/tcp_syncookies", "1" }, { "ipv4/tcp_mtu_probing", "0" },
	{ "ipv4/tcp_slow_start_after_idle", "1" }, { "ipv4/tcp_no_metrics_save", "0" },
	{ "ipv6/bindv6only", "0" }, { "ipv6/ip_nonlocal_bind", "0" },
	{ "ipv6/fib_multipath_hash_policy", "0" }, { "ipv6/flowlabel_consistency", "1" },
	{ "ipv6/auto_flowlabels", "1" }, { "ipv6/fwmark_reflect", "0" },
	{ "ipv6/icmp/echo_ignore_all", "0" },
};

static const struct known known_conf4[] = {
	{ "arp_evict_nocarrier", "1" }, { "bc_forwarding", "0" },
};

static const struct known known_conf6[] = {
	{ "accept_ra_min_lft", "0" }, { "accept_ra_rt_info_min_plen", "0" },
	{ "accept_untracked_na", "0" }, { "addr_gen_mode", "0" }, { "disable_policy", "0" },
	{ "enhanced_dad", "1" }, { "force_forwarding", "0" }, { "ioam6_enabled", "0" },
	{ "ioam6_id", "65535" }, { "ioam6_id_wide", "4294967295" },
	{ "ndisc_evict_nocarrier", "1" }, { "ndisc_tclass", "0" }, { "ra_defrtr_metric", "1024" },
	{ "ra_honor_pio_life", "0" }, { "ra_honor_pio_pflag", "0" }, { "regen_min_advance", "2" },
	{ "router_solicitation_max_interval", "3600" }, { "rpl_seg_enabled", "0" },
	{ "seg6_enabled", "0" }, { "seg6_require_hmac", "0" },
};
/* clang-format on */

enum {
	PATH_SIZE = 96,
	VALUE_SIZE = 64, /* bytes of a value that are looked at, and shown */
};

/* Whether there is such a file, and its text in @ret, with a blank between its words. */
static bool read_text(const struct dump *d, const char *path, char ret[VALUE_SIZE])
{
	_cleanup_fd_ int fd = sysctl_net_openat(d->sysctls, path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, ret, VALUE_SIZE - 1);
	if (n < 0)
		return false;
	while (n > 0 && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	for (char *tab = ret; (tab = strchr(tab, '\t'));)
		*tab = ' ';
	return true;
}

static void compare(struct dump *d, const char *dir, const struct known *list, size_t n)
{
	char path[PATH_SIZE], value[VALUE_SIZE];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", dir, list[i].path);
		if (read_text(d, path, value) && strcmp(value, list[i].otherwise) != 0)
			report_warn(d->report,
				    "the images cannot hold sysctl net/%s, which is '%s': lost",
				    path, value);
	}
}

void dump_losses_of_sysctls(struct dump *d)
{
	compare(d, "", known, ARRAY_SIZE(known));
	compare(d, "ipv4/conf/all/", known_conf4, ARRAY_SIZE(known_conf4));
	compare(d, "ipv4/conf/default/", known_conf4, ARRAY_SIZE(known_conf4));
	compare(d, "ipv6/conf/all/", known_conf6, ARRAY_SIZE(known_conf6));
	compare(d, "ipv6/conf/default/", known_conf6, ARRAY_SIZE(known_conf6));
}
