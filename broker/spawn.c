/*
 * Spawn mode. The process that was started becomes the command, so that its exit status and its
 * signals are the command's own; the session is a grandchild, so that the command has no child
 * that it does not know. The command runs only when the session has said that it is locked down.
 *
 * May: socketpair, fork, exec. Must not: touch netlink, or parse anything of the command's.
 */
#include "broker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/caller.h"
#include "broker/session.h"
#include "broker/start.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"

/* Where the command finds the session. */
enum {
	COMMAND_SOCK = 3
};

static void fork_session(struct session *s, int sock, int ready)
{
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0 ? EXIT_OS_ : 0);
	start_session(s, sock, ready);
}

/* Fork the session by way of a child that ends at once. Borrows the descriptors. */
static int fork_twice(struct session *s, int sock, int ready)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	struct sigaction starters;
	pid_t pid, ended;
	int status;

	/* A starter that ignores SIGCHLD leaves us nothing to wait for. The command gets it back. */
	if (sigaction(SIGCHLD, &standard, &starters) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		fork_session(s, sock, ready);
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended < 0 || sigaction(SIGCHLD, &starters, NULL) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

/* Wait until the session has said that it is locked down, or has died. */
static int wait_ready(int ready)
{
	char byte = 0;
	ssize_t n;

	do
		n = recv(ready, &byte, sizeof(byte), 0);
	while (n < 0 && errno == EINTR);
	return n == 1 && byte ? 0 : -ECONNRESET;
}

static int become_command(const struct invoker *invoker, int sock, char *const argv[])
{
	char where[32];
	int r;

	r = caller_become(invoker);
	if (r < 0) {
		log_err("cannot become uid %u to run %s: %s", invoker->uid, argv[0],
			log_errname(-r));
		return EXIT_OS_;
	}
	/* dup2() onto itself would leave close-on-exec set. */
	if (sock == COMMAND_SOCK ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, COMMAND_SOCK) < 0) {
		log_err("cannot hand the session to %s: %s", argv[0], log_errname(errno));
		return EXIT_OS_;
	}
	(void)snprintf(where, sizeof(where), "fd:%d", COMMAND_SOCK);
	if (setenv("NETCR_BROKER", where, /* overwrite= */ 1) < 0)
		return EXIT_OS_;
	(void)execvp(argv[0], argv);
	log_err("cannot run %s: %s", argv[0], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

int spawn(const struct invoker *invoker, const struct policy *policy, char *const argv[])
{
	enum {
		OURS,
		THEIRS
	};
	int sock[2], ready[2];
	struct session s;
	int r;

	session_init(&s);
	s.policy = *policy;
	r = caller_init(&s.caller, invoker->uid, getpid());
	if (r < 0) {
		log_err("cannot find out the groups of uid %u: %s", invoker->uid, log_errname(-r));
		return EXIT_OS_;
	}
	r = start_find_run_id(&s);
	if (r)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ready) < 0) {
		log_err("cannot make a socketpair: %s", log_errname(errno));
		return EXIT_OS_;
	}
	r = fork_twice(&s, sock[OURS], ready[OURS]);
	fd_closep(&sock[OURS]);
	fd_closep(&ready[OURS]);
	if (r == 0)
		r = wait_ready(ready[THEIRS]);
	fd_closep(&ready[THEIRS]);
	if (r < 0) {
		log_err("no session, so %s is not run: %s", argv[0],
			r == -ECONNRESET ? "the lock-down failed" : log_errname(-r));
		return EXIT_OS_;
	}
	return become_command(invoker, sock[THEIRS], argv);
}
