/*
 * Datagrams and descriptors. Both sides use it; the broker's peer is hostile.
 *
 * May: recvmsg, sendmsg, ppoll, close. Must not: look at the bytes, log, or allocate.
 */
#include "common/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/cleanup.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04 /* Linux 6.5 */
#endif

/* Exactly as much as WIRE_MAX_FDS descriptors need. CMSG_SPACE() pads, and the kernel fills the
 * padding with further descriptors if they fit (fs/scm: scm_max_fds), so this must be even. */
union wire_control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(WIRE_MAX_FDS * sizeof(int))];
};
_Static_assert(CMSG_SPACE(WIRE_MAX_FDS * sizeof(int)) == CMSG_LEN(WIRE_MAX_FDS * sizeof(int)),
	       "the control buffer must have no padding in which a descriptor could arrive");

void wire_msg_init(struct wire_msg *msg)
{
	msg->len = 0;
	msg->n_fds = 0;
	for (size_t i = 0; i < WIRE_MAX_FDS; i++)
		msg->fds[i] = -1;
}

void wire_msg_fini(struct wire_msg *msg)
{
	for (size_t i = 0; i < WIRE_MAX_FDS; i++)
		fd_closep(&msg->fds[i]);
	wire_msg_init(msg);
}

int wire_take_fd(struct wire_msg *msg, size_t i)
{
	return fd_take(&msg->fds[i]);
}

int wire_check_socket(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len;
	int domain, type;

	len = sizeof(domain);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -ENOTSOCK;
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return -ENOTSOCK;
	if (domain != AF_UNIX || type != SOCK_SEQPACKET)
		return -EPROTOTYPE;
	len = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return -ENOTCONN;
	return 0;
}

/* Wait until @events happen on @sock. Returns what happened (>0), -ETIMEDOUT or -errno. */
static int wire_wait(int sock, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = sock, .events = events };
	struct timespec limit = { .tv_sec = timeout_ms / 1000,
				  .tv_nsec = (timeout_ms % 1000) * 1000000L };
	int r;

	do
		r = ppoll(&pfd, 1, timeout_ms < 0 ? NULL : &limit, /* sigmask= */ NULL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : pfd.revents;
}

/* Move the descriptors of one control message into @msg. */
static int wire_take_rights(const struct cmsghdr *cmsg, struct wire_msg *msg)
{
	size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
		if (msg->n_fds < WIRE_MAX_FDS) {
			msg->fds[msg->n_fds++] = fd;
		} else {
			fd_closep(&fd);
			r = -EBADMSG;
		}
	}
	return r;
}

/* The one other control message that brings a descriptor: whoever made the socket asked for it. */
static void wire_drop_pidfd(const struct cmsghdr *cmsg)
{
	int fd;

	if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_PIDFD ||
	    cmsg->cmsg_len < CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	fd_closep(&fd);
}

/* Every control message is walked to its end even after an error: a descriptor that is not
 * found here stays open for ever. */
static int wire_take_control(struct msghdr *hdr, struct wire_msg *msg)
{
	bool seen = false;
	int r = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			r = -EBADMSG;
			wire_drop_pidfd(c);
			continue;
		}
		if (wire_take_rights(c, msg) < 0 || seen)
			r = -EBADMSG;
		seen = true;
	}
	return r;
}

/* The end of a session and an empty datagram both read as 0; only the hang-up tells which. */
static bool wire_has_ended(int sock)
{
	int events = wire_wait(sock, POLLRDHUP, 0);

	return events > 0 && (events & (POLLRDHUP | POLLHUP | POLLERR));
}

bool wire_is_closed(int sock)
{
	int events = wire_wait(sock, 0, 0);

	return events > 0 && (events & POLLHUP);
}

int wire_recv(int sock, struct wire_msg *msg, int timeout_ms)
{
	union wire_control control;
	struct iovec iov = { .iov_base = msg->buf, .iov_len = sizeof(msg->buf) };
	struct msghdr hdr = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	bool reset = false;
	ssize_t n;
	int r;

	r = wire_wait(sock, POLLIN | POLLRDHUP, timeout_ms);
	if (r < 0)
		return r;
	/* A peer that closed with something of ours unread makes one ECONNRESET, which comes before
	 * what it had sent us: that is to be had by asking again (unix_release_sock()). */
	for (;;) {
		n = recvmsg(sock, &hdr, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n >= 0 || (errno != EINTR && (errno != ECONNRESET || reset)))
			break;
		reset = errno == ECONNRESET;
	}
	if (n < 0)
		return errno == ECONNRESET || reset ? 0 : -errno;

	r = wire_take_control(&hdr, msg);
	/* MSG_CTRUNC: descriptors got lost on the way, through too small a buffer, the
	 * descriptor limit, or a security module. What did arrive is in msg by now. */
	if (hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		r = -EBADMSG;
	if (n == 0 && r == 0) {
		bool ended = msg->n_fds == 0 && wire_has_ended(sock);

		wire_msg_fini(msg);
		return ended ? 0 : -EBADMSG;
	}
	if (r < 0) {
		wire_msg_fini(msg);
		return r;
	}
	msg->len = (size_t)n;
	return 1;
}

int wire_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds, int timeout_ms)
{
	union wire_control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (len == 0 || len > WIRE_MAX || n_fds > WIRE_MAX_FDS)
		return -EMSGSIZE;
	if (n_fds > 0) {
		struct cmsghdr *cmsg;

		hdr.msg_control = control.buf;
		hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	for (;;) {
		int r;

		if (sendmsg(sock, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wire_wait(sock, POLLOUT, timeout_ms);
		if (r < 0)
			return r;
	}
}
