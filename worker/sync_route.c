/*
 * Routes: made in one go, many in a datagram, in an order in which the kernel takes each.
 *
 * May: rtnetlink over the socket it is given. Must not: log.
 */
#include "worker/sync_route.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "worker/image_raw.h"
#include "worker/msg_list.h"
#include "worker/nl_batch.h"
#include "worker/state_route.h"
#include "worker/sync_addr.h"

int route_list_get(struct nl_sock *nl, struct msg_list *ret, struct msg_list *ret_foreign)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct route_source source = { .of_kernel = true, .foreign = ret_foreign };
	int r = 0;

	*ret = (struct msg_list){ 0 };
	if (ret_foreign)
		*ret_foreign = (struct msg_list){ 0 };
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		struct image_raw raw = { 0 };

		r = nl_dump(nl, RTM_GETROUTE, sizeof(struct rtmsg), families[i], &raw);
		if (r == 0 && route_list_decode(&raw, &source, /* report= */ NULL, ret))
			r = -ENOMEM;
		image_raw_fini(&raw);
	}
	return r;
}

/* NLM_F_APPEND: there may be several to one destination with the same metric, and they are looked
 * at in the order in which they were made. One that is there already is EEXIST. */
static int add_routes(struct nl_batch *batch, const struct msg_list *list, const size_t *order,
		      uint8_t *made)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const struct nlmsghdr *nlh = msg_list_get(list, order[i]);

		if (route_is_automatic(nlh))
			continue;
		batch->mark = &made[order[i]];
		r = nl_batch_add(batch, nlh, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, order[i]);
	}
	return r < 0 ? r : nl_batch_flush(batch);
}

int route_sync(struct nl_sock *nl, const struct msg_list *wanted, struct msg_list *made,
	       struct nl_failure *ret_failure)
{
	_cleanup_free_ size_t *order = msg_list_by_order(wanted);
	_cleanup_free_ uint8_t *flags = calloc(wanted->n + 1, 1);
	struct nl_batch batch;
	int r;

	*ret_failure = (struct nl_failure){ 0 };
	r = nl_batch_init(&batch, nl);
	batch.ignored[0] = -EEXIST;
	if (r == 0 && (!order || !flags || msg_list_reserve(made, wanted) < 0))
		r = -ENOMEM;
	if (r == 0)
		r = add_routes(&batch, wanted, order, flags);
	for (size_t i = 0; order && flags && i < wanted->n; i++) {
		if (flags[order[i]])
			(void)msg_list_copy(made, wanted, order[i]);
	}
	*ret_failure = batch.failure;
	nl_batch_fini(&batch);
	return r;
}

/* --- what the kernel made by itself --- */

static bool is_of_prefix(const struct nlmsghdr *nlh, const struct addr_links *links)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct addr_link *link = NULL;
	uint32_t table = RT_TABLE_UNSPEC;
	const struct nlattr *attr;

	if (rtm->rtm_protocol != RTPROT_KERNEL || rtm->rtm_type != RTN_UNICAST)
		return false;
	nl_attr_each (attr, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			table = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == RTA_OIF)
			link = addr_links_find(links, mnl_attr_get_u32(attr));
	}
	return table == RT_TABLE_MAIN && link && link->made && link->running;
}

static bool has_family(const struct msg_list *list, uint8_t family)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct rtmsg *rtm = mnl_nlmsg_get_payload(msg_list_get(list, i));

		if (rtm->rtm_family == family)
			return true;
	}
	return false;
}

int route_drop_extra(struct nl_sock *nl, const struct msg_list *wanted,
		     const struct addr_links *links)
{
	const bool v4 = has_family(wanted, AF_INET), v6 = has_family(wanted, AF_INET6);
	_cleanup_free_ size_t *sorted = msg_list_by_content(wanted);
	struct msg_list now = { 0 };
	struct nl_batch batch;
	int r;

	r = nl_batch_init(&batch, nl);
	batch.ignored[0] = -ESRCH;
	if (r == 0)
		r = sorted ? route_list_get(nl, &now, /* ret_foreign= */ NULL) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < now.n; i++) {
		const struct nlmsghdr *nlh = msg_list_get(&now, i);
		const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

		if ((rtm->rtm_family == AF_INET ? v4 : v6) && is_of_prefix(nlh, links) &&
		    !msg_list_has(wanted, sorted, &now, i))
			r = nl_batch_add(&batch, nlh, RTM_DELROUTE, 0, i);
	}
	if (r == 0)
		r = nl_batch_flush(&batch);
	msg_list_fini(&now);
	nl_batch_fini(&batch);
	return r;
}

long route_first_missing(struct nl_sock *nl, const struct msg_list *wanted)
{
	_cleanup_free_ size_t *sorted = NULL;
	struct msg_list now = { 0 };
	long missing = (long)wanted->n;
	int r;

	r = route_list_get(nl, &now, /* ret_foreign= */ NULL);
	if (r == 0) {
		sorted = msg_list_by_content(&now);
		r = sorted ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && missing == (long)wanted->n && i < wanted->n; i++) {
		if (!route_is_automatic(msg_list_get(wanted, i)) &&
		    !msg_list_has(&now, sorted, wanted, i))
			missing = (long)i;
	}
	msg_list_fini(&now);
	return r < 0 ? r : missing;
}
