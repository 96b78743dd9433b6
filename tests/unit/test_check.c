/*
 * Names, addresses and ranges: each byte value, each bound and its neighbours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "tests/lib/test.h"

/* The name lies at the end of a block, for a build that sees a read past it. */
static int check_name(const char *name)
{
	char *copy = strdup(name);
	int r;

	assert_non_null(copy);
	r = check_ifname(copy);
	free(copy);
	return r;
}

static void L9_every_byte_value(void **state)
{
	(void)state;
	for (int c = 1; c <= 255; c++) {
		const bool good = c > ' ' && c <= '~' && c != '/' && c != ':' && c != '%';
		const char first[] = { (char)c, 'a', '\0' };
		const char middle[] = { 'a', (char)c, 'a', '\0' };
		const char last[] = { 'a', (char)c, '\0' };

		if (check_name(first) != (good ? 0 : -EINVAL) ||
		    check_name(middle) != (good ? 0 : -EINVAL) ||
		    check_name(last) != (good ? 0 : -EINVAL))
			fail_msg("byte %#x", (unsigned int)c);
	}
}

static void L9_forms_of_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{ "", false },
		{ "a", true },
		{ ".", false },
		{ "..", false },
		{ "...", true },
		{ ".a", true },
		{ "all", false },
		{ "al", true },
		{ "all0", true },
		{ "default", false },
		{ "defaul", true },
		{ "defaults", true },
		{ "lo", false },
		{ "lo0", true },
		{ "l", true },
		{ "%", false },
		{ "%d", false },
		{ "mv%d", false },
		{ "a/b", false },
		{ "eth0:1", false },
		{ "a b", false },
		{ " ", false },
		{ "a\n", false },
		{ "abcdefghijklmno", true },
		{ "abcdefghijklmnop", false },
		{ "abcdefghijklmnopq", false },
		{ "!\"#$&'()*+,-;<=", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (check_name(cases[i].name) != (cases[i].good ? 0 : -EINVAL))
			fail_msg("'%s'", cases[i].name);
	}
}

/* Sixteen bytes without an end are looked at, and no more. */
static void L9_name_without_an_end(void **state)
{
	char *block = malloc(16);

	(void)state;
	assert_non_null(block);
	memset(block, 'a', 16);
	assert_int_equal(check_ifname(block), -EINVAL);
	free(block);
}

static void L13_every_first_byte(void **state)
{
	(void)state;
	for (unsigned int first = 0; first <= 255; first++) {
		const uint8_t mac[6] = { (uint8_t)first, 0, 0, 0, 0, 1 };

		assert_int_equal(check_mac(mac), first & 1 ? -EADDRNOTAVAIL : 0);
	}
}

static void L13_zero_and_broadcast(void **state)
{
	static const uint8_t zero[6], broadcast[6] = { 255, 255, 255, 255, 255, 255 };

	(void)state;
	assert_int_equal(check_mac(zero), -EADDRNOTAVAIL);
	assert_int_equal(check_mac(broadcast), -EADDRNOTAVAIL);
	for (size_t i = 0; i < 6; i++) {
		uint8_t mac[6] = { 0 };

		mac[i] = 2;
		assert_int_equal(check_mac(mac), 0);
	}
}

static void ranges_include_their_ends(void **state)
{
	static const struct {
		uint32_t value, low, high;
		bool within;
	} cases[] = {
		{ 0, 0, 0, true },
		{ 1, 0, 0, false },
		{ 67, 68, 65535, false },
		{ 68, 68, 65535, true },
		{ 65535, 68, 65535, true },
		{ 65536, 68, 65535, false },
		{ UINT32_MAX, 0, UINT32_MAX, true },
		{ UINT32_MAX, 0, UINT32_MAX - 1, false },
		{ UINT32_C(1) << 31, 0, INT32_MAX, false },
		{ 5, 6, 4, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(check_u32_range(cases[i].value, cases[i].low, cases[i].high),
				 cases[i].within);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L9_every_byte_value),
		cmocka_unit_test(L9_forms_of_names),
		cmocka_unit_test(L9_name_without_an_end),
		cmocka_unit_test(L13_every_first_byte),
		cmocka_unit_test(L13_zero_and_broadcast),
		cmocka_unit_test(ranges_include_their_ends),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
