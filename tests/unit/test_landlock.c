/*
 * Landlock in force: what cannot be done any more, and what still can. Each in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/landlock.h"
#include "tests/lib/test.h"

static char allowed[] = "/tmp/netcr-landlock-XXXXXX";
static char other[] = "/tmp/netcr-landlock-XXXXXX";

static int make_tree(const char *top)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", top);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "old", 3) != 3)
		return -1;
	fd_closep(&fd);
	(void)snprintf(path, sizeof(path), "%s/below", top);
	if (mkdir(path, 0700) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/below/file", top);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	fd_closep(&fd);
	return 0;
}

static void remove_tree(const char *top)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/below/file", top);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/below", top);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/file", top);
	(void)unlink(path);
	(void)rmdir(top);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(allowed) || !mkdtemp(other))
		return -1;
	return make_tree(allowed) < 0 || make_tree(other) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_tree(allowed);
	remove_tree(other);
	return 0;
}

/* 0, or -errno of an attempt to open @name below @top. */
static int try_open(const char *top, const char *name, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	fd_closep(&fd);
	return 0;
}

static int restrict_to(const struct landlock_path *paths, size_t n)
{
	int abi;

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	abi = landlock_restrict(paths, n);
	NEED(abi != 0);
	CHECK(abi >= 1);
	return CHILD_OK;
}

static int deny_all(void *arg)
{
	int before = open("/dev/null", O_RDWR | O_CLOEXEC), r;
	char byte = 0;

	(void)arg;
	CHECK(before >= 0);
	CHECK(try_open("/etc", "passwd", O_RDONLY) == 0);
	r = restrict_to(NULL, 0);
	if (r != CHILD_OK)
		return r;
	CHECK(try_open("/etc", "passwd", O_RDONLY) == -EACCES);
	CHECK(try_open("/", "", O_RDONLY | O_DIRECTORY) == -EACCES);
	CHECK(try_open("/proc/self", "status", O_RDONLY) == -EACCES);
	CHECK(try_open("/dev", "null", O_WRONLY) == -EACCES);
	CHECK(try_open(allowed, "file", O_RDONLY) == -EACCES);
	CHECK(try_open(allowed, "new", O_WRONLY | O_CREAT) == -EACCES);
	CHECK(mkdir("/tmp/netcr-landlock-new", 0700) < 0 && errno == EACCES);
	CHECK(unlink(allowed) < 0 && errno == EACCES);
	CHECK(execl("/bin/true", "true", (char *)NULL) < 0 && errno == EACCES);
	/* What is open stays so. */
	CHECK(write(before, &byte, 1) == 1);
	return CHILD_OK;
}

static void nothing_is_left_of_the_file_system(void **state)
{
	(void)state;
	child_must_pass(deny_all, NULL);
}

static int allow_one(void *arg)
{
	const bool *writes = arg;
	struct landlock_path path = { .fd = open(allowed, O_PATH | O_CLOEXEC), .writes = *writes };
	const int want = *writes ? 0 : -EACCES;
	int r;

	CHECK(path.fd >= 0);
	r = restrict_to(&path, 1);
	if (r != CHILD_OK)
		return r;
	CHECK(try_open(allowed, "file", O_RDONLY) == 0);
	CHECK(try_open(allowed, "below/file", O_RDONLY) == 0);
	CHECK(try_open(allowed, "", O_RDONLY | O_DIRECTORY) == 0);
	CHECK(try_open(allowed, "below", O_RDONLY | O_DIRECTORY) == 0);
	CHECK(try_open(allowed, "file", O_WRONLY) == want);
	CHECK(try_open(allowed, "below/file", O_RDWR) == want);
	/* Files that are there, and no others. */
	CHECK(try_open(allowed, "new", O_WRONLY | O_CREAT) == -EACCES);
	CHECK(try_open(other, "file", O_RDONLY) == -EACCES);
	CHECK(try_open(other, "file", O_WRONLY) == -EACCES);
	CHECK(try_open(allowed, "../etc/passwd", O_RDONLY) < 0);
	CHECK(try_open("/etc", "passwd", O_RDONLY) == -EACCES);
	return CHILD_OK;
}

static void reading_below_a_path(void **state)
{
	bool writes = false;

	(void)state;
	child_must_pass(allow_one, &writes);
}

static void writing_below_a_path(void **state)
{
	bool writes = true;

	(void)state;
	child_must_pass(allow_one, &writes);
}

static int allow_two(void *arg)
{
	struct landlock_path paths[] = {
		{ .fd = open(allowed, O_PATH | O_CLOEXEC), .writes = 0 },
		{ .fd = open(other, O_PATH | O_CLOEXEC), .writes = 1 },
	};
	int r;

	(void)arg;
	r = restrict_to(paths, 2);
	if (r != CHILD_OK)
		return r;
	CHECK(try_open(allowed, "file", O_RDONLY) == 0);
	CHECK(try_open(allowed, "file", O_WRONLY) == -EACCES);
	CHECK(try_open(other, "file", O_WRONLY) == 0);
	return CHILD_OK;
}

static void each_path_has_its_own_rights(void **state)
{
	(void)state;
	child_must_pass(allow_two, NULL);
}

static int restrict_twice(void *arg)
{
	struct landlock_path path = { .fd = open(allowed, O_PATH | O_CLOEXEC), .writes = 1 };
	int r;

	(void)arg;
	r = restrict_to(NULL, 0);
	if (r != CHILD_OK)
		return r;
	r = restrict_to(&path, 1);
	if (r != CHILD_OK)
		return r;
	CHECK(try_open(allowed, "file", O_RDONLY) == -EACCES);
	return CHILD_OK;
}

static void restriction_cannot_be_undone(void **state)
{
	(void)state;
	child_must_pass(restrict_twice, NULL);
}

static int errors(void *arg)
{
	const struct landlock_path bad = { .fd = -1 };
	size_t before;

	(void)arg;
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	before = count_fds();
	NEED(landlock_restrict(&bad, 1) != 0);
	CHECK(landlock_restrict(&bad, 1) == -EBADF);
	CHECK(count_fds() == before);
	/* Nothing is in force after an error. */
	CHECK(try_open("/etc", "passwd", O_RDONLY) == 0);
	return CHILD_OK;
}

static void bad_path_is_an_error(void **state)
{
	(void)state;
	child_must_pass(errors, NULL);
}

static int without_no_new_privs(void *arg)
{
	int r;

	(void)arg;
	NEED(geteuid() != 0 || setresuid(65533, 65533, 65533) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	r = landlock_restrict(NULL, 0);
	NEED(r != 0);
	CHECK(r == -EPERM);
	CHECK(try_open("/etc", "passwd", O_RDONLY) == 0);
	return CHILD_OK;
}

static void no_new_privs_is_needed(void **state)
{
	(void)state;
	child_must_pass(without_no_new_privs, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_the_file_system),
		cmocka_unit_test(reading_below_a_path),
		cmocka_unit_test(writing_below_a_path),
		cmocka_unit_test(each_path_has_its_own_rights),
		cmocka_unit_test(restriction_cannot_be_undone),
		cmocka_unit_test(bad_path_is_an_error),
		cmocka_unit_test(no_new_privs_is_needed),
	};

	return cmocka_run_group_tests_name("landlock", tests, setup, teardown);
}
