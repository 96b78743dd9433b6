/*
 * Sysctls that rtnetlink tells with a link, of kernels that tell less than others.
 */
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>

#include "tests/lib/test.h"
#include "worker/dump.h"
#include "worker/dump_conf.h"

static union {
	struct nlmsghdr nlh;
	uint8_t bytes[4096];
} msg;

static struct sysctl_value files[DUMP_CONF_MAX], got[DUMP_CONF_MAX];
static const struct dump saving = {
	.there4 = { .table = &sysctl_conf4, .values = files },
	.there6 = { .table = &sysctl_conf6, .values = files },
};

static size_t place_of(const struct sysctl_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(table->names[i], name) == 0)
			return i;
	}
	fail_msg("no sysctl %s", name);
	return 0;
}

static const struct sysctl_value *value_of(const struct sysctl_table *table, const char *name)
{
	return &got[place_of(table, name)];
}

/* IFLA_AF_SPEC with @n settings of either family, each of which is @first and its place. */
static const struct nlattr *families(size_t n, int32_t first)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(msg.bytes);
	struct nlattr *all, *of4, *of6;
	int32_t values[DEVCONF_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		values[i] = first + (int32_t)i;
	assert_true(n <= ARRAY_SIZE(values));
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	all = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	of4 = mnl_attr_nest_start(nlh, AF_INET);
	mnl_attr_put(nlh, IFLA_INET_CONF, n * sizeof(*values), values);
	mnl_attr_nest_end(nlh, of4);
	of6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u32(nlh, IFLA_INET6_FLAGS, 0);
	mnl_attr_put(nlh, IFLA_INET6_CONF, n * sizeof(*values), values);
	mnl_attr_nest_end(nlh, of6);
	mnl_attr_nest_end(nlh, all);
	return all;
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		files[i] = (struct sysctl_value){ .type = SYSCTL_NUMBER };
	return 0;
}

static void taken_by_place(void **state)
{
	const struct nlattr *all = families(DEVCONF_MAX, 1000);

	(void)state;
	dump_conf_get(&saving, &sysctl_conf4, all, got);
	for (size_t i = 0; i < sysctl_conf4.n; i++)
		assert_int_equal(got[i].type, SYSCTL_NUMBER);
	assert_int_equal(value_of(&sysctl_conf4, "forwarding")->number, 1000);
	assert_int_equal(value_of(&sysctl_conf4, "tag")->number, 1000 + IPV4_DEVCONF_TAG - 1);
	dump_conf_get(&saving, &sysctl_conf6, all, got);
	assert_int_equal(value_of(&sysctl_conf6, "forwarding")->number, 1000);
	assert_int_equal(value_of(&sysctl_conf6, "accept_ra_min_hop_limit")->number,
			 1000 + DEVCONF_ACCEPT_RA_MIN_HOP_LIMIT);
	assert_int_equal(value_of(&sysctl_conf6, "stable_secret")->type, SYSCTL_ABSENT);
}

static void of_an_older_kernel(void **state)
{
	const struct nlattr *all = families(DEVCONF_DROP_UNSOLICITED_NA, 0);

	(void)state;
	dump_conf_get(&saving, &sysctl_conf6, all, got);
	assert_int_equal(value_of(&sysctl_conf6, "drop_unsolicited_na")->type, SYSCTL_ABSENT);
	assert_int_equal(value_of(&sysctl_conf6, "keep_addr_on_down")->type, SYSCTL_ABSENT);
	assert_int_equal(value_of(&sysctl_conf6, "drop_unicast_in_l2_multicast")->number,
			 DEVCONF_DROP_UNSOLICITED_NA - 1);
}

static void nothing_told(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		dump_conf_get(&saving, &sysctl_conf4, i ? families(0, 0) : NULL, got);
		for (size_t j = 0; j < ARRAY_SIZE(got); j++)
			assert_int_equal(got[j].type, SYSCTL_ABSENT);
	}
}

/* A kernel that is built without it has a place for it all the same. */
static void without_a_file(void **state)
{
	const size_t i = place_of(&sysctl_conf6, "optimistic_dad");

	(void)state;
	files[i].type = SYSCTL_ABSENT;
	dump_conf_get(&saving, &sysctl_conf6, families(DEVCONF_MAX, 0), got);
	assert_int_equal(got[i].type, SYSCTL_ABSENT);
	assert_int_equal(got[i + 1].type, SYSCTL_NUMBER);
}

static void seconds(void **state)
{
	static const struct {
		int32_t told;
		bool taken;
		int32_t number;
	} cases[] = {
		{ 4000, true, 4 },  { 0, true, 0 },      { 60000, true, 60 },
		{ 4001, false, 0 }, { -1000, false, 0 }, { -4000, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct sysctl_value *value = value_of(&sysctl_conf6, "router_probe_interval");

		dump_conf_get(&saving, &sysctl_conf6,
			      families(DEVCONF_MAX, cases[i].told - DEVCONF_RTR_PROBE_INTERVAL),
			      got);
		assert_int_equal(value->type, cases[i].taken ? SYSCTL_NUMBER : SYSCTL_ABSENT);
		assert_int_equal(value->number, cases[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(taken_by_place, setup),
		cmocka_unit_test_setup(of_an_older_kernel, setup),
		cmocka_unit_test_setup(nothing_told, setup),
		cmocka_unit_test_setup(without_a_file, setup),
		cmocka_unit_test_setup(seconds, setup),
	};

	return cmocka_run_group_tests_name("dump_conf", tests, NULL, NULL);
}
