/*
 * From a copy of the worker to a process of its own.
 *
 * May: close, and change what signals do. Must not: keep what it was not told to.
 */
#include "worker/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"

enum {
	FIRST = 3,
	FDS_MAX = 8
};

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
