/*
 * The rules as tables: each question beside its neighbours, of which one field differs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>

#include "broker/nsfd.h"
#include "broker/policy.h"
#include "tests/lib/spec.h"
#include "tests/lib/test.h"

/* Two parents, with the indexes that they had at the start. */
static struct policy two_parents(void)
{
	struct policy policy;

	policy_init(&policy);
	assert_int_equal(policy_add_parent(&policy, "eth0"), 0);
	assert_int_equal(policy_add_parent(&policy, "eth1"), 0);
	policy.parents[0].ifindex = 2;
	policy.parents[1].ifindex = 3;
	return policy;
}

static struct parent_facts eth0(void)
{
	return (struct parent_facts){
		.asked = "eth0", .found = true, .ifindex = 2, .name = "eth0"
	};
}

static bool allows(const struct policy *policy, const struct parent_facts *parent,
		   const struct link_spec *spec)
{
	struct verdict v = policy_judge_link(policy, parent, spec);

	assert_non_null(v.why);
	/* It goes into the audit line, between quotes. */
	assert_null(strpbrk(v.why, "\"\\\n"));
	return v.allow;
}

static void denies_by_default(void **state)
{
	const struct parent_facts parent = eth0();
	const struct parent_facts nothing = { 0 };
	const struct link_spec spec = spec_minimal();
	const struct policy zero = { 0 };
	struct policy policy;

	(void)state;
	policy_init(&policy);
	assert_false(allows(&policy, &parent, &spec));
	assert_false(allows(&policy, &nothing, &spec));
	assert_false(allows(&zero, &parent, &spec));
	assert_false(policy.init_netns);
	assert_int_equal(policy.n_parents, 0);
	assert_int_equal(policy.modes, 1 | 2 | 4);
	assert_false(((struct verdict){ 0 }).allow);
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
	const struct policy policy = two_parents();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (allows(&policy, &cases[i].parent, &spec) != cases[i].want)
			fail_msg("parent %zu", i);
	}
}

/* A parent whose index was never found at the start is no parent. */
static void parent_without_an_index(void **state)
{
	const struct parent_facts parent = eth0();
	const struct link_spec spec = spec_minimal();
	struct policy policy;

	(void)state;
	policy_init(&policy);
	assert_int_equal(policy_add_parent(&policy, "eth0"), 0);
	assert_false(allows(&policy, &parent, &spec));
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
		struct policy policy = two_parents();
		struct link_spec spec = spec_minimal();

		policy.modes = cases[i].allowed;
		spec.mode = cases[i].asked;
		if (allows(&policy, &parent, &spec) != cases[i].want)
			fail_msg("modes %u, asked for %u", cases[i].allowed, cases[i].asked);
	}
}

static void L15_flags(void **state)
{
	const struct parent_facts parent = eth0();
	const struct policy policy = two_parents();

	(void)state;
	for (unsigned int bit = 0; bit < 32; bit++) {
		const uint32_t flag = UINT32_C(1) << bit;
		const bool want = flag & (IFF_UP | IFF_NOARP | IFF_MULTICAST);
		struct link_spec spec = spec_minimal();

		spec.change = flag;
		assert_int_equal(allows(&policy, &parent, &spec), want);
		spec.flags = flag;
		assert_int_equal(allows(&policy, &parent, &spec), want);
		spec.change |= IFF_UP;
		assert_int_equal(allows(&policy, &parent, &spec), want);
	}
}

static void other_fields_are_free(void **state)
{
	const struct parent_facts parent = eth0();
	const struct policy policy = two_parents();
	const struct link_spec spec = spec_full();

	(void)state;
	assert_true(allows(&policy, &parent, &spec));
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
		struct policy policy = { .init_netns = cases[i].init_netns };
		struct nsfd_facts facts = { .id = 5, .owner = cases[i].owner };
		struct verdict v = policy_judge_target(&policy, cases[i].uid, &facts);

		if (v.allow != cases[i].want)
			fail_msg("target %zu", i);
		assert_non_null(v.why);
	}
	assert_int_equal(NSFD_OWNER_OTHER, 0);
}

static void names_of_parents(void **state)
{
	static const char *const bad[] = { "",        ".",   "..",  "lo",   "all",
					   "default", "a/b", "a b", "mv%d", "abcdefghijklmnop" };
	struct policy policy;

	(void)state;
	policy_init(&policy);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(policy_add_parent(&policy, bad[i]), -EINVAL);
		assert_false(policy_lists_parent(&policy, bad[i]));
	}
	assert_int_equal(policy.n_parents, 0);
	assert_int_equal(policy_add_parent(&policy, "abcdefghijklmno"), 0);
	assert_true(policy_lists_parent(&policy, "abcdefghijklmno"));
	assert_false(policy_lists_parent(&policy, "abcdefghijklmn"));
	assert_int_equal(policy_add_parent(&policy, "abcdefghijklmno"), -EEXIST);
	assert_int_equal(policy.n_parents, 1);
}

static void Q3_number_of_parents(void **state)
{
	struct policy policy;
	char name[IFNAMSIZ];

	(void)state;
	policy_init(&policy);
	for (unsigned int i = 0; i < POLICY_PARENTS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "eth%u", i);
		assert_int_equal(policy_add_parent(&policy, name), 0);
	}
	assert_int_equal(policy_add_parent(&policy, "eth64"), -E2BIG);
	assert_int_equal(policy_add_parent(&policy, "eth63"), -EEXIST);
	assert_int_equal(policy.n_parents, 64);
	assert_true(policy_lists_parent(&policy, "eth63"));
	assert_false(policy_lists_parent(&policy, "eth64"));
	assert_int_equal(policy.modes, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denies_by_default),
		cmocka_unit_test(Q5_parents_by_name_and_index),
		cmocka_unit_test(parent_without_an_index),
		cmocka_unit_test(Q6_modes),
		cmocka_unit_test(L15_flags),
		cmocka_unit_test(other_fields_are_free),
		cmocka_unit_test(N1_N2_targets),
		cmocka_unit_test(names_of_parents),
		cmocka_unit_test(Q3_number_of_parents),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
