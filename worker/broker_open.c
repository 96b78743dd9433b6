/*
 * Finding the broker, and saying why there is none.
 *
 * May: connect to the socket that it is given. Must not: say anything to it (broker_client.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/number.h"
#include "common/wire.h"
#include "worker/broker_client.h"
#include "worker/report.h"

#define DEFAULT_SOCKET NETCR_RUN_DIR "/broker.sock"

enum {
	CONNECT_TIMEOUT_S = 10
};

static int open_number(const char *number, int *ret_fd, struct report *report)
{
	uint32_t fd;
	int r;

	if (!number_parse_u32(number, &fd) || fd > INT32_MAX)
		return report_fail(report, EXIT_USAGE_,
				   "the broker fd:%s is not a descriptor's number", number);
	r = wire_check_socket((int)fd);
	if (r < 0)
		return report_fail(report, EXIT_NO_BROKER,
				   "descriptor %u is not a session with a broker: %s", fd,
				   strerror(-r));
	/* Nothing that the worker might run should hold the session open. */
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return report_fail(report, EXIT_NO_BROKER, "descriptor %u: %s", fd,
				   strerror(errno));
	*ret_fd = (int)fd;
	return 0;
}

static int fail_connect(const char *path, int error, struct report *report)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return report_fail(report, EXIT_REFUSED,
				   "no right to connect to the broker at %s (%s): its "
				   "administrator decides who may",
				   path, strerror(error));
	case EPROTOTYPE:
		return report_fail(report, EXIT_NO_BROKER,
				   "%s is a socket, but not a broker's: it has another type", path);
	case ECONNREFUSED:
		return report_fail(report, EXIT_NO_BROKER,
				   "no broker answers at %s: nobody listens there any more", path);
	case EAGAIN:
		return report_fail(report, EXIT_NO_BROKER,
				   "the broker at %s takes no connection within %d s", path,
				   CONNECT_TIMEOUT_S);
	default:
		return report_fail(report, EXIT_NO_BROKER, "no broker answers at %s: %s", path,
				   strerror(error));
	}
}

static int open_path(const char *path, bool must, struct broker *ret, struct report *report)
{
	/* connect() waits while the queue is full (unix_stream_connect()). */
	const struct timeval patience = { .tv_sec = CONNECT_TIMEOUT_S };
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return report_fail(report, EXIT_USAGE_, "the broker's path %s is too long", path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return report_fail(report, EXIT_OS_, "cannot make a socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return report_fail(report, EXIT_OS_, "SO_SNDTIMEO: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		ret->why_none = errno;
		return must ? fail_connect(path, errno, report) : 0;
	}
	ret->fd = fd_take(&fd);
	return 0;
}

static const char *name_of(const char *where)
{
	return where ? where : getenv("NETCR_BROKER");
}

bool broker_is_path(const char *where)
{
	const char *named = name_of(where);

	return !named || strncmp(named, "fd:", 3) != 0;
}

int broker_open(const char *where, struct broker *ret, struct report *report)
{
	const char *named = name_of(where);
	const char *path = named ? named : DEFAULT_SOCKET;
	int status;

	ret->msg = malloc(sizeof(*ret->msg));
	if (!ret->msg)
		return report_fail(report, EXIT_OS_, "no memory for the broker's messages");
	wire_msg_init(ret->msg);
	if (strncmp(path, "fd:", 3) == 0)
		status = open_number(path + 3, &ret->fd, report);
	else
		status = open_path(path, /* must= */ named != NULL, ret, report);
	return status;
}

int broker_fail_none(const struct broker *broker, struct report *report)
{
	if (broker->why_none != ENOENT)
		return fail_connect(DEFAULT_SOCKET, broker->why_none, report);
	return report_fail(
		report, EXIT_NO_BROKER,
		"a broker is needed to make macvlans, and there is no broker at " DEFAULT_SOCKET
		": ask the administrator for one, run this by "
		"netcr-broker spawn, or name one by --broker");
}
