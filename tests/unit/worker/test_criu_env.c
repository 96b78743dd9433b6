/*
 * What CRIU's environment asks for: which action it is, and the command line that comes of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "worker/criu_env.h"
#include "worker/report.h"

static const char *const names[] = { "CRTOOLS_SCRIPT_ACTION", "CRTOOLS_IMAGE_DIR",
				     "CRTOOLS_INIT_PID",      "NETCR_EXTERNAL",
				     "NETCR_NS_ID",           "NETCR_OUTSIDE_NETNS",
				     "NETCR_SKIP_KIND",       "NETCR_DUMP" };

/* An environment of @action with the two that always come with it. */
static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unsetenv(names[i]);
	(void)setenv("CRTOOLS_IMAGE_DIR", "/proc/9/fd/7", 1);
	(void)setenv("CRTOOLS_INIT_PID", "42", 1);
	return 0;
}

/* Read it; the command line with one blank between words into @line, of 512 bytes. */
static int read_env(const char *name, enum criu_action *action, char *line)
{
	struct criu_args args;
	struct report report;
	size_t n = 0;
	int status;

	*line = '\0';
	(void)setenv("CRTOOLS_SCRIPT_ACTION", name, 1);
	assert_int_equal(report_init(&report, "criu-action", /* json= */ true), 0);
	status = criu_env_read(&args, action, &report);
	for (int i = 1; !status && i < args.argc; i++)
		n += (size_t)snprintf(line + n, 512 - n, "%s%s", i > 1 ? " " : "", args.argv[i]);
	if (!status)
		assert_null(args.argv[args.argc]);
	criu_args_fini(&args);
	report_fini(&report);
	return status;
}

static void actions(void **state)
{
	static const struct {
		const char *name;
		enum criu_action action;
		const char *line;
	} cases[] = {
		{ "setup-namespaces", CRIU_RESTORE, "-D /proc/9/fd/7 --pid 42" },
		{ "post-setup-namespaces", CRIU_VERIFY, "-D /proc/9/fd/7 --pid 42" },
		{ "post-resume", CRIU_ANNOUNCE, "--pid 42" },
		{ "post-dump", CRIU_NOTHING, "" },
		{ "network-unlock", CRIU_NOTHING, "" },
		{ "pre-restore", CRIU_NOTHING, "" },
		{ "", CRIU_NOTHING, "" },
		{ "setup-namespaces2", CRIU_NOTHING, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum criu_action action = CRIU_DUMP;
		char line[512];

		assert_int_equal(read_env(cases[i].name, &action, line), 0);
		assert_int_equal(action, cases[i].action);
		assert_string_equal(line, cases[i].line);
	}
}

static void options(void **state)
{
	enum criu_action action;
	char line[512];

	(void)state;
	(void)setenv("NETCR_EXTERNAL", "  macvlan[a]:p\tmacvlan[*]:q\n", 1);
	(void)setenv("NETCR_NS_ID", "12", 1);
	(void)setenv("NETCR_OUTSIDE_NETNS", "/run/a b", 1);
	(void)setenv("NETCR_SKIP_KIND", "vxlan geneve", 1);
	assert_int_equal(read_env("setup-namespaces", &action, line), 0);
	assert_string_equal(line, "-D /proc/9/fd/7 --pid 42 --external macvlan[a]:p --external "
				  "macvlan[*]:q --ns-id 12 --outside-netns /run/a b");
	assert_int_equal(read_env("post-resume", &action, line), 0);
	assert_string_equal(line, "--pid 42");
	(void)setenv("NETCR_DUMP", "yes", 1);
	assert_int_equal(read_env("post-dump", &action, line), 0);
	assert_int_equal(action, CRIU_DUMP);
	assert_string_equal(line, "-D /proc/9/fd/7 --pid 42 --external macvlan[a]:p --external "
				  "macvlan[*]:q --ns-id 12 --skip-kind vxlan --skip-kind geneve");
	(void)setenv("NETCR_DUMP", "no", 1);
	assert_int_equal(read_env("post-dump", &action, line), 0);
	assert_int_equal(action, CRIU_NOTHING);
}

static void empty_is_not_set(void **state)
{
	enum criu_action action;
	char line[512];

	(void)state;
	(void)setenv("NETCR_EXTERNAL", " \n", 1);
	(void)setenv("NETCR_NS_ID", "", 1);
	assert_int_equal(read_env("setup-namespaces", &action, line), 0);
	assert_string_equal(line, "-D /proc/9/fd/7 --pid 42");
	(void)setenv("CRTOOLS_INIT_PID", "", 1);
	assert_int_equal(read_env("setup-namespaces", &action, line), EXIT_USAGE_);
	(void)unsetenv("CRTOOLS_INIT_PID");
	assert_int_equal(read_env("post-resume", &action, line), EXIT_USAGE_);
}

static void bounds(void **state)
{
	static char many[CRIU_TEXT_MAX + 1];
	enum criu_action action;
	char line[512];

	(void)state;
	/* "a a a …": two words of argv each. */
	for (size_t i = 0; i + 1 < sizeof(many); i++)
		many[i] = i % 2 ? ' ' : 'a';
	many[CRIU_ARGS_MAX] = '\0';
	(void)setenv("NETCR_EXTERNAL", many, 1);
	assert_int_equal(read_env("setup-namespaces", &action, line), EXIT_USAGE_);
	memset(many, 'a', sizeof(many) - 1);
	(void)setenv("NETCR_EXTERNAL", many, 1);
	assert_int_equal(read_env("setup-namespaces", &action, line), EXIT_USAGE_);
	(void)setenv("NETCR_DUMP", "1", 1);
	assert_int_equal(read_env("post-dump", &action, line), EXIT_USAGE_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(actions, set_up),
		cmocka_unit_test_setup(options, set_up),
		cmocka_unit_test_setup(empty_is_not_set, set_up),
		cmocka_unit_test_setup(bounds, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
