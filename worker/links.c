/*
 * Reading and changing links that exist.
 *
 * May: rtnetlink over the socket it is given. Must not: make links, or know about images.
 */
#include "worker/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "common/nl_many.h"

struct collector {
	struct link_list list;
	size_t room;
};

static void read_macvlan(const struct nlattr *data, struct link_state *link)
{
	const struct nlattr *attr;

	nl_attr_each_nested (attr, data) {
		if (mnl_attr_get_type(attr) == IFLA_MACVLAN_MODE &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			link->macvlan_mode = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == IFLA_MACVLAN_FLAGS &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) == 0)
			link->macvlan_flags = mnl_attr_get_u16(attr);
	}
}

static void read_linkinfo(const struct nlattr *info, struct link_state *link)
{
	const struct nlattr *attr, *data = NULL;

	nl_attr_each_nested (attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			(void)snprintf(link->kind, sizeof(link->kind), "%s",
				       mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data && strcmp(link->kind, "macvlan") == 0)
		read_macvlan(data, link);
	if (data && mnl_attr_get_payload_len(data) <= sizeof(link->data)) {
		link->data_len = mnl_attr_get_payload_len(data);
		memcpy(link->data, mnl_attr_get_payload(data), link->data_len);
	}
}

static void read_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*ret = mnl_attr_get_u32(attr);
}

static void read_attr(const struct nlattr *attr, struct link_state *link)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			(void)snprintf(link->name, sizeof(link->name), "%s",
				       mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		read_u32(attr, &link->mtu);
		break;
	case IFLA_GROUP:
		read_u32(attr, &link->group);
		break;
	case IFLA_LINK:
		read_u32(attr, &link->link);
		break;
	case IFLA_MASTER:
		read_u32(attr, &link->master);
		break;
	case IFLA_LINK_NETNSID:
		link->link_elsewhere = true;
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			link->link_nsid = (int32_t)mnl_attr_get_u32(attr);
		break;
	case IFLA_ADDRESS:
		link->has_address = mnl_attr_get_payload_len(attr) == sizeof(link->address);
		if (link->has_address)
			memcpy(link->address, mnl_attr_get_payload(attr), sizeof(link->address));
		break;
	case IFLA_LINKINFO:
		read_linkinfo(attr, link);
		break;
	default:
		break;
	}
}

static int read_link(const struct nlmsghdr *nlh, void *data)
{
	struct collector *c = data;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct link_state *link;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return -EIO;
	if (c->list.n == c->room) {
		size_t room = c->room ? c->room * 2 : 32;

		link = reallocarray(c->list.links, room, sizeof(*link));
		if (!link)
			return -ENOMEM;
		c->list.links = link;
		c->room = room;
	}
	link = &c->list.links[c->list.n++];
	*link = (struct link_state){ .ifindex = (uint32_t)ifi->ifi_index, .flags = ifi->ifi_flags };
	nl_attr_each (attr, nlh, sizeof(*ifi))
		read_attr(attr, link);
	return 0;
}

void links_fini(struct link_list *list)
{
	free(list->links);
	*list = (struct link_list){ 0 };
}

static struct nlmsghdr *put_link_header(void *buf, uint16_t type, uint16_t flags,
					struct ifinfomsg **ret)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	*ret = mnl_nlmsg_put_extra_header(nlh, sizeof(**ret));
	(*ret)->ifi_family = AF_UNSPEC;
	return nlh;
}

static int by_index(const void *a, const void *b)
{
	const struct link_state *l = a, *r = b;

	return (l->ifindex > r->ifindex) - (l->ifindex < r->ifindex);
}

int links_get(struct nl_sock *nl, struct link_list *ret)
{
	enum {
		TRIES = 5
	}; /* of a dump that something changes under our hands */
	char text[NL_TEXT_MAX];
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		uint8_t buf[128];
		struct collector c = { 0 };
		struct ifinfomsg *ifi;
		struct nlmsghdr *nlh;

		nlh = put_link_header(buf, RTM_GETLINK, NLM_F_DUMP, &ifi);
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		r = nl_talk(nl, nlh, read_link, &c, text);
		if (r == 0)
			*ret = c.list;
		else
			links_fini(&c.list);
	}
	if (r == 0 && ret->n > 0)
		qsort(ret->links, ret->n, sizeof(*ret->links), by_index);
	return r;
}

const struct link_state *links_find_name(const struct link_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->links[i].name, name) == 0)
			return &list->links[i];
	}
	return NULL;
}

const struct link_state *links_find_index(const struct link_list *list, uint32_t ifindex)
{
	const struct link_state key = { .ifindex = ifindex };

	if (list->n == 0)
		return NULL;
	return bsearch(&key, list->links, list->n, sizeof(key), by_index);
}

const void *links_data(const struct link_state *state, uint16_t type, size_t size)
{
	size_t at = 0;

	while (state->data_len - at >= sizeof(struct nlattr)) {
		const struct nlattr *attr = (const struct nlattr *)(const void *)(state->data + at);

		if (attr->nla_len < sizeof(*attr) || attr->nla_len > state->data_len - at)
			return NULL;
		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_get_payload_len(attr) == size ? mnl_attr_get_payload(attr)
								      : NULL;
		at += (size_t)MNL_ALIGN(attr->nla_len);
		if (at > state->data_len)
			return NULL;
	}
	return NULL;
}

