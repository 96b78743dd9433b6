/*
 * The rules as tables: each question beside its neighbours, of which one field differs.
 */
#include <string.h>

#include <linux/if_link.h>

#include "broker/caller.h"
#include "broker/nsfd.h"
#include "broker/policy.h"
#include "tests/lib/spec.h"
#include "tests/lib/test.h"

static const struct caller alice = { .uid = 1000 };

/* Two parents, with the indexes that they had at the start. */
static const struct policy_parent two_parents[] = {
	{ .name = "eth0", .ifindex = 2 },
	{ .name = "eth1", .ifindex = 3 },
};

static struct policy_rule rule_of_two(void)
{
	return (struct policy_rule){ .name = "two",
				     .anyone = true,
				     .modes = POLICY_DEFAULT_MODES,
				     .n_parents = ARRAY_SIZE(two_parents),
				     .parents = two_parents };
}

static struct parent_facts eth0(void)
{
	return (struct parent_facts){
		.asked = "eth0", .found = true, .ifindex = 2, .name = "eth0"
	};
}

static struct verdict judge(const struct policy_rule *rules, const struct parent_facts *parent,
			    const struct link_spec *spec)
{
	const struct policy policy = { .rules = rules };
	struct verdict v = policy_judge_link(&policy, &alice, parent, spec);

	assert_non_null(v.why);
	/* It goes into the audit line, between quotes. */
	assert_null(strpbrk(v.why, "\"\\\n"));
	assert_true(!v.allow || v.rule);
	return v;
}

static bool allows(const struct policy_rule *rules, const struct parent_facts *parent,
		   const struct link_spec *spec)
{
	return judge(rules, parent, spec).allow;
}

static void denies_by_default(void **state)
{
	const struct parent_facts parent = eth0();
	const struct parent_facts nothing = { 0 };
	const struct link_spec spec = spec_minimal();
	const struct policy_rule zero = { 0 };

	(void)state;
	assert_false(allows(NULL, &parent, &spec));
	assert_false(allows(NULL, &nothing, &spec));
	assert_false(allows(&zero, &parent, &spec));
	assert_false(((struct verdict){ 0 }).allow);
}

/* Of several that allow it, the first one's limits count. */
static void first_rule_grants(void **state)
{
	const struct parent_facts parent = eth0();
	const struct link_spec spec = spec_minimal();
	struct policy_rule third = rule_of_two(), second = rule_of_two(), first = rule_of_two();

	(void)state;
	second.next = &third;
	first.next = &second;
	assert_ptr_equal(judge(&first, &parent, &spec).rule, &first);
	first.modes = MACVLAN_MODE_PASSTHRU;
	assert_ptr_equal(judge(&first, &parent, &spec).rule, &second);
	second.anyone = false;
	assert_ptr_equal(judge(&first, &parent, &spec).rule, &third);
	third.n_parents = 0;
	assert_null(judge(&first, &parent, &spec).rule);
}

static void Q5_parents_by_name_and_index(void **state)
{
	static const struct {
		struct parent_facts parent;
		bool want;
	} cases[] = {
		{ { .found = true, .ifindex = 2, .name = "eth0" }, true },
		{ { .found = true, .ifindex = 3, .name = "eth1" }, true },
		{ { .found = true, .ifindex = 3, .name = "eth0" }, false }, /* replaced */
		{ { .found = true, .ifindex = 2, .name = "eth1" }, false },
		{ { .found = true, .ifindex = 2, .name = "eth2" }, false }, /* renamed */
		{ { .found = true, .ifindex = 4, .name = "eth0" }, false },
		{ { .found = true, .ifindex = 0, .name = "eth0" }, false },
		{ { .found = true, .ifindex = 2, .name = "" }, false },
		{ { .found = true, .ifindex = 2, .name = "eth" }, false },
		{ { .found = true, .ifindex = 2, .name = "eth00" }, false },
		{ { .found = true, .ifindex = 2, .name = "ETH0" }, false },
		{ { .found = true, .elsewhere = true, .ifindex = 2, .name = "eth0" }, false },
		{ { .found = false, .ifindex = 2, .name = "eth0" }, false },
		/* What was asked for does not count, but what it is. */
		{ { .asked = "eth0", .found = true, .ifindex = 9, .name = "eth9" }, false },
		{ { .asked = "eth9", .found = true, .ifindex = 2, .name = "eth0" }, true },
	};
	const struct link_spec spec = spec_minimal();
	const struct policy_rule rules = rule_of_two();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (allows(&rules, &cases[i].parent, &spec) != cases[i].want)
			fail_msg("parent %zu", i);
	}
}

