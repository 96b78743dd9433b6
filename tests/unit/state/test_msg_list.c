/*
 * Lists of messages: sorting, finding, growing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "worker/msg_list.h"

static void add(struct msg_list *list, const char *text, uint32_t order, size_t same)
{
	const struct msg_item item = { .order = order, .same = same };
	struct nlmsghdr *nlh = msg_list_room(list, 64);

	assert_non_null(nlh);
	(void)mnl_nlmsg_put_header(nlh);
	memcpy(mnl_nlmsg_put_extra_header(nlh, strlen(text)), text, strlen(text));
	assert_int_equal(msg_list_add(list, &item), 0);
}

static void orders(void **state)
{
	static const size_t content[] = { 3, 1, 4, 0, 2 }, order[] = { 2, 0, 1, 3, 4 };
	struct msg_list list = { 0 };
	size_t *sorted;

	(void)state;
	add(&list, "dddd", 5, 4);
	add(&list, "bbbb", 5, 4);
	add(&list, "eeee", 1, 4);
	add(&list, "bbbb", 5, 3);
	add(&list, "bbbbcccc", 6, 8);
	sorted = msg_list_by_content(&list);
	assert_memory_equal(sorted, content, sizeof(content));
	for (size_t i = 0; i < list.n; i++)
		assert_true(msg_list_has(&list, sorted, &list, i));
	free(sorted);
	sorted = msg_list_by_order(&list);
	assert_memory_equal(sorted, order, sizeof(order));
	free(sorted);
	msg_list_fini(&list);
}

static void many(void **state)
{
	struct msg_list list = { 0 }, other = { 0 };
	size_t *sorted;
	char text[16];

	(void)state;
	for (unsigned int i = 0; i < 10000; i++) {
		(void)snprintf(text, sizeof(text), "%08u", (i * 7919) % 10000);
		add(&list, text, i, 8);
	}
	for (unsigned int i = 0; i < 20000; i += 100) {
		(void)snprintf(text, sizeof(text), "%08u", i);
		add(&other, text, i, 8);
	}
	sorted = msg_list_by_content(&list);
	for (size_t i = 0; i < other.n; i++)
		assert_int_equal(msg_list_has(&list, sorted, &other, i), i < other.n / 2);
	free(sorted);
	msg_list_fini(&list);
	msg_list_fini(&other);
}

static void empty(void **state)
{
	struct msg_list list = { 0 }, other = { 0 };
	size_t *sorted = msg_list_by_content(&list);

	(void)state;
	assert_non_null(sorted);
	add(&other, "a", 0, 1);
	assert_false(msg_list_has(&list, sorted, &other, 0));
	free(sorted);
	msg_list_fini(&list);
	msg_list_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(many),
		cmocka_unit_test(empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
