/*
 * Helpers of the unit tests.
 *
 * May: fork, make namespaces in children, redirect fd 2. Must not: decide what is right.
 */
#include "tests/lib/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHILD_SECONDS = 60
};

void child_say(const char *file, int line, const char *what)
{
	(void)dprintf(STDERR_FILENO, "%s:%d: %s (errno %d)\n", file, line, what, errno);
}

static void __attribute__((noreturn)) child_main(child_fn fn, void *arg)
{
	static const int caught[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS };

	/* cmocka's handlers would jump into the parent's test. */
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		(void)signal(caught[i], SIG_DFL);
	(void)alarm(CHILD_SECONDS);
	_exit(fn(arg));
}

int child_run(child_fn fn, void *arg)
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child_main(fn, arg);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

void child_must_pass(child_fn fn, void *arg)
{
	int status = child_run(fn, arg);

	if (WIFSIGNALED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == CHILD_SKIP)
		skip_because("the system does not allow it");
	assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

void skip_because(const char *why)
{
	const char *must = getenv("NETCR_TESTS_MUST_RUN");

	if (must && strcmp(must, "1") == 0)
		fail_msg("cannot be run, and must: %s", why);
	print_message("skipped: %s\n", why);
	skip();
}

size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

int write_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

int map_self(unsigned int inside_uid, unsigned int outside_uid, unsigned int inside_gid,
	     unsigned int outside_gid)
{
	char text[64];
	int r;

	r = write_file("/proc/self/setgroups", "deny");
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u %u 1", inside_uid, outside_uid);
	r = write_file("/proc/self/uid_map", text);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u %u 1", inside_gid, outside_gid);
	return write_file("/proc/self/gid_map", text);
}

int enter_netns(void)
{
	unsigned int uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	return map_self(0, uid, 0, gid);
}

void capture_begin(struct capture *c)
{
	c->file = memfd_create("stderr", MFD_CLOEXEC);
	assert_true(c->file >= 0);
	/* Appending, as a log is: several descriptors, one end. */
	assert_int_equal(fcntl(c->file, F_SETFL, O_APPEND), 0);
	c->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(c->stderr_fd >= 0);
	assert_true(dup2(c->file, STDERR_FILENO) >= 0);
}

char *capture_end(struct capture *c)
{
	off_t size = lseek(c->file, 0, SEEK_END);
	char *text;

	(void)dup2(c->stderr_fd, STDERR_FILENO);
	fd_closep(&c->stderr_fd);
	assert_true(size >= 0);
	text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(pread(c->file, text, (size_t)size, 0), size);
	fd_closep(&c->file);
	return text;
}

size_t count_char(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}
