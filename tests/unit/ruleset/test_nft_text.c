/*
 * Lists of rules: what is taken out as CRIU's lock, what stays byte for byte, what is refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "worker/nft_text.h"

#define BASE(hook) "\t\ttype filter hook " hook " priority filter; policy accept;\n"
#define JUMP "\t\tcounter packets 0 bytes 0 jump CRIU\n"
#define LOCK_CHAIN                                                        \
	"\tchain CRIU {\n"                                                \
	"\t\tmeta mark 0x0000c114 counter packets 12 bytes 1024 accept\n" \
	"\t\tcounter packets 3 bytes 99 drop\n"                           \
	"\t}\n"
#define LOCK_BASE(name, hook) "\tchain " name " {\n" BASE(hook) JUMP "\t}\n"
#define LOCK_TABLE(family)                       \
	"table " family " filter {\n" LOCK_CHAIN \
	"\n" LOCK_BASE("INPUT", "input") "\n" LOCK_BASE("OUTPUT", "output") "}\n"
#define CHAIN(name, rules) "\tchain " name " {\n" rules "\t}\n"

/* The text lies in a block of just its size, for a build that sees a read past it. */
static int strip(const char *in, size_t len, const char *run_id, char **ret_out,
		 struct nft_text *ret)
{
	char *text = malloc(len ? len : 1);
	int r;

	assert_non_null(text);
	memcpy(text, in, len);
	r = nft_text_strip(text, len, run_id, ret);
	if (r < 0)
		assert_memory_equal(text, in, len);
	*ret_out = text;
	return r;
}

static void becomes(const char *name, const char *in, const char *run_id, const char *out)
{
	struct nft_text text;
	char *is;

	if (strip(in, strlen(in), run_id, &is, &text) < 0)
		fail_msg("%s: line %zu: %s", name, text.line, text.why);
	if (text.len != strlen(out) || memcmp(is, out, text.len) != 0)
		fail_msg("%s: came out as\n%.*s\nand not\n%s", name, (int)text.len, is, out);
	free(is);
}

static const char sets[] =
	"table inet everything {\n"
	"\tcomment \"a } brace, a { brace and a # in quotes; include /etc/shadow\"\n"
	"\tcounter hits {\n"
	"\t\tpackets 5 bytes 420\n"
	"\t}\n"
	"\n"
	"\tset ports {\n"
	"\t\ttype inet_service\n"
	"\t\tflags interval\n"
	"\t\telements = { 22, 80-90,\n"
	"\t\t\t     443 }\n"
	"\t}\n"
	"\n"
	"\tmap verdicts {\n"
	"\t\ttype ipv4_addr : verdict\n"
	"\t\telements = { 10.0.0.1 : jump CRIU, 10.0.0.2 : drop }\n"
	"\t}\n"
	"\n"
	"\tflowtable ft {\n"
	"\t\thook ingress priority filter\n"
	"\t\tdevices = { eth0, eth1 }\n"
	"\t}\n"
	"\n"
	"\tchain input {\n"
	"\t\ttype filter hook input priority filter; policy drop;\n"
	"\t\ttcp dport @ports counter packets 1 bytes 2 accept comment \"jump CRIU\"\n"
	"\t\ttcp dport vmap { 22 : accept, 23 : drop }\n"
	"\t\tcounter packets 0 bytes 0 jump CRIU # handle 3\n"
	"\t}\n"
	"}\n";

