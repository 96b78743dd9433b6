/*
 * From a copy of the worker to a process of its own.
 *
 * May: fork, close, and change what signals do. Must not: keep what it was not told to.
 */
#include "worker/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

enum {
	FIRST = 3,
	FDS_MAX = 8
};

pid_t helper_fork(int type, int seconds, int *ret_sock)
{
	const struct timeval patience = { .tv_sec = seconds };
	_cleanup_fd_ int own = -1, its = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	own = pair[0];
	its = pair[1];
	if (setsockopt(own, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	(void)signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid < 0)
		return -errno;
	*ret_sock = fd_take(pid == 0 ? &its : &own);
	return pid;
}

/* Those that are kept may lie where others of them are to go: all move out of the way before. */
static int move(int *const fds[], size_t n)
{
	int next = FIRST;

	for (size_t i = 0; i < n; i++) {
		if (*fds[i] < 0)
			continue;
		*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, FIRST + FDS_MAX);
		if (*fds[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (*fds[i] < 0)
			continue;
		if (dup3(*fds[i], next, O_CLOEXEC) < 0)
			return -1;
		*fds[i] = next++;
	}
	return syscall(SYS_close_range, (unsigned int)next, ~0U, 0U) < 0 ? -1 : 0;
}

/* A terminal's Ctrl-C is for the worker, which undoes with our help then. */
static void reset_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		(void)signal(n, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void helper_leave(int *const fds[], size_t n, const char *name)
{
	for (int fd = 0; fd < FIRST; fd++)
		(void)close(fd);
	if (fd_open_std() < 0 || n > FDS_MAX || move(fds, n) < 0 || chdir("/") < 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	reset_signals();
}
