/*
 * target-bind: take the netns that this session is about, and a socket in it.
 *
 * Why it is safe for a hostile worker: the descriptors are judged, not what is said of them;
 * what is judged is what is used, since the broker keeps these very descriptors; and every
 * refusal is the same EPERM, so nothing is learnt of a namespace by trying it.
 */
#include <errno.h>

#include "broker/nsfd.h"
#include "broker/ops.h"
#include "broker/session.h"
#include "common/wire.h"

enum {
	FD_NETNS,
	FD_RTNL
};

int target_bind_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply)
{
	(void)ret;
	(void)reply;
	return req->target_bind->base.n_unknown_fields ? -EBADMSG : 0;
}

struct verdict target_bind_judge(struct session *s, const struct wire_msg *msg,
				 struct op_args *args)
{
	struct nsfd_facts facts;
	struct verdict v;

	v = nsfd_inspect(msg->fds[FD_NETNS], &s->self, s->caller.uid, &facts);
	if (!v.allow)
		return v;
	args->target_bind.id = facts.id;
	args->target_bind.init = facts.owner == NSFD_OWNER_INIT;
	v = policy_judge_target(&s->policy, &s->caller, &facts);
	if (!v.allow)
		return v;
	return nsfd_check_rtnl(msg->fds[FD_RTNL], msg->fds[FD_NETNS]);
}

int target_bind_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
			struct reply *reply)
{
	(void)reply;
	s->target = wire_take_fd(msg, FD_NETNS);
	s->target_rtnl = (struct nl_sock){ .fd = wire_take_fd(msg, FD_RTNL),
					   .seq = s->rtnl.seq,
					   .buf = s->rtnl.buf };
	s->target_id = args->target_bind.id;
	s->target_init = args->target_bind.init;
	s->phase = PHASE_BOUND;
	return 0;
}
