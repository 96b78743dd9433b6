/*
 * Routes go back to what they were by what the kernel said to each that was sent: what is new and
 * not of this restore is somebody else's.
 *
 * May: rtnetlink over the socket it is given.
 */
#include "worker/undo_route.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "worker/msg_list.h"
#include "worker/nl_batch.h"
#include "worker/report.h"
#include "worker/state_route.h"
#include "worker/state_text.h"
#include "worker/sync_route.h"

/* A list, and its order by content. */
struct sorted {
	const struct msg_list *list;
	size_t *order; /* owned */
};

static bool has(const struct sorted *in, const struct msg_list *list, size_t i)
{
	return msg_list_has(in->list, in->order, list, i);
}

/* The last ones first: no gateway is left without its way. What went with its link is not there any
 * more. */
static int delete_made(struct nl_batch *batch, const struct msg_list *made,
		       const struct sorted *before)
{
	int r = 0;

	for (size_t i = made->n; r == 0 && i > 0; i--) {
		if (!has(before, made, i - 1))
			r = nl_batch_add(batch, msg_list_get(made, i - 1), RTM_DELROUTE, 0, i - 1);
	}
	return r < 0 ? r : nl_batch_flush(batch);
}

/* Whether it may come and go by others of its destination (IPv6 makes one of several nexthops of
 * them), or with an address. */
static bool is_fleeting(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (rtm->rtm_protocol == RTPROT_KERNEL)
		return true;
	nl_attr_each (attr, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			return rtm->rtm_family == AF_INET6;
	}
	return false;
}

/* Make what @list has and @now has not; with @made, only what is somebody else's. */
static int add_missing(struct nl_batch *batch, const struct msg_list *list,
		       const struct sorted *now, const struct sorted *made)
{
	_cleanup_free_ size_t *order = msg_list_by_order(list);
	int r = order ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const struct nlmsghdr *nlh = msg_list_get(list, order[i]);

		if (route_is_automatic(nlh) || has(now, list, order[i]) ||
		    (made && (is_fleeting(nlh) || has(made, list, order[i]))))
			continue;
		r = nl_batch_add(batch, nlh, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, order[i]);
	}
	return r < 0 ? r : nl_batch_flush(batch);
}

/* A request to delete takes the first route that has all that it says, which may be another one
 * (fib_table_delete(), ip6_route_del()): so it is sent twice, and what is gone of others is made
 * again. */
static int undo(struct nl_batch *batch, const struct msg_list *was, const struct sorted *before,
		const struct sorted *made)
{
	struct msg_list left = { 0 };
	struct sorted now = { .list = &left };
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++)
		r = delete_made(batch, made->list, before);
	if (r == 0)
		r = route_list_get(batch->nl, &left, /* ret_foreign= */ NULL);
	if (r == 0)
		now.order = msg_list_by_content(&left);
	if (r == 0 && !now.order)
		r = -ENOMEM;
	if (r == 0)
		r = add_missing(batch, was, &now, made);
	if (r == 0)
		r = add_missing(batch, before->list, &now, /* made= */ NULL);
	free(now.order);
	msg_list_fini(&left);
	return r;
}

int route_undo(struct nl_sock *nl, const struct msg_list *before, const struct msg_list *made)
{
	const struct sorted was = { before, msg_list_by_content(before) };
	const struct sorted ours = { made, msg_list_by_content(made) };
	struct msg_list now = { 0 };
	struct nl_batch batch;
	int r;

	r = nl_batch_init(&batch, nl);
	batch.tries = true;
	if (r == 0 && (!was.order || !ours.order))
		r = -ENOMEM;
	if (r == 0)
		r = route_list_get(nl, &now, /* ret_foreign= */ NULL);
	if (r == 0)
		r = undo(&batch, &now, &was, &ours);
	msg_list_fini(&now);
	nl_batch_fini(&batch);
	free(was.order);
	free(ours.order);
	return r;
}

/* --- what is left, and what is gone --- */

static bool say(const struct msg_list *list, size_t i, const struct addr_links *links,
		const char *how, struct report *report)
{
	char text[STATE_TEXT_MAX];

	route_text(msg_list_get(list, i), links, text);
	report_add(report, "route %s %s", text, how);
	return false;
}

/* Name the first of @list that @now has not. */
static bool check_there(const struct msg_list *list, const struct sorted *now,
			const struct addr_links *links, const char *how, struct report *report)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!route_is_automatic(msg_list_get(list, i)) && !has(now, list, i))
			return say(list, i, links, how, report);
	}
	return true;
}

/* Name the first of @made that @now has and @before had not. */
static bool check_gone(const struct msg_list *made, const struct sorted *now,
		       const struct sorted *before, const struct addr_links *links,
		       struct report *report)
{
	for (size_t i = 0; i < made->n; i++) {
		if (has(now, made, i) && !has(before, made, i))
			return say(made, i, links, "is left", report);
	}
	return true;
}

bool route_check_undone(struct nl_sock *nl, const struct msg_list *before,
			const struct msg_list *foreign, const struct msg_list *made,
			const struct addr_links *links, struct report *report)
{
	struct msg_list now = { 0 }, other = { 0 };
	struct sorted was = { before, msg_list_by_content(before) };
	struct sorted is = { .list = &now }, is_foreign = { .list = &other };
	bool clean = false;

	if (route_list_get(nl, &now, &other) == 0) {
		is.order = msg_list_by_content(&now);
		is_foreign.order = msg_list_by_content(&other);
	}
	if (!was.order || !is.order || !is_foreign.order) {
		report_add(report, "the routes could not be read back");
	} else {
		clean = check_gone(made, &is, &was, links, report);
		clean = check_there(before, &is, links, "is gone", report) && clean;
		clean = check_there(foreign, &is_foreign, links,
				    "is gone: it had an encapsulation, which this version cannot "
				    "make",
				    report) &&
			clean;
	}
	free(was.order);
	free(is.order);
	free(is_foreign.order);
	msg_list_fini(&now);
	msg_list_fini(&other);
	return clean;
}
