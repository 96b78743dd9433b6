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
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/caller.h"
#include "broker/lockdown.h"
#include "broker/session.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/wire.h"

/* Where a session keeps its two descriptors, and the command its one. */
enum {
	SESSION_SOCK = 3,
	SESSION_READY = 4,
	COMMAND_SOCK = 3
};

/* Where there is no account for sessions: a uid that distributions and systemd give to nobody
 * (1879048192 to 2147483647 is unused in systemd's UIDS-GIDS.md). Not the user nobody, whose
 * other processes could stop or limit a session. */
enum {
	FALLBACK_ID = 2004318071
};

static const char ready_byte = 1;

/* NSS may open what it likes here: the session closes all it was not given. */
static int find_run_id(struct session *s)
{
	const struct passwd *account = getpwnam(NETCR_USER);

	if (account) {
		s->run_uid = account->pw_uid;
		s->run_gid = account->pw_gid;
		return s->run_uid == 0 ? -EPERM : 0;
	}
	s->run_uid = FALLBACK_ID;
	s->run_gid = FALLBACK_ID;
	return getpwuid(s->run_uid) || getgrgid(s->run_gid) ? -EEXIST : 0;
}

/* Put @take_sock and @take_ready where the session wants them, and close everything else. Its
 * stderr is the starter's; it reads nothing and prints nothing. */
static int session_fds(int take_sock, int take_ready)
{
	_cleanup_fd_ int null = -1;
	/* Out of the way of each other's places first. */
	int sock = fcntl(take_sock, F_DUPFD_CLOEXEC, SESSION_READY + 1);
	int ready = fcntl(take_ready, F_DUPFD_CLOEXEC, SESSION_READY + 1);

	if (sock < 0 || ready < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	if (dup3(sock, SESSION_SOCK, O_CLOEXEC) < 0 || dup3(ready, SESSION_READY, O_CLOEXEC) < 0)
		return -errno;
	/* It is above the two as well, and closed with the rest. */
	(void)fd_take(&null);
	if (syscall(SYS_close_range, (unsigned int)SESSION_READY + 1, ~0U, 0U) < 0)
		return -errno;
	return 0;
}

/* The session process, from fork to end. */
static void __attribute__((noreturn)) session_main(struct session *s, int take_sock, int take_ready)
{
	const char *step = "put its descriptors in order";
	int ready = SESSION_READY;
	int r;

	/* A terminal's signals are for the command; the session ends with its socket. */
	(void)setsid();
	(void)prctl(PR_SET_NAME, "netcr-session", 0, 0, 0);
	r = session_fds(take_sock, take_ready);
	if (r == 0)
		r = chdir("/") < 0 ? -errno : 0;
	s->sock = SESSION_SOCK;
	if (r == 0)
		r = lockdown(s, &step);
	if (r < 0) {
		log_err("the session could not %s: %s", step, log_errname(-r));
		_exit(EXIT_OS_);
	}
	if (s->landlock_abi == 0)
		log_warn("this kernel has no Landlock: the session goes without it");
	if (wire_send(ready, &ready_byte, sizeof(ready_byte), NULL, 0, -1) < 0)
		_exit(EXIT_OS_);
	fd_closep(&ready);
	(void)session_run(s);
	/* _exit: the C library's handlers are for a process that may do what it likes. */
	_exit(0);
}

static void fork_session(struct session *s, int sock, int ready)
{
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0 ? EXIT_OS_ : 0);
	session_main(s, sock, ready);
}

/* Fork the session by way of a child that ends at once. Borrows the descriptors. */
static int start_session(struct session *s, int sock, int ready)
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
	return n == 1 && byte == ready_byte ? 0 : -ECONNRESET;
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
	r = find_run_id(&s);
	if (r < 0) {
		log_err("there is no uid for the session: create the account '%s', which must not "
			"be root's",
			NETCR_USER);
		return EXIT_OS_;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ready) < 0) {
		log_err("cannot make a socketpair: %s", log_errname(errno));
		return EXIT_OS_;
	}
	r = start_session(&s, sock[OURS], ready[OURS]);
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
