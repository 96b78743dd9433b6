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

static const struct policy_parent parents[] = {
	{ .name = "eth0" },
	{ .name = "eth1" },
	{ .name = "eth0", .netns = 1 },
};
static const uint16_t two_parents[] = { 0, 1 };

static struct policy_rule rule_of_two(void)
{
	return (struct policy_rule){ .name = "two",
				     .anyone = true,
				     .mac_any = true,
				     .modes = POLICY_DEFAULT_MODES,
				     .n_parents = ARRAY_SIZE(two_parents),
				     .parents = two_parents };
}

/* Number @nr of the policy's parents. */
static struct parent_facts device(size_t nr)
{
	struct parent_facts facts = { .found = true, .ifindex = 2, .name = "any" };

	parent_set_add(&facts.is, nr);
	return facts;
}

static struct parent_facts eth0(void)
{
	return device(0);
}

static struct policy policy_of(const struct policy_rule *rules)
{
	return (struct policy){ .rules = rules,
				.n_parents = ARRAY_SIZE(parents),
				.parents = parents };
}

static struct verdict judge(const struct policy_rule *rules, const struct parent_facts *parent,
			    const struct link_spec *spec)
{
	const struct policy policy = policy_of(rules);
	struct verdict v =
		policy_judge_link(&policy, &alice, parent, spec, /* init_netns= */ false);

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

/* What the device is counts, and nothing else of it. */
static void Q5_parents_by_what_they_are(void **state)
{
	const struct link_spec spec = spec_minimal();
	const struct policy_rule rules = rule_of_two();
	struct parent_facts facts;

	(void)state;
	for (size_t i = 0; i < POLICY_PARENTS_MAX; i++) {
		facts = device(i);
		assert_int_equal(allows(&rules, &facts, &spec), i < 2);
		parent_set_add(&facts.is, 1);
		assert_true(allows(&rules, &facts, &spec));
		facts.elsewhere = true;
		assert_false(allows(&rules, &facts, &spec));
		facts.elsewhere = false;
		facts.found = false;
		assert_false(allows(&rules, &facts, &spec));
	}
	facts = (struct parent_facts){ .found = true, .ifindex = 2, .name = "eth0" };
	assert_false(allows(&rules, &facts, &spec));
}

static void users_and_groups(void **state)
{
	static const struct {
		struct policy_id users[2];
		bool want;
	} cases[] = {
		{ { { 1000, false }, { 5, false } }, true },
		{ { { 5, false }, { 1000, false } }, true },
		{ { { 5, false }, { 6, false } }, false },
		{ { { 1000, true }, { 5, true } }, false },
		{ { { 50, true }, { 5, false } }, true },
		{ { { 51, true }, { 5, false } }, true },
		{ { { 50, false }, { 51, false } }, false },
		{ { { 52, true }, { 0, true } }, false },
		{ { { 0, false }, { 0, true } }, false },
	};
	const struct caller bob = { .uid = 1000, .n_gids = 2, .gids = { 50, 51, 52 } };
	const struct parent_facts parent = eth0();
	const struct link_spec spec = spec_minimal();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy_rule rule = rule_of_two();
		struct policy policy = policy_of(&rule);
		struct parent_set set;

		rule.anyone = false;
		rule.users = cases[i].users;
		rule.n_users = 2;
		if (policy_judge_link(&policy, &bob, &parent, &spec, false).allow != cases[i].want)
			fail_msg("case %zu", i);
		policy_parents_of(&policy, &bob, &set);
		assert_int_equal(parent_set_has(&set, 1), cases[i].want);
		assert_false(parent_set_has(&set, 2));
		assert_int_equal(policy_judge_absent(&policy, &bob, 0, "eth0").allow,
				 cases[i].want);
	}
}

static void Q7_deny_wins_in_either_order(void **state)
{
	const struct parent_facts first = device(0), second = device(1);
	const struct link_spec spec = spec_minimal();
	struct policy_rule allow = rule_of_two(), deny = rule_of_two();

	(void)state;
	deny.deny = true;
	deny.n_parents = 1;
	for (int order = 0; order < 2; order++) {
		const struct policy_rule *head = order ? &allow : &deny;
		const struct policy policy = policy_of(head);
		struct verdict v;

		allow.next = order ? &deny : NULL;
		deny.next = order ? NULL : &allow;
		deny.modes = POLICY_ALL_MODES;
		v = judge(head, &first, &spec);
		assert_false(v.allow);
		assert_ptr_equal(v.rule, &deny);
		assert_true(allows(head, &second, &spec));
		assert_false(policy_judge_absent(&policy, &alice, 0, "eth0").allow);
		assert_true(policy_judge_absent(&policy, &alice, 0, "eth1").allow);
		assert_null(policy_find_grant(&policy, &alice, &first));
		assert_ptr_equal(policy_find_grant(&policy, &alice, &second), &allow);
		/* It is about some modes only. */
		deny.modes = POLICY_ALL_MODES & ~spec.mode;
		assert_true(allows(head, &first, &spec));
		assert_ptr_equal(policy_find_grant(&policy, &alice, &first), &allow);
		/* And about all that are allowed. */
		deny.modes = POLICY_DEFAULT_MODES;
		assert_null(policy_find_grant(&policy, &alice, &first));
		deny.modes = POLICY_ALL_MODES;
		deny.anyone = false;
		assert_true(allows(head, &first, &spec));
		assert_ptr_equal(policy_find_grant(&policy, &alice, &first), &allow);
		deny.anyone = true;
	}
}