static void Q6_modes(void **state)
{
	static const struct {
		uint32_t allowed, asked;
		bool want;
	} cases[] = {
		{ 7, MACVLAN_MODE_BRIDGE, true },
		{ 7, MACVLAN_MODE_PRIVATE, true },
		{ 7, MACVLAN_MODE_VEPA, true },
		{ 7, MACVLAN_MODE_PASSTHRU, false },
		{ 7, MACVLAN_MODE_SOURCE, false },
		{ 8, MACVLAN_MODE_PASSTHRU, true },
		{ 8, MACVLAN_MODE_BRIDGE, false },
		{ 16, MACVLAN_MODE_SOURCE, true },
		{ 16, MACVLAN_MODE_PASSTHRU, false },
		{ 0, MACVLAN_MODE_BRIDGE, false },
		{ 31, 0, false },
	};
	const struct parent_facts parent = eth0();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy_rule rules = rule_of_two();
		struct link_spec spec = spec_minimal();

		rules.modes = cases[i].allowed;
		spec.mode = cases[i].asked;
		if (allows(&rules, &parent, &spec) != cases[i].want)
			fail_msg("modes %u, asked for %u", cases[i].allowed, cases[i].asked);
	}
}

static void L15_flags(void **state)
{
	const struct parent_facts parent = eth0();
	const struct policy_rule rules = rule_of_two();

	(void)state;
	for (unsigned int bit = 0; bit < 32; bit++) {
		const uint32_t flag = UINT32_C(1) << bit;
		const bool want = flag & (IFF_UP | IFF_NOARP | IFF_MULTICAST);
		struct link_spec spec = spec_minimal();

		spec.change = flag;
		assert_int_equal(allows(&rules, &parent, &spec), want);
		spec.flags = flag;
		assert_int_equal(allows(&rules, &parent, &spec), want);
		spec.change |= IFF_UP;
		assert_int_equal(allows(&rules, &parent, &spec), want);
	}
}

static void other_fields_are_free(void **state)
{
	const struct parent_facts parent = eth0();
	const struct policy_rule rules = rule_of_two();
	const struct link_spec spec = spec_full();

	(void)state;
	assert_true(allows(&rules, &parent, &spec));
}

static void N1_N2_targets(void **state)
{
	static const struct {
		uid_t uid;
		enum nsfd_owner owner;
		bool init_netns;
		bool want;
	} cases[] = {
		{ 1000, NSFD_OWNER_CALLER, false, true },
		{ 1000, NSFD_OWNER_CALLER, true, true },
		{ 1000, NSFD_OWNER_INIT, false, false },
		{ 1000, NSFD_OWNER_INIT, true, false },
		{ 1000, NSFD_OWNER_OTHER, false, false },
		{ 1000, NSFD_OWNER_OTHER, true, false },
		{ 0, NSFD_OWNER_CALLER, false, true },
		{ 0, NSFD_OWNER_INIT, false, false },
		{ 0, NSFD_OWNER_INIT, true, true },
		{ 0, NSFD_OWNER_OTHER, false, false },
		{ 0, NSFD_OWNER_OTHER, true, false },
		{ UINT32_MAX, NSFD_OWNER_INIT, true, false },
		{ 1U << 31, NSFD_OWNER_INIT, true, false },
		{ 0, (enum nsfd_owner)3, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct policy_rule rule = { .init_netns = cases[i].init_netns,
						  .anyone = true };
		const struct policy policy = { .rules = &rule };
		const struct caller caller = { .uid = cases[i].uid };
		struct nsfd_facts facts = { .id = 5, .owner = cases[i].owner };
		struct verdict v = policy_judge_target(&policy, &caller, &facts);

		if (v.allow != cases[i].want)
			fail_msg("target %zu", i);
		assert_non_null(v.why);
	}
	assert_int_equal(NSFD_OWNER_OTHER, 0);
}

static void lists_what_is_allowed(void **state)
{
	const struct policy_rule two = rule_of_two(), none = { .next = &two, .name = "none" };
	const struct policy policy = { .rules = &none };

	(void)state;
	assert_true(policy_lists_parent(&policy, &alice, "eth0"));
	assert_true(policy_lists_parent(&policy, &alice, "eth1"));
	assert_false(policy_lists_parent(&policy, &alice, "eth"));
	assert_false(policy_lists_parent(&policy, &alice, "eth11"));
	assert_false(policy_lists_parent(&policy, &alice, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denies_by_default),
		cmocka_unit_test(first_rule_grants),
		cmocka_unit_test(Q5_parents_by_name_and_index),
		cmocka_unit_test(Q6_modes),
		cmocka_unit_test(L15_flags),
		cmocka_unit_test(other_fields_are_free),
		cmocka_unit_test(N1_N2_targets),
		cmocka_unit_test(lists_what_is_allowed),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
