/*
 * tun and tap: what an image may say, and whose it is within the container.
 */
#include <limits.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/if_tun.h>

#include "tests/unit/kinds/kinds.h"

static Img__Tun tun;

static struct kinds *planned(void **state)
{
	struct kinds *k = *state;

	img__tun__init(&tun);
	tun.flags = IFF_TUN;
	tun.owner = tun.group = -1;
	tun.vnethdr = 10;
	tun.sndbuf = INT_MAX;
	kinds_add(k, IMG__LINK_TYPE__TUN, "tun0", 20)->tun = &tun;
	return k;
}

static void ids_are_mapped(void **state)
{
	struct kinds *k = planned(state);

	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(kinds_link(k, "tun0")->owner, PLAN_NO_ID);
	assert_int_equal(kinds_link(k, "tun0")->group, PLAN_NO_ID);
	tun.owner = 100000;
	tun.group = 165535;
	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(kinds_link(k, "tun0")->owner, 0);
	assert_int_equal(kinds_link(k, "tun0")->group, 65535);
}

static void ids_that_the_container_has_not(void **state)
{
	struct kinds *k = planned(state);

	tun.owner = 99999;
	kinds_refused(k, EXIT_IMAGE, "record 1: owner 99999 of tun tun0 has no id");
	tun.owner = 165536;
	kinds_refused(k, EXIT_IMAGE, "owner 165536");
	tun.owner = -2;
	kinds_refused(k, EXIT_IMAGE, "owner 4294967294");
	tun.owner = 100000;
	tun.group = 0;
	kinds_refused(k, EXIT_IMAGE, "group 0 of tun tun0");
	/* Each has its own map. */
	k->gids.ranges[0].outside = 0;
	assert_int_equal(kinds_plan(k), 0);
}

static void flags(void **state)
{
	struct kinds *k = planned(state);
	const uint32_t good[] = { IFF_TUN, IFF_TAP, IFF_TUN | IFF_NO_PI,
				  IFF_TAP | IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_PERSIST,
				  IFF_TAP | IFF_NAPI | IFF_NAPI_FRAGS };
	const uint32_t bad[] = { 0, IFF_TUN | IFF_TAP, IFF_TUN | 4, IFF_TUN | 0x10000,
				 IFF_TAP | 0x80000000 };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		tun.flags = good[i];
		assert_int_equal(kinds_plan(k), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		tun.flags = bad[i];
		kinds_refused(k, EXIT_IMAGE, "tun0");
	}
}

static void sizes(void **state)
{
	struct kinds *k = planned(state);

	tun.vnethdr = 9;
	kinds_refused(k, EXIT_IMAGE, "header of 9 bytes");
	tun.vnethdr = 65535;
	tun.sndbuf = 1;
	assert_int_equal(kinds_plan(k), 0);
	tun.sndbuf = 0;
	kinds_refused(k, EXIT_IMAGE, "send buffer");
	tun.sndbuf = (uint32_t)INT_MAX + 1;
	kinds_refused(k, EXIT_IMAGE, "send buffer");
	k->devs[0].tun = NULL;
	kinds_refused(k, EXIT_IMAGE, "no tun part");
}

static void put(struct link_state *state, uint16_t type, uint16_t size, const void *payload)
{
	const uint16_t head[2] = { (uint16_t)(size + sizeof(head)), type };

	memcpy(state->data + state->data_len, head, sizeof(head));
	memcpy(state->data + state->data_len + sizeof(head), payload, size);
	state->data_len += (sizeof(head) + size + 3U) & ~3U;
}

static int verify_with(struct kinds *k, uint8_t type, uint32_t owner, uint8_t persist, uint8_t pi)
{
	const struct plan_link *link = kinds_link(k, "tun0");
	struct link_state state = { .data_len = 0 };

	put(&state, IFLA_TUN_TYPE, sizeof(type), &type);
	put(&state, IFLA_TUN_PERSIST, sizeof(persist), &persist);
	put(&state, IFLA_TUN_PI, sizeof(pi), &pi);
	if (owner != PLAN_NO_ID)
		put(&state, IFLA_TUN_OWNER, sizeof(owner), &owner);
	k->report.status = 0;
	return link->kind->verify(link, &state, &k->report);
}

static void reading_back(void **state)
{
	struct kinds *k = planned(state);

	tun.owner = 100005;
	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(verify_with(k, IFF_TUN, 5, 1, 1), 0);
	assert_int_equal(verify_with(k, IFF_TAP, 5, 1, 1), EXIT_UNDONE);
	assert_int_equal(verify_with(k, IFF_TUN, 6, 1, 1), EXIT_UNDONE);
	assert_int_equal(verify_with(k, IFF_TUN, PLAN_NO_ID, 1, 1), EXIT_UNDONE);
	assert_int_equal(verify_with(k, IFF_TUN, 5, 0, 1), EXIT_UNDONE);
	assert_int_equal(verify_with(k, IFF_TUN, 5, 1, 0), EXIT_UNDONE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kinds_setup, kinds_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids_are_mapped), TEST(ids_that_the_container_has_not),
		TEST(flags),          TEST(sizes),
		TEST(reading_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
