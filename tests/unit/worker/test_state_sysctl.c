/*
 * Sysctls: decoding, what has to be written, in which order, and what is read back. The files of
 * a directory stand for those of /proc/sys/net, but for that they take what they are given.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/worker/place.h"
#include "worker/state_sysctl.h"
#include "worker/sysctl_net.h"

enum {
	ENTRIES_MAX = 64
};

static const struct sysctl_source at = { .file = "f", .record = 3, .field = "conf" };

/* An image's list, all of it numbers: positions are names. */
struct list {
	Img__Sysctl entries[ENTRIES_MAX];
	Img__Sysctl *pointers[ENTRIES_MAX];
};

static Img__Sysctl *const *numbers(struct list *list, size_t n, int32_t value)
{
	for (size_t i = 0; i < n; i++) {
		img__sysctl__init(&list->entries[i]);
		list->entries[i].type = IMG__SYSCTL_TYPE__CTL_32;
		list->entries[i].has_iarg = 1;
		list->entries[i].iarg = value;
		list->pointers[i] = &list->entries[i];
	}
	return list->pointers;
}

/* A directory that is no namespace's. */
static const struct sysctl_net *place_net(const struct place *place)
{
	static struct sysctl_net net;

	net = SYSCTL_NET_NONE;
	net.other = place->fd;
	return &net;
}

static size_t index_of(const struct sysctl_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(table->names[i], name) == 0)
			return i;
	}
	fail_msg("no sysctl %s", name);
	return 0;
}

static void decode(struct sysctl_set *ret, const struct sysctl_table *table, const char *dir,
		   Img__Sysctl *const *entries, size_t n)
{
	struct report report;

	quiet_report(&report);
	assert_int_equal(sysctl_set_decode(ret, table, dir, entries, n, NULL, 0, &at, &report), 0);
	report_fini(&report);
}

static void fill(const struct place *place, const struct sysctl_table *table, const char *dir,
		 const char *text)
{
	char name[128];

	for (size_t i = 0; i < table->n; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", dir, table->names[i]);
		place_write_text(place, name, text);
	}
}

static void I7_texts(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *value;
	} cases[] = {
		{ "", 0, "" },
		{ "\n", 0, "" },
		{ "a", 0, "a" },
		{ "a\n", 0, "a" },
		{ "0\t5\n", 0, "0\t5" },
		{ "0 5", 0, "0 5" },
		{ "a\n\n", EXIT_IMAGE, NULL },
		{ "\na", EXIT_IMAGE, NULL },
		{ "a\x01", EXIT_IMAGE, NULL },
		{ "a\x7f", EXIT_IMAGE, NULL },
		{ "\xc3\xa9", EXIT_IMAGE, NULL },
		{ "a\r\n", EXIT_IMAGE, NULL },
	};
	struct sysctl_set set = { 0 };
	struct report report;
	struct list list;

	(void)state;
	quiet_report(&report);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r;

		(void)numbers(&list, 1, 0);
		list.entries[0].type = IMG__SYSCTL_TYPE__CTL_STR;
		list.entries[0].sarg = (char *)(uintptr_t)cases[i].text;
		r = sysctl_set_decode(&set, &sysctl_ipv4, "d", list.pointers, 1, NULL, 0, &at,
				      &report);
		if (cases[i].status) {
			expect_error(&report, r, cases[i].status,
				     "f: record 3: conf: ping_group_range");
			assert_null(set.values);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(set.values[0].type, SYSCTL_TEXT);
		assert_string_equal(set.values[0].text, cases[i].value);
		sysctl_set_fini(&set);
	}
	report_fini(&report);
}

/* The longest that fits, and one more; with and without a newline. */
static void I7_length_of_texts(void **state)
{
	char text[SYSCTL_TEXT_MAX + 2];
	struct sysctl_set set = { 0 };
	struct report report;
	struct list list;

	(void)state;
	quiet_report(&report);
	(void)numbers(&list, 1, 0);
	list.entries[0].type = IMG__SYSCTL_TYPE__CTL_STR;
	list.entries[0].sarg = text;
	memset(text, 'x', sizeof(text));
	text[SYSCTL_TEXT_MAX - 1] = '\n';
	text[SYSCTL_TEXT_MAX] = '\0';
	decode(&set, &sysctl_ipv4, "d", list.pointers, 1);
	assert_int_equal(strlen(set.values[0].text), SYSCTL_TEXT_MAX - 1);
	sysctl_set_fini(&set);
	text[SYSCTL_TEXT_MAX - 1] = 'x';
	expect_error(
		&report,
		sysctl_set_decode(&set, &sysctl_ipv4, "d", list.pointers, 1, NULL, 0, &at, &report),
		EXIT_IMAGE, "ping_group_range");
	report_fini(&report);
}