int links_change(struct nl_sock *nl, uint32_t ifindex, const struct link_change *change,
		 char ret_text[NL_TEXT_MAX])
{
	uint8_t buf[128];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;

	nlh = put_link_header(buf, RTM_SETLINK, NLM_F_ACK, &ifi);
	ifi->ifi_index = (int)ifindex;
	if (change->flags) {
		ifi->ifi_flags = *change->flags & LINKS_SETTABLE;
		ifi->ifi_change = LINKS_SETTABLE;
	}
	if (change->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, *change->mtu);
	if (change->group)
		mnl_attr_put_u32(nlh, IFLA_GROUP, *change->group);
	if (change->master)
		mnl_attr_put_u32(nlh, IFLA_MASTER, *change->master);
	if (change->address)
		mnl_attr_put(nlh, IFLA_ADDRESS, ETH_ALEN, change->address);
	return nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
}

/* Bytes: more than two messages take. */
enum {
	RELEASE_SIZE = 128
};

int links_release(struct nl_sock *nl, const struct link_release *links, size_t n,
		  size_t *ret_failed, char ret_text[NL_TEXT_MAX])
{
	struct nlmsghdr *nlh = NULL;
	struct ifinfomsg *ifi;
	uint8_t *buf;
	size_t size = 0;
	uint32_t nr = 0;
	int r;

	ret_text[0] = '\0';
	*ret_failed = 0;
	if (n == 0)
		return 0;
	buf = calloc(n, RELEASE_SIZE);
	if (!buf)
		return -ENOMEM;
	/* Two messages a link, also where one does nothing, so that a number names a link. */
	for (size_t i = 0; i < n; i++) {
		nlh = put_link_header(buf + size, RTM_SETLINK, 0, &ifi);
		ifi->ifi_index = (int)links[i].ifindex;
		mnl_attr_put_u32(nlh, IFLA_GROUP, 0);
		size += nlh->nlmsg_len;
		nlh = put_link_header(buf + size, RTM_SETLINK, 0, &ifi);
		ifi->ifi_index = (int)links[i].ifindex;
		ifi->ifi_flags = links[i].up ? IFF_UP : 0;
		ifi->ifi_change = links[i].up ? IFF_UP : 0;
		size += nlh->nlmsg_len;
	}
	nlh->nlmsg_flags |= NLM_F_ACK;
	r = nl_talk_many(nl, (struct nlmsghdr *)(void *)buf, size, &nr, ret_text);
	*ret_failed = nr / 2 < n ? nr / 2 : n - 1;
	free(buf);
	return r;
}

int links_catch(struct nl_sock *nl, const struct link_release *links, size_t n, uint32_t group)
{
	char text[NL_TEXT_MAX];
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t buf[RELEASE_SIZE];
		struct ifinfomsg *ifi;
		struct nlmsghdr *nlh;
		int r;

		nlh = put_link_header(buf, RTM_SETLINK, NLM_F_ACK, &ifi);
		ifi->ifi_index = (int)links[i].ifindex;
		mnl_attr_put_u32(nlh, IFLA_GROUP, group);
		r = nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, text);
		if (first == 0)
			first = r;
	}
	return first;
}

int links_delete_group(struct nl_sock *nl, uint32_t group, char ret_text[NL_TEXT_MAX])
{
	uint8_t buf[128];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;
	int r;

	if (group == 0)
		return -EINVAL;
	nlh = put_link_header(buf, RTM_DELLINK, NLM_F_ACK, &ifi);
	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	r = nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
	return r == -ENODEV ? 0 : r;
}

static int read_nsid(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	nl_attr_each (attr, nlh, sizeof(struct rtgenmsg)) {
		if (mnl_attr_get_type(attr) == NETNSA_NSID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			*(int32_t *)data = (int32_t)mnl_attr_get_u32(attr);
	}
	return 0;
}

static struct nlmsghdr *put_nsid_request(void *buf, uint16_t type, int netns_fd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)netns_fd);
	return nlh;
}

int links_set_nsid(struct nl_sock *nl, int netns_fd, int32_t nsid, char ret_text[NL_TEXT_MAX])
{
	char text[NL_TEXT_MAX];
	int32_t current = NETNSA_NSID_NOT_ASSIGNED;
	struct nlmsghdr *nlh;
	uint8_t buf[128];
	int r;

	nlh = put_nsid_request(buf, RTM_NEWNSID, netns_fd);
	mnl_attr_put_u32(nlh, NETNSA_NSID, (uint32_t)nsid);
	r = nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
	if (r != -EEXIST)
		return r;
	/* Said of an id that is another's, and also of the id that it has already. */
	nlh = put_nsid_request(buf, RTM_GETNSID, netns_fd);
	if (nl_talk(nl, nlh, read_nsid, &current, text) == 0 && current == nsid)
		return 0;
	return r;
}

int links_get_nsid(struct nl_sock *nl, int netns_fd, int32_t *ret)
{
	int32_t current = NETNSA_NSID_NOT_ASSIGNED;
	char text[NL_TEXT_MAX];
	uint8_t buf[128];
	int r;

	r = nl_talk(nl, put_nsid_request(buf, RTM_GETNSID, netns_fd), read_nsid, &current, text);
	if (r == 0)
		*ret = current;
	return r;
}
