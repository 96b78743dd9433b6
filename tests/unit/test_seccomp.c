/*
 * The broker's filter, in force. Each forbidden call is made in a child of its own, which must
 * die of SIGSYS; each allowed one must return, whatever it returns.
 *
 * Calls go through syscall(), so that it is this call and no relative of it that libc prefers.
 * In a build with sanitizers the filter is wider: what that list allows is not tried.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/nsfs.h>
#include <linux/sockios.h>

#include "seccomp/rules.h"
#include "tests/lib/test.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif
#define NS_GET_ID_ _IOR(NSIO, 13, uint64_t)

enum {
	SURVIVED = 42,
	NOT_INSTALLED = 43,
};

#define HIGH_GARBAGE (UINT64_C(0xdeadbeef) << 32)

struct call {
	const char *what;
	long nr;
	uint64_t args[6];
};

static long make(const struct call *c)
{
	return syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
		       c->args[5]);
}

static int install(void)
{
	const char *failed;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return seccomp_install(&broker_seccomp, &failed);
}

/* No CHECK here: what it says and how it ends are not all on the list. */
static int call_filtered(void *arg)
{
	if (install() < 0)
		return NOT_INSTALLED;
	(void)make(arg);
	return SURVIVED;
}

static bool is_killed(const struct call *c)
{
	int status = child_run(call_filtered, (void *)(uintptr_t)c);

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != SURVIVED)
		fail_msg("%s: wait status %#x", c->what, (unsigned int)status);
	return false;
}

static bool is_for_sanitizers(long nr)
{
	for (size_t i = 0; i < sanitizer_seccomp.n; i++) {
		if (sanitizer_seccomp.rules[i].syscall == nr)
			return true;
	}
	return false;
}

static void all_are_killed(const struct call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_for_sanitizers(calls[i].nr))
			print_message("not in this build: %s\n", calls[i].what);
		else if (!is_killed(&calls[i]))
			fail_msg("allowed: %s", calls[i].what);
	}
}

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

static void E10_files_and_sockets(void **state)
{
	const struct call calls[] = {
#ifdef SYS_open
		{ "open", SYS_open, { ADDRESS("/dev/null"), O_RDONLY } },
		{ "stat", SYS_stat, { ADDRESS("/"), 0 } },
		{ "access", SYS_access, { ADDRESS("/"), 0 } },
		{ "pipe", SYS_pipe, { 0 } },
		{ "dup2", SYS_dup2, { 2, 9 } },
		{ "epoll_wait", SYS_epoll_wait, { 0 } },
		{ "poll", SYS_poll, { 0 } },
#endif
		{ "openat", SYS_openat, { (uint64_t)AT_FDCWD, ADDRESS("/dev/null"), O_RDONLY } },
		{ "openat2", 437, { (uint64_t)AT_FDCWD, ADDRESS("/dev/null"), 0, 0 } },
		{ "newfstatat", SYS_newfstatat, { 2, ADDRESS(""), 0, AT_EMPTY_PATH } },
		{ "statx", SYS_statx, { 2, ADDRESS(""), AT_EMPTY_PATH } },
		{ "statfs", SYS_statfs, { ADDRESS("/"), 0 } },
		{ "read", SYS_read, { 0, 0, 0 } },
		{ "pread64", SYS_pread64, { 0 } },
		{ "writev", SYS_writev, { 2, 0, 0 } },
		{ "sendto", SYS_sendto, { 2, 0, 0, 0, 0, 0 } },
		{ "recvfrom", SYS_recvfrom, { 2, 0, 0, 0, 0, 0 } },
		{ "recvmmsg", SYS_recvmmsg, { 0 } },
		{ "sendmmsg", SYS_sendmmsg, { 0 } },
		{ "socket", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
		{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, 0 } },
		{ "connect", SYS_connect, { 2, 0, 0 } },
		{ "bind", SYS_bind, { 2, 0, 0 } },
		{ "accept4", SYS_accept4, { 2, 0, 0, 0 } },
		{ "setsockopt", SYS_setsockopt, { 2, SOL_SOCKET, SO_RCVBUF, 0, 0 } },
		{ "shutdown", SYS_shutdown, { 2, SHUT_RD } },
		{ "dup", SYS_dup, { 2 } },
		{ "io_uring_setup", 425, { 1, 0 } },
		{ "close_range", 436, { 100, 101, 0 } },
		{ "getdents64", SYS_getdents64, { 2, 0, 0 } },
	};

	(void)state;
	all_are_killed(calls, ARRAY_SIZE(calls));
}