static void I7_types(void **state)
{
	struct sysctl_set set = { 0 };
	struct report report;
	struct list list;

	(void)state;
	quiet_report(&report);
	for (int type = 0; type < 10; type++) {
		int r;

		(void)numbers(&list, 2, 1);
		list.entries[1].type = (Img__SysctlType)type;
		list.entries[1].has_iarg = 0;
		r = sysctl_set_decode(&set, &sysctl_conf4, "d", list.pointers, 2, NULL, 0, &at,
				      &report);
		if (type != IMG__SYSCTL_TYPE__CTL_32 && type != IMG__SYSCTL_TYPE__CTL_STR) {
			expect_error(&report, r, EXIT_IMAGE, "accept_redirects");
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(set.values[0].number, 1);
		assert_int_equal(set.values[1].type, SYSCTL_ABSENT);
		assert_int_equal(set.values[2].type, SYSCTL_ABSENT);
		sysctl_set_fini(&set);
	}
	report_fini(&report);
}

static void I9_lists_of_any_length(void **state)
{
	struct sysctl_set set = { 0 };
	struct report report;
	struct list list;

	(void)state;
	quiet_report(&report);
	for (size_t n = 0; n <= sysctl_conf4.n + 2; n++) {
		const size_t warned = count_warnings(&report);

		(void)numbers(&list, n, 7);
		assert_int_equal(sysctl_set_decode(&set, &sysctl_conf4, "d", list.pointers, n, NULL,
						   0, &at, &report),
				 0);
		assert_int_equal(count_warnings(&report) - warned, n > sysctl_conf4.n);
		for (size_t i = 0; i < sysctl_conf4.n; i++)
			assert_int_equal(set.values[i].type, i < n ? SYSCTL_NUMBER : SYSCTL_ABSENT);
		sysctl_set_fini(&set);
	}
	report_fini(&report);
}

static void old_form(void **state)
{
	const int32_t old[] = { 5, -1, 0 };
	struct sysctl_set set = { 0 };
	struct report report;
	struct list list;

	(void)state;
	quiet_report(&report);
	assert_int_equal(sysctl_set_decode(&set, &sysctl_conf4, "d", NULL, 0, old, 3, &at, &report),
			 0);
	assert_int_equal(set.values[0].number, 5);
	assert_int_equal(set.values[1].type, SYSCTL_ABSENT);
	assert_int_equal(set.values[2].type, SYSCTL_NUMBER);
	assert_int_equal(set.values[3].type, SYSCTL_ABSENT);
	sysctl_set_fini(&set);
	/* Where there is a new form, the old one does not count. */
	(void)numbers(&list, 1, 9);
	assert_int_equal(
		sysctl_set_decode(&set, &sysctl_conf4, "d", list.pointers, 1, old, 3, &at, &report),
		0);
	assert_int_equal(set.values[0].number, 9);
	assert_int_equal(set.values[2].type, SYSCTL_ABSENT);
	sysctl_set_fini(&set);
	report_fini(&report);
}

static void what_is_due(void **state)
{
	struct sysctl_set set = { 0 }, same = { 0 }, other = { 0 }, none = { 0 };
	const size_t mtu = index_of(&sysctl_conf6, "mtu");
	struct list list;

	(void)state;
	decode(&set, &sysctl_conf6, "a", numbers(&list, sysctl_conf6.n, 1), sysctl_conf6.n);
	decode(&same, &sysctl_conf6, "b", numbers(&list, sysctl_conf6.n, 1), sysctl_conf6.n);
	decode(&other, &sysctl_conf6, "c", numbers(&list, sysctl_conf6.n, 2), sysctl_conf6.n);
	decode(&none, &sysctl_conf6, "d", NULL, 0);
	for (size_t i = 0; i < sysctl_conf6.n; i++) {
		assert_true(sysctl_is_due(&set, NULL, i));
		assert_true(sysctl_is_due(&set, &other, i));
		assert_true(sysctl_is_due(&set, &none, i));
		/* The MTU is not inherited. */
		assert_int_equal(sysctl_is_due(&set, &same, i), i == mtu);
		assert_false(sysctl_is_due(&none, NULL, i));
		assert_false(sysctl_is_due(&none, &set, i));
	}
	sysctl_set_fini(&set);
	sysctl_set_fini(&same);
	sysctl_set_fini(&other);
	sysctl_set_fini(&none);
}

/* The names of the files that were written since @fd watches, in their order. */
static size_t written_names(int fd, char ret[][64], size_t max)
{
	union {
		struct inotify_event align;
		char bytes[65536];
	} buf;
	ssize_t len = read(fd, buf.bytes, sizeof(buf.bytes));
	size_t n = 0;

	for (ssize_t i = 0; i < len && n < max;) {
		const struct inotify_event *event = (const void *)(buf.bytes + i);

		(void)snprintf(ret[n++], 64, "%s", event->name);
		i += (ssize_t)(sizeof(*event) + event->len);
	}
	return n;
}

static void write_in_order(const struct sysctl_table *table)
{
	char names[ENTRIES_MAX][64], path[128];
	struct sysctl_failure failure = { 0 };
	struct sysctl_set set = { 0 };
	struct place place;
	size_t missing = 0, n;
	struct list list;
	int watch;

	place_open(&place);
	fill(&place, table, "x", "0\n");
	(void)snprintf(path, sizeof(path), "%s/x", place.path);
	watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(watch >= 0 && inotify_add_watch(watch, path, IN_MODIFY) >= 0);
	decode(&set, table, "x", numbers(&list, table->n, 1), table->n);
	assert_int_equal(sysctl_set_write(place_net(&place), &set, NULL, &missing, &failure), 0);
	assert_int_equal(missing, 0);
	n = written_names(watch, names, ENTRIES_MAX);
	assert_int_equal(n, table->n);
	assert_string_equal(names[n - 1], "accept_redirects");
	for (size_t i = 0, seen = 0; i < table->n; i++) {
		if (i != table->last)
			assert_string_equal(names[seen++], table->names[i]);
	}
	/* All is in force: nothing is written again. */
	assert_int_equal(sysctl_set_write(place_net(&place), &set, NULL, &missing, &failure), 0);
	assert_int_equal(written_names(watch, names, ENTRIES_MAX), 0);
	(void)close(watch);
	sysctl_set_fini(&set);
	place_close(&place);
}

static void order_of_writing(void **state)
{
	(void)state;
	write_in_order(&sysctl_conf4);
	write_in_order(&sysctl_conf6);
}

static void only_what_is_due_is_written(void **state)
{
	struct sysctl_set set = { 0 }, defaults = { 0 };
	struct sysctl_failure failure = { 0 };
	struct place place;
	size_t missing = 0;
	struct list list;

	(void)state;
	place_open(&place);
	fill(&place, &sysctl_conf6, "x", "0\n");
	(void)numbers(&list, sysctl_conf6.n, 1);
	decode(&defaults, &sysctl_conf6, "y", list.pointers, sysctl_conf6.n);
	list.entries[index_of(&sysctl_conf6, "hop_limit")].iarg = 7;
	list.entries[index_of(&sysctl_conf6, "accept_ra")].has_iarg = 0;
	decode(&set, &sysctl_conf6, "x", list.pointers, sysctl_conf6.n);
	assert_int_equal(sysctl_set_write(place_net(&place), &set, &defaults, &missing, &failure),
			 0);
	assert_string_equal(place_read(&place, "x/hop_limit"), "7\n");
	assert_string_equal(place_read(&place, "x/mtu"), "1\n");
	assert_string_equal(place_read(&place, "x/accept_ra"), "0\n");
	assert_string_equal(place_read(&place, "x/accept_dad"), "0\n");
	sysctl_set_fini(&set);
	sysctl_set_fini(&defaults);
	place_close(&place);
}

static void failures_of_writing(void **state)
{
	struct sysctl_failure failure = { 0 };
	struct sysctl_set set = { 0 };
	struct place place;
	size_t missing = 0;
	struct list list;

	(void)state;
	place_open(&place);
	fill(&place, &sysctl_conf4, "x", "0\n");
	decode(&set, &sysctl_conf4, "x", numbers(&list, sysctl_conf4.n, 1), sysctl_conf4.n);
	/* What this kernel does not have is counted. */
	assert_int_equal(unlinkat(place.fd, "x/tag", 0), 0);
	assert_int_equal(unlinkat(place.fd, "x/accept_local", 0), 0);
	assert_int_equal(sysctl_set_write(place_net(&place), &set, NULL, &missing, &failure), 0);
	assert_int_equal(missing, 2);
	/* This one keeps the end of its number, as the kernel keeps what it does not take. */
	place_write_text(&place, "x/rp_filter", "000005\n");
	assert_int_equal(sysctl_set_write(place_net(&place), &set, NULL, &missing, &failure),
			 -EINVAL);
	assert_string_equal(failure.name, "rp_filter");
	assert_true(failure.wrote);
	/* This one cannot be read at all. */
	assert_int_equal(unlinkat(place.fd, "x/rp_filter", 0), 0);
	place_write_text(&place, "x/rp_filter/y", "");
	assert_int_equal(sysctl_set_write(place_net(&place), &set, NULL, &missing, &failure),
			 -EISDIR);
	assert_string_equal(failure.name, "rp_filter");
	assert_false(failure.wrote);
	sysctl_set_fini(&set);
	place_close(&place);
}

/* Texts are equal by their words: the kernel says with a tab what is written with a blank. */
static void words_of_texts(void **state)
{
	static const struct {
		const char *now, *wanted;
		bool writes;
	} cases[] = {
		{ "0\t5\n", "0 5", false },    { "0 5\n", "0\t5\n", false },
		{ "0 \t 5 \n", "0 5", false }, { "0 6\n", "0 5", true },
		{ "x 55\n", "x 5", true },     { "x\n", "x y", true },
		{ "x y\n", "x ", true },
	};
	struct sysctl_failure failure;
	struct place place;
	struct list list;

	(void)state;
	place_open(&place);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sysctl_set set = { 0 };
		size_t missing = 0;

		place_write_text(&place, "x/ping_group_range", cases[i].now);
		(void)numbers(&list, 1, 0);
		list.entries[0].type = IMG__SYSCTL_TYPE__CTL_STR;
		list.entries[0].sarg = (char *)(uintptr_t)cases[i].wanted;
		decode(&set, &sysctl_ipv4, "x", list.pointers, 1);
		(void)sysctl_set_write(place_net(&place), &set, NULL, &missing, &failure);
		assert_int_equal(strcmp(place_read(&place, "x/ping_group_range"), cases[i].now) !=
					 0,
				 cases[i].writes);
		sysctl_set_fini(&set);
	}
	place_close(&place);
}

