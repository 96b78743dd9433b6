/*
 * Counting what is in a ruleset, and whether two say the same.
 */
#include <string.h>

#include "tests/lib/test.h"
#include "worker/ruleset_count.h"

static const char list[] =
	"table inet t {\n"
	"\tflags dormant\n"
	"\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1,\n\t\t\t     10.0.0.2 }\n\t}\n\n"
	"\tchain a {\n"
	"\t\ttype filter hook input priority filter; policy accept;\n"
	"\t\ttcp dport { 22, 80 } counter packets 5 bytes 300 accept\n"
	"\t\tiifname vmap { \"lo\" : accept,\n\t\t\t\"x\" : drop }\n"
	"\t}\n\n"
	"\tchain b {\n\t}\n"
	"}\n"
	"table ip t {\n\tchain c {\n\t\tjump d\n\t}\n\n\tchain d {\n\t\tdrop\n\t}\n}\n";

static struct ruleset_counts of(const char *text)
{
	struct ruleset_counts counts;

	ruleset_count_nft(text, strlen(text), &counts);
	return counts;
}

static void counted(void **state)
{
	const struct ruleset_counts counts = of(list);

	(void)state;
	assert_int_equal(counts.tables, 2);
	assert_int_equal(counts.chains, 4);
	assert_int_equal(counts.rules, 4);
	assert_int_equal(counts.others, 1);
	assert_int_equal(of("").tables, 0);
	/* What does not end is no list, and ends the count. */
	assert_int_equal(of("table ip x { chain y {").tables, 1);
}

static void same(const char *a, const char *b, bool is)
{
	if ((of(a).digest == of(b).digest) != is)
		fail_msg("'%s' and '%s' are %s the same", a, b, is ? "not" : "");
}

static void compared(void **state)
{
	const char *one = "table ip x {\n\tchain y {\n\t\tcounter packets 1 bytes 2 drop\n\t}\n}\n";

	(void)state;
	same(one, "table ip x { chain y { counter packets 9 bytes 9 drop; }; }", true);
	same(one,
	     "# by nft\ntable ip x {\n\n  chain y {\n  counter packets 1 bytes 2 drop\n  }\n}\n",
	     true);
	same(one, "table ip x { chain y { counter packets 1 bytes 2 accept; }; }", false);
	same(one, "table ip x { chain z { counter packets 1 bytes 2 drop; }; }", false);
	same(one, "table ip x { chain y { counter packets 1 bytes 2; drop; }; }", false);
	same(one, "table ip6 x { chain y { counter packets 1 bytes 2 drop; }; }", false);
	same("table ip x { set s { elements = { 1 expires 5s }; }; }",
	     "table ip x { set s { elements = { 1 expires 4s }; }; }", true);
	same("table ip x { set s { elements = { 1, 2 }; }; }",
	     "table ip x { set s { elements = { 12 }; }; }", false);
}

static void of_iptables(void **state)
{
	const char text[] = "# by it\n*filter\n:INPUT ACCEPT [0:0]\n:mine - [0:0]\n"
			    "-A INPUT -j mine\n[1:2] -A mine -j DROP\nCOMMIT\n*nat\nCOMMIT";
	struct ruleset_counts counts;

	(void)state;
	ruleset_count_ipt(text, strlen(text), &counts);
	assert_int_equal(counts.tables, 2);
	assert_int_equal(counts.chains, 2);
	assert_int_equal(counts.rules, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted),
		cmocka_unit_test(compared),
		cmocka_unit_test(of_iptables),
	};

	return cmocka_run_group_tests_name("ruleset_count", tests, NULL, NULL);
}
