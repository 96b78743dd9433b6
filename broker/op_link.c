/*
 * link-create: make macvlans in the target.
 *
 * Why it is safe for a hostile worker: its bytes are decoded by an allow-list into values, and
 * the request is encoded anew from these (common/link_msg.c). The kernel is told the target's
 * descriptor and NLM_F_EXCL, so no device that exists is touched, whatever its name or index;
 * the index is never looked up here. A parent in another namespace is named to the kernel by an
 * id that the broker has read over its own socket (rtnl_link_nsid()). All links of a message are
 * decoded and judged before the first is made, and counted where a rule has a limit. There is
 * nothing here that changes or deletes a link.
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

int link_args_set_parent(const char *parent, struct link_args *ret)
{
	const char *slash = strchr(parent, '/');

	if (check_parent(parent) < 0)
		return -EINVAL;
	(void)snprintf(ret->parent, sizeof(ret->parent), "%s", parent);
	(void)snprintf(ret->ifname, sizeof(ret->ifname), "%s", slash ? slash + 1 : parent);
	if (slash)
		(void)snprintf(ret->netns, sizeof(ret->netns), "%.*s", (int)(slash - parent),
			       parent);
	return 0;
}

static int decode_one(const Netcr__Link *link, struct link_args *ret, struct link_result *result)
{
	_Static_assert(LINK_TEXT_MAX <= sizeof(result->text), "a result holds the decoder's text");
	int r;

	r = link_args_set_parent(link->parent, ret);
	if (r < 0) {
		(void)snprintf(result->text, sizeof(result->text),
			       "the parent is not a name of an interface");
		return r;
	}
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

/* Look @link's parent up, unless @known is about it. */
static struct verdict judge_one(struct session *s, struct link_args *link,
				const struct link_args **known, struct parent_facts *parent)
{
	struct verdict v;

	/* One look a parent, not a link: they mostly share one. */
	if (!*known || strcmp((*known)->parent, link->parent) != 0) {
		const uint16_t netns = policy_find_netns(&s->policy, link->netns);

		if (link->netns[0] && !netns)
			return (struct verdict){ .why = "no such namespace of parents" };
		if (parents_find(&s->parents, &s->policy, &s->rtnl, netns, link->ifname, parent) <
		    0)
			return (struct verdict){ .why = "the parent could not be looked up" };
		*known = link;
	}
	/* That it is gone may be told to whom it is allowed, and to nobody else. */
	if (!parent->found)
		return policy_judge_absent(&s->policy, &s->caller, parent->netns, link->ifname);
	v = policy_judge_link(&s->policy, &s->caller, parent, &link->spec, s->target_init);
	link->parent_netns = parent->netns;
	link->parent_nsid = parent->nsid;
	link->parent_ifindex = parent->ifindex;
	link->rule = v.rule;
	return v;
}

struct verdict link_create_judge(struct session *s, const struct wire_msg *msg,
				 struct op_args *args)
{
	const struct link_args *known = NULL;
	struct parent_facts parent;
	struct verdict v = { 0 };

	(void)msg;
	for (size_t i = 0; i < args->link_create.n; i++) {
		v = judge_one(s, &args->link_create.links[i], &known, &parent);
		if (!v.allow)
			break;
	}
	return v;
}

static int create_one(struct session *s, const struct link_args *link, char text[NL_TEXT_MAX])
{
	struct link_place place = { .parent = link->parent_ifindex, .netns_fd = s->target };
	int r;

	if (link->parent_ifindex == 0) {
		(void)snprintf(text, NL_TEXT_MAX, "the parent is gone");
		return -ENODEV;
	}
	if (link->parent_netns) {
		place.elsewhere = true;
		r = quota_find_nsids(s);
		if (r == 0)
			r = rtnl_link_nsid(&s->rtnl, &s->target_rtnl, s->target_nsid,
					   s->parents.netns[link->parent_netns - 1],
					   &place.link_nsid, text);
		if (r < 0)
			return r;
	}
	return rtnl_link_create(&s->rtnl, &link->spec, &place, text);
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
		r = create_one(s, link, result->text);
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
