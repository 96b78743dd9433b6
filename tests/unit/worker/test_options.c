/*
 * argv to options: what is taken, what is refused, and that errors can be JSON.
 */
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/unit/worker/place.h"
#include "worker/options.h"

enum {
	ALL = OPTION_IMAGES | OPTION_TARGET | OPTION_NS_ID | OPTION_EXTERNAL | OPTION_BROKER |
	      OPTION_DRY_RUN | OPTION_JSON,
	ARGS_MAX = 16
};

/* Parse a command line of words with one blank between them; "" is written as ''. */
static int parse(const char *line, unsigned int takes, struct options *options,
		 struct report *report)
{
	static char text[512];
	char *argv[ARGS_MAX + 1];
	int argc = 0;

	(void)snprintf(text, sizeof(text), "restore %s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < ARGS_MAX);
		argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	}
	argv[argc] = NULL;
	return options_parse(argc, argv, takes, options, report);
}

static void everything(void **state)
{
	struct options o;
	struct report report;

	(void)state;
	assert_int_equal(parse("-D dir --pid 12 --ns-id 7 --external macvlan[a]:b --broker fd:3 "
			       "--dry-run --json",
			       ALL, &o, &report),
			 0);
	assert_string_equal(o.images, "dir");
	assert_int_equal(o.target.pid, 12);
	assert_null(o.target.netns);
	assert_int_equal(o.ns_id, 7);
	assert_int_equal(o.externals.n, 1);
	assert_string_equal(o.broker, "fd:3");
	assert_true(o.dry_run && o.json && report.json);
	options_fini(&o);
	report_fini(&report);
	assert_int_equal(parse("--images-dir=d --netns=/n --userns /u", ALL, &o, &report), 0);
	assert_string_equal(o.target.netns, "/n");
	assert_string_equal(o.target.userns, "/u");
	assert_true(!o.target.pid && !o.ns_id && !o.broker && !o.dry_run && !o.json);
	options_fini(&o);
	report_fini(&report);
}

static void refused(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{ "", "-D DIR is missing" },
		{ "--json", "-D DIR is missing" },
		{ "-D", "-D needs an argument" },
		{ "-D d --pid", "--pid needs an argument" },
		{ "-D d extra", "extra" },
		{ "-D d --", NULL },
		{ "-D d -- extra", "extra" },
		{ "-D d --nonsense", "--nonsense" },
		{ "-D d -j", "-j" },
		{ "-D d -p 1", "-p" },
		{ "-D d --pid 0", "--pid 0" },
		{ "-D d --pid -1", "--pid -1" },
		{ "-D d --pid +1", "--pid +1" },
		{ "-D d --pid ''", "--pid" },
		{ "-D d --pid 1x", "1x" },
		{ "-D d --pid 0x1", "0x1" },
		{ "-D d --pid 2147483647", NULL },
		{ "-D d --pid 2147483648", "2147483648" },
		{ "-D d --pid 99999999999999999999", "99999999999999999999" },
		{ "-D d --ns-id 4294967295", NULL },
		{ "-D d --ns-id 4294967296", "4294967296" },
		{ "-D d --ns-id 0", "--ns-id 0" },
		{ "-D d --pid 1 --netns /n", "--pid names both" },
		{ "-D d --netns /n --pid 1", "--pid names both" },
		{ "-D d --pid 1 --userns /n", "--pid names both" },
		{ "-D d --userns /n", "--userns goes with --netns" },
		{ "-D d --external macvlan", "macvlan[NAME]:PARENT" },
		{ "-D d --dry-run=yes", "--dry-run" },
	};
	struct options o;
	struct report report;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = parse(cases[i].line, ALL, &o, &report);

		if (r != (cases[i].part ? EXIT_USAGE_ : 0))
			fail_msg("\"%s\": %d %s", cases[i].line, r, report.text);
		if (cases[i].part && !strstr(report.text, cases[i].part))
			fail_msg("\"%s\": \"%s\"", cases[i].line, report.text);
		options_fini(&o);
		report_fini(&report);
	}
}

/* A command takes its own options, and says so of the others. */
static void sets(void **state)
{
	static const struct {
		const char *line;
		unsigned int set;
	} cases[] = {
		{ "--pid 1", OPTION_TARGET },    { "--netns /n", OPTION_TARGET },
		{ "--ns-id 1", OPTION_NS_ID },   { "--external macvlan[a]:b", OPTION_EXTERNAL },
		{ "--broker x", OPTION_BROKER }, { "--dry-run", OPTION_DRY_RUN },
		{ "--json", OPTION_JSON },       { "--dot", OPTION_DOT },
	};
	struct options o;
	struct report report;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].line, cases[i].set, &o, &report), 0);
		options_fini(&o);
		report_fini(&report);
		assert_int_equal(parse(cases[i].line, ~cases[i].set & ~(unsigned int)OPTION_IMAGES,
				       &o, &report),
				 EXIT_USAGE_);
		assert_non_null(strstr(report.text, "unknown option"));
		options_fini(&o);
		report_fini(&report);
	}
}

static void errors_as_json(void **state)
{
	struct options o;
	struct report report;

	(void)state;
	assert_int_equal(parse("--nonsense --json", ALL, &o, &report), EXIT_USAGE_);
	assert_true(report.json);
	options_fini(&o);
	report_fini(&report);
	assert_int_equal(parse("--nonsense --json", ALL & ~(unsigned int)OPTION_JSON, &o, &report),
			 EXIT_USAGE_);
	assert_false(report.json);
	options_fini(&o);
	report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(refused),
		cmocka_unit_test(sets),
		cmocka_unit_test(errors_as_json),
	};

	return cmocka_run_group_tests_name("worker_options", tests, NULL, NULL);
}
