/*
 * Counting links, and the ids of targets that it takes.
 *
 * May: RTM_NEWNSID, RTM_GETNSID and dumps of RTM_GETLINK on the broker's own socket. Must not:
 * take an error for a zero.
 *
 * Facts of net/core/net_namespace.c and rtnetlink.c: an id lasts as long as the netns; nothing
 * takes it back, and one netns has one. IFLA_LINK_NETNSID of a link that was asked for by
 * IFLA_TARGET_NETNSID is an id in the asker's netns; it is there if the parent is in another
 * netns than the link.
 */
#include "broker/rtnl_count.h"

#include <errno.h>
#include <stdbool.h>

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "broker/rtnl.h"
#include "broker/rtnl_request.h"

enum {
	NSID_TRIES = 64,     /* ids in a row that others have */
	DUMP_TRIES = 16,     /* dumps in a row that were overtaken by a change */
	SKIP_STATS = 1 << 3, /* RTEXT_FILTER_SKIP_STATS */
};

int rtnl_target_nsid(struct nl_sock *nl, int netns_fd, int32_t wanted, int32_t *ret_nsid)
{
	char text[NL_TEXT_MAX];
	int r;

	for (int i = 0; i < NSID_TRIES; i++) {
		/* Another session may have given it one in the meantime. */
		r = rtnl_nsid_find(nl, netns_fd, ret_nsid);
		if (r != -ENOENT)
			return r;
		r = rtnl_nsid_alloc(nl, netns_fd, wanted, ret_nsid, text);
		if (r != -EEXIST)
			return r;
		wanted = wanted == INT32_MAX ? RTNL_TARGET_NSID_FIRST : wanted + 1;
	}
	return -EEXIST;
}

int rtnl_nsid_is_alive(struct nl_sock *nl, int32_t nsid)
{
	char text[NL_TEXT_MAX];
	union rtnl_request req;
	int r;

	(void)rtnl_request_init(&req, RTM_GETNSID, NLM_F_ACK, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(&req.nlh, NETNSA_NSID, (uint32_t)nsid);
	r = nl_talk(nl, &req.nlh, /* each= */ NULL, /* data= */ NULL, text);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

/* The lowest id that is not below @from. */
struct next_nsid {
	int32_t from, found; /* found: -1, if there is none */
};

static int see_nsid(const struct nlmsghdr *nlh, void *data)
{
	struct next_nsid *next = data;
	const struct nlattr *attr;
	int32_t nsid;

	nl_attr_each (attr, nlh, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(attr) != NETNSA_NSID ||
		    mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			continue;
		nsid = (int32_t)mnl_attr_get_u32(attr);
		if (nsid >= next->from && (next->found < 0 || nsid < next->found))
			next->found = nsid;
	}
	return 0;
}

int rtnl_has_targets(struct nl_sock *nl)
{
	struct next_nsid next = { .from = RTNL_TARGET_NSID_FIRST };
	char text[NL_TEXT_MAX];
	union rtnl_request req;
	int r;

	for (;;) {
		next.found = -1;
		(void)rtnl_request_init(&req, RTM_GETNSID, NLM_F_DUMP, sizeof(struct rtgenmsg));
		r = nl_talk(nl, &req.nlh, see_nsid, &next, text);
		if (r < 0 || next.found < 0)
			return r;
		/* For a while the dump has those, too, that are gone. */
		r = rtnl_nsid_is_alive(nl, next.found);
		if (r != 0 || next.found == INT32_MAX)
			return r;
		next.from = next.found + 1;
	}
}

static int count_link(const struct nlmsghdr *nlh, void *data)
{
	struct rtnl_uses *uses = data;
	const struct nlattr *attr;
	bool elsewhere = false;
	uint32_t parent = 0;
	int32_t nsid = 0;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct ifinfomsg))
		return -EIO;
	nl_attr_each (attr, nlh, sizeof(struct ifinfomsg)) {
		uint16_t type = mnl_attr_get_type(attr);

		if ((type != IFLA_LINK && type != IFLA_LINK_NETNSID) ||
		    mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			continue;
		if (type == IFLA_LINK) {
			parent = mnl_attr_get_u32(attr);
		} else {
			nsid = (int32_t)mnl_attr_get_u32(attr);
			elsewhere = true;
		}
	}
	if (!elsewhere)
		return 0;
	uses->outside++;
	for (size_t i = 0; i < uses->n; i++) {
		if (uses->use[i].ifindex == parent && uses->use[i].nsid == nsid)
			uses->use[i].in_last++;
	}
	return 0;
}

static int dump_macvlans(struct nl_sock *nl, int32_t nsid, struct rtnl_uses *uses)
{
	char text[NL_TEXT_MAX];
	union rtnl_request req;
	struct nlattr *info;

	(void)rtnl_request_init(&req, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(&req.nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	mnl_attr_put_u32(&req.nlh, IFLA_EXT_MASK, SKIP_STATS);
	info = mnl_attr_nest_start(&req.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(&req.nlh, IFLA_INFO_KIND, "macvlan");
	mnl_attr_nest_end(&req.nlh, info);
	return nl_talk(nl, &req.nlh, count_link, uses, text);
}

int rtnl_count(struct nl_sock *nl, int32_t nsid, struct rtnl_uses *uses)
{
	int r = -EAGAIN;

	/* The dump of a netns that is not there is empty, or EINVAL, as the kernel likes. */
	for (int i = 0; i < DUMP_TRIES && (r == -EAGAIN || r == -EINVAL); i++) {
		uses->outside = 0;
		for (size_t k = 0; k < uses->n; k++)
			uses->use[k].in_last = 0;
		r = rtnl_nsid_is_alive(nl, nsid);
		if (r > 0)
			r = dump_macvlans(nl, nsid, uses);
	}
	for (size_t k = 0; r == 0 && k < uses->n; k++)
		uses->use[k].in_total += uses->use[k].in_last;
	return r;
}
