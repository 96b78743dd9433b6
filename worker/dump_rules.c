/*
 * Rules of the packet filter to nftables-ID.img, iptables-ID.img and ip6tables-ID.img, which are
 * there also when they are empty, as with CRIU.
 *
 * Where nft is not installed, the kernel is asked whether there is anything that it would list.
 *
 * May: have the helper run the tools that list; ask nf_tables for its tables. Must not: change
 * anything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/dump.h"
#include "worker/image_write.h"
#include "worker/report.h"
#include "worker/ruleset_dump.h"

int dump_rules_open(struct dump *d)
{
	if (tools_has(d->tools, TOOLS_NFT_LIST))
		return 0;
	d->nft = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	/* A kernel that has no netfilter over netlink has no nf_tables. */
	if (d->nft >= 0 || errno == EPROTONOSUPPORT)
		return 0;
	return report_fail(d->report, EXIT_OS_, "cannot open a netlink socket to netfilter: %s",
			   strerror(errno));
}

static int count(const struct nlmsghdr *nlh, void *data)
{
	size_t *n = data;

	if (nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
		(*n)++;
	return 0;
}

/* How many tables nf_tables has in the target. Returns 0 or -errno. */
static int count_tables(const struct dump *d, size_t *ret)
{
	const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	struct nl_sock nl = { .fd = d->nft, .buf = d->nl->buf };
	char text[NL_TEXT_MAX];
	uint8_t buf[64];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int r;

	*ret = 0;
	if (d->nft < 0)
		return 0;
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(header)), &header, sizeof(header));
	r = nl_talk(&nl, nlh, count, ret, text);
	/* Nothing serves this part of netfilter (nfnetlink_rcv_msg() in net/netfilter/nfnetlink.c):
	 * there is no nf_tables in the kernel, or it is not loaded. */
	return r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
}

static int check_tables(struct dump *d)
{
	size_t n;
	int r = count_tables(d, &n);

	if (r < 0)
		return report_fail(d->report, EXIT_OS_,
				   "there is no nft in /usr/sbin, /sbin and /usr/bin, and the "
				   "kernel does not say whether the target has rules: %s",
				   log_errname(-r));
	if (n > 0)
		return report_fail(d->report, EXIT_OS_,
				   "nftables has %zu tables in the target, and there is no nft in "
				   "/usr/sbin, /sbin and /usr/bin to read them with",
				   n);
	return 0;
}

int dump_rules(struct dump *d, enum ruleset_part_id part, struct image_out *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int status;

	if (part == RULESET_NFT && !tools_has(d->tools, TOOLS_NFT_LIST))
		return check_tables(d);
	status = ruleset_dump(part, d->tools, &text, &len, d->report);
	if (!status && len > RULESET_IMAGE_MAX)
		report_warn(d->report, "%s has %zu bytes of rules: a restore takes at most %d",
			    ret->name, len, RULESET_IMAGE_MAX);
	if (!status && len > 0 && image_out_bytes(ret, text, len) < 0)
		status = report_fail(d->report, EXIT_OS_, "no memory for %s", ret->name);
	return status;
}