static const struct {
	const char *name, *in, *out;
} cases[] = {
	{ "nothing", "", "" },
	{ "blank lines and comments", "\n# nothing {\n\n", "" },
	{ "the lock alone", LOCK_TABLE("ip") LOCK_TABLE("ip6"), "" },
	{ "a warning before it", "# Warning: table ip filter is managed\n" LOCK_TABLE("ip"), "" },
	{ "with handles",
	  "table ip filter { # handle 1\n\tchain CRIU { # handle 2\n"
	  "\t\tmeta mark 0x0000c114 counter packets 0 bytes 0 accept # handle 3\n"
	  "\t\tcounter packets 0 bytes 0 drop # handle 4\n\t}\n"
	  "\tchain INPUT { # handle 5\n" BASE(
		  "input") "\t\tcounter packets 0 bytes 0 jump CRIU # handle 6\n\t}\n}\n",
	  "" },
	{ "on one line",
	  "table ip filter { chain CRIU { meta mark 0xc114 accept; drop; }; chain INPUT { type "
	  "filter hook input priority 0; policy accept; jump CRIU; }; }",
	  "" },
	{ "xt match",
	  "table ip filter {\n" CHAIN("CRIU", "\t\txt match \"mark\" counter packets 0 bytes 0 "
					      "accept\n\t\tdrop\n") "}\n",
	  "" },
	{ "everything else", sets, sets },
	{ "a user's rule in INPUT",
	  "table ip filter {\n" CHAIN("INPUT", BASE("input") JUMP
				      "\t\ticmp type 8 drop\n") "\n" LOCK_CHAIN
								"\n" LOCK_BASE("OUTPUT",
									       "output") "}\n",
	  "table ip filter {\n" CHAIN("INPUT", BASE("input") "\t\ticmp type 8 drop\n") "}\n" },
	{ "a user's chain behind the lock's",
	  "table ip filter {\n" LOCK_CHAIN
	  "\n" CHAIN("mine", "\t\tdrop\n") "\n" LOCK_BASE("INPUT", "input") "}\n",
	  "table ip filter {\n" CHAIN("mine", "\t\tdrop\n") "}\n" },
	{ "a policy of the user's",
	  "table ip filter {\n" LOCK_CHAIN "\n" CHAIN(
		  "INPUT", "\t\ttype filter hook input priority filter; policy drop;\n" JUMP) "}\n",
	  "table ip filter {\n" CHAIN(
		  "INPUT", "\t\ttype filter hook input priority filter; policy drop;\n") "}\n" },
	{ "a priority of the user's",
	  "table ip filter {\n" LOCK_CHAIN "\n" CHAIN(
		  "INPUT", "\t\ttype filter hook input priority raw; policy accept;\n" JUMP) "}\n",
	  "table ip filter {\n" CHAIN(
		  "INPUT", "\t\ttype filter hook input priority raw; policy accept;\n") "}\n" },
	{ "FORWARD stays",
	  "table ip filter {\n" LOCK_CHAIN "\n" CHAIN("FORWARD", BASE("forward")) "}\n",
	  "table ip filter {\n" CHAIN("FORWARD", BASE("forward")) "}\n" },
	{ "the lock twice",
	  "table ip filter {\n" LOCK_CHAIN "\n" CHAIN("INPUT", BASE("input") JUMP JUMP) "}\n", "" },
	{ "flags of a table", "table ip filter {\n\tflags dormant\n" LOCK_CHAIN "}\n",
	  "table ip filter {\n\tflags dormant\n}\n" },
	{ "a set in the lock's table",
	  "table ip filter {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n\n" LOCK_CHAIN "}\n",
	  "table ip filter {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n}\n" },
	{ "the lock of nft, without a name", "table inet CRIU {\n" CHAIN("x", "\t\tdrop\n") "}\n",
	  "" },
	{ "the lock of nft, a pid", "table inet CRIU-4711 {\n}\n", "" },
	{ "the lock of nft, another run",
	  "table inet CRIU-1b4e28ba-2fa1-11d2-883f-0016d3cca427 {\n\tset c {\n\t\ttype ipv4_addr . "
	  "inet_service\n\t}\n}\n",
	  "" },
	{ "the lock of nft, this run", "table inet CRIU-my_run {\n}\n", "" },
	{ "between others", "table ip a {\n}\ntable inet CRIU {\n}\ntable ip b {\n}\n",
	  "table ip a {\n}\ntable ip b {\n}\n" },
};

