/*
 * Single links of the target: moved, renamed, deleted.
 *
 * May: rtnetlink over the socket it is given. Must not: log.
 */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "worker/links.h"

static struct nlmsghdr *put_header(void *buf, uint16_t type, uint32_t ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

int links_move(struct nl_sock *nl, uint32_t ifindex, const struct link_move *move,
	       char ret_text[NL_TEXT_MAX])
{
	uint8_t buf[128];
	struct nlmsghdr *nlh = put_header(buf, RTM_SETLINK, ifindex);

	if (move->netns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)move->netns);
	if (move->ifindex)
		mnl_attr_put_u32(nlh, IFLA_NEW_IFINDEX, move->ifindex);
	if (move->name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, move->name);
	return nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
}

int links_delete(struct nl_sock *nl, uint32_t ifindex, char ret_text[NL_TEXT_MAX])
{
	uint8_t buf[64];

	return nl_talk(nl, put_header(buf, RTM_DELLINK, ifindex), /* each= */ NULL,
		       /* data= */ NULL, ret_text);
}
