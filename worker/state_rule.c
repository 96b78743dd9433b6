/*
 * Policy rules, message by message: as routes are, in state_route.c. Pure but for the report.
 */
#include "worker/state_rule.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "worker/image_raw.h"
#include "worker/msg_list.h"
#include "worker/raw_attr.h"
#include "worker/report.h"

/* Behind those of the oldest headers that this is built with (Linux 6.14 and 6.16). */
enum {
	NETCR_FRA_DSCP = 25,
	NETCR_FRA_FLOWLABEL,
	NETCR_FRA_FLOWLABEL_MASK,
	NETCR_FRA_SPORT_MASK,
	NETCR_FRA_DPORT_MASK,
	NETCR_FRA_DSCP_MASK,
	ATTRS,
};

enum {
	MORE = 48 /* bytes that a request may be longer: priority, table, defaults, and padding */
};

/* clang-format off */
static const struct raw_attr attrs[ATTRS] = {
	[FRA_DST]                  = { "destination", RAW_ADDRESS, 0, NULL },
	[FRA_SRC]                  = { "source", RAW_ADDRESS, 0, NULL },
	[FRA_IIFNAME]              = { "incoming link", RAW_NAME, 0, NULL },
	[FRA_GOTO]                 = { "goto", RAW_U32, 0, NULL },
	[FRA_PRIORITY]             = { "priority", RAW_U32, 0, NULL },
	[FRA_FWMARK]               = { "mark", RAW_U32, 0, NULL },
	[FRA_FLOW]                 = { "realms", RAW_U32, 0, NULL },
	[FRA_TUN_ID]               = { "tunnel id", RAW_U64, 0, NULL },
	[FRA_SUPPRESS_IFGROUP]     = { "suppress_ifgroup", RAW_U32, 0, NULL },
	[FRA_SUPPRESS_PREFIXLEN]   = { "suppress_prefixlength", RAW_U32, 0, NULL },
	[FRA_TABLE]                = { "table", RAW_U32, 0, NULL },
	[FRA_FWMASK]               = { "mask of the mark", RAW_U32, 0, NULL },
	[FRA_OIFNAME]              = { "outgoing link", RAW_NAME, 0, NULL },
	[FRA_PAD]                  = { "padding", RAW_IGNORED, 0, NULL },
	[FRA_L3MDEV]               = { "l3mdev", RAW_U8, 0, NULL },
	[FRA_UID_RANGE]            = { "range of uids", RAW_U64, 0, NULL },
	[FRA_PROTOCOL]             = { "protocol", RAW_U8, 0, NULL },
	[FRA_IP_PROTO]             = { "IP protocol", RAW_U8, 0, NULL },
	[FRA_SPORT_RANGE]          = { "source ports", RAW_U32, 0, NULL },
	[FRA_DPORT_RANGE]          = { "destination ports", RAW_U32, 0, NULL },
	[NETCR_FRA_DSCP]           = { "DSCP", RAW_U8, 0, NULL },
	[NETCR_FRA_FLOWLABEL]      = { "flow label", RAW_U32, 0, NULL },
	[NETCR_FRA_FLOWLABEL_MASK] = { "mask of the flow label", RAW_U32, 0, NULL },
	[NETCR_FRA_SPORT_MASK]     = { "mask of source ports", RAW_U16, 0, NULL },
	[NETCR_FRA_DPORT_MASK]     = { "mask of destination ports", RAW_U16, 0, NULL },
	[NETCR_FRA_DSCP_MASK]      = { "mask of the DSCP", RAW_U8, 0, NULL },
};
/* clang-format on */
static const struct raw_table table = { attrs, ATTRS };

/* FIB_RULE_PERMANENT, _UNRESOLVED, _IIF_DETACHED and _OIF_DETACHED are the kernel's word. */
static const uint32_t flags_settable = FIB_RULE_INVERT | FIB_RULE_FIND_SADDR;

static int check_rule(const struct fib_rule_hdr *frh, const struct nlattr *tb[],
		      const struct raw_at *at)
{
	const size_t bits = 8 * raw_address_len(frh->family);

	if (frh->dst_len > bits || frh->src_len > bits)
		return raw_fail(at, "a rule with a prefix of %u bits",
				frh->dst_len > bits ? frh->dst_len : frh->src_len);
	if ((frh->dst_len > 0 && !tb[FRA_DST]) || (frh->src_len > 0 && !tb[FRA_SRC]))
		return raw_fail(at, "a rule with a prefix and no address");
	if (frh->action == FR_ACT_UNSPEC || frh->action > FR_ACT_MAX)
		return raw_fail(at, "a rule with action %u, which is none", frh->action);
	if (frh->action == FR_ACT_GOTO && !tb[FRA_GOTO])
		return raw_fail(at, "a rule that goes to nowhere");
	return 0;
}

