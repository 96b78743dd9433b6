/*
 * A dump's bounds, in force: what it may do in the image directory, and what it may ask of the
 * kernel. Each in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fs.h>

#include "common/landlock.h"
#include "seccomp/rules.h"
#include "tests/lib/test.h"

static char images[] = "/tmp/netcr-dump-XXXXXX";
static char other[] = "/tmp/netcr-dump-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(images) && mkdtemp(other) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(images) < 0 || rmdir(other) < 0 ? -1 : 0;
}

static int make(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (write(fd, "x", 1) != 1)
		return -EIO;
	fd_closep(&fd);
	return 0;
}

static int making_files(void *arg)
{
	const struct landlock_path path = { .fd = open(images, O_RDONLY | O_CLOEXEC), .makes = 1 };
	int elsewhere = open(other, O_RDONLY | O_CLOEXEC), r;

	(void)arg;
	CHECK(path.fd >= 0 && elsewhere >= 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	r = landlock_restrict(&path, 1);
	NEED(r != 0);
	CHECK(r > 0);
	CHECK(make(path.fd, "a") == 0);
	CHECK(renameat2(path.fd, "a", path.fd, "b", RENAME_NOREPLACE) == 0);
	CHECK(make(path.fd, "a") == 0);
	CHECK(renameat(path.fd, "a", path.fd, "b") == 0);
	/* Files, and nothing else, and nowhere else. */
	CHECK(mkdirat(path.fd, "d", 0700) < 0 && errno == EACCES);
	CHECK(symlinkat("b", path.fd, "l") < 0 && errno == EACCES);
	CHECK(mknodat(path.fd, "f", S_IFIFO | 0600, 0) < 0 && errno == EACCES);
	CHECK(make(elsewhere, "a") == -EACCES);
	CHECK(renameat(path.fd, "b", elsewhere, "b") < 0);
	CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(unlinkat(path.fd, "b", 0) == 0);
	return CHILD_OK;
}

static void files_are_made_in_one_directory(void **state)
{
	(void)state;
	child_must_pass(making_files, NULL);
}

static int reading_only(void *arg)
{
	const struct landlock_path path = { .fd = open(images, O_RDONLY | O_CLOEXEC) };
	int r;

	(void)arg;
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	r = landlock_restrict(&path, 1);
	NEED(r != 0);
	CHECK(make(path.fd, "a") == -EACCES);
	return CHILD_OK;
}

static void without_it_none_is(void **state)
{
	(void)state;
	child_must_pass(reading_only, NULL);
}

/* --- system calls --- */

static const struct call {
	const char *what;
	long nr;
	long args[4];
} forbidden[] = {
	{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "setsockopt", SYS_setsockopt, { 0, 0, 0, 0 } },
	{ "setns", SYS_setns, { -1, CLONE_NEWNET } },
	{ "execve", SYS_execve, { 0 } },
	{ "clone", SYS_clone, { SIGCHLD } },
	{ "mmap to execute", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE } },
	{ "mkdirat", SYS_mkdirat, { -1, 0, 0 } },
	{ "linkat", SYS_linkat, { -1, 0, -1, 0 } },
	{ "symlinkat", SYS_symlinkat, { 0, -1, 0 } },
	{ "fchmod", SYS_fchmod, { -1, 0 } },
	{ "ftruncate", SYS_ftruncate, { -1, 0 } },
	{ "getdents64", SYS_getdents64, { -1, 0, 0 } },
};

/* What a restore has no use for. */
static const struct call of_dump[] = {
	{ "fsync", SYS_fsync, { -1 } },
	{ "renameat2", SYS_renameat2, { -1, 0, -1, 0 } },
	{ "unlinkat", SYS_unlinkat, { -1, 0, 0 } },
};

struct trial {
	const struct seccomp_list *list;
	const struct call *call;
};

static int try(void *arg)
{
	const struct trial *t = arg;
	const char *failed;

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(seccomp_install(t->list, &failed) == 0);
	(void)syscall(t->call->nr, t->call->args[0], t->call->args[1], t->call->args[2],
		      t->call->args[3]);
	_exit(CHILD_OK);
}

static bool is_killed(const struct seccomp_list *list, const struct call *call)
{
	struct trial trial = { .list = list, .call = call };
	int status = child_run(try, &trial);

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return true;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK);
	return false;
}

/* In a build with sanitizers the filter is wider, by what their run-time needs. */
static bool is_sanitizers(long nr)
{
	for (size_t i = 0; i < sanitizer_seccomp.n; i++) {
		if (sanitizer_seccomp.rules[i].syscall == nr)
			return true;
	}
	return false;
}

static void what_a_dump_may_not_ask(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		if (is_sanitizers(forbidden[i].nr))
			continue;
		if (!is_killed(&worker_dump_seccomp, &forbidden[i]))
			fail_msg("%s is not forbidden", forbidden[i].what);
	}
}

static void what_only_a_dump_may_ask(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of_dump); i++) {
		if (is_killed(&worker_dump_seccomp, &of_dump[i]))
			fail_msg("a dump may not %s", of_dump[i].what);
		if (!is_killed(&worker_seccomp, &of_dump[i]))
			fail_msg("a restore may %s", of_dump[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_made_in_one_directory),
		cmocka_unit_test(without_it_none_is),
		cmocka_unit_test(what_a_dump_may_not_ask),
		cmocka_unit_test(what_only_a_dump_may_ask),
	};

	return cmocka_run_group_tests_name("dump_confined", tests, setup, teardown);
}
