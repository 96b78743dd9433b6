/*
 * link-create: make macvlans in the target.
 *
 * Why it is safe for a hostile worker: its bytes are decoded by an allow-list into values, and
 * the request is encoded anew from these (common/link_msg.c). The kernel is told the target's
 * descriptor and NLM_F_EXCL, so no device that exists is touched, whatever its name or index;
 * the index is never looked up here. All links of a message are decoded and judged before the
 * first is made, and counted where a rule has a limit. There is nothing here that changes or
 * deletes a link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/ops.h"
#include "broker/quota.h"
#include "broker/rtnl.h"
#include "broker/session.h"
#include "common/check.h"
#include "common/wire.h"

static int decode_parent(const char *parent, struct link_args *ret, struct link_result *result)
{
	if (check_ifname(parent) < 0) {
		(void)snprintf(result->text, sizeof(result->text),
			       "the parent is not a name of an interface");
		return -EINVAL;
	}
	(void)snprintf(ret->parent, sizeof(ret->parent), "%s", parent);
	return 0;
}

static int decode_one(const Netcr__Link *link, struct link_args *ret, struct link_result *result)
{
	_Static_assert(LINK_TEXT_MAX <= sizeof(result->text), "a result holds the decoder's text");
	int r;

	r = decode_parent(link->parent, ret, result);
	if (r < 0)
		return r;
	return link_msg_decode(link->newlink.data, link->newlink.len, &ret->spec, result->text);
}

int link_create_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply)
{
	const Netcr__LinkCreate *create = req->link_create;
	size_t i;

	if (create->base.n_unknown_fields)
		return -EBADMSG;
	if (create->n_links == 0)
		return -EINVAL;
	if (create->n_links > OP_LINKS_MAX)
		return -E2BIG;
	for (i = 0; i < create->n_links; i++) {
		if (create->links[i]->base.n_unknown_fields)
			return -EBADMSG;
	}
	reply->n_results = create->n_links;
	for (i = 0; i < create->n_links; i++)
		reply->results[i].error = ECANCELED;
	ret->link_create.n = 0;
	for (i = 0; i < create->n_links; i++) {
		struct link_args *link = &ret->link_create.links[i];
		int r;

		*link = (struct link_args){ 0 };
		r = decode_one(create->links[i], link, &reply->results[i]);
		if (r < 0) {
			reply->results[i].error = (uint32_t)-r;
			return r;
		}
		ret->link_create.n++;
	}
	return 0;
}

struct verdict link_create_judge(struct session *s, const struct wire_msg *msg,
				 struct op_args *args)
{
	struct parent_facts parent = { 0 };
	struct verdict v = { 0 };

	(void)msg;
	for (size_t i = 0; i < args->link_create.n; i++) {
		struct link_args *link = &args->link_create.links[i];

		/* One look a parent, not a link: they mostly share one. */
		if (strcmp(link->parent, parent.asked) != 0 &&
		    rtnl_parent_find(&s->rtnl, link->parent, &parent) < 0)
			return (struct verdict){ .why = "the parent could not be looked up" };
		/* That it is gone may be told to whom it is allowed, and to nobody else. */
		if (!parent.found && policy_lists_parent(&s->policy, &s->caller, link->parent))
			continue;
		v = policy_judge_link(&s->policy, &s->caller, &parent, &link->spec);
		link->rule = v.rule;
		if (!v.allow)
			return v;
		link->parent_ifindex = parent.ifindex;
	}
	return (struct verdict){ .allow = true, .why = "allowed" };
}

/* One after the other, until one fails. */
static int make_links(struct session *s, const struct op_args *args, struct reply *reply)
{
	for (size_t i = 0; i < args->link_create.n; i++) {
		const struct link_args *link = &args->link_create.links[i];
		struct link_result *result = &reply->results[i];
		int r;

		/* For a worker that died there is nothing to be made: who comes after it would meet
		 * links that appear behind their back. */
		if (wire_is_closed(s->sock))
			return -ECANCELED;
		if (link->parent_ifindex != 0) {
			r = rtnl_link_create(&s->rtnl, &link->spec, link->parent_ifindex, s->target,
					     result->text);
		} else {
			r = -ENODEV;
			(void)snprintf(result->text, sizeof(result->text), "the parent is gone");
		}
		result->error = (uint32_t)-r;
		if (r < 0)
			return r;
		result->ifindex = link->spec.ifindex;
	}
	return 0;
}

int link_create_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
			struct reply *reply)
{
	int r;

	(void)msg;
	r = quota_begin(s, args->link_create.links, args->link_create.n, reply->text);
	if (r < 0) {
		/* It is about all of them: none has a result of its own. */
		reply->n_results = 0;
		reply->over_limit = r == -EDQUOT;
		return r;
	}
	r = make_links(s, args, reply);
	quota_end(s);
	return r;
}