/* What kernels before 3.12 and 4.17 do not say, and what it comes to. */
static void put_default(struct nlmsghdr *nlh, size_t type)
{
	if (type == FRA_SUPPRESS_PREFIXLEN)
		mnl_attr_put_u32(nlh, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	if (type == FRA_PROTOCOL)
		mnl_attr_put_u8(nlh, FRA_PROTOCOL, RTPROT_UNSPEC);
}

/* The priority is said also where it is 0, and the table also where it is in the header: without
 * the one the kernel chooses, and of the other there would be two ways to say it. */
static uint32_t put_rule(struct nlmsghdr *nlh, const struct fib_rule_hdr *from,
			 const struct nlattr *tb[])
{
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));
	const uint32_t priority = tb[FRA_PRIORITY] ? mnl_attr_get_u32(tb[FRA_PRIORITY]) : 0;
	const uint32_t number = tb[FRA_TABLE] ? mnl_attr_get_u32(tb[FRA_TABLE]) : from->table;

	*frh = *from;
	frh->table = RT_TABLE_UNSPEC;
	frh->res1 = 0;
	frh->res2 = 0;
	frh->flags &= flags_settable;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, priority);
	if (number)
		mnl_attr_put_u32(nlh, FRA_TABLE, number);
	for (size_t i = 0; i < ATTRS; i++) {
		if (!tb[i])
			put_default(nlh, i);
		else if (i != FRA_PRIORITY && i != FRA_TABLE && i != FRA_PAD)
			mnl_attr_put(nlh, (uint16_t)i, mnl_attr_get_payload_len(tb[i]),
				     mnl_attr_get_payload(tb[i]));
	}
	return priority;
}

int rule_decode(const struct nlmsghdr *nlh, bool of_kernel, const struct raw_at *at,
		struct msg_list *list)
{
	const uint8_t *payload = mnl_nlmsg_get_payload(nlh);
	const size_t len = mnl_nlmsg_get_payload_len(nlh);
	struct msg_item item = { .record = of_kernel ? 0 : (uint32_t)at->record };
	const struct nlattr *tb[ATTRS];
	struct fib_rule_hdr frh;
	struct nlmsghdr *request;

	if (nlh->nlmsg_type != RTM_NEWRULE)
		return raw_fail(at, "a message of type %u, where rules are expected",
				nlh->nlmsg_type);
	if (len < sizeof(frh))
		return raw_fail(at, "a rule of %zu bytes", len);
	memcpy(&frh, payload, sizeof(frh));
	if (frh.family != AF_INET && frh.family != AF_INET6)
		return raw_fail(at, "a rule of family %u, which is none of IPv4 and IPv6",
				frh.family);
	if (raw_attrs(payload + sizeof(frh), len - sizeof(frh), &table, frh.family, of_kernel, at,
		      tb) ||
	    check_rule(&frh, tb, at))
		return EXIT_IMAGE;
	request = msg_list_room(list, nlh->nlmsg_len + MORE);
	if (!request)
		return EXIT_OS_;
	item.order = put_rule(mnl_nlmsg_put_header(request), &frh, tb);
	item.same = request->nlmsg_len - sizeof(*request);
	return msg_list_add(list, &item) < 0 ? EXIT_OS_ : 0;
}

int rule_list_decode(const struct image_raw *raw, bool of_kernel, struct report *report,
		     struct msg_list *list)
{
	struct raw_at at = { .raw = raw, .report = report };
	const struct nlmsghdr *nlh;

	if (!of_kernel && raw->n > RULE_LIST_MAX)
		return report_fail(report, EXIT_IMAGE, "%s: more than %d records", raw->name,
				   RULE_LIST_MAX);
	while ((nlh = image_raw_next(&at))) {
		int status = rule_decode(nlh, of_kernel, &at, list);

		if (status == EXIT_OS_)
			return report ? report_fail(report, EXIT_OS_, "no memory for the rules")
				      : EXIT_OS_;
		if (status && !of_kernel)
			return status;
	}
	return 0;
}

uint8_t rule_family(const struct msg_list *list, size_t i)
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(msg_list_get(list, i));

	return frh->family;
}

/* --- what is there by itself --- */

/* fib_default_rules_init() in net/ipv4/fib_rules.c, fib6_rules_net_init() in net/ipv6/fib6_rules.c */
static const struct {
	uint8_t family;
	uint32_t priority, table;
} usual[] = {
	{ AF_INET, 0, RT_TABLE_LOCAL },       { AF_INET, 32766, RT_TABLE_MAIN },
	{ AF_INET, 32767, RT_TABLE_DEFAULT }, { AF_INET6, 0, RT_TABLE_LOCAL },
	{ AF_INET6, 32766, RT_TABLE_MAIN },
};

static bool has_family(const struct msg_list *list, uint8_t family)
{
	for (size_t i = 0; i < list->n; i++) {
		if (rule_family(list, i) == family)
			return true;
	}
	return false;
}

/* As put_rule() has what the kernel says of them. */
int rule_list_usual(const struct msg_list *of, struct msg_list *ret)
{
	enum {
		SIZE = 128
	};

	*ret = (struct msg_list){ 0 };
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		struct msg_item item = { .order = usual[i].priority };
		struct nlmsghdr *nlh = msg_list_room(ret, SIZE);
		struct fib_rule_hdr *frh;

		if (!has_family(of, usual[i].family))
			continue;
		if (!nlh)
			return -ENOMEM;
		nlh = mnl_nlmsg_put_header(nlh);
		frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));
		frh->family = usual[i].family;
		frh->action = FR_ACT_TO_TBL;
		mnl_attr_put_u32(nlh, FRA_PRIORITY, usual[i].priority);
		mnl_attr_put_u32(nlh, FRA_TABLE, usual[i].table);
		mnl_attr_put_u32(nlh, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
		mnl_attr_put_u8(nlh, FRA_PROTOCOL, RTPROT_KERNEL);
		item.same = nlh->nlmsg_len - sizeof(*nlh);
		if (msg_list_add(ret, &item) < 0)
			return -ENOMEM;
	}
	return 0;
}
