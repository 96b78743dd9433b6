/*
 * The acceptor: one process that accepts, counts, forks, reaps, and reads not a byte of a peer's.
 *
 * No peer and no shortage ends it: an error of accept() or fork() costs a connection or a pause.
 * Signals are read by signalfd(2); there are no handlers.
 *
 * May: accept, ask for SO_PEERCRED, fork, signal its sessions. Must not: recv, touch netlink, or
 * gain privilege.
 */
#include "broker/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/audit_out.h"
#include "broker/caller.h"
#include "broker/listen.h"
#include "broker/notify.h"
#include "broker/session.h"
#include "broker/start.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/wire.h"

enum {
	PAUSE_US = 100 * 1000,      /* before the next accept() when there was no room for one */
	COMPLAINT_US = 1000 * 1000, /* between two lines that peers cause */
	STOP_US = 10 * 1000 * 1000, /* that sessions have to end what they are doing */
};

/* Of this process there is one, and it never grows. */
static struct {
	struct {
		pid_t pid;
		size_t user;
	} sessions[SERVE_SESSIONS_MAX];
	size_t n;
	/* Those who have sessions, and those who had some last; each has a place in audit_out.c. */
	struct {
		uid_t uid;
		uint32_t sessions;
	} users[SERVE_SESSIONS_MAX];
	int signals;
	bool stopping;
	int64_t paused_until, stop_at, complain_at;
	unsigned int unsaid; /* complaints since the last that was written */
} now;

static int64_t clock_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A line that a peer can cause: not more than one a second. */
static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	const int64_t time = clock_us();
	char text[256];
	va_list args;

	if (time < now.complain_at) {
		now.unsaid++;
		return;
	}
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (now.unsaid)
		log_warn("%s (%u such lines were left out before)", text, now.unsaid);
	else
		log_warn("%s", text);
	now.unsaid = 0;
	now.complain_at = time + COMPLAINT_US;
}

/* --- a connection --- */

/* The place of @uid, or that of who has no session and had the last line before all others. There is
 * one while there is room for a session. */
static size_t place_of(uid_t uid)
{
	size_t idle = 0;

	for (size_t i = 0; i < SERVE_SESSIONS_MAX; i++) {
		if (now.users[i].uid == uid && (now.users[i].sessions || audit_out_due(i)))
			return i;
		if (now.users[i].sessions == 0 &&
		    (now.users[idle].sessions || audit_out_due(i) < audit_out_due(idle)))
			idle = i;
	}
	now.users[idle].uid = uid;
	audit_out_forget(idle);
	return idle;
}

static void fork_session(struct serve *s, int sock, uid_t uid, pid_t peer)
{
	const size_t user = place_of(uid);
	pid_t pid;

	if (now.users[user].sessions >= s->max_per_user) {
		complain("a connection of uid %u is refused: it has %u sessions", uid,
			 now.users[user].sessions);
		return;
	}
	pid = fork();
	if (pid == 0) {
		audit_out_use(user);
		start_session_for(s->first, sock, uid, peer);
	}
	if (pid < 0) {
		complain("a connection of uid %u is refused: no process for it: %s", uid,
			 log_errname(errno));
		return;
	}
	now.users[user].sessions++;
	now.sessions[now.n].pid = pid;
	now.sessions[now.n++].user = user;
}

static void take_connection(struct serve *s, int listener)
{
	_cleanup_fd_ int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	uid_t uid;
	pid_t peer;
	int r;

	if (sock < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* No descriptor or no memory: it stays in the queue until there is some. */
		complain("no connection can be accepted for now: %s", log_errname(errno));
		now.paused_until = clock_us() + PAUSE_US;
		return;
	}
	/* Who comes and goes must not cost a process each time, for which all others would wait. */
	if (wire_is_closed(sock))
		return;
	r = caller_of_peer(sock, &uid, &peer);
	if (r < 0)
		complain("a connection is refused: its uid cannot be told, or stands for nobody");
	else if (now.n >= SERVE_SESSIONS_MAX)
		complain("a connection of uid %u is refused: there are %zu sessions", uid, now.n);
	else
		fork_session(s, sock, uid, peer);
}

