/*
 * RTM_NEWLINK for links that need nothing from outside of the target. It goes over the worker's
 * own socket there, in the right that the container's root has.
 *
 * May: make links, and ask whether a kind is there. Must not: undo, or change links that exist.
 */
#include "worker/link_make.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/log.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/target.h"

union request {
	struct nlmsghdr nlh;
	uint8_t bytes[LINK_MAKE_MAX];
};

static struct nlmsghdr *put_header(void *buf, uint32_t ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return nlh;
}

bool link_put_common(struct nlmsghdr *nlh, size_t size, const struct plan_link *link)
{
	const Img__NetDevice *dev = link->dev;

	return mnl_attr_put_strz_check(nlh, size, IFLA_IFNAME, dev->name) &&
	       (!link->kind->ethernet || !dev->has_address ||
		mnl_attr_put_check(nlh, size, IFLA_ADDRESS, dev->address.len, dev->address.data)) &&
	       mnl_attr_put_u32_check(nlh, size, IFLA_MTU, dev->mtu) &&
	       mnl_attr_put_u32_check(nlh, size, IFLA_GROUP, PLAN_GROUP);
}

static bool put_linkinfo(struct nlmsghdr *nlh, size_t size, const struct plan_link *link)
{
	struct nlattr *info, *data;

	info = mnl_attr_nest_start_check(nlh, size, IFLA_LINKINFO);
	if (!info || !mnl_attr_put_strz_check(nlh, size, IFLA_INFO_KIND, link->kind->rtnl))
		return false;
	if (link->kind->put_data) {
		data = mnl_attr_nest_start_check(nlh, size, IFLA_INFO_DATA);
		if (!data || !link->kind->put_data(nlh, size, link))
			return false;
		mnl_attr_nest_end(nlh, data);
	}
	mnl_attr_nest_end(nlh, info);
	return true;
}

int link_make_encode(const struct plan_link *link, void *buf, size_t size)
{
	struct nlmsghdr *nlh;

	if (size < sizeof(*nlh) + sizeof(struct ifinfomsg))
		return -EMSGSIZE;
	/* Before libmnl 1.0.5 padding is left as it is. */
	memset(buf, 0, size);
	nlh = put_header(buf, link->ifindex);
	if (!link_put_common(nlh, size, link) || !put_linkinfo(nlh, size, link))
		return -EMSGSIZE;
	return (int)nlh->nlmsg_len;
}

int link_make(const struct plan_link *link, struct target *target, char ret_text[NL_TEXT_MAX])
{
	union request request;
	int r;

	ret_text[0] = '\0';
	if (link->kind->make)
		return link->kind->make(link, target, ret_text);
	r = link_make_encode(link, request.bytes, sizeof(request));
	if (r < 0)
		return r;
	return nl_talk(&target->nl, &request.nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
}

int link_make_outside(const struct plan_link *link, struct target *target, struct report *report)
{
	const struct outside_wish wish = {
		.ifindex = link->ifindex,
		.mtu = link->dev->mtu,
		.address = link->dev->has_address ? link->dev->address.data : NULL,
	};
	char text[OUTSIDE_TEXT_MAX];
	int status = outside_make(&target->outside, link->outside, &wish, text);

	return status ? report_fail(report, status, "%s: record %zu: %s", link->at.file,
				    link->at.record, text)
		      : 0;
}

/* --- is there such a kind? --- */

/* A device cannot have no queue, but the kernel looks for the kind before it counts queues
 * (rtnl_newlink_create() and rtnl_create_link() in net/core/rtnetlink.c): EINVAL means yes. */
static int probe_rtnl(const char *kind, struct target *target, char ret_text[NL_TEXT_MAX])
{
	union request request = { 0 };
	struct nlmsghdr *nlh = put_header(request.bytes, /* ifindex= */ 0);
	struct nlattr *info;
	int r;

	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 0);
	mnl_attr_put_u32(nlh, IFLA_GROUP, PLAN_GROUP);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
	r = nl_talk(&target->nl, nlh, /* each= */ NULL, /* data= */ NULL, ret_text);
	return r == -EOPNOTSUPP ? r : 0;
}

static int probe_kind(const struct link_kind *kind, struct target *target,
		      char ret_text[NL_TEXT_MAX])
{
	ret_text[0] = '\0';
	return kind->probe ? kind->probe(ret_text) : probe_rtnl(kind->rtnl, target, ret_text);
}

/* Whether a link before the one at @i has its kind. */
static bool was_probed(const struct plan *plan, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (plan->links[j].maker == MAKER_WORKER &&
		    plan->links[j].kind == plan->links[i].kind)
			return true;
	}
	return false;
}

int link_make_probe(const struct plan *plan, struct target *target, struct report *report)
{
	char text[NL_TEXT_MAX];

	for (size_t i = 0; i < plan->n_links; i++) {
		const struct plan_link *link = &plan->links[i];
		int r;

		if (link->maker != MAKER_WORKER || was_probed(plan, i))
			continue;
		r = probe_kind(link->kind, target, text);
		if (r < 0)
			return report_fail(report, EXIT_OS_,
					   "%s: record %zu: link %s is of kind %s, which this "
					   "kernel cannot make: %s%s%s%s; nothing was done",
					   link->at.file, link->at.record, link->dev->name,
					   link->kind->name, log_errname(-r), *text ? " (" : "",
					   text, *text ? ")" : "");
	}
	return 0;
}
