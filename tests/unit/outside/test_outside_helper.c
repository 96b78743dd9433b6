/*
 * The helper as a process: what a worker that was taken over may ask of it, and what of the kernel
 * it may ask itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp/rules.h"
#include "tests/lib/test.h"
#include "two_sides.h"
#include "worker/report.h"

static struct two_sides s;

/* Start one that was told of eth0:out0@br0. Returns the socket to it, or -1. */
static int start(pid_t *ret)
{
	const struct timeval patience = { .tv_sec = 30 };
	const struct outside_place place = {
		.netns = s.h.netns, .userns = -1, .name = "outside", .target = s.h.target
	};
	struct outside_reply reply;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -1;
	*ret = fork();
	if (*ret == 0)
		outside_helper(pair[1], &place, &s.outside);
	fd_closep(&pair[1]);
	if (*ret < 0 || recv(pair[0], &reply, sizeof(reply), 0) != sizeof(reply) || reply.status)
		fd_closep(&pair[0]);
	return pair[0];
}

static const struct outside_request good = { .op = OUTSIDE_MAKE, .ifindex = 77, .mtu = 1400 };

/* Whether it ends at @len bytes of @request without an answer, and of its own will. */
static bool ends_at(const void *request, size_t len)
{
	struct outside_reply reply;
	pid_t pid;
	int sock = start(&pid), status = -1;
	bool ended;

	if (sock < 0 || send(sock, request, len, 0) != (ssize_t)len)
		return false;
	ended = recv(sock, &reply, sizeof(reply), 0) == 0;
	fd_closep(&sock);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	       ended;
}

static int hostile(void *arg)
{
	struct outside_request r = good;
	uint8_t longer[sizeof(r) + 1] = { 0 };

	(void)arg;
	NEED(two_sides_make(&s) == 0);
	(void)two_sides_add(&s, "eth0", "out0", "br0", false);
	CHECK(ends_at(&r, sizeof(r) - 1));
	memcpy(longer, &r, sizeof(r));
	CHECK(ends_at(longer, sizeof(longer)));
	r.op = OUTSIDE_END + 1;
	CHECK(ends_at(&r, sizeof(r)));
	r = good;
	r.link = 1;
	CHECK(ends_at(&r, sizeof(r)));
	r.op = OUTSIDE_LOOK;
	CHECK(ends_at(&r, sizeof(r)));
	r.link = UINT32_MAX;
	CHECK(ends_at(&r, sizeof(r)));
	r = good;
	r.ifindex = 1;
	CHECK(ends_at(&r, sizeof(r)));
	r.ifindex = UINT32_C(0x80000000);
	CHECK(ends_at(&r, sizeof(r)));
	r = good;
	r.mtu = 67;
	CHECK(ends_at(&r, sizeof(r)));
	r.mtu = 65536;
	CHECK(ends_at(&r, sizeof(r)));
	r = good;
	r.has_address = 1;
	CHECK(ends_at(&r, sizeof(r)));
	r.address[0] = 1;
	CHECK(ends_at(&r, sizeof(r)));
	r = (struct outside_request){ .op = OUTSIDE_NSID, .nsid = -1 };
	CHECK(ends_at(&r, sizeof(r)));
	CHECK(!two_sides_has(&s.h.out, "out0") && !two_sides_has(&s.h.in, "eth0"));
	return CHILD_OK;
}

static void what_it_does_not_take(void **state)
{
	(void)state;
	child_must_pass(hostile, NULL);
}

/* Made, and not released, when its worker goes. */
static int abandoned(void *arg)
{
	struct outside_reply reply;
	pid_t pid;
	int sock;

	(void)arg;
	NEED(two_sides_make(&s) == 0);
	(void)two_sides_add(&s, "eth0", "out0", "br0", false);
	sock = start(&pid);
	CHECK(sock >= 0);
	CHECK(send(sock, &good, sizeof(good), 0) == sizeof(good));
	CHECK(recv(sock, &reply, sizeof(reply), 0) == sizeof(reply) && reply.status == 0);
	CHECK(two_sides_has(&s.h.out, "out0") && two_sides_has(&s.h.in, "eth0"));
	fd_closep(&sock);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(!two_sides_has(&s.h.out, "out0") && !two_sides_has(&s.h.in, "eth0"));
	return CHILD_OK;
}

static void it_takes_back_what_it_is_left_with(void **state)
{
	(void)state;
	child_must_pass(abandoned, NULL);
}

static const struct call {
	const char *what;
	long nr;
	long args[4];
} forbidden[] = {
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "openat", SYS_openat, { AT_FDCWD, 0, O_RDONLY } },
	{ "read", SYS_read, { -1, 0, 0 } },
	{ "write", SYS_write, { -1, 0, 0 } },
	{ "setns", SYS_setns, { -1, CLONE_NEWNET } },
	{ "ioctl", SYS_ioctl, { -1, 0, 0 } },
	{ "execve", SYS_execve, { 0 } },
	{ "clone", SYS_clone, { SIGCHLD } },
	{ "kill", SYS_kill, { 0, 0 } },
	{ "ptrace", SYS_ptrace, { 0 } },
	{ "mmap to execute", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE } },
};

static int try(void *arg)
{
	const struct call *call = arg;
	const char *failed;

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(seccomp_install(&outside_seccomp, &failed) == 0);
	(void)syscall(call->nr, call->args[0], call->args[1], call->args[2], call->args[3]);
	_exit(CHILD_OK);
}

/* A build with sanitizers has a wider filter. */
static bool is_sanitizers(long nr)
{
	for (size_t i = 0; i < sanitizer_seccomp.n; i++) {
		if (sanitizer_seccomp.rules[i].syscall == nr)
			return true;
	}
	return false;
}

static void what_it_may_not_ask(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		int status;

		if (is_sanitizers(forbidden[i].nr))
			continue;
		status = child_run(try, (void *)(uintptr_t)&forbidden[i]);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s is not forbidden", forbidden[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_does_not_take),
		cmocka_unit_test(it_takes_back_what_it_is_left_with),
		cmocka_unit_test(what_it_may_not_ask),
	};

	return cmocka_run_group_tests_name("outside_helper", tests, NULL, NULL);
}
