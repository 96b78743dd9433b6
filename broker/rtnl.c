/*
 * Three requests: find a parent, make a macvlan, give an nsid. seccomp cannot see what is sent
 * over netlink, so that these, and those of rtnl_count.c, are the only ones is a matter of both
 * being short.
 *
 * May: RTM_GETLINK and RTM_NEWLINK on the broker's own socket; RTM_NEWNSID and RTM_GETNSID on
 * the target's, too. Must not: send a byte that a worker wrote.
 */
#include "broker/rtnl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "broker/rtnl_request.h"
#include "common/link_msg.h"

/* One link, as far as a parent is concerned. */
struct link_answer {
	bool found;
	uint32_t ifindex;
	char name[IFNAMSIZ];
	bool is_macvlan; /* or a macvtap, which is one underneath */
	uint32_t lower;
	bool lower_elsewhere;
};

static void read_kind(const struct nlattr *info, struct link_answer *link)
{
	const struct nlattr *attr;

	nl_attr_each_nested (attr, info) {
		const char *kind = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			link->is_macvlan =
				strcmp(kind, "macvlan") == 0 || strcmp(kind, "macvtap") == 0;
	}
}

static int read_link(const struct nlmsghdr *nlh, void *data)
{
	struct link_answer *link = data;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return -EIO;
	link->found = true;
	link->ifindex = (uint32_t)ifi->ifi_index;
	nl_attr_each (attr, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
				(void)snprintf(link->name, sizeof(link->name), "%s",
					       mnl_attr_get_str(attr));
			break;
		case IFLA_LINK:
			if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
				link->lower = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			link->lower_elsewhere = true;
			break;
		case IFLA_LINKINFO:
			read_kind(attr, link);
			break;
		default:
			break;
		}
	}
	return 0;
}

/* By @name, or by @ifindex where it is NULL. A link that is not there is an answer. */
static int get_link(struct nl_sock *nl, int32_t nsid, const char *name, uint32_t ifindex,
		    struct link_answer *ret)
{
	union rtnl_request req;
	char text[NL_TEXT_MAX];
	struct ifinfomsg *ifi;
	int r;

	*ret = (struct link_answer){ 0 };
	ifi = rtnl_request_init(&req, RTM_GETLINK, NLM_F_ACK, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	if (name)
		mnl_attr_put_strz(&req.nlh, IFLA_IFNAME, name);
	if (nsid != RTNL_OWN_NSID)
		mnl_attr_put_u32(&req.nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	r = nl_talk(nl, &req.nlh, read_link, ret, text);
	return r == -ENODEV ? 0 : r;
}

int rtnl_parent_find(struct nl_sock *nl, int32_t nsid, const char *name, struct rtnl_parent *ret)
{
	struct link_answer link;
	int r;

	*ret = (struct rtnl_parent){ 0 };
	r = get_link(nl, nsid, name, 0, &link);
	if (r < 0 || !link.found)
		return r;
	if (link.is_macvlan && link.lower_elsewhere) {
		ret->found = true;
		ret->elsewhere = true;
		return 0;
	}
	/* One step: what a macvlan sits on is never a macvlan itself. */
	if (link.is_macvlan) {
		r = get_link(nl, nsid, /* name= */ NULL, link.lower, &link);
		if (r < 0 || !link.found)
			return r;
	}
	ret->found = true;
	ret->ifindex = link.ifindex;
	memcpy(ret->name, link.name, sizeof(ret->name));
	return 0;
}

int rtnl_link_create(struct nl_sock *nl, const struct link_spec *spec,
		     const struct link_place *place, char ret_text[NL_TEXT_MAX])
{
	union {
		struct nlmsghdr nlh;
		uint8_t buf[LINK_MSG_MAX];
	} req;
	int r;

	r = link_msg_encode(spec, place, req.buf, sizeof(req.buf));
	if (r < 0)
		return r;
	return nl_talk(nl, &req.nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
}

static int read_nsid(const struct nlmsghdr *nlh, void *data)
{
	int32_t *nsid = data;
	const struct nlattr *attr;

	nl_attr_each (attr, nlh, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(attr) == NETNSA_NSID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			*nsid = (int32_t)mnl_attr_get_u32(attr);
	}
	return 0;
}

/* In the netns of @nl, or in the one that it knows as @of. */
static int get_nsid(struct nl_sock *nl, int netns_fd, int32_t of, int32_t *ret_nsid)
{
	char text[NL_TEXT_MAX];
	union rtnl_request req;
	int32_t nsid = NETNSA_NSID_NOT_ASSIGNED;
	int r;

	(void)rtnl_request_init(&req, RTM_GETNSID, NLM_F_ACK, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(&req.nlh, NETNSA_FD, (uint32_t)netns_fd);
	if (of != RTNL_OWN_NSID)
		mnl_attr_put_u32(&req.nlh, NETNSA_TARGET_NSID, (uint32_t)of);
	r = nl_talk(nl, &req.nlh, read_nsid, &nsid, text);
	if (r < 0)
		return r;
	if (nsid == NETNSA_NSID_NOT_ASSIGNED)
		return -ENOENT;
	*ret_nsid = nsid;
	return 0;
}

int rtnl_nsid_find(struct nl_sock *nl, int netns_fd, int32_t *ret_nsid)
{
	return get_nsid(nl, netns_fd, RTNL_OWN_NSID, ret_nsid);
}

int rtnl_nsid_alloc(struct nl_sock *nl, int netns_fd, int32_t wanted, int32_t *ret_nsid,
		    char ret_text[NL_TEXT_MAX])
{
	union rtnl_request req;
	int32_t nsid;
	int r, alloc;

	(void)rtnl_request_init(&req, RTM_NEWNSID, NLM_F_ACK, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(&req.nlh, NETNSA_FD, (uint32_t)netns_fd);
	mnl_attr_put_u32(&req.nlh, NETNSA_NSID, (uint32_t)wanted);
	alloc = nl_talk(nl, &req.nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
	if (alloc < 0 && alloc != -EEXIST)
		return alloc;

	/* EEXIST is said of an id that is another's and of an id that is ours already, the
	 * wanted one or not; and of -1 the ack does not say what it became. */
	r = rtnl_nsid_find(nl, netns_fd, &nsid);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || (wanted >= 0 && nsid != wanted))
		return alloc < 0 ? alloc : -EIO;
	ret_text[0] = '\0';
	*ret_nsid = nsid;
	return 0;
}

int rtnl_link_nsid(struct nl_sock *nl, struct nl_sock *target, int32_t target_nsid, int netns_fd,
		   int32_t *ret_nsid, char ret_text[NL_TEXT_MAX])
{
	int32_t forged;
	int r;

	r = get_nsid(nl, netns_fd, target_nsid, ret_nsid);
	if (r != -ENOENT)
		return r;
	r = rtnl_nsid_alloc(target, netns_fd, /* wanted= */ -1, &forged, ret_text);
	if (r == 0)
		r = get_nsid(nl, netns_fd, target_nsid, ret_nsid);
	return r == -ENOENT ? -EIO : r;
}
