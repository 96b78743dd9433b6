/*
 * The service manager's socket: it gets text of ours, and nothing is read from it.
 *
 * May: make one datagram socket, before the lock-down; send. Must not: wait, or fail the service.
 */
#include "broker/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"

int notify_open(int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *where = secure_getenv("NOTIFY_SOCKET");
	size_t len = where ? strlen(where) : 0;

	*ret_fd = -1;
	if (len == 0)
		return 0;
	/* A path has a NUL behind it; the name of an abstract socket is as long as it is. */
	if ((*where != '/' && *where != '@') || len >= sizeof(addr.sun_path))
		return -EAFNOSUPPORT;
	memcpy(addr.sun_path, where, len);
	if (*where == '@')
		addr.sun_path[0] = '\0';
	else
		len++;
	(void)unsetenv("NOTIFY_SOCKET");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

void notify_send(int fd, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	if (fd < 0)
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		(void)send(fd, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1,
			   MSG_NOSIGNAL);
}