static void reading(void **state)
{
	static const struct {
		const char *text;
		int type;
		int32_t number;
	} cases[] = {
		{ "0\n", SYSCTL_NUMBER, 0 },
		{ "-1\n", SYSCTL_NUMBER, -1 },
		{ "2147483647\n", SYSCTL_NUMBER, INT32_MAX },
		{ "-2147483648\n", SYSCTL_NUMBER, INT32_MIN },
		{ "2147483648\n", SYSCTL_TEXT, 0 },
		{ "99999999999999999999\n", SYSCTL_TEXT, 0 },
		{ "1 2\n", SYSCTL_TEXT, 0 },
		{ "1x\n", SYSCTL_TEXT, 0 },
		{ "", SYSCTL_TEXT, 0 },
	};
	struct sysctl_set set = { 0 };
	struct place place;

	(void)state;
	place_open(&place);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		place_write_text(&place, "x/accept_local", cases[i].text);
		assert_int_equal(sysctl_set_read(place_net(&place), &sysctl_conf4, "x",
						 /* known= */ NULL, &set),
				 0);
		assert_int_equal(set.values[0].type, cases[i].type);
		if (cases[i].type == SYSCTL_NUMBER)
			assert_int_equal(set.values[0].number, cases[i].number);
		assert_int_equal(set.values[1].type, SYSCTL_ABSENT);
		sysctl_set_fini(&set);
	}
	assert_int_equal(sysctl_set_read(place_net(&place), &sysctl_conf4,
					 "a-directory-whose-name-is-longer-than-there-is-room-for",
					 /* known= */ NULL, &set),
			 -ENAMETOOLONG);
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(I7_texts),
		cmocka_unit_test(I7_length_of_texts),
		cmocka_unit_test(I7_types),
		cmocka_unit_test(I9_lists_of_any_length),
		cmocka_unit_test(old_form),
		cmocka_unit_test(what_is_due),
		cmocka_unit_test(order_of_writing),
		cmocka_unit_test(only_what_is_due_is_written),
		cmocka_unit_test(failures_of_writing),
		cmocka_unit_test(words_of_texts),
		cmocka_unit_test(reading),
	};

	return cmocka_run_group_tests_name("worker_state_sysctl", tests, NULL, NULL);
}
