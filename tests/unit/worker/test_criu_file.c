/*
 * netcr.options: what is taken, what comes first, and that anything else is an error with its line.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "worker/criu_file.h"
#include "worker/externals.h"
#include "worker/options.h"
#include "worker/report.h"

/* Parse @len bytes of @text, in memory of just that size. */
static int parse(const char *text, size_t len, struct options *options, char *ret_why, size_t size)
{
	char *copy = malloc(len + 1);
	struct report report;
	int status;

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy[len] = '\0';
	assert_int_equal(report_init(&report, "criu-action", /* json= */ true), 0);
	status = criu_file_parse(copy, len, options, &report);
	(void)snprintf(ret_why, size, "%.255s", report.text);
	report_fini(&report);
	free(copy);
	return status;
}

static void taken(void **state)
{
	static const char text[] =
		"# a comment\n\n\t external=macvlan[eth0]:lan0 \r\n"
		"external = macvlan[012345678901234]:rooooooooouters/lan4567890abcde\n"
		"external = macvlan[*]:lan1\nns-id = 12";
	struct options o = { 0 };
	char why[256];

	(void)state;
	assert_int_equal(parse(text, strlen(text), &o, why, sizeof(why)), 0);
	assert_int_equal(o.ns_id, 12);
	assert_string_equal(externals_find(&o.externals, "macvlan", "eth0"), "lan0");
	assert_string_equal(externals_find(&o.externals, "macvlan", "eth1"), "lan1");
	assert_string_equal(externals_find(&o.externals, "macvlan", "012345678901234"),
			    "rooooooooouters/lan4567890abcde");
	options_fini(&o);
}

static void said_already(void **state)
{
	static const char text[] = "external = macvlan[eth0]:bad\nexternal = macvlan[eth1]:lan1\n"
				   "ns-id = 12\n";
	struct options o = { .ns_id = 7 };
	struct report report;
	char why[256];

	(void)state;
	assert_int_equal(report_init(&report, "criu-action", /* json= */ true), 0);
	assert_int_equal(externals_add(&o.externals, "macvlan[eth0]:lan0", &report), 0);
	assert_int_equal(parse(text, strlen(text), &o, why, sizeof(why)), 0);
	assert_int_equal(o.ns_id, 7);
	assert_string_equal(externals_find(&o.externals, "macvlan", "eth0"), "lan0");
	assert_string_equal(externals_find(&o.externals, "macvlan", "eth1"), "lan1");
	options_fini(&o);
	o = (struct options){ 0 };
	assert_int_equal(externals_add(&o.externals, "macvlan[*]:lan0", &report), 0);
	assert_int_equal(parse(text, strlen(text), &o, why, sizeof(why)), 0);
	assert_string_equal(externals_find(&o.externals, "macvlan", "eth1"), "lan0");
	options_fini(&o);
	report_fini(&report);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "x", "line 1: is not KEY = VALUE" },
		{ "\n=", "line 2: has a key other than" },
		{ "#\nExternal = macvlan[a]:b", "line 2: has a key other than" },
		{ "broker = /tmp/x", "line 1: has a key other than" },
		{ "external = ", "line 1: of external only" },
		{ "external = macvlan", "line 1: of external only" },
		{ "external = macvlan[a]:b]:c", "line 1: what external has" },
		{ "external = macvlan[a]", "line 1: external is not of the form" },
		{ "external = macvlan[**]:b", NULL },
		{ "external = macvlan[a b]:c", "line 1: what external has" },
		{ "external = macvlan[0123456789012345]:c", "line 1: what external has" },
		{ "external = macvlan[a]:*", NULL },
		{ "external = macvlan[a]:../c", "line 1: what external has" },
		{ "external = macvlan[a]:b/c/d", "line 1: what external has" },
		{ "external = veth[a]:b", "line 1: of external only" },
		{ "ns-id = ", "line 1: ns-id is not" },
		{ "ns-id = -1", "line 1: ns-id is not" },
		{ "ns-id = 0", "line 1: ns-id is not" },
		{ "ns-id = 4294967296", "line 1: ns-id is not" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options o = { 0 };
		char why[256] = "";
		int status = parse(cases[i].text, strlen(cases[i].text), &o, why, sizeof(why));

		/* Odd names that the kernel would take are for the broker to judge. */
		assert_int_equal(status, cases[i].why ? EXIT_IMAGE : 0);
		if (cases[i].why && !strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].text, why);
		options_fini(&o);
	}
}

static void nul_and_lines(void **state)
{
	static const char nul[] = "ns-id = 1\0\nns-id = 2";
	char lines[CRIU_LINES_MAX + 1], why[256];
	struct options o = { 0 };

	(void)state;
	assert_int_equal(parse(nul, sizeof(nul) - 1, &o, why, sizeof(why)), EXIT_IMAGE);
	assert_int_equal(o.ns_id, 0);
	memset(lines, '\n', sizeof(lines));
	assert_int_equal(parse(lines, CRIU_LINES_MAX - 1, &o, why, sizeof(why)), 0);
	assert_int_equal(parse(lines, CRIU_LINES_MAX, &o, why, sizeof(why)), EXIT_IMAGE);
	assert_int_equal(parse("", 0, &o, why, sizeof(why)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(said_already),
		cmocka_unit_test(refused),
		cmocka_unit_test(nul_and_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
