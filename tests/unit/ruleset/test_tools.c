/*
 * The helper: what it may, what comes back, and that it ends. The programs it runs are chosen by
 * the test, in the place of nft.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "worker/tools_helper.h"

/* A helper that runs @path with the arguments of @job. Returns its pid, or -1. */
static pid_t start(struct tools *ret, enum tools_job job, const char *path)
{
	int pair[2];
	pid_t pid;

	*ret = (struct tools){ 0 };
	(void)snprintf(ret->paths[job], TOOLS_PATH_MAX, "%s", path);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		tools_helper(pair[1], ret);
	(void)close(pair[1]);
	ret->sock = pair[0];
	return pid;
}

static bool has_ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid;
}

/* cat -w prints that it knows no such option: a tool that fails. */
static int fails_in_its_own_words(void *arg)
{
	struct tools tools;
	struct tools_result result;
	pid_t pid;

	(void)arg;
	CHECK(enter_netns() == 0);
	pid = start(&tools, TOOLS_IPTABLES_LOAD, "/usr/bin/cat");
	CHECK(pid > 0);
	CHECK(tools_run(&tools, TOOLS_IPTABLES_LOAD, "x", 1, &result) == -ECHILD);
	CHECK(strstr(result.text, "invalid option") && !strchr(result.text, '\n'));
	CHECK(!result.out && !result.is_unknown);
	CHECK(tools_run(&tools, TOOLS_NFT_LIST, NULL, 0, &result) == -ENOENT);
	tools_fini(&tools);
	CHECK(has_ended(pid));
	return CHILD_OK;
}

/* As cat without arguments: what goes in comes out, at the largest size and at one more. */
static int passes_bytes(void *arg)
{
	const size_t sizes[] = { 0, 1, 65536, 65537, TOOLS_OUT_MAX, TOOLS_OUT_MAX + 1 };
	struct tools tools;
	struct tools_result result;
	char *big = malloc(TOOLS_OUT_MAX + 1);
	pid_t pid;

	(void)arg;
	CHECK(big && enter_netns() == 0);
	for (size_t i = 0; i <= TOOLS_OUT_MAX; i++)
		big[i] = (char)('a' + i % 23);
	pid = start(&tools, TOOLS_IPTABLES_LIST, "/usr/bin/cat");
	CHECK(pid > 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int r = tools_run(&tools, TOOLS_IPTABLES_LIST, big, sizes[i], &result);

		if (sizes[i] > TOOLS_OUT_MAX) {
			CHECK(r == -EFBIG);
			continue;
		}
		CHECK(r == 0 && result.n_out == sizes[i]);
		CHECK(sizes[i] == 0 || memcmp(result.out, big, sizes[i]) == 0);
		tools_result_fini(&result);
	}
	CHECK(tools_run(&tools, TOOLS_IPTABLES_LIST, big, TOOLS_IN_MAX + 1, &result) == -EFBIG);
	free(big);
	tools_fini(&tools);
	CHECK(has_ended(pid));
	return CHILD_OK;
}

/* env prints what it has: nothing, or for the old iptables one variable. */
static int environment_is_empty(void *arg)
{
	struct tools tools;
	struct tools_result result;
	pid_t pid;

	(void)arg;
	CHECK(enter_netns() == 0 && setenv("LD_PRELOAD", "/nowhere", 1) == 0);
	pid = start(&tools, TOOLS_IPTABLES_LIST, "/usr/bin/env");
	CHECK(pid > 0);
	CHECK(tools_run(&tools, TOOLS_IPTABLES_LIST, NULL, 0, &result) == 0);
	CHECK(result.n_out == 0);
	tools_fini(&tools);
	CHECK(has_ended(pid));
	return CHILD_OK;
}

static int is_gone_when_killed(void *arg)
{
	struct tools tools;
	struct tools_result result;
	pid_t pid;

	(void)arg;
	CHECK(enter_netns() == 0);
	pid = start(&tools, TOOLS_IPTABLES_LIST, "/usr/bin/cat");
	CHECK(pid > 0 && kill(pid, SIGKILL) == 0 && has_ended(pid));
	CHECK(tools_run(&tools, TOOLS_IPTABLES_LIST, "x", 1, &result) == -EPIPE);
	CHECK(*result.text);
	CHECK(tools_run(&tools, TOOLS_IPTABLES_LIST, "x", 1, &result) == -EPIPE);
	tools_fini(&tools);
	return CHILD_OK;
}

/* A helper that lies about sizes is not believed. */
static int lies_are_not_believed(void *arg)
{
	static const struct tools_reply lies[] = {
		{ .n_out = TOOLS_OUT_MAX + 1 },
		{ .n_out = UINT64_MAX },
		{ .n_text = TOOLS_TEXT_MAX },
		{ .n_text = UINT64_MAX },
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct tools tools;
		struct tools_result result;
		int pair[2];

		tools_init(&tools);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
		tools.sock = pair[0];
		CHECK(write(pair[1], &lies[i], sizeof(lies[i])) == sizeof(lies[i]));
		CHECK(tools_run(&tools, TOOLS_NFT_LIST, NULL, 0, &result) == -EPIPE);
		CHECK(result.is_unknown && !result.out && tools.sock < 0);
		(void)close(pair[1]);
	}
	return CHILD_OK;
}

/* Its own confinement, tried in its place. */
static int writes_nothing(void *arg)
{
	(void)arg;
	CHECK(enter_netns() == 0);
	CHECK(tools_confine() == 0);
	NEED(open("/dev/null", O_RDWR | O_CLOEXEC) < 0); /* else there is no Landlock */
	CHECK(open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600) < 0);
	CHECK(open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(open("/usr/bin/env", O_RDONLY | O_CLOEXEC) >= 0);
	return CHILD_OK;
}

#define TEST_CHILD(name)                      \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		child_must_pass(name, NULL);  \
	}
TEST_CHILD(fails_in_its_own_words)
TEST_CHILD(passes_bytes)
TEST_CHILD(environment_is_empty)
TEST_CHILD(is_gone_when_killed)
TEST_CHILD(lies_are_not_believed)
TEST_CHILD(writes_nothing)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fails_in_its_own_words),
		cmocka_unit_test(test_passes_bytes),
		cmocka_unit_test(test_environment_is_empty),
		cmocka_unit_test(test_is_gone_when_killed),
		cmocka_unit_test(test_lies_are_not_believed),
		cmocka_unit_test(test_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
