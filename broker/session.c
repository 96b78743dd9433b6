/*
 * The loop: one datagram, one dispatch, until the end.
 *
 * May: wait, receive, hand over. Must not: look into a message (dispatch.c) or act.
 */
#include "broker/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "broker/audit.h"
#include "broker/dispatch.h"

void session_init(struct session *s)
{
	*s = (struct session){ .phase = PHASE_NEW,
			       .hello_ms = -1,
			       .idle_ms = -1,
			       .sock = -1,
			       .rtnl = { .fd = -1 },
			       .self = { .netns = -1 },
			       .target = -1,
			       .target_rtnl = { .fd = -1 },
			       .ledger = { .fd = -1 },
			       .self_nsid = -1,
			       .target_nsid = -1 };
	parents_init(&s->parents);
}

/* Wait for a request. Here alone is SIGTERM let in, whose default action ends the process. */
static int session_wait(const struct session *s)
{
	const int timeout_ms = s->phase == PHASE_NEW ? s->hello_ms : s->idle_ms;
	const struct timespec limit = { .tv_sec = timeout_ms / 1000,
					.tv_nsec = timeout_ms % 1000 * 1000000L };
	const struct timespec now = { 0 };
	struct pollfd pfd = { .fd = s->sock, .events = POLLIN | POLLRDHUP };
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	/* A poll that finds something looks at no signal (do_poll() in fs/select.c). One for nothing
	 * does, so a worker that always has the next request ready does not keep it out. */
	(void)ppoll(NULL, 0, &now, &none);
	do
		r = ppoll(&pfd, 1, timeout_ms < 0 ? NULL : &limit, &none);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r > 0 ? 0 : -ETIMEDOUT;
}

int session_run(struct session *s)
{
	static struct wire_msg msg; /* too large for a stack, and there is one session a process */
	int r = 0;

	wire_msg_init(&msg);
	while (!s->closing) {
		r = session_wait(s);
		if (r == -ETIMEDOUT)
			audit_violation(s, "no request in time");
		if (r == 0)
			r = wire_recv(s->sock, &msg, /* timeout_ms= */ 0);
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