static const char *const unchanged[] = {
	/* An empty INPUT that no jump was in. */
	"table ip filter {\n" CHAIN("INPUT", BASE("input")) "}\n",
	"table ip filter {\n}\n",
	/* Not the lock's chain: of another table, family, name, or with other rules. */
	"table inet filter {\n" LOCK_CHAIN LOCK_BASE("INPUT", "input") "}\n",
	"table ip nat {\n" LOCK_CHAIN LOCK_BASE("INPUT", "input") "}\n",
	"table bridge filter {\n" LOCK_CHAIN LOCK_BASE("INPUT", "input") "}\n",
	"table ip filter {\n" CHAIN("CRIU2", "\t\tdrop\n") "}\n",
	"table ip filter {\n" CHAIN("CRIU", "\t\tdrop\n") LOCK_BASE("INPUT", "input") "}\n",
	"table ip filter {\n" CHAIN("CRIU", "\t\tmeta mark 0x0000c114 accept\n"
					    "\t\ttcp dport 1 drop\n") "}\n",
	"table ip filter {\n" CHAIN("CRIU", "\t\tmeta mark 0x0000c115 accept\n\t\tdrop\n") "}\n",
	"table ip filter {\n" CHAIN("CRIU", "\t\tmeta mark 0x0000c114 accept\n\t\tdrop\n"
					    "\t\tdrop\n") "}\n",
	/* Tables that are called nearly so. */
	"table ip CRIU {\n}\n",
	"table inet CRIUX {\n}\n",
	"table inet CRIU- {\n}\n",
	"table inet CRIU-guard {\n}\n",
	"table inet criu {\n}\n",
	"table inet mine {\n\tchain CRIU-x {\n\t}\n}\n",
	/* Words that begin as those that are refused. */
	"table inet t {\n\tchain includes {\n\t\tcomment \"include\"\n\t}\n}\n",
	"table inet t {\n\tchain predefine {\n\t}\n}\n",
};

static void takes_out_the_lock(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		becomes(cases[i].name, cases[i].in, "my_run", cases[i].out);
	becomes("no run id", "table inet CRIU-my_run {\n}\n", NULL,
		"table inet CRIU-my_run {\n}\n");
}

static void leaves_all_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unchanged); i++)
		becomes(unchanged[i], unchanged[i], NULL, unchanged[i]);
}

/* Only in the table where the lock's chain is. */
static void jumps_need_the_chain(void **state)
{
	static const char mine[] = "table ip6 filter {\n" LOCK_BASE("INPUT", "input") "}\n";
	char in[2048];

	(void)state;
	(void)snprintf(in, sizeof(in), "%s%s", LOCK_TABLE("ip"), mine);
	becomes("ip6 without the chain", in, NULL, mine);
}

/* --- what is refused --- */

static const struct {
	const char *text;
	size_t line;
	const char *why;
} bad[] = {
	{ "table ip t {\n", 2, "opening brace" },
	{ "table ip t {\n\tchain c {\n\t}\n", 4, "opening brace" },
	{ "table ip t {\n}\n}\n", 3, "closing brace" },
	{ "}", 1, "closing brace" },
	{ "table ip t {\n\tcomment \"x\n}\n", 2, "quote" },
	{ "include \"/etc/shadow\"\n", 1, "include" },
	{ "table ip t {\n}\ninclude \"/etc/shadow\"\n", 3, "include" },
	{ "table ip t {\n\tinclude \"/etc/shadow\"\n}\n", 2, "include" },
	{ "table ip t {\n\tchain c {\n\t\tinclude \"/etc/shadow\"\n\t}\n}\n", 3, "include" },
	{ "table ip t {\n\tset s {\n\t\tinclude\n\t}\n}\n", 3, "include" },
	{ "table ip t {\n\tchain c {\n\t\t1include \"/etc/shadow\"\n\t}\n}\n", 3, "include" },
	{ "table ip t {\n\tchain c {\n\t\taccept;include \"/etc/shadow\"\n\t}\n}\n", 3, "include" },
	{ "define x = 1\n", 1, "define" },
	{ "table ip t {\n\tredefine x = 1\n}\n", 2, "define" },
	{ "table ip t {\n\tundefine x\n}\n", 2, "define" },
	{ "table ip t {\n\tchain $x {\n\t}\n}\n", 2, "variables" },
	{ "flush ruleset\n", 1, "not a table" },
	{ "add table ip t\n", 1, "not a table" },
	{ "delete table ip t { }\n", 1, "not a table" },
	{ "table ip t\n", 1, "not a table" },
	{ "table ip t", 1, "not a table" },
	{ "table { }\n", 1, "not a table" },
	{ "table a b c { }\n", 1, "not a table" },
	{ "chain ip t c { }\n", 1, "not a table" },
	{ "{ }\n", 1, "not a table" },
	{ "table ip t {\n\tchain a\\\n{ }\n}\n", 2, "backslash" },
	{ "table ip t\xc3\xa4 { }\n", 1, "not ASCII" },
	{ "table ip t {\n}\n\x01", 3, "not ASCII" },
	{ "table ip t { # a \x1b[2J\n}\n", 1, "control character" },
	{ "table ip t {\n\tcomment \"\r\"\n}\n", 2, "control character" },
	{ "a{{{{{{{{{{{{{{{{{", 1, "not a table" },
	{ "table t {{{{{{{{{{{{{{{{{", 1, "too deep" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nft_text text;
		char *out;

		if (strip(bad[i].text, strlen(bad[i].text), NULL, &out, &text) != -EINVAL)
			fail_msg("taken: %s", bad[i].text);
		if (text.line != bad[i].line || !strstr(text.why, bad[i].why))
			fail_msg("%s: line %zu: %s", bad[i].text, text.line, text.why);
		free(out);
		assert_int_equal(nft_text_check(bad[i].text, strlen(bad[i].text), &text), -EINVAL);
	}
}

