/*
 * The worker's side: what the command line says of links outside, and asking the helper.
 *
 * May: fork, before the worker joins its target; afterwards send and receive. Must not: wait for
 * the helper for ever.
 */
#include "worker/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "worker/externals.h"
#include "worker/helper.h"
#include "worker/links.h"
#include "worker/outside_helper.h"
#include "worker/report.h"

enum {
	PATIENCE = 60 /* seconds; a request is a few milliseconds' work */
};

void outside_init(struct outside *outside)
{
	*outside = (struct outside){ .sock = -1 };
}

/* --- the command line --- */

static int fail_key(const struct external *e, const char *why, struct report *report)
{
	return report_fail(report, EXIT_USAGE_, "--external %s[%s]:%s: %s", e->kind, e->name,
			   e->value, why);
}

/* A name of a link, @len bytes of @text. */
static bool take_name(char ret[IFNAMSIZ], const char *text, size_t len)
{
	if (len >= IFNAMSIZ || memchr(text, '@', len) || strncmp(text, "*", len) == 0)
		return false;
	(void)snprintf(ret, IFNAMSIZ, "%.*s", (int)len, text);
	return check_ifname(ret) == 0;
}

static int add(struct outside *outside, const struct external *e, bool adopts,
	       struct report *report)
{
	struct outside_link link = { .adopts = adopts };
	const size_t len = adopts ? strlen(e->value) : strcspn(e->value, "@");
	const char *bridge = e->value[len] ? e->value + len + 1 : NULL;

	if (outside->n == OUTSIDE_LINKS_MAX)
		return fail_key(e, "more than 64 links outside", report);
	if (!take_name(link.in, e->name, strlen(e->name)))
		return fail_key(e, "in a restore, this is for one link by its name", report);
	if (!take_name(link.out, e->value, len) ||
	    (bridge && !take_name(link.bridge, bridge, strlen(bridge))))
		return fail_key(e,
				adopts ? "not the name of a device"
				       : "not the name of a link, or two with @ between them",
				report);
	for (size_t i = 0; i < outside->n; i++) {
		if (strcmp(outside->links[i].in, link.in) == 0 ||
		    strcmp(outside->links[i].out, link.out) == 0)
			return fail_key(e, "another --external is about the same link", report);
	}
	outside->links[outside->n++] = link;
	return 0;
}

int outside_parse(struct outside *ret, const struct externals *externals, struct report *report)
{
	int status = 0;

	for (size_t i = 0; !status && i < externals->n; i++) {
		const struct external *e = &externals->list[i];

		if (strcmp(e->kind, "veth") == 0 || strcmp(e->kind, "netdev") == 0)
			status = add(ret, e, strcmp(e->kind, "netdev") == 0, report);
	}
	return status;
}

const struct outside_link *outside_find(const struct outside *outside, const char *in, bool adopts)
{
	for (size_t i = 0; i < outside->n; i++) {
		if (outside->links[i].adopts == adopts && strcmp(outside->links[i].in, in) == 0)
			return &outside->links[i];
	}
	return NULL;
}

/* --- the helper --- */

static int send_request(int sock, const struct outside_request *request)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)request, .iov_len = sizeof(*request) };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*request) ? 0 : -EPIPE;
}

static int receive_reply(int sock, struct outside_reply *ret)
{
	struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*ret))
		return -EPIPE;
	ret->text[sizeof(ret->text) - 1] = '\0';
	return 0;
}

/* Whatever is no request ends the helper: it takes back what it made, and its end of the socket is
 * closed then. What it was doing meanwhile must not come after the worker has looked what is left. */
