/*
 * Where connections come from.
 *
 * May: bind, listen, unlink a socket; judge descriptors that it was started with. Must not: trust
 * the environment, accept, or read.
 */
#include "broker/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/number.h"
#include "common/wire.h"

/* The first descriptor that is handed over: SD_LISTEN_FDS_START. */
enum {
	LISTEN_FIRST = 3,
	/* Short: connections that a user made and gave up stay in it, and are all taken out of it
	 * before another user's. Who finds it full waits in connect(2), one after the other. */
	LISTEN_BACKLOG = 64
};

/* Everybody may connect: SO_PEERCRED and policy decide. */
enum {
	LISTEN_UMASK = 0111
};

/* --- handed over --- */

/* How many descriptors are ours: 0 or an exit status. */
static int read_environment(size_t *ret_n)
{
	const char *pid_text = secure_getenv("LISTEN_PID");
	const char *fds_text = secure_getenv("LISTEN_FDS");
	uint32_t pid, n;

	*ret_n = 0;
	if (!pid_text && !fds_text)
		return 0;
	if (!pid_text || !fds_text || !number_parse_u32(pid_text, &pid) ||
	    !number_parse_u32(fds_text, &n)) {
		log_err("socket activation: LISTEN_PID and LISTEN_FDS must both be numbers");
		return EXIT_CONFIG_;
	}
	if (pid != (uint32_t)getpid()) {
		log_err("socket activation: LISTEN_PID is %u, but this process is %d; the sockets "
			"are for another one",
			pid, getpid());
		return EXIT_CONFIG_;
	}
	if (n < 1 || n > LISTEN_MAX) {
		log_err("socket activation: LISTEN_FDS is %u; 1 to %d sockets are possible", n,
			LISTEN_MAX);
		return EXIT_CONFIG_;
	}
	*ret_n = n;
	return 0;
}

/* NULL, or what is wrong with the socket @fd. */
static const char *judge(int fd, bool *ret_listens)
{
	int accepts = 0, r = wire_check_socket(fd);
	socklen_t len = sizeof(accepts);

	if (r == -ENOTSOCK)
		return "is not a socket";
	if (r == -EPROTOTYPE)
		return "is not an AF_UNIX socket of type SOCK_SEQPACKET";
	*ret_listens =
		r < 0 && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 && accepts;
	return r < 0 && !*ret_listens ? "neither listens nor is connected" : NULL;
}

static int take_one(struct listen *l, int fd, size_t n)
{
	bool listens = false;
	const char *wrong = judge(fd, &listens);

	if (!wrong && !listens && n > 1)
		wrong = "is a connection, which must be the only descriptor";
	if (wrong) {
		log_err("socket activation: descriptor %d %s", fd, wrong);
		return EXIT_CONFIG_;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || (listens && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
		log_err("socket activation: descriptor %d: %s", fd, log_errname(errno));
		return EXIT_OS_;
	}
	l->connection = !listens;
	l->sockets[l->n++] = (struct listen_socket){ .fd = fd };
	return 0;
}

int listen_take(struct listen *ret)
{
	static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
					     "LISTEN_PIDFDID" };
	size_t n;
	int status;

	*ret = (struct listen){ 0 };
	status = read_environment(&n);
	if (status)
		return status;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unsetenv(names[i]);
	if (fd_close_from(LISTEN_FIRST + (int)n) < 0)
		return EXIT_OS_;
	for (size_t i = 0; i < n && !status; i++)
		status = take_one(ret, LISTEN_FIRST + (int)i, n);
	return status;
}

/* --- our own --- */

int listen_make_directory(const char *path, uid_t uid, gid_t gid)
{
	(void)umask(022);
	/* Whoever needs it and does not find it says so. */
	if (mkdir(path, 0755) < 0)
		return 0;
	if (lchown(path, uid, gid) < 0) {
		log_err("cannot give %s to uid %u: %s", path, uid, log_errname(errno));
		return EXIT_OS_;
	}
	return 0;
}

/* A socket that nobody listens on any more was left behind. Returns 0 if it is gone. */
static int remove_left(const char *path, const struct sockaddr_un *addr)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) < 0 ? -errno : 0;
}

static int bind_to(int fd, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int r;

	if (*path != '/' || strlen(path) >= sizeof(addr.sun_path))
		return -EINVAL;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	(void)umask(LISTEN_UMASK);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	r = remove_left(path, &addr);
	if (r < 0)
		return r;
	return bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
}

static int open_one(struct listen_socket *ret, const char *path)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int r;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_to(fd, path);
	if (r < 0)
		return r;
	if (listen(fd, LISTEN_BACKLOG) < 0 || lstat(path, &st) < 0)
		return -errno;
	*ret = (struct listen_socket){
		.fd = fd_take(&fd), .path = path, .dev = st.st_dev, .ino = st.st_ino
	};
	return 0;
}

int listen_open(struct listen *l, const char *path)
{
	int r = l->n < LISTEN_MAX ? open_one(&l->sockets[l->n], path) : -E2BIG;

	if (r == 0)
		l->n++;
	else if (r == -E2BIG)
		log_err("--socket %s: more than %d sockets", path, LISTEN_MAX);
	else if (r == -EINVAL)
		log_err("--socket %s: not an absolute path, or too long for a socket", path);
	else if (r == -EEXIST)
		log_err("--socket %s: this is there, and no socket", path);
	else if (r == -EADDRINUSE)
		log_err("--socket %s: somebody listens there already", path);
	else
		log_err("--socket %s: %s", path, log_errname(-r));
	return r == -E2BIG || r == -EINVAL ? EXIT_USAGE_ : r < 0 ? EXIT_OS_ : 0;
}

void listen_close(struct listen *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct listen_socket *s = &l->sockets[i];
		struct stat st;

		fd_closep(&s->fd);
		if (!s->path || lstat(s->path, &st) < 0 || st.st_dev != s->dev ||
		    st.st_ino != s->ino)
			continue;
		if (unlink(s->path) < 0)
			log_warn("%s stays behind: %s; the next start replaces it", s->path,
				 log_errname(errno));
	}
	l->n = 0;
}
