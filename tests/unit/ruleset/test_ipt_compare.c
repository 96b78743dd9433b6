/*
 * Comparing what was to be loaded into the old iptables with what is there.
 */
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "worker/ipt_compare.h"

static struct ipt_difference difference;

static enum ipt_compared of(const char *wants, const char *has)
{
	difference = (struct ipt_difference){ 0 };
	return ipt_compare(wants, strlen(wants), has, strlen(has), &difference);
}

static const char list[] = "# by iptables-save\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n"
			   ":a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -s 10.0.0.1/32 -j b\n"
			   "-A a -j DROP\n-A b -j ACCEPT\nCOMMIT\n"
			   "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n";

static void same(void **state)
{
	(void)state;
	assert_int_equal(of(list, list), IPT_SAME);
	assert_int_equal(of("", list), IPT_SAME);
	assert_int_equal(of("", ""), IPT_SAME);
	/* Counters, comments, other tables, and the order of chains and of tables. */
	assert_int_equal(of(list, "*raw\n:OUTPUT DROP [0:0]\nCOMMIT\n"
				  "*nat\n:PREROUTING ACCEPT [9:9]\n:NEW ACCEPT [0:0]\n"
				  "-A PREROUTING -j ACCEPT\nCOMMIT\n"
				  "*filter\n:b - [0:0]\n:a - [0:0]\n:INPUT DROP [7:7]\n"
				  "-A b -j ACCEPT\n-A a -s 10.0.0.1/32 -j b\n-A a -j DROP\n"
				  "-A INPUT -j a\nCOMMIT\n# done\n"),
			 IPT_SAME);
	/* The last of a table counts. */
	assert_int_equal(of("*filter\n-A INPUT -j DROP\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\n"
			    "COMMIT\n",
			    "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n"),
			 IPT_SAME);
}

static void other_words(void **state)
{
	(void)state;
	assert_int_equal(of("*filter\n-A INPUT -s 1.2.3.4 -j DROP\nCOMMIT\n",
			    "*filter\n-A INPUT -s 1.2.3.4/32 -j DROP\nCOMMIT\n"),
			 IPT_OTHER_WORDS);
	/* The order within a chain. */
	assert_int_equal(of("*filter\n-A INPUT -j DROP\n-A INPUT -j ACCEPT\nCOMMIT\n",
			    "*filter\n-A INPUT -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n"),
			 IPT_OTHER_WORDS);
}

static void differs(const char *wants, const char *has, const char *table, const char *what,
		    size_t is, size_t should)
{
	assert_int_equal(of(wants, has), IPT_DIFFERS);
	assert_string_equal(difference.table, table);
	assert_string_equal(difference.what, what);
	assert_int_equal(difference.is, is);
	assert_int_equal(difference.should, should);
}

static void different(void **state)
{
	char many[64 * 9] = "";

	(void)state;
	differs(list, "", "filter", "chains of its own", 0, 2);
	differs("*nat\n-A POSTROUTING -j a\n-A POSTROUTING -j b\nCOMMIT\n",
		"*nat\n-A POSTROUTING -j a\nCOMMIT\n", "nat", "rules", 1, 2);
	differs("*nat\n-A x -j a\nCOMMIT\n", "*raw\n-A x -j a\nCOMMIT\n", "nat", "rules", 0, 1);
	differs("*raw\n:a - [0:0]\nCOMMIT\n", "*raw\n:b - [0:0]\nCOMMIT\n", "raw",
		"chains of these names", 0, 1);
	differs("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
		"filter", "chains with another policy", 1, 0);
	differs("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "", "filter", "chains with another policy",
		1, 0);
	differs("*filter\nCOMMIT\n", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "filter",
		"chains with another policy", 1, 0);
	for (int i = 0; i < 9; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "*t%d\nCOMMIT\n",
			       i);
	differs(many, many, "", "tables", 8, 9);
}

/* Ends that are cut off, and lines that say nothing. */
static void odd(void **state)
{
	const char *texts[] = { "*",        ":",          "-A",
				"-A ",      "*\n:\n-A x", "-A x\n:y - [0:0]\n",
				"*f\n:",    "*f\n:a",     "*f\n:a -",
				"*f\n-A x", "\n\n*f\n\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(of(texts[i], texts[i]), IPT_SAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same),
		cmocka_unit_test(other_words),
		cmocka_unit_test(different),
		cmocka_unit_test(odd),
	};

	return cmocka_run_group_tests_name("ipt_compare", tests, NULL, NULL);
}
