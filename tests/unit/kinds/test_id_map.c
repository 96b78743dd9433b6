/*
 * Maps of ids: their text, and the edges of their ranges.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "worker/id_map.h"

static int inside(const struct id_map *map, uint32_t outside)
{
	uint32_t id = 0;

	return id_map_inside(map, outside, &id) == 0 ? (int)id : -1;
}

static void ranges_and_their_edges(void **state)
{
	struct id_map map;

	(void)state;
	assert_int_equal(id_map_parse("         0       1001          1\n"
				      "         1     100000      65536\n",
				      &map),
			 0);
	assert_int_equal(map.n, 2);
	assert_int_equal(inside(&map, 1000), -1);
	assert_int_equal(inside(&map, 1001), 0);
	assert_int_equal(inside(&map, 1002), -1);
	assert_int_equal(inside(&map, 99999), -1);
	assert_int_equal(inside(&map, 100000), 1);
	assert_int_equal(inside(&map, 165535), 65536);
	assert_int_equal(inside(&map, 165536), -1);
	assert_int_equal(inside(&map, UINT32_MAX), -1);
}

static void whole_and_empty(void **state)
{
	struct id_map map;

	(void)state;
	assert_int_equal(id_map_parse("0 0 4294967295\n", &map), 0);
	assert_int_equal(inside(&map, 0), 0);
	assert_int_equal(inside(&map, 65534), 65534);
	assert_int_equal(id_map_parse("", &map), 0);
	assert_int_equal(map.n, 0);
	assert_int_equal(inside(&map, 0), -1);
}

static void texts_that_are_none(void **state)
{
	static const char *const bad[] = {
		"0 0\n",    "0 0 1",
		"0 0 1 \n", "a 0 1\n",
		"0 -1 1\n", "0 0 4294967296\n",
		"\n",       "0 0 99999999999999999999\n",
		"0,0,1\n",
	};
	struct id_map map = { .n = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (id_map_parse(bad[i], &map) != -EINVAL || map.n != 77)
			fail_msg("'%s'", bad[i]);
	}
}

static void as_many_lines_as_the_kernel_has(void **state)
{
	_cleanup_free_ char *text = calloc(ID_MAP_MAX + 1, 32);
	struct id_map map;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < ID_MAP_MAX; i++)
		len += (size_t)sprintf(text + len, "%d %d 1\n", i, 2 * i);
	assert_int_equal(id_map_parse(text, &map), 0);
	assert_int_equal(inside(&map, 2 * (ID_MAP_MAX - 1)), ID_MAP_MAX - 1);
	(void)sprintf(text + len, "1 1 1\n");
	assert_int_equal(id_map_parse(text, &map), -EINVAL);
}

static void the_other_way_round(void **state)
{
	struct id_map map;
	uint32_t id = 1;

	(void)state;
	assert_int_equal(id_map_parse("0 1000 1\n1 100000 65535\n", &map), 0);
	assert_int_equal(id_map_outside(&map, 0, &id), 0);
	assert_int_equal(id, 1000);
	assert_int_equal(id_map_outside(&map, 65535, &id), 0);
	assert_int_equal(id, 165534);
	assert_int_equal(id_map_outside(&map, 65536, &id), -ENOENT);
	assert_int_equal(id_map_outside(&map, UINT32_MAX, &id), -ENOENT);
	assert_int_equal(id, 165534);
}

static void that_of_this_process(void **state)
{
	struct id_map map;

	(void)state;
	assert_int_equal(id_map_read("/proc/self/uid_map", &map), 0);
	assert_true(map.n > 0);
	assert_int_equal(id_map_read("/proc/self/no_map", &map), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_and_their_edges),
		cmocka_unit_test(whole_and_empty),
		cmocka_unit_test(texts_that_are_none),
		cmocka_unit_test(as_many_lines_as_the_kernel_has),
		cmocka_unit_test(the_other_way_round),
		cmocka_unit_test(that_of_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
