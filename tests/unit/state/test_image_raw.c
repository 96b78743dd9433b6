/*
 * Frames of raw images.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/state/rawfile.h"

static int load(const struct rawfile *f, size_t size, size_t *ret_n)
{
	struct report report;
	struct image_raw raw;
	int status;

	assert_int_equal(report_init(&report, "test", /* json= */ true), 0);
	status = rawfile_load(f, RAW_MAGIC_ROUTES, size, &raw, &report);
	assert_int_equal(report.status, status);
	*ret_n = raw.n;
	image_raw_fini(&raw);
	report_fini(&report);
	return status;
}

static void messages_are_counted(void **state)
{
	static struct rawfile f;
	size_t n;

	(void)state;
	for (uint16_t i = 0; i < 10; i++)
		rawfile_begin(&f, i, "abcd", 4);
	assert_int_equal(load(&f, 4 + f.len, &n), 0);
	assert_int_equal(n, 10);
}

static void nothing_there(void **state)
{
	static struct rawfile f;
	size_t n;

	(void)state;
	assert_int_equal(load(&f, 0, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(load(&f, 4, &n), 0);
	assert_int_equal(n, 0);
	for (size_t size = 1; size < 4; size++)
		assert_int_equal(load(&f, size, &n), EXIT_IMAGE);
}

static void lengths(void **state)
{
	static const uint32_t bad[] = { 0, 1, 15, 21, 24, 0x7fffffff, 0x80000000, UINT32_MAX };
	static struct rawfile f;
	size_t n;

	(void)state;
	rawfile_begin(&f, 1, "abcd", 4);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(f.bytes, &bad[i], sizeof(bad[i]));
		assert_int_equal(load(&f, 4 + f.len, &n), EXIT_IMAGE);
	}
}

/* The last one need not be padded. */
static void unpadded_end(void **state)
{
	static struct rawfile f;
	size_t n;
	uint32_t len = 17;

	(void)state;
	rawfile_begin(&f, 1, "a", 1);
	memcpy(f.bytes, &len, sizeof(len));
	assert_int_equal(load(&f, 4 + 17, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(load(&f, 4 + 20, &n), 0);
	assert_int_equal(n, 1);
}

static void each_is_visited_once(void **state)
{
	static struct rawfile f;
	struct image_raw raw;
	struct raw_at at = { .raw = &raw };
	const struct nlmsghdr *nlh;
	uint16_t next = 0;

	(void)state;
	for (uint16_t i = 0; i < 5; i++)
		rawfile_begin(&f, i, "abcdefgh", (size_t)i);
	rawfile_take(&f, &raw);
	while ((nlh = image_raw_next(&at))) {
		assert_int_equal(nlh->nlmsg_type, next++);
		assert_int_equal(at.record, next);
		assert_ptr_equal((const uint8_t *)nlh, raw.buf + at.offset);
	}
	assert_int_equal(next, 5);
	image_raw_fini(&raw);
}

static void other_files(void **state)
{
	struct report report;
	struct image_raw raw;

	(void)state;
	assert_int_equal(report_init(&report, "test", /* json= */ true), 0);
	assert_int_equal(
		image_raw_load(AT_FDCWD, "/nowhere/at/all", RAW_MAGIC_RULES, &raw, &report), 0);
	assert_int_equal(image_raw_load(AT_FDCWD, "/", RAW_MAGIC_RULES, &raw, &report), EXIT_IMAGE);
	assert_int_equal(image_raw_load(AT_FDCWD, "/dev/zero", RAW_MAGIC_RULES, &raw, &report),
			 EXIT_IMAGE);
	image_raw_fini(&raw);
	report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_counted),
		cmocka_unit_test(nothing_there),
		cmocka_unit_test(lengths),
		cmocka_unit_test(unpadded_end),
		cmocka_unit_test(each_is_visited_once),
		cmocka_unit_test(other_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