static void E10_processes(void **state)
{
	static const char *const none[] = { NULL };
	const struct call calls[] = {
#ifdef SYS_fork
		{ "fork", SYS_fork, { 0 } },
		{ "vfork", SYS_vfork, { 0 } },
#endif
		{ "clone", SYS_clone, { SIGCHLD } },
		{ "clone3", 435, { 0, 0 } },
		{ "execve", SYS_execve, { ADDRESS("/bin/true"), ADDRESS(none), ADDRESS(none) } },
		{ "execveat", SYS_execveat, { 2, ADDRESS(""), 0, 0, AT_EMPTY_PATH } },
		{ "ptrace", SYS_ptrace, { PTRACE_TRACEME } },
		{ "process_vm_readv", SYS_process_vm_readv, { 0 } },
		{ "pidfd_open", 434, { 1, 0 } },
		{ "pidfd_getfd", 438, { 0 } },
		{ "kill", SYS_kill, { 0, 0 } },
		{ "tgkill", SYS_tgkill, { 1, 1, 0 } },
		{ "setns", SYS_setns, { 2, 0 } },
		{ "unshare", SYS_unshare, { CLONE_NEWNET } },
		{ "mount", SYS_mount, { 0 } },
		{ "chroot", SYS_chroot, { ADDRESS("/") } },
		{ "bpf", SYS_bpf, { 0 } },
		{ "setuid", SYS_setuid, { 0 } },
		{ "setresuid", SYS_setresuid, { 0 } },
		{ "capset", SYS_capset, { 0 } },
		{ "seccomp", SYS_seccomp, { 0, 0, 0 } },
		{ "getpid", SYS_getpid, { 0 } },
		{ "getuid", SYS_getuid, { 0 } },
		{ "exit of a thread", SYS_exit, { 0 } },
		{ "rt_sigaction", SYS_rt_sigaction, { 0 } },
		{ "rt_sigprocmask", SYS_rt_sigprocmask, { 0 } },
		{ "futex", SYS_futex, { 0 } },
		{ "wait4", SYS_wait4, { 0 } },
		{ "prlimit64", SYS_prlimit64, { 0 } },
		{ "nanosleep", SYS_nanosleep, { 0 } },
		{ "no such call", 9999, { 0 } },
	};

	(void)state;
	all_are_killed(calls, ARRAY_SIZE(calls));
}

static void E10_memory(void **state)
{
	static const uint64_t map = MAP_PRIVATE | MAP_ANONYMOUS;
	const struct call calls[] = {
		{ "mmap", SYS_mmap, { 0, 4096, PROT_READ, map, UINT64_MAX, 0 } },
		{ "mmap PROT_EXEC", SYS_mmap, { 0, 4096, PROT_EXEC, map, UINT64_MAX, 0 } },
		{ "mprotect", SYS_mprotect, { 0, 0, PROT_EXEC } },
		{ "mremap", SYS_mremap, { 0 } },
		{ "munmap", SYS_munmap, { 0, 4096 } },
		{ "brk", SYS_brk, { 0 } },
		{ "memfd_create", SYS_memfd_create, { ADDRESS("x"), 0 } },
		{ "userfaultfd", SYS_userfaultfd, { 0 } },
	};

	(void)state;
	all_are_killed(calls, ARRAY_SIZE(calls));
}

