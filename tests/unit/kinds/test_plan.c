/*
 * Plans of links: their order, and what links are to each other.
 */
#include <net/if.h>
#include <string.h>

#include "tests/unit/kinds/kinds.h"
#include "worker/link_kind.h"

/* The steps in words must begin with those in @wanted, each of which may be cut short. */
static void check_steps(const struct kinds *k, const char *const *wanted, size_t n)
{
	char text[256];

	for (size_t i = 0; i < n; i++) {
		assert_true(i < k->plan.n_steps);
		plan_describe(&k->plan, &k->plan.steps[i], text, sizeof(text));
		if (strncmp(text, wanted[i], strlen(wanted[i])) != 0)
			fail_msg("step %zu is '%s' and not '%s'", i, text, wanted[i]);
	}
}

static void set_master(Img__NetDevice *dev, uint32_t master)
{
	dev->has_master = 1;
	dev->master = master;
}

/* Masters first, a pair once, outside before what lies on another link, ports last; then what is
 * set, from below upwards. The image has it all the other way round. */
static void order(void **state)
{
	static const char *const steps[] = {
		"make bridge br0 with index 50",
		"make veth ve0 with index 20, and its other end ve1 with index 21",
		"make macvlan out0 with index 31 on eth0",
		"make macvlan mv0 with index 30 on ve1",
		"make ve0 a port of br0",
		"bring flags and MTU of ve0",
		"bring flags and MTU of ve1",
		"bring flags and MTU of br0",
		"bring flags and MTU of mv0",
		"read everything back",
		"release the links",
	};
	struct kinds *k = *state;

	(void)kinds_macvlan(k, "mv0", 30, 21);
	kinds_macvlan(k, "out0", 31, 2)->has_peer_nsid = 0;
	kinds_pair(k, "ve0", 20, "ve1", 21);
	set_master(&k->devs[2], 50);
	(void)kinds_add(k, IMG__LINK_TYPE__BRIDGE, "br0", 50);
	assert_int_equal(externals_add(&k->externals, "macvlan[*]:eth0", &k->report), 0);
	assert_int_equal(kinds_plan(k), 0);
	check_steps(k, steps, ARRAY_SIZE(steps));
	assert_int_equal(k->plan.n_steps, ARRAY_SIZE(steps));
	assert_true(k->plan.needs_broker);
}

static void nothing_inside_needs_a_broker(void **state)
{
	struct kinds *k = *state;

	kinds_pair(k, "ve0", 20, "ve1", 21);
	(void)kinds_macvlan(k, "mv0", 30, 21);
	assert_int_equal(kinds_plan(k), 0);
	assert_false(k->plan.needs_broker);
}

static void a_key_of_its_own_overrules_a_parent_inside(void **state)
{
	struct kinds *k = *state;

	kinds_pair(k, "ve0", 20, "ve1", 21);
	(void)kinds_macvlan(k, "mv0", 30, 21);
	(void)kinds_macvlan(k, "mv1", 31, 21);
	assert_int_equal(externals_add(&k->externals, "macvlan[*]:eth0", &k->report), 0);
	assert_int_equal(externals_add(&k->externals, "macvlan[mv1]:eth1", &k->report), 0);
	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(kinds_link(k, "mv0")->maker, MAKER_WORKER);
	assert_int_equal(kinds_link(k, "mv1")->maker, MAKER_BROKER);
	assert_string_equal(kinds_link(k, "mv1")->parent, "eth1");
	assert_null(kinds_link(k, "mv1")->below);
}

static void masters(void **state)
{
	struct kinds *k = *state;
	Img__NetDevice *one = kinds_add(k, IMG__LINK_TYPE__BRIDGE, "br0", 5);
	Img__NetDevice *two = kinds_add(k, IMG__LINK_TYPE__BRIDGE, "br1", 6);

	set_master(one, 77);
	kinds_refused(k, EXIT_IMAGE,
		      "record 1: link br0 has the link with index 77 as its master, "
		      "and no link");
	set_master(one, 5);
	kinds_refused(k, EXIT_IMAGE,
		      "record 1: link br0 has the link with index 5 as its master, "
		      "which leads back to itself");
	set_master(one, 6);
	kinds_refused(k, EXIT_IMAGE, "is a bridge itself");
	set_master(two, 5);
	kinds_refused(k, EXIT_IMAGE, "leads back to itself");
	set_master(one, 0);
	two->has_master = 0;
	assert_int_equal(kinds_plan(k), 0);
	assert_null(kinds_link(k, "br0")->master);
}

