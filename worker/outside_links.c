/*
 * The helper's hands. Each request is encoded here from fixed fields: names are those of the
 * command line, and what the worker says are an index, an MTU and an address.
 *
 * May: make a veth pair, make its outer end a port, move a device in and back, and delete what it
 * made. Must not: change any other link.
 */
#include "worker/outside_links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/log.h"
#include "worker/plan.h"
#include "worker/report.h"

/* --- finding --- */

/* By name, or where that is NULL by index. Returns 0, -ENODEV, or another error. */
int outside_find_link(struct nl_sock *nl, const char *name, uint32_t ifindex,
		      struct link_state *ret)
{
	struct link_list list = { 0 };
	const struct link_state *found;
	int r = links_get(nl, &list);

	if (r < 0)
		return r;
	found = name ? links_find_name(&list, name) : links_find_index(&list, ifindex);
	if (found)
		*ret = *found;
	links_fini(&list);
	return found ? 0 : -ENODEV;
}

struct address_search {
	uint32_t ifindex;
	bool found;
};

static int look_at_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct address_search *search = data;

	if (nlh->nlmsg_type == RTM_NEWADDR && mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifa) &&
	    ifa->ifa_index == search->ifindex && ifa->ifa_scope < RT_SCOPE_LINK)
		search->found = true;
	return 0;
}

/* Whether a link outside has an address that the kernel did not give to it by itself. */
static int has_address(struct nl_sock *nl, uint32_t ifindex, bool *ret)
{
	struct address_search search = { .ifindex = ifindex };
	union outside_message request = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request.bytes);
	char text[NL_TEXT_MAX];
	int r;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	r = nl_talk(nl, nlh, look_at_address, &search, text);
	*ret = search.found;
	return r == -EAGAIN ? 0 : r;
}

/* The index of the other end, if that is in the target. */
int outside_find_peer(struct outside_hands *h, const struct link_state *state, uint32_t *ret)
{
	int32_t nsid = -1;
	int r = 0;

	*ret = 0;
	if (strcmp(state->kind, "veth") == 0 && state->link_elsewhere)
		r = links_get_nsid(&h->out, h->target, &nsid);
	if (r == 0 && nsid >= 0 && nsid == state->link_nsid)
		*ret = state->link;
	return r;
}

static int look(struct outside_hands *h, const struct outside_link *link, struct outside_facts *ret)
{
	struct link_state state;
	bool addressed = false;
	int r = outside_find_link(&h->out, link->out, 0, &state);

	if (r == 0) {
		ret->ifindex = state.ifindex;
		ret->has_master = state.master != 0;
		r = outside_find_peer(h, &state, &ret->peer);
		if (r == 0 && link->adopts)
			r = has_address(&h->out, state.ifindex, &addressed);
		ret->has_address = addressed;
	}
	if ((r < 0 && r != -ENODEV) || !*link->bridge)
		return r == -ENODEV ? 0 : r;
	r = outside_find_link(&h->out, link->bridge, 0, &state);
	if (r == 0)
		ret->bridge = strcmp(state.kind, "bridge") == 0 ? OUTSIDE_BRIDGE_GOOD
								: OUTSIDE_BRIDGE_OTHER;
	return r == -ENODEV ? 0 : r;
}

int outside_links_look(struct outside_hands *h, size_t link, struct outside_facts *ret,
		       struct report *report)
{
	int r = look(h, &h->outside->links[link], ret);

	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot look at %s outside: %s",
				   h->outside->links[link].out, log_errname(-r));
	return 0;
}

/* --- sending --- */

struct nlmsghdr *outside_put_header(void *buf, uint16_t type, uint16_t flags, uint32_t ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

int outside_send(struct nl_sock *nl, struct nlmsghdr *nlh, char text[NL_TEXT_MAX])
{
	return nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, text);
}

/* --- taking back --- */

/* Never a warning, which would be written at once: this process writes nothing. */
int outside_left(struct report *report, const char *what, const char *name, int error)
{
	const char *text = log_errname(-error);

	if (!report->status)
		return report_fail(report, EXIT_LEFT, "%s %s: %s", what, name, text);
	report_add(report, "%s %s: %s", what, name, text);
	return EXIT_LEFT;
}

int outside_links_undo(struct outside_hands *h, size_t link, struct report *report)
{
	struct outside_made *made = &h->made[link];
	const struct outside_link *of = &h->outside->links[link];
	int status = 0;

	if (made->what == OUTSIDE_PAIR)
		status = outside_pair_undo(h, of, made, report);
	if (made->what == OUTSIDE_DEVICE)
		status = outside_device_undo(h, of, made, report);
	if (!status)
		made->what = OUTSIDE_NOTHING;
	return status;
}

int outside_links_make(struct outside_hands *h, const struct outside_request *request,
		       struct report *report)
{
	const struct outside_link *link = &h->outside->links[request->link];
	struct outside_made *made = &h->made[request->link];
	int status;

	if (made->what != OUTSIDE_NOTHING)
		return report_fail(report, EXIT_UNDONE, "%s was made already", link->in);
	*made = (struct outside_made){ 0 };
	status = link->adopts ? outside_device_adopt(h, link, request, made, report)
			      : outside_pair_make(h, link, request, made, report);
	if (status)
		(void)outside_links_undo(h, request->link, report);
	return status;
}

int outside_links_nsid(struct outside_hands *h, int32_t nsid, struct report *report)
{
	char text[NL_TEXT_MAX];

	h->error = links_set_nsid(&h->in, h->netns, nsid, text);
	return h->error < 0 ? report_fail(report, EXIT_UNDONE, "%s", text) : 0;
}

void outside_links_end(struct outside_hands *h, struct report *report)
{
	for (size_t i = 0; i < h->outside->n; i++) {
		struct link_state now;

		if (h->made[i].what != OUTSIDE_NOTHING &&
		    outside_find_link(&h->in, NULL, h->made[i].inner, &now) == 0 &&
		    (now.group == PLAN_GROUP || now.group == OUTSIDE_GROUP))
			(void)outside_links_undo(h, i, report);
	}
}
