/*
 * hello: agree on a version.
 *
 * Why it is safe for a hostile worker: it reads two numbers, and tells constants, limits and the
 * uid that the worker acts for, which it knows.
 */
#include <errno.h>
#include <stdio.h>

#include "broker/ops.h"
#include "broker/session.h"

enum {
	VERSION_MIN = 1,
	VERSION_MAX = 1
};

int hello_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply)
{
	const Netcr__Hello *hello = req->hello;

	if (hello->base.n_unknown_fields)
		return -EBADMSG;
	if (hello->version_min < 1 || hello->version_min > hello->version_max) {
		(void)snprintf(reply->text, sizeof(reply->text), "the version range is empty");
		return -EINVAL;
	}
	ret->hello.min = hello->version_min;
	ret->hello.max = hello->version_max;
	return 0;
}

int hello_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		  struct reply *reply)
{
	(void)msg;
	if (args->hello.min > VERSION_MAX || args->hello.max < VERSION_MIN) {
		(void)snprintf(reply->text, sizeof(reply->text),
			       "this broker speaks versions %d to %d", VERSION_MIN, VERSION_MAX);
		s->closing = true;
		return -EPROTONOSUPPORT;
	}
	reply->version = args->hello.max < VERSION_MAX ? args->hello.max : VERSION_MAX;
	s->phase = PHASE_GREETED;
	return 0;
}
