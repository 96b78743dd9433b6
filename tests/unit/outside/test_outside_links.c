/*
 * What the helper does to links, step by step, where the plan could not have known: something else
 * happened in between. In two network namespaces of a child.
 */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "two_sides.h"
#include "worker/plan.h"
#include "worker/report.h"

static struct two_sides s;
static struct report report;

static const struct outside_request *wish(size_t link, uint32_t ifindex)
{
	static struct outside_request request;

	request = (struct outside_request){ .op = OUTSIDE_MAKE,
					    .link = (uint32_t)link,
					    .ifindex = ifindex,
					    .mtu = 1400,
					    .has_address = 1,
					    .address = { 2, 0, 0, 0, 0, 1 } };
	report = (struct report){ 0 };
	return &request;
}

static bool is_as_before(struct link_list take_out, struct link_list take_in)
{
	const bool out = two_sides_same(&s.h.out, take_out);

	return two_sides_same(&s.h.in, take_in) && out;
}

/* --- pairs --- */

static int pair(void *arg)
{
	struct link_list out, in;
	struct link_state inner, outer, bridge;
	size_t link;

	(void)arg;
	NEED(two_sides_make(&s) == 0);
	link = two_sides_add(&s, "eth0", "out0", "br0", false);
	out = two_sides_look(&s.h.out);
	in = two_sides_look(&s.h.in);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == 0);
	CHECK(outside_find_link(&s.h.in, "eth0", 0, &inner) == 0);
	CHECK(inner.ifindex == 77 && inner.mtu == 1400 && inner.group == PLAN_GROUP);
	CHECK(inner.address[0] == 2 && inner.address[5] == 1 && !(inner.flags & IFF_UP));
	CHECK(outside_find_link(&s.h.out, "out0", 0, &outer) == 0);
	CHECK(outside_find_link(&s.h.out, "br0", 0, &bridge) == 0);
	CHECK(outer.master == bridge.ifindex && outer.flags & IFF_UP && outer.mtu == 1400);
	CHECK(outside_links_make(&s.h, wish(link, 78), &report) == EXIT_UNDONE);
	report = (struct report){ 0 };
	CHECK(outside_links_undo(&s.h, link, &report) == 0);
	CHECK(is_as_before(out, in));
	CHECK(outside_links_undo(&s.h, link, &report) == 0);
	return CHILD_OK;
}

struct bad_pair {
	const char *bridge, *out_link, *out_kind, *in_link;
	const char *text;
};

static int bad_pair(void *arg)
{
	const struct bad_pair *b = arg;
	struct link_list out, in;
	size_t link;

	NEED(two_sides_make(&s) == 0);
	link = two_sides_add(&s, "eth0", "out0", b->bridge, false);
	if (b->out_link)
		CHECK(two_sides_link(&s.h.out, b->out_link, b->out_kind, 0) == 0);
	if (b->in_link)
		CHECK(two_sides_link(&s.h.in, b->in_link, "ifb", 77) == 0);
	out = two_sides_look(&s.h.out);
	in = two_sides_look(&s.h.in);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == EXIT_UNDONE);
	CHECK(strstr(report.text, b->text));
	CHECK(is_as_before(out, in));
	return CHILD_OK;
}

static void pairs(void **state)
{
	static const struct bad_pair bad[] = {
		{ "br9", NULL, NULL, NULL, "out0 a port of br9 outside" },
		{ "other", "other", "ifb", NULL, "out0 a port of other outside" },
		{ "br0", "out0", "ifb", NULL, "EEXIST" },
		{ "br0", "out0", "veth", NULL, "EEXIST" },
		{ "br0", NULL, NULL, "eth0", "EEXIST" },
		{ "br0", NULL, NULL, "mine", "EEXIST" },
	};

	(void)state;
	child_must_pass(pair, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		child_must_pass(bad_pair, (void *)(uintptr_t)&bad[i]);
}

/* --- devices --- */

/* An end of a veth outside that is up, with an address, an MTU and a group of its own. */
static int prepare(struct two_sides *sides, size_t *ret_link)
{
	static const uint32_t up = IFF_UP | IFF_BROADCAST | IFF_MULTICAST, mtu = 1450, group = 7;
	const struct link_change change = { .flags = &up,
					    .mtu = &mtu,
					    .group = &group,
					    .address = (const uint8_t *)"\2\0\0\0\1\1" };
	char text[NL_TEXT_MAX];

	NEED(two_sides_make(sides) == 0);
	*ret_link = two_sides_add(sides, "eth0", "pre0", "", true);
	CHECK(two_sides_link(&sides->h.out, "pre0", "veth", 33) == 0);
	CHECK(links_change(&sides->h.out, 33, &change, text) == 0);
	return CHILD_OK;
}

static int device(void *arg)
{
	struct link_list out, in;
	struct link_state now;
	char text[NL_TEXT_MAX];
	const uint32_t mtu = 1300;
	size_t link;
	int r = prepare(&s, &link);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	out = two_sides_look(&s.h.out);
	in = two_sides_look(&s.h.in);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == 0);
	CHECK(!two_sides_has(&s.h.out, "pre0"));
	CHECK(outside_find_link(&s.h.in, "eth0", 0, &now) == 0);
	CHECK(now.ifindex == 77 && now.group == OUTSIDE_GROUP);
	CHECK(links_change(&s.h.in, 77,
			   &(struct link_change){ .mtu = &mtu,
						  .address = (const uint8_t *)"\2\0\0\0\2\2" },
			   text) == 0);
	CHECK(outside_links_undo(&s.h, link, &report) == 0);
	CHECK(is_as_before(out, in));
	return CHILD_OK;
}

