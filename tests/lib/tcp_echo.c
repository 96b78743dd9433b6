/*
 * A server to be checkpointed: alone in its container, linked statically, with no file open and no
 * memory but its own. It sends back what comes, on any number of connections to one port.
 *
 *   tcp_echo PORT
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENERS = 2,
	SOCKETS_MAX = 16,
};

static int listen_on(int family, uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0))
		exit(1);
	if ((family == AF_INET6 ? bind(fd, (struct sockaddr *)&six, sizeof(six))
				: bind(fd, (struct sockaddr *)&four, sizeof(four))) < 0 ||
	    listen(fd, SOCKETS_MAX) < 0)
		exit(2);
	return fd;
}

/* Returns false at the end of the connection. */
static int echo(int fd)
{
	char buf[512];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 1;
	return n > 0 && write(fd, buf, (size_t)n) == n;
}

int main(int argc, char *argv[])
{
	struct pollfd fds[SOCKETS_MAX];
	nfds_t n = LISTENERS;

	if (argc != 2)
		return 64;
	for (int fd = 0; fd < 16; fd++)
		(void)close(fd);
	fds[0] = (struct pollfd){ .fd = listen_on(AF_INET, (uint16_t)atoi(argv[1])),
				  .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = listen_on(AF_INET6, (uint16_t)atoi(argv[1])),
				  .events = POLLIN };
	for (;;) {
		if (poll(fds, n, -1) < 0)
			continue;
		for (nfds_t i = LISTENERS; i < n; i++) {
			if (fds[i].revents && !echo(fds[i].fd)) {
				(void)close(fds[i].fd);
				fds[i--] = fds[--n];
			}
		}
		for (nfds_t i = 0; i < LISTENERS; i++) {
			if (fds[i].revents & POLLIN && n < SOCKETS_MAX) {
				int fd = accept(fds[i].fd, NULL, NULL);

				if (fd >= 0)
					fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
			}
		}
	}
}