/* Calls that are allowed with one argument, with another. */
static void E10_other_arguments(void **state)
{
	const struct call calls[] = {
		{ "write to 1", SYS_write, { 1, ADDRESS(""), 0 } },
		{ "write to 0", SYS_write, { 0, ADDRESS(""), 0 } },
		{ "write to 3", SYS_write, { 3, ADDRESS(""), 0 } },
		{ "write to 258", SYS_write, { 258, ADDRESS(""), 0 } },
		{ "ioctl TIOCSTI", SYS_ioctl, { 0, TIOCSTI, ADDRESS("x") } },
		{ "ioctl TIOCSTI with high bits", SYS_ioctl, { 0, HIGH_GARBAGE | TIOCSTI, 0 } },
		{ "ioctl FIONREAD", SYS_ioctl, { 2, FIONREAD, 0 } },
		{ "ioctl SIOCGIFCONF", SYS_ioctl, { 2, SIOCGIFCONF, 0 } },
		{ "ioctl SIOCSIFFLAGS", SYS_ioctl, { 2, SIOCSIFFLAGS, 0 } },
		{ "ioctl 0", SYS_ioctl, { 2, 0, 0 } },
		{ "ioctl NS_GET_USERNS in the high bits",
		  SYS_ioctl,
		  { 2, (uint64_t)NS_GET_USERNS << 32, 0 } },
		{ "fcntl F_SETFL", SYS_fcntl, { 2, F_SETFL, 0 } },
		{ "fcntl F_DUPFD", SYS_fcntl, { 2, F_DUPFD, 100 } },
		{ "fcntl F_GETFD", SYS_fcntl, { 2, F_GETFD } },
		{ "fcntl F_OFD_SETLK", SYS_fcntl, { 3, F_OFD_SETLK, 0 } },
		{ "pread64", SYS_pread64, { SECCOMP_LEDGER_FD - 1, 0, 0, 0 } },
		{ "pwrite64", SYS_pwrite64, { 2, 0, 0, 0 } },
		{ "fcntl F_SETOWN", SYS_fcntl, { 2, F_SETOWN, 1 } },
		{ "getsockopt SO_PEERCRED", SYS_getsockopt, { 2, SOL_SOCKET, SO_PEERCRED, 0, 0 } },
		{ "getsockopt SO_TYPE", SYS_getsockopt, { 2, SOL_SOCKET, SO_TYPE, 0, 0 } },
		{ "getsockopt SO_PEERPIDFD", SYS_getsockopt, { 2, SOL_SOCKET, 77, 0, 0 } },
		{ "prctl PR_GET_DUMPABLE", SYS_prctl, { PR_GET_DUMPABLE } },
		{ "prctl PR_SET_DUMPABLE", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
		{ "prctl PR_SET_NAME", SYS_prctl, { PR_SET_NAME, ADDRESS("x") } },
		{ "prctl PR_SET_SECCOMP", SYS_prctl, { PR_SET_SECCOMP, 2, 0 } },
		{ "clock_gettime CLOCK_BOOTTIME", SYS_clock_gettime, { CLOCK_BOOTTIME, 0 } },
		{ "clock_gettime by a process's clock", SYS_clock_gettime, { (uint32_t)-6, 0 } },
		{ "clock_settime", SYS_clock_settime, { CLOCK_REALTIME, 0 } },
	};

	(void)state;
	all_are_killed(calls, ARRAY_SIZE(calls));
}

static void allowed_calls_return(void **state)
{
	const struct call calls[] = {
		{ "clock_gettime CLOCK_REALTIME", SYS_clock_gettime, { CLOCK_REALTIME, 0 } },
		{ "clock_gettime CLOCK_MONOTONIC", SYS_clock_gettime, { CLOCK_MONOTONIC, 0 } },
		{ "close", SYS_close, { 1000 } },
		{ "fcntl F_GETFL", SYS_fcntl, { 2, F_GETFL } },
		{ "fcntl of the ledger", SYS_fcntl, { SECCOMP_LEDGER_FD, F_OFD_SETLK, 0 } },
		{ "fstat", SYS_fstat, { 1000, 0 } },
		{ "fstatfs", SYS_fstatfs, { 1000, 0 } },
		{ "getsockopt SO_DOMAIN", SYS_getsockopt, { 2, SOL_SOCKET, SO_DOMAIN, 0, 0 } },
		{ "getsockopt SO_PROTOCOL", SYS_getsockopt, { 2, SOL_SOCKET, SO_PROTOCOL, 0, 0 } },
		{ "ioctl NS_GET_NSTYPE", SYS_ioctl, { 2, NS_GET_NSTYPE, 0 } },
		{ "ioctl NS_GET_USERNS", SYS_ioctl, { 2, NS_GET_USERNS, 0 } },
		{ "ioctl NS_GET_OWNER_UID", SYS_ioctl, { 2, NS_GET_OWNER_UID, 0 } },
		{ "ioctl NS_GET_PARENT", SYS_ioctl, { 2, NS_GET_PARENT, 0 } },
		{ "ioctl NS_GET_ID", SYS_ioctl, { 2, NS_GET_ID_, 0 } },
		{ "ioctl SIOCGSKNS", SYS_ioctl, { 2, SIOCGSKNS, 0 } },
		{ "ppoll", SYS_ppoll, { 0, 1 << 30, 0, 0, 0 } },
		{ "prctl PR_GET_SECCOMP", SYS_prctl, { PR_GET_SECCOMP } },
		{ "pread64 of the ledger", SYS_pread64, { SECCOMP_LEDGER_FD, 0, 0, 0 } },
		{ "pwrite64 to the ledger", SYS_pwrite64, { SECCOMP_LEDGER_FD, 0, 0, 0 } },
		{ "recvmsg", SYS_recvmsg, { 1000, 0, 0 } },
		{ "restart_syscall", SYS_restart_syscall, { 0 } },
		{ "sendmsg", SYS_sendmsg, { 1000, 0, 0 } },
		{ "write to 2", SYS_write, { 2, ADDRESS(""), 0 } },
		/* The kernel looks at the low half of an int only, so garbage above is no threat. */
		{ "ioctl with high bits", SYS_ioctl, { 2, HIGH_GARBAGE | NS_GET_USERNS, 0 } },
		{ "fcntl with high bits", SYS_fcntl, { 2, HIGH_GARBAGE | F_GETFL } },
		{ "write with high bits", SYS_write, { HIGH_GARBAGE | 2, ADDRESS(""), 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (is_killed(&calls[i]))
			fail_msg("killed: %s", calls[i].what);
	}
	/* Each row of the list was tried: high bits and all but exit_group, which ends a child. */
	assert_int_equal(broker_seccomp.n, ARRAY_SIZE(calls) - 3 + 1);
}

#ifdef __x86_64__
static void E10_x32(void **state)
{
	static const long numbers[] = { SYS_getpid, SYS_close, SYS_write, SYS_ppoll };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct call c = { "an x32 call", numbers[i] | 0x40000000, { 1000 } };

		assert_true(is_killed(&c));
	}
}

/* @arg is the number in the table of i386, where 102 is socketcall and 24 getuid. */
static int call_i386(void *arg)
{
	long number = *(const long *)arg, r = number;

	if (install() < 0)
		return NOT_INSTALLED;
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(1000L), "c"(0L), "d"(0L) : "memory");
	return SURVIVED;
}

static void E10_int_0x80(void **state)
{
	static const long numbers[] = { 20 /* getpid */, 102 /* socketcall */, 5 /* open */,
					4 /* write, which is 1 here */, 3 /* read; close here */ };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int status = child_run(call_i386, (void *)(uintptr_t)&numbers[i]);

		/* Where the kernel has no i386 calls at all it is SIGSEGV: dead as well. */
		assert_true(WIFSIGNALED(status));
		assert_true(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
	}
}
#endif

static int survives_without(void *arg)
{
	(void)arg;
	(void)syscall(SYS_getpid);
	return SURVIVED;
}

/* The tests above can tell life from death. */
static void without_the_filter_nothing_dies(void **state)
{
	int status = child_run(survives_without, NULL);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), SURVIVED);
}

static void every_row_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < broker_seccomp.n; i++) {
		const struct seccomp_rule *rule = &broker_seccomp.rules[i];

		assert_non_null(rule->why);
		assert_in_range(rule->arg + 1, 0, 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_filter_nothing_dies),
		cmocka_unit_test(E10_files_and_sockets),
		cmocka_unit_test(E10_processes),
		cmocka_unit_test(E10_memory),
		cmocka_unit_test(E10_other_arguments),
		cmocka_unit_test(allowed_calls_return),
#ifdef __x86_64__
		cmocka_unit_test(E10_x32),
		cmocka_unit_test(E10_int_0x80),
#endif
		cmocka_unit_test(every_row_says_why),
	};

	return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
