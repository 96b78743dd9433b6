/*
 * Addresses, routes and rules: files that CRIU has written by iproute2, and that `ip addr restore`,
 * `ip route restore` and `ip rule restore` read. A magic number, and the kernel's messages as they
 * are. The requests are those that iproute2 6.1 sends (seen by strace), so the bytes are the same.
 *
 * May: rtnetlink over the socket it is given. Must not: change a message (but see dump_msgs.h and
 * dump_nexthop.c).
 */
#include "worker/dump_raw.h"

#include <errno.h>
#include <string.h>

#include <linux/fib_rules.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/dump.h"
#include "worker/dump_msgs.h"
#include "worker/image_write.h"
#include "worker/report.h"

static int write_file(struct dump *d, uint32_t magic, const struct dump_msgs *msgs,
		      struct image_out *ret)
{
	if (image_out_word(ret, magic) < 0 || image_out_bytes(ret, msgs->data, msgs->len) < 0)
		return report_fail(d->report, EXIT_OS_, "no memory for %s", ret->name);
	return 0;
}

static int fail_get(struct dump *d, const char *what, int r, const char *text)
{
	return report_fail(d->report, EXIT_UNDONE, "cannot list the target's %s: %s %s", what,
			   log_errname(-r), text);
}

/* A request for a dump, whose header is @size zero bytes behind @family: rtmsg, ifaddrmsg and
 * fib_rule_hdr begin with it, all three. */
static struct nlmsghdr *put_request(void *buf, uint16_t type, uint8_t family, size_t size)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	uint8_t *header;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(nlh, size);
	header[0] = family;
	return nlh;
}

/* --- addresses --- */

static bool keep_addr(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);

	return !dump_is_skipped(data, ifa->ifa_index);
}

int dump_addr(struct dump *d, struct image_out *ret)
{
	struct dump_msgs msgs = { 0 };
	char text[NL_TEXT_MAX];
	uint8_t buf[128];
	struct nlmsghdr *nlh;
	int r, status;

	nlh = put_request(buf, RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg));
	r = dump_msgs_get(d->nl, nlh, RTM_NEWADDR, sizeof(struct ifaddrmsg), keep_addr, d, &msgs,
			  text);
	status = r < 0 ? fail_get(d, "addresses", r, text)
		       : write_file(d, IMAGE_MAGIC_IFADDR, &msgs, ret);
	dump_msgs_fini(&msgs);
	return status;
}

/* --- routes --- */

struct route_filter {
	const struct dump *d;
	bool main; /* only of this table; else of all others */
};

static uint32_t table_of(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	nl_attr_each (attr, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			return dump_attr_u32(attr, rtm->rtm_table);
	}
	return rtm->rtm_table;
}

/* Whether one of the ways in an RTA_MULTIPATH is by a link that is left out. */
static bool has_skipped_way(const struct dump *d, const struct nlattr *ways)
{
	const struct rtnexthop *way = mnl_attr_get_payload(ways);
	size_t left = mnl_attr_get_payload_len(ways);

	while (left >= sizeof(*way) && way->rtnh_len >= sizeof(*way) && way->rtnh_len <= left) {
		const size_t size = RTNH_ALIGN(way->rtnh_len);

		if (dump_is_skipped(d, (uint32_t)way->rtnh_ifindex))
			return true;
		if (size >= left)
			break;
		left -= size;
		way = (const void *)((const uint8_t *)way + size);
	}
	return false;
}

static bool keep_route(const struct nlmsghdr *nlh, void *data)
{
	const struct route_filter *f = data;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const uint32_t table = table_of(nlh);
	const struct nlattr *attr;

	if (rtm->rtm_flags & RTM_F_CLONED)
		return false;
	if (f->main != (table == RT_TABLE_MAIN))
		return false;
	/* The kernel makes these with an address or a link, but for prefixes that somebody made local. */
	if (table == RT_TABLE_LOCAL &&
	    (rtm->rtm_type != RTN_LOCAL || rtm->rtm_protocol <= RTPROT_KERNEL))
		return false;
	nl_attr_each (attr, nlh, sizeof(*rtm)) {
		const uint16_t type = mnl_attr_get_type(attr);

		if (type == RTA_OIF && dump_is_skipped(f->d, dump_attr_u32(attr, 0)))
			return false;
		if (type == RTA_MULTIPATH && has_skipped_way(f->d, attr))
			return false;
	}
	return true;
}

