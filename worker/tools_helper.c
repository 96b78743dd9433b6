/*
 * The helper: a process that waits for the worker to ask, runs one tool at a time, and ends when
 * the worker has hung up or died. It reads nothing of what it passes on.
 *
 * May: fork, and kill what it forked. Must not: believe a request in sizes, or write to a file.
 */
#include "worker/tools_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "worker/helper.h"

enum {
	TOOL_SECONDS = 60,
	CHUNK = 64 * 1024
};

struct run {
	pid_t pid;
	int pidfd, out_fd, err_fd; /* owned */
	char *out;                 /* owned */
	size_t n_out, room;
	char text[TOOLS_TEXT_MAX];
	size_t n_text;
	bool too_much;
};

/* --- from and to the worker --- */

static void receive_all(int sock, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = recv(sock, (uint8_t *)buf + done, len - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		done += (size_t)n;
	}
}

static void send_all(int sock, const void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = send(sock, (const uint8_t *)buf + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		done += (size_t)n;
	}
}

/* A tool's stdin: a file in memory, so that nobody waits for a pipe to be emptied. */
static int receive_file(int sock, uint64_t len)
{
	static uint8_t chunk[CHUNK];
	int fd = memfd_create("netcr-rules", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	while (len > 0) {
		const size_t n = len < sizeof(chunk) ? (size_t)len : sizeof(chunk);

		receive_all(sock, chunk, n);
		len -= n;
		if (r == 0 && write(fd, chunk, n) != (ssize_t)n)
			r = -ENOMEM;
	}
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		fd_closep(&fd);
	return r < 0 ? r : fd;
}

static void reply(int sock, int result, const struct run *run, bool is_unknown)
{
	const bool good = result >= 0;
	const struct tools_reply head = {
		.result = result,
		.is_unknown = is_unknown,
		.n_out = good ? run->n_out : 0,
		.n_text = good ? 0 : run->n_text,
	};

	send_all(sock, &head, sizeof(head));
	send_all(sock, run->out, head.n_out);
	send_all(sock, run->text, head.n_text);
}

static void say(struct run *run, const char *text)
{
	int n = snprintf(run->text, sizeof(run->text), "%s", text);

	run->n_text = n < 0 ? 0 : strnlen(run->text, sizeof(run->text) - 1);
}

/* --- running --- */

static int start(const struct tools *tools, enum tools_job job, int in, struct run *ret)
{
	_cleanup_fd_ int out = -1, err = -1;
	const pid_t self = getpid();
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	ret->out_fd = pair[0];
	out = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	ret->err_fd = pair[0];
	err = pair[1];
	if (fcntl(ret->out_fd, F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(ret->err_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	ret->pid = fork();
	if (ret->pid < 0)
		return -errno;
	if (ret->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != self)
			_exit(126);
		tools_become(tools, job, in, out, err);
	}
	ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0U);
	return ret->pidfd < 0 ? -errno : 0;
}

static void keep_out(struct run *run, const char *data, size_t n)
{
	if (n > TOOLS_OUT_MAX - run->n_out) {
		run->too_much = true;
		return;
	}
	if (n > run->room - run->n_out) {
		size_t room = run->room ? run->room * 2 : 4 * CHUNK;
		char *more = realloc(run->out, room);

		if (!more) {
			run->too_much = true;
			return;
		}
		run->out = more;
		run->room = room;
	}
	memcpy(run->out + run->n_out, data, n);
	run->n_out += n;
}

/* As much of what it said as there is room for, on one line. */
static void keep_text(struct run *run, const char *data, size_t n)
{
	for (size_t i = 0; i < n && run->n_text < sizeof(run->text) - 1; i++) {
		const char c = data[i] > ' ' && data[i] <= '~' ? data[i] : ' ';
		const char last = run->n_text ? run->text[run->n_text - 1] : ' ';

		/* The marks under a place in a line that is on no line any more. */
		if ((c == ' ' && last == ' ') || c == '^')
			continue;
		run->text[run->n_text++] = c;
	}
}

/* Read what there is. At the end of the pipe its descriptor is closed. */
static void drain(struct run *run, int *fd, void (*keep)(struct run *run, const char *, size_t))
{
	static char chunk[CHUNK];

	while (*fd >= 0) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			fd_closep(fd);
		else
			keep(run, chunk, (size_t)n);
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until it has ended. If the worker hangs up meanwhile, nobody wants to know any more. */
static int watch(struct run *run, int sock)
{
	const int64_t end = now_ms() + TOOL_SECONDS * 1000;

	for (;;) {
		struct pollfd fds[] = { { .fd = run->pidfd, .events = POLLIN },
					{ .fd = run->out_fd, .events = POLLIN },
					{ .fd = run->err_fd, .events = POLLIN },
					{ .fd = sock, .events = POLLRDHUP } };
		const int64_t left = end - now_ms();

		if (left <= 0 || run->too_much)
			return left <= 0 ? -ETIMEDOUT : -EFBIG;
		if (poll(fds, ARRAY_SIZE(fds), (int)left) < 0 && errno != EINTR)
			return -errno;
		if (fds[3].revents)
			_exit(0); /* the tool gets its SIGKILL by that */
		drain(run, &run->out_fd, keep_out);
		drain(run, &run->err_fd, keep_text);
		if (fds[0].revents && !run->too_much)
			return 0;
	}
}

static int end(struct run *run, int r)
{
	int status;

	if (r < 0)
		(void)kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -EPIPE;
	}
	if (r < 0)
		return r;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
	return -EINTR;
}

static void explain(struct run *run, int r)
{
	if (r == -ETIMEDOUT)
		say(run, "it took longer than a minute, and was killed");
	else if (r == -EFBIG)
		say(run, "it printed too much, and was killed");
	else if (r == -EINTR)
		say(run, "it was killed");
	else if (r != -ECHILD)
		say(run, strerror(-r));
	else if (run->n_text == 0)
		say(run, "it failed, and did not say why");
}

static void serve_run(int sock, const struct tools *tools, const struct tools_request *request)
{
	struct run run = { .pid = -1, .pidfd = -1, .out_fd = -1, .err_fd = -1 };
	_cleanup_fd_ int in = receive_file(sock, request->len);
	const enum tools_job job = (enum tools_job)request->job;
	bool is_unknown = false;
	int r = in < 0 ? in : 0;

	if (r == 0 && !tools_has(tools, job))
		r = -ENOENT;
	if (r == 0)
		r = start(tools, job, in, &run);
	if (run.pid > 0) {
		if (r == 0)
			r = watch(&run, sock);
		r = end(&run, r);
		is_unknown = r < 0 && r != -ECHILD;
	}
	if (r < 0)
		explain(&run, r);
	reply(sock, r == -EINTR ? -ECHILD : r, &run, is_unknown);
	free(run.out);
	fd_closep(&run.pidfd);
	fd_closep(&run.out_fd);
	fd_closep(&run.err_fd);
}

/* --- the process --- */

static void serve_ask(int sock, const struct tools_request *request)
{
	const char *name = tools_commands[request->job].in_use;
	const struct run run = { .pid = -1 };
	_cleanup_fd_ int fd = -1;
	char path[64], c;
	ssize_t n;
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/net/%s", name ? name : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r = errno == ENOENT ? 0 : -errno;
	} else {
		n = read(fd, &c, 1);
		r = n < 0 ? -errno : n > 0;
	}
	reply(sock, r, &run, /* is_unknown= */ false);
}

static void refuse(int sock, const struct tools_request *request, int error)
{
	struct run run = { .pid = -1 };
	int fd = receive_file(sock, request->len);

	fd_closep(&fd);
	(void)snprintf(run.text, sizeof(run.text), "its helper cannot confine itself: %s",
		       strerror(-error));
	run.n_text = strlen(run.text);
	reply(sock, -ECHILD, &run, /* is_unknown= */ false);
}

void tools_helper(int take_sock, const struct tools *tools)
{
	int sock = take_sock;
	int confined;

	helper_leave((int *const[]){ &sock }, 1, "netcr-tools");
	confined = tools_confine();
	/* After the capabilities have changed, which would undo it; and if the worker has died
	 * already, its end of the socket is closed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;) {
		struct tools_request request;

		receive_all(sock, &request, sizeof(request));
		if (request.job >= TOOLS_JOBS_ || request.len > TOOLS_IN_MAX)
			_exit(1);
		if (confined < 0)
			refuse(sock, &request, confined);
		else if (request.asks)
			serve_ask(sock, &request);
		else
			serve_run(sock, tools, &request);
	}
}
