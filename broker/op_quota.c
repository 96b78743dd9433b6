/*
 * quota: what the user may use, and how much of it is in use.
 *
 * Why it is safe for a hostile worker: it reads nothing. It tells names of parents that rules allow
 * to the user, which are no secret to who may use them, and how many macvlans the user has there.
 * Of a parent that a rule denies to the user, and of other users, it tells nothing. It comes once,
 * as counting takes time.
 */
#include <errno.h>

#include "broker/ops.h"
#include "broker/quota.h"

int quota_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply)
{
	(void)ret;
	(void)reply;
	return req->quota->base.n_unknown_fields ? -EBADMSG : 0;
}

int quota_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		  struct reply *reply)
{
	(void)msg;
	(void)args;
	return quota_tell(s, reply);
}