static const struct policy_mac oui = { .bytes = { 0x00, 0x16, 0x3e }, .n = 3 };
static const struct policy_mac one = { .bytes = { 0x00, 0x16, 0x3e, 1, 2, 3 }, .n = 6 };
static const uint8_t local[] = { 0x02, 0x16, 0x3e, 1, 2, 3 };
static const uint8_t near[] = { 0, 0x16, 0x3f, 1, 2, 3 };
static const uint8_t other[] = { 0x00, 0x16, 0x3e, 1, 2, 4 };

/* The last two: whether a rule that allows, and one that denies, is about it. */
static const struct mac_case {
	bool any, keep;
	const struct policy_mac *mac;
	const uint8_t *address;
	bool allow, deny;
} mac_cases[] = {
	{ true, false, NULL, NULL, true, true },
	{ true, false, NULL, near, true, true },
	{ false, true, NULL, NULL, true, true },
	{ false, true, NULL, local, true, true },
	{ false, true, NULL, near, false, false },
	{ false, true, &oui, near, false, false },
	{ false, true, &oui, other, true, true },
	{ false, false, &oui, NULL, false, true },
	{ false, false, &oui, other, true, true },
	{ false, false, &oui, one.bytes, true, true },
	{ false, false, &oui, near, false, false },
	{ false, false, &oui, local, false, false },
	{ false, false, &one, one.bytes, true, true },
	{ false, false, &one, other, false, false },
	{ false, false, NULL, local, false, false },
};

static void mac_rules(void **state)
{
	const struct parent_facts parent = eth0();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mac_cases); i++) {
		const struct mac_case *c = &mac_cases[i];
		struct policy_rule all = rule_of_two(), rule = rule_of_two();
		struct link_spec spec = spec_minimal();

		rule.mac_any = c->any;
		rule.mac_keep = c->keep;
		rule.macs = c->mac;
		rule.n_macs = c->mac ? 1 : 0;
		if (c->address) {
			spec.has |= LINK_HAS_ADDRESS;
			memcpy(spec.address, c->address, sizeof(spec.address));
		}
		if (allows(&rule, &parent, &spec) != c->allow)
			fail_msg("case %zu", i);
		rule.deny = true;
		rule.next = &all;
		if (allows(&rule, &parent, &spec) == c->deny)
			fail_msg("case %zu, a rule that denies", i);
	}
}

/* To have bound such a target by one rule does not open it to the others. */
static void N2_links_in_targets_of_init(void **state)
{
	const struct parent_facts first = device(0), second = device(1);
	const struct link_spec spec = spec_minimal();
	struct policy_rule with = rule_of_two(), without = rule_of_two();
	struct policy policy = policy_of(&with);

	(void)state;
	with.init_netns = true;
	with.n_parents = 1;
	with.next = &without;
	assert_true(policy_judge_link(&policy, &alice, &first, &spec, true).allow);
	assert_false(policy_judge_link(&policy, &alice, &second, &spec, true).allow);
	assert_true(policy_judge_link(&policy, &alice, &second, &spec, false).allow);
	/* A rule that denies is about them, too. */
	without.deny = true;
	assert_false(policy_judge_link(&policy, &alice, &first, &spec, true).allow);
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
	static const uint16_t third[] = { 2 };
	static const struct policy_netns netns[] = { { .name = "blue" }, { .name = "red" } };
	struct policy_rule two = rule_of_two(), none = { .next = &two, .name = "none" };
	struct policy policy = policy_of(&none);

	(void)state;
	assert_true(policy_judge_absent(&policy, &alice, 0, "eth0").allow);
	assert_true(policy_judge_absent(&policy, &alice, 0, "eth1").allow);
	assert_false(policy_judge_absent(&policy, &alice, 1, "eth0").allow);
	assert_false(policy_judge_absent(&policy, &alice, 0, "eth").allow);
	assert_false(policy_judge_absent(&policy, &alice, 0, "eth11").allow);
	assert_false(policy_judge_absent(&policy, &alice, 0, "").allow);
	two.parents = third;
	two.n_parents = 1;
	assert_false(policy_judge_absent(&policy, &alice, 0, "eth0").allow);
	assert_true(policy_judge_absent(&policy, &alice, 1, "eth0").allow);

	policy.netns = netns;
	policy.n_netns = 2;
	assert_int_equal(policy_find_netns(&policy, "blue"), 1);
	assert_int_equal(policy_find_netns(&policy, "red"), 2);
	assert_int_equal(policy_find_netns(&policy, "re"), 0);
	assert_int_equal(policy_find_netns(&policy, ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denies_by_default),
		cmocka_unit_test(first_rule_grants),
		cmocka_unit_test(Q5_parents_by_what_they_are),
		cmocka_unit_test(users_and_groups),
		cmocka_unit_test(Q7_deny_wins_in_either_order),
		cmocka_unit_test(mac_rules),
		cmocka_unit_test(N2_links_in_targets_of_init),
		cmocka_unit_test(Q6_modes),
		cmocka_unit_test(L15_flags),
		cmocka_unit_test(other_fields_are_free),
		cmocka_unit_test(N1_N2_targets),
		cmocka_unit_test(lists_what_is_allowed),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
