/*
 * Sysctls of a namespace and of its links.
 *
 * The worker opens the directories once it has joined the target. Where a new link has what it inherits from "default",
 * nothing is written; the MTU of IPv6 is not inherited, but that of the link. Setting forwarding changes accept_redirects (inet_forward_change() in
 * net/ipv4/devinet.c), so that goes last.
 *
 * May: read and write below the directory it is given. Must not: know about links.
 */
#include "worker/state_sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/report.h"
#include "worker/sysctl_net.h"

/* clang-format off */
static const char *const conf4_names[] = {
	"accept_local", "accept_redirects", "accept_source_route", "arp_accept", "arp_announce",
	"arp_filter", "arp_ignore", "arp_notify", "bootp_relay", "disable_policy",
	"disable_xfrm", "force_igmp_version", "forwarding", "igmpv2_unsolicited_report_interval",
	"igmpv3_unsolicited_report_interval", "log_martians", "medium_id", "promote_secondaries",
	"proxy_arp", "proxy_arp_pvlan", "route_localnet", "rp_filter", "secure_redirects",
	"send_redirects", "shared_media", "src_valid_mark", "tag", "ignore_routes_with_linkdown",
	"drop_gratuitous_arp", "drop_unicast_in_l2_multicast",
};

static const char *const conf6_names[] = {
	"accept_dad", "accept_ra", "accept_ra_defrtr", "accept_ra_from_local",
	"accept_ra_min_hop_limit", "accept_ra_mtu", "accept_ra_pinfo",
	"accept_ra_rt_info_max_plen", "accept_ra_rtr_pref", "accept_redirects",
	"accept_source_route", "autoconf", "dad_transmits", "disable_ipv6",
	"drop_unicast_in_l2_multicast", "drop_unsolicited_na", "force_mld_version",
	"force_tllao", "forwarding", "hop_limit", "ignore_routes_with_linkdown",
	"keep_addr_on_down", "max_addresses", "max_desync_factor",
	"mldv1_unsolicited_report_interval", "mldv2_unsolicited_report_interval", "mtu",
	"ndisc_notify", "optimistic_dad", "proxy_ndp", "regen_max_retry",
	"router_probe_interval", "router_solicitation_delay", "router_solicitation_interval",
	"router_solicitations", "stable_secret", "suppress_frag_ndisc", "temp_prefered_lft",
	"temp_valid_lft", "use_oif_addrs_only", "use_optimistic", "use_tempaddr",
};

static const char *const unix_names[] = { "max_dgram_qlen" };
static const char *const ipv4_names[] = { "ping_group_range" };
/* clang-format on */

/* A device without link layer addresses gets these by itself (ipv6_add_dev() in
 * net/ipv6/addrconf.c). */
static const char *const conf6_own[] = { "accept_dad", "use_tempaddr", NULL };

const struct sysctl_table sysctl_conf4 = {
	.names = conf4_names, .n = ARRAY_SIZE(conf4_names), .last = 1, .derived = NULL
};
const struct sysctl_table sysctl_conf6 = { .names = conf6_names,
					   .n = ARRAY_SIZE(conf6_names),
					   .last = 9,
					   .derived = "mtu",
					   .own = conf6_own };
const struct sysctl_table sysctl_unix = { .names = unix_names,
					  .n = ARRAY_SIZE(unix_names),
					  .last = ARRAY_SIZE(unix_names) };
const struct sysctl_table sysctl_ipv4 = { .names = ipv4_names,
					  .n = ARRAY_SIZE(ipv4_names),
					  .last = ARRAY_SIZE(ipv4_names) };

_Static_assert(ARRAY_SIZE(conf4_names) == 30, "positions are the format");
_Static_assert(ARRAY_SIZE(conf6_names) == 42, "positions are the format");

static void value_fini(struct sysctl_value *value)
{
	free(value->text);
	*value = (struct sysctl_value){ .type = SYSCTL_ABSENT };
}

void sysctl_set_fini(struct sysctl_set *set)
{
	for (size_t i = 0; set->values && i < set->table->n; i++)
		free(set->values[i].text);
	free(set->values);
	set->values = NULL;
}

static int set_init(struct sysctl_set *ret, const struct sysctl_table *table, const char *dir)
{
	*ret = (struct sysctl_set){ .table = table };
	if (snprintf(ret->dir, sizeof(ret->dir), "%s", dir) >= (int)sizeof(ret->dir))
		return -ENAMETOOLONG;
	ret->values = calloc(table->n, sizeof(*ret->values));
	return ret->values ? 0 : -ENOMEM;
}

int sysctl_set_split(struct sysctl_set *set, size_t i, struct sysctl_set *ret)
{
	int r = set_init(ret, set->table, set->dir);

	if (r < 0)
		return r;
	ret->values[i] = set->values[i];
	set->values[i] = (struct sysctl_value){ .type = SYSCTL_ABSENT };
	return 0;
}

