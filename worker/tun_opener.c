/*
 * A process that does nothing but open one device and hand it over, and the worker's side of it. It
 * is forked before the worker confines itself, and has no capability: the device is opened by who may,
 * and what is asked of it is asked by the worker.
 *
 * May: the process: open /dev/net/tun. Must not: read anything but that it is wanted again.
 */
#include "worker/tun_opener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/confine.h"
#include "worker/helper.h"
#include "worker/report.h"

enum {
	PATIENCE = 60 /* seconds; to open it may load a module */
};

static const char device_path[] = "/dev/net/tun";

/* One int, 0 or an errno, with one descriptor or none. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* --- the process --- */

static void answer(int sock, int error, int fd)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	/* Who is not there any more is seen by the next receive. */
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL);
}

/* Returns false at the end. */
static bool is_wanted(int sock)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, 0);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(byte);
}

static void __attribute__((noreturn)) serve(int sock, int device)
{
	struct confine_args bounds = { .image_dir = -1, .sysctls = -1, .opens = true };
	struct report report = { 0 };

	helper_leave((int *const[]){ &sock, &device }, 2, "netcr-tun");
	bounds.device = device;
	if (confine(&bounds, &report))
		_exit(1);
	while (is_wanted(sock)) {
		_cleanup_fd_ int fd = open(device_path, O_RDWR | O_CLOEXEC);

		answer(sock, fd < 0 ? errno : 0, fd);
	}
	_exit(0);
}

/* --- the worker's side --- */

int tun_opener_start(struct tun_opener *ret, int device, struct report *report)
{
	int sock;
	pid_t pid = helper_fork(SOCK_SEQPACKET, PATIENCE, &sock);

	if (pid < 0)
		return report_fail(report, EXIT_OS_, "cannot start a process for tuns: %s",
				   strerror(-pid));
	if (pid == 0)
		serve(sock, device);
	ret->sock = sock;
	return 0;
}

void tun_opener_fini(struct tun_opener *opener)
{
	fd_closep(&opener->sock);
}

/* What came with the message: a descriptor, or -1. */
static int take_fd(struct msghdr *msg)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

static int ask(const struct tun_opener *opener, int *ret_fd)
{
	union control control = { 0 };
	char byte = 0;
	int error = 0;
	struct iovec out = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct iovec in = { .iov_base = &error, .iov_len = sizeof(error) };
	const struct msghdr request = { .msg_iov = &out, .msg_iovlen = 1 };
	struct msghdr reply = { .msg_iov = &in,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control) };
	ssize_t n;
	int fd;

	do {
		n = sendmsg(opener->sock, &request, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -EPIPE;
	do {
		n = recvmsg(opener->sock, &reply, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(error))
		return -EPIPE;
	if (error)
		return -error;
	fd = take_fd(&reply);
	if (fd < 0)
		return -EPIPE;
	*ret_fd = fd;
	return 0;
}

int tun_opener_open(const struct tun_opener *opener, int *ret_fd)
{
	int fd;

	if (opener->sock >= 0)
		return ask(opener, ret_fd);
	fd = open(device_path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