/* The kernel marks the answer to a request with a table as filtered; `ip route save` asks so. */
static int get_routes(struct dump *d, uint8_t family, struct route_filter *filter,
		      struct dump_msgs *ret)
{
	char text[NL_TEXT_MAX];
	uint8_t buf[128];
	struct nlmsghdr *nlh;
	int r;

	nlh = put_request(buf, RTM_GETROUTE, family, sizeof(struct rtmsg));
	if (filter->main)
		mnl_attr_put_u32(nlh, RTA_TABLE, RT_TABLE_MAIN);
	r = dump_msgs_get(d->nl, nlh, RTM_NEWROUTE, sizeof(struct rtmsg), keep_route, filter, ret,
			  text);
	/* A table that nothing was ever put into, or a kernel without IPv6. */
	if (r == -ENOENT || (r == -EOPNOTSUPP && family == AF_INET6))
		return 0;
	return r < 0 ? fail_get(d, "routes", r, text) : 0;
}

int dump_route(struct dump *d, uint8_t family, struct image_out *ret)
{
	struct route_filter of_main = { .d = d, .main = true };
	struct route_filter of_others = { .d = d };
	struct dump_msgs msgs = { 0 };
	int status;

	status = get_routes(d, family, &of_main, &msgs);
	if (!status)
		status = get_routes(d, family, &of_others, &msgs);
	if (!status)
		status = dump_nexthops(d, &msgs);
	if (!status)
		status = write_file(d, IMAGE_MAGIC_ROUTE, &msgs, ret);
	dump_msgs_fini(&msgs);
	return status;
}

/* --- rules --- */

/* IPv6 has a rule for its table local at 0 and one for main at 32766, in every netns. */
static bool keep_rule6(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	uint32_t priority = 0;

	(void)data;
	nl_attr_each (attr, nlh, sizeof(struct fib_rule_hdr)) {
		if (mnl_attr_get_type(attr) == FRA_PRIORITY)
			priority = dump_attr_u32(attr, 0);
	}
	return priority != 0 && priority != 32766;
}

/* The file is what `ip rule save` writes, which is IPv4's; `ip rule restore` would add those of
 * IPv6 to the ones that are there. */
static void warn_rules6(struct dump *d)
{
	struct dump_msgs msgs = { 0 };
	const struct nlmsghdr *nlh;
	struct nlmsghdr *request;
	char text[NL_TEXT_MAX];
	uint8_t buf[128];
	size_t n = 0;

	request = put_request(buf, RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr));
	(void)dump_msgs_get(d->nl, request, RTM_NEWRULE, sizeof(struct fib_rule_hdr), keep_rule6,
			    /* data= */ NULL, &msgs, text);
	dump_msgs_each(nlh, &msgs) n++;
	dump_msgs_fini(&msgs);
	if (n > 0)
		report_warn(d->report,
			    "the images cannot hold the %zu rules of IPv6 that were "
			    "added: lost",
			    n);
}

int dump_rule(struct dump *d, struct image_out *ret)
{
	struct dump_msgs msgs = { 0 };
	char text[NL_TEXT_MAX];
	uint8_t buf[128];
	struct nlmsghdr *nlh;
	int r, status;

	nlh = put_request(buf, RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr));
	r = dump_msgs_get(d->nl, nlh, RTM_NEWRULE, sizeof(struct fib_rule_hdr), /* keep= */ NULL,
			  /* data= */ NULL, &msgs, text);
	status =
		r < 0 ? fail_get(d, "rules", r, text) : write_file(d, IMAGE_MAGIC_RULE, &msgs, ret);
	dump_msgs_fini(&msgs);
	if (!status)
		warn_rules6(d);
	return status;
}
