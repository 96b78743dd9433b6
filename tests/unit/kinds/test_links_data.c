/*
 * Finding an attribute in what was kept of a link's data.
 */
#include <string.h>

#include "tests/lib/test.h"
#include "worker/links.h"

static void put(struct link_state *state, uint16_t type, uint16_t len, const void *payload)
{
	const struct nlattr attr = { .nla_type = type, .nla_len = (uint16_t)(sizeof(attr) + len) };

	memcpy(state->data + state->data_len, &attr, sizeof(attr));
	if (payload)
		memcpy(state->data + state->data_len + sizeof(attr), payload, len);
	state->data_len += (sizeof(attr) + len + 3U) & ~3U;
}

static void by_type_and_size(void **state)
{
	struct link_state link = { 0 };
	const uint32_t four = 0x11223344;
	const uint8_t one = 7;

	(void)state;
	put(&link, 1, sizeof(four), &four);
	put(&link, 2, sizeof(one), &one);
	put(&link, 3, 0, NULL);
	assert_memory_equal(links_data(&link, 1, sizeof(four)), &four, sizeof(four));
	assert_memory_equal(links_data(&link, 2, sizeof(one)), &one, sizeof(one));
	assert_non_null(links_data(&link, 3, 0));
	assert_null(links_data(&link, 1, 2));
	assert_null(links_data(&link, 2, 4));
	assert_null(links_data(&link, 4, 0));
}

static void nothing_was_kept(void **state)
{
	const struct link_state link = { 0 };

	(void)state;
	assert_null(links_data(&link, 0, 0));
	assert_null(links_data(&link, 1, 4));
}

static void cut_off_or_misnested(void **state)
{
	const struct nlattr lies[] = {
		{ .nla_type = 1, .nla_len = 0 },
		{ .nla_type = 1, .nla_len = 3 },
		{ .nla_type = 1, .nla_len = 9 },
		{ .nla_type = 1, .nla_len = UINT16_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct link_state link = { .data_len = 8 };

		memcpy(link.data, &lies[i], sizeof(lies[i]));
		assert_null(links_data(&link, 1, 4));
		assert_null(links_data(&link, 2, 4));
	}
	for (size_t n = 0; n < sizeof(struct nlattr); n++) {
		const struct link_state link = { .data_len = n };

		assert_null(links_data(&link, 0, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_type_and_size),
		cmocka_unit_test(nothing_was_kept),
		cmocka_unit_test(cut_off_or_misnested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