static void dismiss(struct outside *outside)
{
	char none = 0;
	struct outside_reply late;
	struct iovec out = { .iov_base = &none, .iov_len = sizeof(none) };
	struct iovec in = { .iov_base = &late, .iov_len = sizeof(late) };
	const struct msghdr end = { .msg_iov = &out, .msg_iovlen = 1 };
	struct msghdr msg = { .msg_iov = &in, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = sendmsg(outside->sock, &end, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	while (n > 0 || (n < 0 && errno == EINTR))
		n = recvmsg(outside->sock, &msg, 0);
	fd_closep(&outside->sock);
}

/* Returns 0 or an exit status with a text. */
static int ask(struct outside *outside, const struct outside_request *request,
	       struct outside_reply *ret)
{
	int r = outside->sock < 0 ? -EPIPE : send_request(outside->sock, request);

	*ret = (struct outside_reply){ 0 };
	if (r == 0)
		r = receive_reply(outside->sock, ret);
	if (r == 0)
		return ret->status;
	if (outside->sock >= 0)
		dismiss(outside);
	(void)snprintf(ret->text, sizeof(ret->text),
		       "the helper for links outside was killed, or does not answer");
	return EXIT_UNDONE;
}

static int start_helper(struct outside *outside, const struct outside_place *place,
			struct report *report)
{
	struct outside_reply reply;
	int sock;
	pid_t pid = helper_fork(SOCK_SEQPACKET, PATIENCE, &sock);

	if (pid < 0)
		return report_fail(report, EXIT_OS_, "cannot start a process for links outside: %s",
				   strerror(-pid));
	if (pid == 0)
		outside_helper(sock, place, outside);
	outside->sock = sock;
	if (receive_reply(outside->sock, &reply) < 0)
		return report_fail(report, EXIT_OS_, "the helper for links outside died");
	if (reply.status)
		return report_fail(report, reply.status, "%s", reply.text);
	return 0;
}

static int find_place(const char *path, int target, struct outside_place *ret,
		      struct report *report)
{
	_cleanup_fd_ int own = -1;
	uint64_t dev = 0, ino = 0, other_dev = 0, other_ino = 0;
	int r;

	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ret->netns = open(ret->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (own < 0 || ret->netns < 0)
		return report_fail(report,
				   errno == EACCES || errno == EPERM ? EXIT_REFUSED : EXIT_OS_,
				   "cannot open the outside network namespace %s: %s", ret->name,
				   strerror(errno));
	if (ioctl(ret->netns, NS_GET_NSTYPE) != CLONE_NEWNET)
		return report_fail(report, EXIT_USAGE_, "%s is not a network namespace", ret->name);
	r = fd_identity(ret->netns, &dev, &ino);
	if (r == 0)
		r = fd_identity(own, &other_dev, &other_ino);
	ret->is_own = r == 0 && dev == other_dev && ino == other_ino;
	if (r == 0)
		r = fd_identity(target, &other_dev, &other_ino);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot look at %s: %s", ret->name,
				   strerror(-r));
	if (dev == other_dev && ino == other_ino)
		return report_fail(report, EXIT_USAGE_,
				   "the outside network namespace is the target's own%s",
				   path ? "" : ": name it by --outside-netns");
	ret->userns = ioctl(ret->netns, NS_GET_USERNS);
	return 0;
}

int outside_start(struct outside *outside, const char *path, int target, struct report *report)
{
	struct outside_place place = { .netns = -1,
				       .userns = -1,
				       .name = path ? path : "/proc/self/ns/net",
				       .target = target };
	int status;

	if (outside->n == 0 && !path)
		return 0;
	if (outside->n == 0)
		return report_fail(report, EXIT_USAGE_,
				   "--outside-netns goes with --external veth[NAME]:OUT or "
				   "netdev[NAME]:DEVICE");
	status = find_place(path, target, &place, report);
	if (!status)
		status = start_helper(outside, &place, report);
	fd_closep(&place.netns);
	fd_closep(&place.userns);
	return status;
}

int outside_look(struct outside *outside, struct report *report)
{
	for (size_t i = 0; i < outside->n; i++) {
		const struct outside_request request = { .op = OUTSIDE_LOOK, .link = (uint32_t)i };
		struct outside_reply reply;
		int status = ask(outside, &request, &reply);

		if (status)
			return report_fail(report, EXIT_OS_, "%s; nothing was done", reply.text);
		outside->links[i].now = reply.facts;
	}
	return 0;
}

int outside_make(struct outside *outside, const struct outside_link *link,
		 const struct outside_wish *wish, char ret_text[OUTSIDE_TEXT_MAX])
{
	struct outside_request request = { .op = OUTSIDE_MAKE,
					   .link = (uint32_t)(link - outside->links),
					   .ifindex = wish->ifindex,
					   .mtu = wish->mtu,
					   .has_address = wish->address != NULL };
	struct outside_reply reply;
	int status;

	outside->links[request.link].tried = true;
	if (wish->address)
		memcpy(request.address, wish->address, sizeof(request.address));
	status = ask(outside, &request, &reply);
	memcpy(ret_text, reply.text, OUTSIDE_TEXT_MAX);
	return status;
}

int outside_give_nsid(struct outside *outside, int32_t nsid, char ret_text[NL_TEXT_MAX])
{
	const struct outside_request request = { .op = OUTSIDE_NSID, .nsid = nsid };

	struct outside_reply reply;
	int status = ask(outside, &request, &reply);

	(void)snprintf(ret_text, NL_TEXT_MAX, "%.*s", NL_TEXT_MAX - 1, reply.text);
	if (status)
		return reply.error < 0 ? reply.error : -EIO;
	return 0;
}

static bool is_inside(struct nl_sock *target, const char *in)
{
	struct link_list links = { 0 };
	const struct link_state *link;
	bool is = true;

	if (links_get(target, &links) == 0) {
		link = links_find_name(&links, in);
		is = link && link->group == OUTSIDE_GROUP;
		links_fini(&links);
	}
	return is;
}

/* The helper has ended. By itself it took back what it made; if it was killed, a pair goes with its
 * inner end, which is in the group, and a device stays where it is. */
static bool undo_without_helper(const struct outside *outside, struct nl_sock *target,
				struct report *report)
{
	bool clean = true;

	for (size_t i = 0; i < outside->n; i++) {
		const struct outside_link *link = &outside->links[i];

		if (!link->adopts || !link->tried || !is_inside(target, link->in))
			continue;
		report_add(report, "%s is left in the target as %s, as the helper is gone",
			   link->out, link->in);
		clean = false;
	}
	return clean;
}

bool outside_undo(struct outside *outside, struct nl_sock *target, struct report *report)
{
	const struct outside_request request = { .op = OUTSIDE_UNDO };
	struct outside_reply reply;
	int status;

	if (outside->n == 0)
		return true;
	status = ask(outside, &request, &reply);
	if (outside->sock < 0)
		return undo_without_helper(outside, target, report);
	if (status)
		report_add(report, "%s", reply.text);
	return !status;
}

void outside_fini(struct outside *outside)
{
	const struct outside_request end = { .op = OUTSIDE_END };
	struct outside_reply reply;

	if (outside->sock >= 0 && send_request(outside->sock, &end) == 0)
		(void)receive_reply(outside->sock, &reply);
	fd_closep(&outside->sock);
}