bool sysctl_value_equal(const struct sysctl_value *a, const struct sysctl_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == SYSCTL_TEXT)
		return strcmp(a->text, b->text) == 0;
	return a->type == SYSCTL_ABSENT || a->number == b->number;
}

/* --- from the images --- */

/* A text as the file read: printable, tabs between its parts, at most one newline at its end. */
static int decode_text(const char *from, struct sysctl_value *ret)
{
	size_t len = strlen(from);

	if (len > 0 && from[len - 1] == '\n')
		len--;
	if (len >= SYSCTL_TEXT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if ((from[i] < ' ' || from[i] > '~') && from[i] != '\t')
			return -EINVAL;
	}
	ret->text = strndup(from, len);
	if (!ret->text)
		return -ENOMEM;
	ret->type = SYSCTL_TEXT;
	return 0;
}

static int decode_value(const Img__Sysctl *entry, struct sysctl_value *ret)
{
	if (entry->type == IMG__SYSCTL_TYPE__CTL_STR)
		return entry->sarg ? decode_text(entry->sarg, ret) : 0;
	if (entry->type != IMG__SYSCTL_TYPE__CTL_32)
		return -EINVAL;
	if (entry->has_iarg) {
		ret->type = SYSCTL_NUMBER;
		ret->number = entry->iarg;
	}
	return 0;
}

static void warn_longer(const struct sysctl_table *table, size_t n,
			const struct sysctl_source *source, struct report *report)
{
	if (n > table->n)
		report_warn(report,
			    "%s: record %zu: %s has %zu sysctls, and this version knows %zu; the "
			    "rest is passed over",
			    source->file, source->record, source->field, n, table->n);
}

int sysctl_set_decode(struct sysctl_set *ret, const struct sysctl_table *table, const char *dir,
		      Img__Sysctl *const *entries, size_t n, const int32_t *old, size_t n_old,
		      const struct sysctl_source *source, struct report *report)
{
	int r = set_init(ret, table, dir);

	if (r < 0)
		return report_fail(report, EXIT_OS_, "%s: record %zu: %s: %s", source->file,
				   source->record, source->field, strerror(-r));
	warn_longer(table, n > 0 ? n : n_old, source, report);
	for (size_t i = 0; i < n && i < table->n; i++) {
		if (decode_value(entries[i], &ret->values[i]) < 0) {
			sysctl_set_fini(ret);
			return report_fail(report, EXIT_IMAGE,
					   "%s: record %zu: %s: %s has no value that a sysctl can "
					   "have",
					   source->file, source->record, source->field,
					   table->names[i]);
		}
	}
	for (size_t i = 0; n == 0 && i < n_old && i < table->n; i++) {
		if (old[i] == -1)
			continue;
		ret->values[i] = (struct sysctl_value){ .type = SYSCTL_NUMBER, .number = old[i] };
	}
	return 0;
}

/* --- from and to the kernel --- */

/* Open entry @i of @set. Returns a descriptor or -errno. */
static int value_open(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		      int flags)
{
	char path[SYSCTL_DIR_MAX + 64];
	int n = snprintf(path, sizeof(path), "%s/%s", set->dir, set->table->names[i]);

	return n < 0 || (size_t)n >= sizeof(path) ? -ENAMETOOLONG
						  : sysctl_net_openat(net, path, flags);
}

/* A number where it is one to its end, else a text. */
static int parse_value(const char *text, struct sysctl_value *ret)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end != text && *end == '\0' && errno == 0 && number >= INT32_MIN &&
	    number <= INT32_MAX) {
		*ret = (struct sysctl_value){ .type = SYSCTL_NUMBER, .number = (int32_t)number };
		return 0;
	}
	*ret = (struct sysctl_value){ .type = SYSCTL_TEXT, .text = strdup(text) };
	return ret->text ? 0 : -ENOMEM;
}

/* The caller has to end *ret by value_fini(), but for an error. */
static int read_value(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		      struct sysctl_value *ret)
{
	_cleanup_fd_ int fd = -1;
	char text[SYSCTL_TEXT_MAX];
	ssize_t n;

	*ret = (struct sysctl_value){ .type = SYSCTL_ABSENT };
	fd = value_open(net, set, i, O_RDONLY);
	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	/* stable_secret reads as EIO while it is not set (net/ipv6/addrconf.c). */
	if (n < 0)
		return errno == EIO ? 0 : -errno;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return parse_value(text, ret);
}

