/*
 * nsid-alloc: give the broker's netns, or one in which policy has parents, an id inside the target.
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
#include "common/check.h"

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
	ret->nsid_alloc.netns[0] = '\0';
	if (!alloc->netns)
		return 0;
	if (check_netns_name(alloc->netns) < 0) {
		(void)snprintf(reply->text, sizeof(reply->text), "not a name of a namespace");
		return -EINVAL;
	}
	(void)snprintf(ret->nsid_alloc.netns, sizeof(ret->nsid_alloc.netns), "%s", alloc->netns);
	return 0;
}

struct verdict nsid_alloc_judge(struct session *s, const struct wire_msg *msg, struct op_args *args)
{
	uint16_t netns;

	(void)msg;
	args->nsid_alloc.fd = s->self.netns;
	if (!args->nsid_alloc.netns[0])
		return (struct verdict){ .allow = true, .why = "allowed" };
	/* What is open is what a rule about the caller speaks of. */
	netns = policy_find_netns(&s->policy, args->nsid_alloc.netns);
	args->nsid_alloc.fd = netns ? s->parents.netns[netns - 1] : -1;
	if (args->nsid_alloc.fd < 0)
		return (struct verdict){ .why = "no such namespace of parents" };
	return (struct verdict){ .allow = true, .why = "allowed" };
}

int nsid_alloc_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		       struct reply *reply)
{
	(void)msg;
	return rtnl_nsid_alloc(&s->target_rtnl, args->nsid_alloc.fd, args->nsid_alloc.wanted,
			       &reply->nsid, reply->text);
}
