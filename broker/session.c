/*
 * The loop: one datagram, one dispatch, until the end.
 *
 * May: wait, receive, hand over. Must not: look into a message (dispatch.c) or act.
 */
#include "broker/session.h"

#include <errno.h>

#include "broker/audit.h"
#include "broker/dispatch.h"

void session_init(struct session *s)
{
	*s = (struct session){ .phase = PHASE_NEW,
			       .sock = -1,
			       .rtnl = { .fd = -1 },
			       .self = { .netns = -1 },
			       .target = -1,
			       .target_rtnl = { .fd = -1 },
			       .ledger = { .fd = -1 },
			       .self_nsid = -1,
			       .target_nsid = -1 };
}

int session_run(struct session *s)
{
	static struct wire_msg msg; /* too large for a stack, and there is one session a process */
	int r = 0;

	wire_msg_init(&msg);
	while (!s->closing) {
		r = wire_recv(s->sock, &msg, /* timeout_ms= */ -1);
		if (r == -EBADMSG)
			audit_violation(s, "the datagram or its descriptors");
		if (r <= 0)
			break;
		r = dispatch(s, &msg);
		wire_msg_fini(&msg);
		if (r < 0)
			break;
	}
	audit_end(s);
	return r;
}