static void extlink(void **state)
{
	struct kinds *k = *state;
	struct link_state *there;

	kinds_add(k, IMG__LINK_TYPE__EXTLINK, "ext0", 7)->has_address = 1;
	kinds_refused(k, EXIT_UNDONE, "record 1: link ext0");
	there = kinds_there(k, "ext0", 99, "veth");
	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(kinds_link(k, "ext0")->ifindex, 99);
	assert_false(kinds_link(k, "ext0")->set_address);
	there->has_address = true;
	assert_int_equal(kinds_plan(k), 0);
	assert_true(kinds_link(k, "ext0")->set_address);
	there->master = 98;
	kinds_refused(k, EXIT_UNDONE, "has a master already");
	there->master = 0;
	there->group = PLAN_GROUP;
	kinds_refused(k, EXIT_UNDONE, "none of this name");
}

/* An interrupted restore had made the device the port of a bridge of its own. */
static void extlink_with_a_master_that_will_be_gone(void **state)
{
	struct kinds *k = *state;
	struct link_state *left = kinds_there(k, "br0", 50, "bridge");

	left->group = PLAN_GROUP;
	kinds_there(k, "ext0", 99, "veth")->master = 50;
	(void)kinds_add(k, IMG__LINK_TYPE__EXTLINK, "ext0", 7);
	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(k->plan.steps[0].type, STEP_CLEAR);
}

static void fallback(void **state)
{
	struct kinds *k = *state;
	Img__NetDevice *dev = kinds_add(k, IMG__LINK_TYPE__SIT, "sit0", 7);

	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(kinds_link(k, "sit0")->maker, MAKER_NONE);
	assert_int_equal(k->plan.n_steps, 1);
	dev->flags = IFF_UP;
	kinds_refused(k, EXIT_OS_, "record 1: sit0");
	(void)kinds_there(k, "sit0", 2, "sit");
	assert_int_equal(kinds_plan(k), 0);
	assert_int_equal(kinds_link(k, "sit0")->ifindex, 2);
	assert_int_equal(kinds_link(k, "sit0")->maker, MAKER_THERE);
	(void)memcpy(k->there[1].kind, "bridge", 7);
	kinds_refused(k, EXIT_UNDONE, "is a 'bridge'");
}

static void leftovers(void **state)
{
	static const char *const ours[] = { "macvlan", "bridge", "veth", "tun", "sit", "venet" };
	struct kinds *k = *state;
	struct link_state *left = kinds_there(k, "left", 50, "");

	left->group = PLAN_GROUP;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		(void)memcpy(left->kind, ours[i], strlen(ours[i]) + 1);
		assert_int_equal(kinds_plan(k), 0);
		assert_int_equal(k->plan.steps[0].type, STEP_CLEAR);
	}
	(void)memcpy(left->kind, "dummy", 6);
	kinds_refused(k, EXIT_UNDONE, "link left of the target");
	left->kind[0] = '\0';
	kinds_refused(k, EXIT_UNDONE, "link left of the target");
}

static void an_index_of_a_link_that_is_there(void **state)
{
	struct kinds *k = *state;

	(void)kinds_there(k, "mine", 21, "veth");
	kinds_pair(k, "ve0", 20, "ve1", 21);
	kinds_refused(k, EXIT_UNDONE, "veth ve1: its index 21 is that of link mine");
}

static void ends_of_a_veth(void **state)
{
	struct kinds *k = *state;

	kinds_pair(k, "ve0", 20, "ve1", 21);
	k->devs[1].peer_ifindex = 22;
	kinds_refused(k, EXIT_IMAGE, "record 1: the other end of veth ve0 is to have index 21");
	k->devs[1].peer_ifindex = 20;
	k->devs[1].peer_nsid = 11;
	kinds_refused(k, EXIT_IMAGE, "names another one");
	k->devs[0].peer_nsid = 11;
	kinds_refused(k, EXIT_USAGE_, "in namespace 11");
	k->devs[0].has_peer_nsid = 0;
	kinds_refused(k, EXIT_USAGE_, "outside of the checkpoint");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kinds_setup, kinds_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(order),
		TEST(nothing_inside_needs_a_broker),
		TEST(a_key_of_its_own_overrules_a_parent_inside),
		TEST(masters),
		TEST(extlink),
		TEST(extlink_with_a_master_that_will_be_gone),
		TEST(fallback),
		TEST(leftovers),
		TEST(an_index_of_a_link_that_is_there),
		TEST(ends_of_a_veth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