/* --- signals --- */

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		size_t i = 0;

		while (i < now.n && now.sessions[i].pid != pid)
			i++;
		if (i == now.n)
			continue;
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
			complain("session process %d of uid %u was ended by signal %d", pid,
				 now.users[now.sessions[i].user].uid, WTERMSIG(status));
		now.users[now.sessions[i].user].sessions--;
		now.sessions[i] = now.sessions[--now.n];
	}
}

static void stop(struct serve *s)
{
	if (now.stopping)
		return;
	now.stopping = true;
	now.stop_at = clock_us() + STOP_US;
	listen_close(s->listen);
	notify_send(s->notify, "STOPPING=1\nSTATUS=waiting for %zu sessions", now.n);
	/* They look at it between two requests. */
	for (size_t i = 0; i < now.n; i++)
		(void)kill(now.sessions[i].pid, SIGTERM);
}

static const char *policy_name(const struct serve *s)
{
	return s->policy_file ? s->policy_file : "of the command line";
}

static void reload(struct serve *s)
{
	int r;

	notify_send(s->notify, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_us());
	r = s->reload(s);
	if (r == 0)
		log_warn("the policy was read again: %s", policy_name(s));
	else
		log_err("the new policy is not taken, and the old one stays in force");
	notify_send(s->notify, "READY=1\nSTATUS=%s%s",
		    r ? "the old policy is in force: an error in " : "policy ", policy_name(s));
}

static void take_signals(struct serve *s)
{
	struct signalfd_siginfo info;

	while (read(now.signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP && !now.stopping)
			reload(s);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(s);
	}
	reap();
}

static int open_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGTERM, SIGINT, SIGCHLD };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)sigaddset(&set, numbers[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	now.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return now.signals < 0 ? -errno : 0;
}

/* --- the loop --- */

/* How long to wait, as poll(2) has it. */
static int time_left(void)
{
	int64_t until = now.stopping ? now.stop_at : now.paused_until;
	int64_t left = until - clock_us();

	if (!now.stopping && now.paused_until == 0)
		return -1;
	return left > 0 ? (int)(left / 1000) + 1 : 0;
}

static void wait_and_act(struct serve *s)
{
	struct pollfd fds[1 + LISTEN_MAX] = { { .fd = now.signals, .events = POLLIN } };
	const size_t n = s->listen->n;

	if (now.paused_until && now.paused_until <= clock_us())
		now.paused_until = 0;
	/* poll(2) passes over a negative descriptor. */
	for (size_t i = 0; i < n; i++)
		fds[1 + i] =
			(struct pollfd){ .fd = now.paused_until ? -1 : s->listen->sockets[i].fd,
					 .events = POLLIN };
	if (poll(fds, (nfds_t)(1 + n), time_left()) <= 0)
		return;
	if (fds[0].revents)
		take_signals(s);
	/* One of each, so that a crowd at one socket does not keep the others waiting. */
	for (size_t i = 0; i < n && !now.stopping; i++) {
		if (fds[1 + i].revents)
			take_connection(s, s->listen->sockets[i].fd);
	}
}

int serve(struct serve *s)
{
	int r = open_signals();

	if (r == 0)
		r = audit_out_share(SERVE_SESSIONS_MAX);
	if (r < 0) {
		log_err("cannot begin to serve: %s", log_errname(-r));
		return EXIT_OS_;
	}
	notify_send(s->notify, "READY=1\nSTATUS=policy %s", policy_name(s));
	while (!now.stopping || (now.n > 0 && clock_us() < now.stop_at))
		wait_and_act(s);
	if (now.n > 0)
		log_warn("%zu sessions are still busy, and end by themselves", now.n);
	return 0;
}
