/*
 * A session process, from the process that was forked for it to its end.
 *
 * May: put descriptors in order, ask NSS who NETCR_USER is. Must not: touch netlink, or parse
 * anything of the peer's before the lock-down is complete.
 */
#include "broker/start.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "broker/caller.h"
#include "broker/lockdown.h"
#include "broker/session.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/wire.h"

/* Where a session keeps its two descriptors. */
enum {
	SESSION_SOCK = 3,
	SESSION_READY = 4
};

/* Where there is no account for sessions: a uid that distributions and systemd give to nobody
 * (1879048192 to 2147483647 is unused in systemd's UIDS-GIDS.md). Not the user nobody, whose
 * other processes could stop or limit a session. */
enum {
	FALLBACK_ID = 2004318071
};

/* NSS may open what it likes here: the session closes all it was not given. */
int start_find_run_id(struct session *s)
{
	const struct passwd *account;
	bool taken;

	errno = 0;
	account = getpwnam(NETCR_USER);
	if (!account && caller_nss_error() != -ENOENT) {
		log_err("cannot look up the account '%s': %s", NETCR_USER,
			log_errname(-caller_nss_error()));
		return EXIT_OS_;
	}
	if (account) {
		s->run_uid = account->pw_uid;
		s->run_gid = account->pw_gid;
		taken = s->run_uid == 0;
	} else {
		s->run_uid = FALLBACK_ID;
		s->run_gid = FALLBACK_ID;
		taken = getpwuid(s->run_uid) || getgrgid(s->run_gid);
	}
	if (!taken)
		return 0;
	log_err("there is no uid for sessions: create the account '%s', which must not be root's",
		NETCR_USER);
	return EXIT_OS_;
}

/* Put @sock and @ready where the session wants them, and close everything else. Its stderr is
 * the starter's; it reads nothing and prints nothing. */
static int session_fds(int sock, int ready)
{
	_cleanup_fd_ int null = -1;
	const bool told = ready >= 0;

	/* Out of the way of each other's places first. */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, SESSION_READY + 1);
	if (told)
		ready = fcntl(ready, F_DUPFD_CLOEXEC, SESSION_READY + 1);
	if (sock < 0 || (told && ready < 0))
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	if (dup3(sock, SESSION_SOCK, O_CLOEXEC) < 0 ||
	    (told && dup3(ready, SESSION_READY, O_CLOEXEC) < 0))
		return -errno;
	/* It is above the two as well, and closed with the rest. */
	(void)fd_take(&null);
	return fd_close_from(told ? SESSION_READY + 1 : SESSION_READY);
}

void start_session(struct session *s, int sock, int ready)
{
	static const char byte = 1;
	const char *step = "put its descriptors in order";
	int r;

	/* A terminal's signals are not for it; it ends with its socket. */
	(void)setsid();
	(void)prctl(PR_SET_NAME, "netcr-session", 0, 0, 0);
	r = session_fds(sock, ready);
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
	if (ready >= 0) {
		int there = SESSION_READY;

		if (wire_send(there, &byte, sizeof(byte), NULL, 0, -1) < 0)
			_exit(EXIT_OS_);
		fd_closep(&there);
	}
	(void)session_run(s);
	/* _exit: the C library's handlers are for a process that may do what it likes. */
	_exit(0);
}

void start_session_for(struct session *s, int sock, uid_t uid, pid_t pid)
{
	int r = caller_init(&s->caller, uid, pid);

	if (r < 0) {
		log_err("no session: cannot find out the groups of uid %u: %s", uid,
			log_errname(-r));
		_exit(EXIT_OS_);
	}
	start_session(s, sock, /* ready= */ -1);
}