static void refuses_a_nul(void **state)
{
	static const char in[] = "table ip t {\n\0}\n";
	struct nft_text text;
	char *out;

	(void)state;
	assert_int_equal(strip(in, sizeof(in) - 1, NULL, &out, &text), -EINVAL);
	assert_int_equal(text.line, 2);
	free(out);
}

/* Cut off anywhere, and with any byte changed: no crash, and what is taken is balanced. */
static void survives_damage(void **state)
{
	const size_t len = strlen(sets);
	struct nft_text text;
	char *out;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		(void)strip(sets, n, NULL, &out, &text);
		free(out);
	}
	for (size_t n = 0; n < len; n++) {
		static const char bytes[] = { '{', '}', '"', '#', ';', '\n', '\0', '\\' };

		for (size_t b = 0; b < sizeof(bytes); b++) {
			char *copy = strdup(sets);

			assert_non_null(copy);
			copy[n] = bytes[b];
			(void)strip(copy, len, NULL, &out, &text);
			free(out);
			free(copy);
		}
	}
}

/* Time is linear in the length: 4 MiB of the worst that comes to mind. */
static void is_linear(void **state)
{
	static const char *const parts[] = {
		"a ", "{", "}", "#", "\n", "\"", "table ip t{chain c{a}}"
	};
	const size_t len = 4 * 1024 * 1024;
	struct nft_text text;
	char *big = malloc(len);

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const size_t n = strlen(parts[i]);

		for (size_t at = 0; at < len; at++)
			big[at] = parts[i][at % n];
		(void)nft_text_strip(big, len, NULL, &text);
	}
	free(big);
}

/* --- what CRIU wrote --- */

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	if (!f || !text)
		fail_msg("cannot read %s", path);
	*ret_len = fread(text, 1, 65535, f);
	(void)fclose(f);
	return text;
}

static void real_images(void **state)
{
	static const struct {
		const char *path, *out;
	} images[] = {
		{ "macvlan-uns", "" },
		{ "macvlan-x1", "" },
		{ "netns-nft-uns",
		  "table inet netns-nft-zdtm-test {\n" CHAIN(
			  "input", BASE("input") "\t\ticmp type echo-request reject with icmp "
						 "port-unreachable\n") "}\n" },
		{ "netns-nf-ns", "table ip filter {\n" CHAIN(
					 "INPUT", BASE("input") "\t\tmeta l4proto icmp counter "
								"packets 0 bytes 0 drop\n") "}\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		char path[256];
		size_t len;
		char *in;

		(void)snprintf(path, sizeof(path), TEST_DATA "/%s/nftables-10.img", images[i].path);
		in = read_file(path, &len);
		becomes(images[i].path, in, NULL, images[i].out);
		free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_out_the_lock),
		cmocka_unit_test(leaves_all_else),
		cmocka_unit_test(jumps_need_the_chain),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_a_nul),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(is_linear),
		cmocka_unit_test(real_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