/* The kernel moves it, and then cannot rename it. */
static int device_whose_name_is_taken(void *arg)
{
	struct link_list out, in;
	size_t link;
	int r = prepare(&s, &link);

	if (r != CHILD_OK)
		return r;
	CHECK(two_sides_link(&s.h.in, "eth0", "ifb", *(const uint32_t *)arg) == 0);
	out = two_sides_look(&s.h.out);
	in = two_sides_look(&s.h.in);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == EXIT_UNDONE);
	CHECK(is_as_before(out, in));
	return CHILD_OK;
}

static int device_with_a_master(void *arg)
{
	struct link_list out, in;
	const uint32_t master = 20;
	char text[NL_TEXT_MAX];
	size_t link;
	int r = prepare(&s, &link);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(links_change(&s.h.out, 33, &(struct link_change){ .master = &master }, text) == 0);
	out = two_sides_look(&s.h.out);
	in = two_sides_look(&s.h.in);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == EXIT_UNDONE);
	CHECK(strstr(report.text, "it has a master"));
	CHECK(is_as_before(out, in));
	return CHILD_OK;
}

/* Its index is taken when it comes back: it does, with another, and that is said. */
static int device_whose_index_is_taken(void *arg)
{
	struct link_state now;
	size_t link;
	int r = prepare(&s, &link);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == 0);
	CHECK(two_sides_link(&s.h.out, "mine", "ifb", 33) == 0);
	CHECK(outside_links_undo(&s.h, link, &report) == EXIT_LEFT);
	CHECK(strstr(report.text, "left changed of pre0"));
	CHECK(outside_find_link(&s.h.out, "pre0", 0, &now) == 0);
	CHECK(now.ifindex != 33 && now.group == 7 && now.mtu == 1450 && now.flags & IFF_UP);
	return CHILD_OK;
}

/* Their names are taken when they come back: the kernel moves them, and they keep the names that they
 * had inside. Both are told of, and nothing is printed. */
static int devices_whose_old_names_are_taken(void *arg)
{
	size_t link, other;
	int r = prepare(&s, &link);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	other = two_sides_add(&s, "eth1", "pre1", "", true);
	CHECK(two_sides_link(&s.h.out, "pre1", "veth", 34) == 0);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == 0);
	CHECK(outside_links_make(&s.h, wish(other, 78), &report) == 0);
	CHECK(two_sides_link(&s.h.out, "pre0", "ifb", 0) == 0);
	CHECK(two_sides_link(&s.h.out, "pre1", "ifb", 0) == 0);
	report = (struct report){ 0 };
	CHECK(outside_links_undo(&s.h, link, &report) == EXIT_LEFT);
	CHECK(outside_links_undo(&s.h, other, &report) == EXIT_LEFT);
	CHECK(strstr(report.text, "as it was: pre0") && strstr(report.text, "as it was: pre1"));
	CHECK(two_sides_has(&s.h.out, "eth0") && two_sides_has(&s.h.out, "eth1"));
	return CHILD_OK;
}

static void devices(void **state)
{
	static const uint32_t other = 0, same = 77;

	(void)state;
	child_must_pass(device, NULL);
	child_must_pass(device_whose_name_is_taken, (void *)(uintptr_t)&other);
	child_must_pass(device_whose_name_is_taken, (void *)(uintptr_t)&same);
	child_must_pass(device_with_a_master, NULL);
	child_must_pass(device_whose_index_is_taken, NULL);
	child_must_pass(devices_whose_old_names_are_taken, NULL);
}

/* --- the end --- */

static int end(void *arg)
{
	const uint32_t none = 0;
	const struct link_change release = { .group = &none };
	char text[NL_TEXT_MAX];
	size_t link, kept;
	int r = prepare(&s, &link);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	kept = two_sides_add(&s, "eth1", "out1", "", false);
	(void)two_sides_add(&s, "eth2", "out2", "", false);
	CHECK(outside_links_make(&s.h, wish(link, 77), &report) == 0);
	CHECK(outside_links_make(&s.h, wish(kept, 78), &report) == 0);
	CHECK(outside_links_make(&s.h, wish(kept + 1, 79), &report) == 0);
	CHECK(links_change(&s.h.in, 78, &release, text) == 0);
	outside_links_end(&s.h, &report);
	CHECK(report.status == 0);
	CHECK(two_sides_has(&s.h.in, "eth1") && two_sides_has(&s.h.out, "out1"));
	CHECK(!two_sides_has(&s.h.in, "eth2") && !two_sides_has(&s.h.out, "out2"));
	CHECK(two_sides_has(&s.h.out, "pre0") && !two_sides_has(&s.h.in, "eth0"));
	return CHILD_OK;
}

static void what_was_not_released_is_taken_back(void **state)
{
	(void)state;
	child_must_pass(end, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs),
		cmocka_unit_test(devices),
		cmocka_unit_test(what_was_not_released_is_taken_back),
	};

	return cmocka_run_group_tests_name("outside_links", tests, NULL, NULL);
}