static int write_value(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		       const struct sysctl_value *value)
{
	_cleanup_fd_ int fd = -1;
	char text[SYSCTL_TEXT_MAX + 1];
	int len;

	fd = value_open(net, set, i, O_WRONLY);
	if (fd < 0)
		return fd;
	if (value->type == SYSCTL_NUMBER)
		len = snprintf(text, sizeof(text), "%d\n", value->number);
	else
		len = snprintf(text, sizeof(text), "%s\n", value->text);
	/* One write: a sysctl takes its value from the first (proc_sys_write()). */
	if (write(fd, text, (size_t)len) < 0)
		return -errno;
	return 0;
}

int sysctl_set_read(const struct sysctl_net *net, const struct sysctl_table *table, const char *dir,
		    const struct sysctl_value *known, struct sysctl_set *ret)
{
	int r = set_init(ret, table, dir);

	for (size_t i = 0; r == 0 && i < table->n; i++) {
		if (known && known[i].type == SYSCTL_NUMBER) {
			ret->values[i] = known[i];
			continue;
		}
		r = read_value(net, ret, i, &ret->values[i]);
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		sysctl_set_fini(ret);
	return r;
}

bool sysctl_is_due(const struct sysctl_set *set, const struct sysctl_set *defaults, size_t i)
{
	if (!set->values || set->values[i].type == SYSCTL_ABSENT)
		return false;
	if (!defaults || !defaults->values || defaults->values[i].type == SYSCTL_ABSENT)
		return true;
	if (set->table->derived && strcmp(set->table->names[i], set->table->derived) == 0)
		return set->values[i].type != SYSCTL_NUMBER ||
		       set->values[i].number != set->derived;
	for (const char *const *own = set->table->own; set->own && own && *own; own++) {
		if (strcmp(set->table->names[i], *own) == 0)
			return true;
	}
	return !sysctl_value_equal(&set->values[i], &defaults->values[i]);
}

/* Texts are compared by their words: a range is written with a blank or a tab, and the kernel
 * says it with a tab. */
static bool same_words(const char *a, const char *b)
{
	static const char blank[] = " \t";

	for (;;) {
		size_t n = strcspn(a, blank), m = strcspn(b, blank);

		if (n != m || memcmp(a, b, n) != 0)
			return false;
		if (!a[n] || !b[n])
			return a[n + strspn(a + n, blank)] == b[n + strspn(b + n, blank)];
		a += n + strspn(a + n, blank);
		b += n + strspn(b + n, blank);
	}
}

/* @more: how much above the wanted number will do. */
static bool is_in_force(const struct sysctl_value *wanted, const struct sysctl_value *current,
			int32_t more)
{
	if (wanted->type == SYSCTL_TEXT && current->type == SYSCTL_TEXT)
		return same_words(wanted->text, current->text);
	if (wanted->type == SYSCTL_NUMBER && current->type == SYSCTL_NUMBER)
		return current->number >= wanted->number &&
		       (int64_t)current->number - wanted->number <= more;
	return sysctl_value_equal(wanted, current);
}

static int is_value(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		    int32_t more, bool *ret)
{
	static const struct sysctl_value absent = { .type = SYSCTL_ABSENT };
	struct sysctl_value current;
	int r = read_value(net, set, i, &current);

	if (r < 0)
		return r;
	*ret = is_in_force(set->values ? &set->values[i] : &absent, &current, more);
	value_fini(&current);
	return 0;
}

int sysctl_has_value(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		     bool *ret)
{
	return is_value(net, set, i, 0, ret);
}

/* mldv1_unsolicited_report_interval and that of MLDv2 are milliseconds that the kernel rounds up to
 * ticks, which may have been shorter where the images are from: 100 to 1000 a second. */
static int32_t tick_of(const struct sysctl_set *set, size_t i)
{
	return strncmp(set->table->names[i], "mldv", 4) == 0 ? 9 : 0;
}

static int write_one(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		     struct sysctl_failure *failure)
{
	bool right;
	int r;

	failure->name = set->table->names[i];
	failure->wrote = false;
	r = sysctl_has_value(net, set, i, &right);
	if (r < 0 || right)
		return r;
	r = write_value(net, set, i, &set->values[i]);
	if (r == 0)
		r = is_value(net, set, i, tick_of(set, i), &right);
	if (r == 0 && !right) {
		failure->wrote = true;
		return -EINVAL;
	}
	return r;
}

int sysctl_set_write(const struct sysctl_net *net, const struct sysctl_set *set,
		     const struct sysctl_set *defaults, size_t *ret_missing,
		     struct sysctl_failure *ret_failure)
{
	/* One round more than there are names: the last one is for table->last. */
	for (size_t round = 0; round <= set->table->n; round++) {
		size_t i = round < set->table->n ? round : set->table->last;
		int r;

		if (i >= set->table->n || (round == set->table->last && round < set->table->n))
			continue;
		if (!sysctl_is_due(set, defaults, i))
			continue;
		r = write_one(net, set, i, ret_failure);
		if (r == -ENOENT)
			(*ret_missing)++;
		else if (r < 0)
			return r;
	}
	return 0;
}
