/*
 * nsid-alloc: give the broker's netns an id inside the target.
 *
 * Why it is safe for a hostile worker: an id names a namespace, it opens nothing. It is written
 * into the target, which is the worker's own, over a socket of the target; so the worker gets
 * the id without ever holding a descriptor of the host's netns, which on kernels before
 * 7b735ef81286 would be a way to make devices there. The worker may read the answers away,
 * or provoke others: it deceives itself, and the wait is bounded.
 */
#include <errno.h>
#include <stdio.h>

#include "broker/ops.h"
#include "broker/rtnl.h"
#include "broker/session.h"

int nsid_alloc_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply)
{
	const Netcr__NsidAlloc *alloc = req->nsid_alloc;

	if (alloc->base.n_unknown_fields)
		return -EBADMSG;
	/* The kernel takes every negative number for "any"; -1 is the one that says so. */
	if (alloc->nsid < -1) {
		(void)snprintf(reply->text, sizeof(reply->text), "the nsid is below -1");
		return -EINVAL;
	}
	ret->nsid_alloc.wanted = alloc->nsid;
	return 0;
}

struct verdict nsid_alloc_judge(struct session *s, const struct wire_msg *msg, struct op_args *args)
{
	(void)s;
	(void)msg;
	(void)args;
	return (struct verdict){ .allow = true, .why = "allowed" };
}

int nsid_alloc_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		       struct reply *reply)
{
	(void)msg;
	return rtnl_nsid_alloc(&s->target_rtnl, s->self.netns, args->nsid_alloc.wanted,
			       &reply->nsid, reply->text);
}
