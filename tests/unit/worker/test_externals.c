/*
 * --external: which forms there are, and which value a link gets.
 */
#include "tests/lib/test.h"
#include "tests/unit/worker/place.h"
#include "worker/externals.h"

static void I5_forms_that_are_none(void **state)
{
	static const char *const keys[] = {
		"",
		":",
		"[",
		"]",
		"[]",
		"[]:",
		"[]:x",
		"macvlan",
		"macvlan:",
		"macvlan:par0",
		"macvlan[]",
		"macvlan[]:par0",
		"macvlan[eth0]",
		"macvlan[eth0]:",
		"macvlan[eth0",
		"macvlan[eth0:par0",
		"macvlaneth0]:par0",
		"[eth0]:par0",
		"macvlan[eth0]par0",
		"macvlan[eth0] :par0",
		"]macvlan[:par0",
	};
	struct externals e = { 0 };
	struct report report;

	(void)state;
	quiet_report(&report);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		expect_error(&report, externals_add(&e, keys[i], &report), EXIT_USAGE_,
			     "macvlan[NAME]:PARENT");
		assert_int_equal(e.n, 0);
	}
	externals_fini(&e);
	report_fini(&report);
}

static void I5_other_kinds(void **state)
{
	static const char *const keys[] = { "bridge[a]:b", "net[1]:x", "macvla[a]:b",
					    "macvlan2[a]:b", "Macvlan[a]:b" };
	struct externals e = { 0 };
	struct report report;

	(void)state;
	quiet_report(&report);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		expect_error(&report, externals_add(&e, keys[i], &report), EXIT_USAGE_, keys[i]);
	assert_int_equal(e.n, 0);
	externals_fini(&e);
	report_fini(&report);
}

static void I5_name_before_star(void **state)
{
	struct externals e = { 0 };
	struct report report;

	(void)state;
	quiet_report(&report);
	assert_null(externals_find(&e, "macvlan", "eth0"));
	assert_int_equal(externals_add(&e, "macvlan[eth0]:first", &report), 0);
	assert_null(externals_find(&e, "macvlan", "eth1"));
	assert_int_equal(externals_add(&e, "macvlan[*]:star", &report), 0);
	assert_int_equal(externals_add(&e, "macvlan[eth2]:a]b:c", &report), 0);
	assert_string_equal(externals_find(&e, "macvlan", "eth0"), "first");
	assert_string_equal(externals_find(&e, "macvlan", "eth1"), "star");
	assert_string_equal(externals_find(&e, "macvlan", "eth"), "star");
	assert_string_equal(externals_find(&e, "macvlan", "eth2"), "a]b:c");
	assert_null(externals_find(&e, "veth", "eth0"));
	externals_fini(&e);
	assert_int_equal(e.n, 0);
	report_fini(&report);
}

static void I5_twice(void **state)
{
	struct externals e = { 0 };
	struct report report;

	(void)state;
	quiet_report(&report);
	assert_int_equal(externals_add(&e, "macvlan[a]:b", &report), 0);
	assert_int_equal(externals_add(&e, "macvlan[*]:b", &report), 0);
	expect_error(&report, externals_add(&e, "macvlan[a]:b", &report), EXIT_USAGE_, "already");
	expect_error(&report, externals_add(&e, "macvlan[*]:c", &report), EXIT_USAGE_, "already");
	assert_int_equal(e.n, 2);
	externals_fini(&e);
	report_fini(&report);
}

static void I5_unused(void **state)
{
	struct externals e = { 0 };
	struct report report;

	(void)state;
	quiet_report(&report);
	assert_int_equal(externals_add(&e, "macvlan[a]:b", &report), 0);
	assert_int_equal(externals_add(&e, "macvlan[*]:c", &report), 0);
	externals_warn_unused(&e, &report);
	assert_int_equal(count_warnings(&report), 2);
	(void)externals_find(&e, "macvlan", "a");
	externals_warn_unused(&e, &report);
	assert_int_equal(count_warnings(&report), 3);
	(void)externals_find(&e, "macvlan", "x");
	externals_warn_unused(&e, &report);
	assert_int_equal(count_warnings(&report), 3);
	externals_fini(&e);
	report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(I5_forms_that_are_none),
		cmocka_unit_test(I5_other_kinds),
		cmocka_unit_test(I5_name_before_star),
		cmocka_unit_test(I5_twice),
		cmocka_unit_test(I5_unused),
	};

	return cmocka_run_group_tests_name("worker_externals", tests, NULL, NULL);
}
