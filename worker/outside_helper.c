/*
 * The helper's life: enter, give up, serve.
 *
 * May: setns, until it has its sockets. Must not: believe a request, or read anything else.
 */
#include "worker/outside_helper.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "worker/confine.h"
#include "worker/helper.h"
#include "worker/outside_links.h"
#include "worker/report.h"

static int fail(struct report *report, const char *what, const char *which)
{
	return report_fail(report, errno == EPERM ? EXIT_REFUSED : EXIT_OS_,
			   "cannot %s the outside network namespace %s: %s%s", what, which,
			   strerror(errno),
			   errno == EPERM ? "; there has to be CAP_NET_ADMIN over it: start as its "
					    "root, or name one by --outside-netns that this user's "
					    "own user namespace owns"
					  : "");
}

/* Who has the right without joining the user namespace may have more rights than in it. */
static int join_outside(const struct outside_place *place, struct report *report)
{
	if (place->is_own || setns(place->netns, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EPERM && place->userns >= 0 && setns(place->userns, CLONE_NEWUSER) == 0 &&
	    setns(place->netns, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EINVAL) /* of the user namespace that we are in already */
		errno = EPERM;
	return fail(report, "join", place->name);
}

static int join_target(const struct outside_place *place, struct report *report)
{
	if (setns(place->target, CLONE_NEWNET) == 0)
		return 0;
	return report_fail(report, errno == EPERM ? EXIT_REFUSED : EXIT_OS_,
			   "cannot join the target from outside: %s%s", strerror(errno),
			   errno == EPERM ? "; the user namespace that owns the outside network "
					    "namespace has to be the container's, or above it"
					  : "");
}

/* A change of nothing, to a link that cannot be: whether there is the right is looked at first
 * (rtnetlink_rcv_msg() in net/core/rtnetlink.c). */
static int probe(struct nl_sock *nl)
{
	const struct link_change nothing = { 0 };
	char text[NL_TEXT_MAX];
	int r = links_change(nl, INT32_MAX, &nothing, text);

	errno = -r;
	return r == -ENODEV ? 0 : -1;
}

static int open_socket(struct nl_sock *nl, struct report *report)
{
	static _Alignas(struct nlmsghdr) uint8_t buf[NL_BUFFER_SIZE];
	int r = nl_open(&nl->fd);

	nl->buf = buf;
	return r == 0 ? 0
		      : report_fail(report, EXIT_OS_, "cannot open an rtnetlink socket: %s",
				    strerror(-r));
}

static int enter(const struct outside_place *place, struct outside_hands *h, struct report *report)
{
	int status = join_outside(place, report);

	if (!status)
		status = open_socket(&h->out, report);
	if (!status && probe(&h->out) < 0)
		status = fail(report, "change", place->name);
	if (!status)
		status = join_target(place, report);
	if (!status)
		status = open_socket(&h->in, report);
	if (!status && probe(&h->in) < 0)
		status = fail(report, "change the target from", place->name);
	return status;
}

static int give_up(struct report *report)
{
	const struct confine_args nothing = {
		.image_dir = -1, .sysctls = -1, .device = -1, .outside = true
	};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return report_fail(report, EXIT_OS_, "cannot become undumpable: %s",
				   strerror(errno));
	return confine(&nothing, report);
}

/* --- serving --- */

static bool is_sound(const struct outside_hands *h, const struct outside_request *request)
{
	if (request->op == OUTSIDE_LOOK)
		return request->link < h->outside->n;
	if (request->op == OUTSIDE_MAKE)
		return request->link < h->outside->n &&
		       check_u32_range(request->ifindex, 2, INT32_MAX) &&
		       check_u32_range(request->mtu, 68, 65535) &&
		       (!request->has_address || check_mac(request->address) == 0);
	if (request->op == OUTSIDE_NSID)
		return request->nsid >= 0;
	return request->op == OUTSIDE_UNDO;
}

static int serve(struct outside_hands *h, const struct outside_request *request,
		 struct outside_facts *facts, struct report *report)
{
	if (request->op == OUTSIDE_LOOK)
		return outside_links_look(h, request->link, facts, report);
	if (request->op == OUTSIDE_MAKE)
		return outside_links_make(h, request, report);
	if (request->op == OUTSIDE_NSID)
		return outside_links_nsid(h, request->nsid, report);
	for (size_t i = h->outside->n; i-- > 0;)
		(void)outside_links_undo(h, i, report);
	return report->status;
}

static void answer(int sock, int status, int error, const struct outside_facts *facts,
		   const struct report *report)
{
	struct outside_reply reply = { .status = status, .error = error, .facts = *facts };
	struct iovec iov = { .iov_base = &reply, .iov_len = sizeof(reply) };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	(void)snprintf(reply.text, sizeof(reply.text), "%.*s", (int)sizeof(reply.text) - 1,
		       report->text);
	/* Who is not there any more is seen by the next receive. */
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL);
}

/* Returns false at the end. */
static bool receive(int sock, struct outside_request *ret)
{
	struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, 0);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*ret) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
}

void outside_helper(int sock, const struct outside_place *from, const struct outside *outside)
{
	static struct outside_hands h;
	static struct report report;
	struct outside_place place = *from;
	const struct outside_facts none = { 0 };
	struct outside_request request;
	bool ready;
	int status;

	helper_leave((int *const[]){ &sock, &place.netns, &place.target, &place.userns }, 4,
		     "netcr-outside");
	h = (struct outside_hands){ .out = { .fd = -1 },
				    .in = { .fd = -1 },
				    .netns = place.netns,
				    .target = place.target,
				    .outside = outside };
	status = enter(&place, &h, &report);
	if (!status)
		status = give_up(&report);
	answer(sock, status, 0, &none, &report);
	ready = !status;
	while (ready && receive(sock, &request) && is_sound(&h, &request)) {
		struct outside_facts facts = { 0 };

		report = (struct report){ 0 };
		status = serve(&h, &request, &facts, &report);
		answer(sock, status, h.error, &facts, &report);
	}
	if (ready)
		outside_links_end(&h, &report);
	_exit(0);
}
