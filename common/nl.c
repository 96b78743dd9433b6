/*
 * rtnetlink requests. In the broker the same code runs over a socket that the worker opened,
 * so the answer may be missing, stolen, or somebody else's.
 *
 * May: sendmsg, recvmsg, ppoll on the socket. Must not: log, allocate, or block without end.
 */
#include "common/nl.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/nl_answer.h"

int nl_open(int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int on = 1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

int nl_send(const struct nl_sock *nl, const struct nlmsghdr *first, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)first, .iov_len = size };
	struct msghdr hdr = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n;

	do
		n = sendmsg(nl->fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static int64_t now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One datagram from the kernel, waiting until @deadline for it. Returns its length (>0), 0 for one
 * to pass over, or -errno. */
static ssize_t nl_recv(const struct nl_sock *nl, int64_t deadline)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { .iov_base = nl->buf, .iov_len = NL_BUFFER_SIZE };
	struct msghdr hdr = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	struct pollfd pfd = { .fd = nl->fd, .events = POLLIN };
	ssize_t n;

	n = recvmsg(nl->fd, &hdr, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		int64_t left = deadline - now_ms();
		struct timespec limit = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		int r = left > 0 ? ppoll(&pfd, 1, &limit, /* sigmask= */ NULL) : 0;

		if (r == 0)
			return -ETIMEDOUT;
		return r < 0 && errno != EINTR ? -errno : 0;
	}
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (hdr.msg_flags & MSG_TRUNC)
		return -EIO;
	/* Another process may send to this socket if it has CAP_NET_ADMIN in its netns. */
	if (from.nl_family != AF_NETLINK || from.nl_pid != 0)
		return 0;
	return n;
}

static void nl_copy_text(const struct nlattr *attr, char ret_text[NL_TEXT_MAX])
{
	const char *from = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len > NL_TEXT_MAX - 1)
		len = NL_TEXT_MAX - 1;
	for (size_t i = 0; i < len && from[i]; i++) {
		ret_text[i] = from[i];
		if (from[i] < ' ' || from[i] > '~')
			ret_text[i] = '?';
		ret_text[i + 1] = '\0';
	}
}

/* An NLMSG_ERROR or NLMSG_DONE: the kernel's verdict, and its text behind it. */
static int nl_ack(const struct nlmsghdr *nlh, char ret_text[NL_TEXT_MAX])
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t skip = nlh->nlmsg_type == NLMSG_DONE ? sizeof(int) : sizeof(*err);
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(nlh) < skip)
		return -EIO;
	if (err->error > 0)
		return -EIO;
	/* Without a capped ack the request would lie between, and this would read it. */
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    (err->error && nlh->nlmsg_type == NLMSG_ERROR && !(nlh->nlmsg_flags & NLM_F_CAPPED)))
		return err->error;
	nl_attr_each (attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			nl_copy_text(attr, ret_text);
	}
	return err->error;
}

static int nl_one(const struct nl_sock *nl, const struct nlmsghdr *nlh, struct nl_answer *answer)
{
	/* The numbers wrap around: compare distances. */
	if (nlh->nlmsg_seq - answer->first > nl->seq - answer->first)
		return 0;
	/* A dump has as many parts as it likes. Of another answer's number there can be notifications
	 * without end, if the owner of the socket wants them. */
	if (answer->dump)
		answer->strays = 0;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR && answer->result == 0)
		answer->result = -EAGAIN;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		answer->nr = nlh->nlmsg_seq - answer->first;
		answer->ended = true;
		return nl_ack(nlh, answer->text);
	}
	if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && answer->each && answer->result == 0)
		answer->result = answer->each(nlh, answer->data);
	return 0;
}

int nl_read_answer(struct nl_sock *nl, struct nl_answer *answer)
{
	/* The first answer is there when sending returns; this is for what takes long, and for
	 * whoever owns the socket and sees to it that something else comes all the time. */
	const int64_t deadline = now_ms() + NL_TIMEOUT_MS;

	while (!answer->ended) {
		ssize_t n = nl_recv(nl, deadline);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)nl->buf;
		int left = (int)n;

		if (n < 0)
			return (int)n;
		if (answer->strays++ == NL_STRAYS_MAX)
			return -EIO;
		while (!answer->ended && mnl_nlmsg_ok(nlh, left)) {
			int r = nl_one(nl, nlh, answer);

			if (r < 0)
				return r;
			nlh = mnl_nlmsg_next(nlh, &left);
		}
	}
	return answer->result;
}

int nl_talk(struct nl_sock *nl, struct nlmsghdr *request, nl_each each, void *data,
	    char ret_text[NL_TEXT_MAX])
{
	struct nl_answer answer = { .each = each, .data = data, .text = ret_text };
	int r;

	ret_text[0] = '\0';
	request->nlmsg_seq = ++nl->seq;
	answer.first = nl->seq;
	answer.dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	r = nl_send(nl, request, request->nlmsg_len);
	return r < 0 ? r : nl_read_answer(nl, &answer);
}
