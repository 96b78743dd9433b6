/*
 * LD_PRELOAD: one fault in a netcr-worker, at a place of the test's choice.
 *
 * Counts what the worker asks of the kernel from its confinement on: requests that it sends, acks
 * that it gets, writes to sysctls, files that it opens, ioctls. Without $FAULT each is told on
 * stderr, as "fault-spy: WHAT LABEL". With FAULT=WHAT:N:HOW the Nth of them
 *
 *   HOW a number   fails with this errno, and nothing is done; an ack gets the error, and the
 *                  kernel has done it
 *   HOW "die"      is the end: a call that the worker's filter does not know, so that the kernel
 *                  ends it as by SIGKILL
 *
 *   HOW "wait"     goes on when there is a byte to be read from stdin
 *
 * Only the worker itself is counted, not the helper that it forks.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

enum what {
	SEND,
	ACK,
	WRITE,
	OPEN,
	IOCTL,
	RECV,
	WHAT_MAX
};

static const char *const names[WHAT_MAX] = { "send", "ack", "write", "open", "ioctl", "recv" };
static unsigned long counts[WHAT_MAX], wanted;
static enum what fault = WHAT_MAX;
static int how; /* an errno, or 0 for the end */
static int waits;
static pid_t worker;
static int confined, listing;
static char last[256]; /* the file that was opened last, less its name */

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static __attribute__((constructor)) void begin(void)
{
	const char *text = getenv("FAULT");
	char what[16], end[16];

	worker = getpid();
	listing = !text;
	if (!text || sscanf(text, "%15[^:]:%lu:%15s", what, &wanted, end) != 3)
		return;
	for (fault = 0; fault < WHAT_MAX && strcmp(names[fault], what) != 0; fault++)
		;
	how = atoi(end);
	waits = strcmp(end, "wait") == 0;
}

/* Whether the fault is here, and the call is to fail with errno. */
static int is_here(enum what what, const char *label)
{
	static const char here[] = "fault-spy: here\n";
	char line[320];

	if (!confined)
		return 0;
	counts[what]++;
	if (listing) {
		int n = snprintf(line, sizeof(line), "fault-spy: %s %s\n", names[what], label);

		(void)!syscall(SYS_write, STDERR_FILENO, line, (size_t)n);
	}
	if (what != fault || counts[what] != wanted)
		return 0;
	(void)!syscall(SYS_write, STDERR_FILENO, here, sizeof(here) - 1);
	if (waits) {
		(void)!syscall(SYS_read, STDIN_FILENO, line, 1);
		return 0;
	}
	if (!how)
		(void)syscall(SYS_getppid);
	errno = how;
	return 1;
}

static const char *label_of(const struct msghdr *msg, char *ret, size_t size)
{
	static const char *const kinds[] = { "veth", "bridge", "macvlan", "sit" };
	const struct nlmsghdr *nlh = msg->msg_iov[0].iov_base;
	const char *kind = "";

	if (!msg->msg_name)
		return "socket";
	for (size_t i = 0; nlh->nlmsg_type == RTM_NEWLINK && i < sizeof(kinds) / sizeof(*kinds);
	     i++) {
		if (memmem(nlh, nlh->nlmsg_len, kinds[i], strlen(kinds[i])))
			kind = kinds[i];
	}
	(void)snprintf(ret, size, "%u.%x.%u%s", nlh->nlmsg_type, nlh->nlmsg_flags,
		       *((const unsigned char *)nlh + NLMSG_HDRLEN), kind);
	return ret;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	char label[64];

	if (is_here(SEND, label_of(msg, label, sizeof(label))))
		return -1;
	return REAL(sendmsg)(fd, msg, flags);
}

/* The acks in what was received. */
static void look_at(struct nlmsghdr *nlh, size_t left)
{
	char label[64];

	for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
		struct nlmsgerr *err = NLMSG_DATA(nlh);

		if (nlh->nlmsg_type != NLMSG_ERROR || err->error)
			continue;
		(void)snprintf(label, sizeof(label), "%u.%x", err->msg.nlmsg_type,
			       err->msg.nlmsg_flags);
		if (is_here(ACK, label))
			err->error = -how;
	}
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (is_here(RECV, msg->msg_name ? "netlink" : "socket"))
		return -1;
	n = REAL(recvmsg)(fd, msg, flags);
	if (n > 0 && msg->msg_name)
		look_at(msg->msg_iov[0].iov_base, (size_t)n);
	return n;
}

ssize_t write(int fd, const void *buf, size_t size)
{
	if (fd > STDERR_FILENO && is_here(WRITE, last))
		return -1;
	return REAL(write)(fd, buf, size);
}

int openat64(int dir, const char *path, int flags, ...)
{
	const char *name = strrchr(path, '/');
	char label[300];
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	(void)snprintf(last, sizeof(last), "%.*s", name ? (int)(name - path) : 0, path);
	(void)snprintf(label, sizeof(label), "%s%s", last, flags & O_WRONLY ? " to write" : "");
	if (is_here(OPEN, label))
		return -1;
	return REAL(openat64)(dir, path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	char label[32];
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	(void)snprintf(label, sizeof(label), "%lx", request);
	if (is_here(IOCTL, label))
		return -1;
	return REAL(ioctl)(fd, request, arg);
}

int seccomp_load(void *ctx)
{
	int r = REAL(seccomp_load)(ctx);

	confined = getpid() == worker;
	return r;
}
