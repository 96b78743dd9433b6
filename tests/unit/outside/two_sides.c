#include "two_sides.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "tests/lib/test.h"

static _Alignas(struct nlmsghdr) uint8_t buffer[NL_BUFFER_SIZE];

static int open_side(struct nl_sock *nl, int *ret_netns)
{
	nl->buf = buffer;
	*ret_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *ret_netns < 0 ? -errno : nl_open(&nl->fd);
}

int two_sides_make(struct two_sides *s)
{
	int r = enter_netns();

	outside_init(&s->outside);
	s->h = (struct outside_hands){ .outside = &s->outside };
	if (r == 0)
		r = open_side(&s->h.out, &s->h.netns);
	if (r == 0)
		r = two_sides_link(&s->h.out, "br0", "bridge", 20);
	if (r == 0 && unshare(CLONE_NEWNET) < 0)
		r = -errno;
	return r == 0 ? open_side(&s->h.in, &s->h.target) : r;
}

size_t two_sides_add(struct two_sides *s, const char *in, const char *out, const char *bridge,
		     bool adopts)
{
	struct outside_link *link = &s->outside.links[s->outside.n];

	*link = (struct outside_link){ .adopts = adopts };
	(void)snprintf(link->in, sizeof(link->in), "%s", in);
	(void)snprintf(link->out, sizeof(link->out), "%s", out);
	(void)snprintf(link->bridge, sizeof(link->bridge), "%s", bridge);
	return s->outside.n++;
}

int two_sides_link(struct nl_sock *nl, const char *name, const char *kind, uint32_t ifindex)
{
	union outside_message message = { 0 };
	char text[NL_TEXT_MAX], peer_name[IFNAMSIZ + 1];
	struct nlattr *info, *data, *peer;
	struct nlmsghdr *nlh;

	nlh = outside_put_header(message.bytes, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	if (strcmp(kind, "veth") == 0) {
		(void)snprintf(peer_name, sizeof(peer_name), "%sp", name);
		data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
		peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
		(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		mnl_attr_put_strz(nlh, IFLA_IFNAME, peer_name);
		mnl_attr_nest_end(nlh, peer);
		mnl_attr_nest_end(nlh, data);
	}
	mnl_attr_nest_end(nlh, info);
	return outside_send(nl, nlh, text);
}

struct link_list two_sides_look(struct nl_sock *nl)
{
	struct link_list list = { 0 };

	if (links_get(nl, &list) < 0)
		links_fini(&list);
	return list;
}

/* A link's carrier, and with it these, follow its other end's. */
static struct link_state lasting(const struct link_state *state)
{
	struct link_state s = *state;

	s.flags &= LINKS_SETTABLE;
	/* Of a bridge, how long ago what happened; and the address that it has of its ports. */
	s.data_len = 0;
	memset(s.data, 0, sizeof(s.data));
	if (strcmp(s.kind, "bridge") == 0)
		memset(s.address, 0, sizeof(s.address));
	return s;
}

static bool is_same(const struct link_state *a, const struct link_state *b)
{
	const struct link_state l = lasting(a), r = lasting(b);

	return l.ifindex == r.ifindex && strcmp(l.name, r.name) == 0 && l.flags == r.flags &&
	       l.mtu == r.mtu && l.group == r.group && l.master == r.master && l.link == r.link &&
	       l.link_elsewhere == r.link_elsewhere &&
	       memcmp(l.address, r.address, sizeof(l.address)) == 0;
}

bool two_sides_same(struct nl_sock *nl, struct link_list take_before)
{
	struct link_list now = two_sides_look(nl);
	bool same = now.n == take_before.n && now.n > 0;

	for (size_t i = 0; same && i < now.n; i++)
		same = is_same(&take_before.links[i], &now.links[i]);
	links_fini(&now);
	links_fini(&take_before);
	return same;
}

bool two_sides_has(struct nl_sock *nl, const char *name)
{
	struct link_state state;

	return outside_find_link(nl, name, 0, &state) == 0;
}
