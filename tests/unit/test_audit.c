/*
 * Audit lines: one a request whatever is in it, and nothing in them that reads as something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/audit.h"
#include "broker/audit_out.h"
#include "broker/session.h"
#include "tests/lib/test.h"

static struct session session;
static struct op_args args;
static struct reply reply;
static char *line;

static int setup(void **state)
{
	(void)state;
	session_init(&session);
	session.id = 0x1f;
	session.caller = (struct caller){ .uid = 1000, .pid = 77 };
	session.last_id = 5;
	args = (struct op_args){ 0 };
	reply = (struct reply){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(line);
	line = NULL;
	return 0;
}

static void audit_link_create(enum audit_stage stage, int error)
{
	const struct audit_record rec = { .op = "link-create",
					  .stage = stage,
					  .why = "a reason",
					  .error = error,
					  .args = &args,
					  .reply = &reply };
	struct capture c;

	free(line);
	capture_begin(&c);
	audit_request(&session, &rec);
	line = capture_end(&c);
	assert_int_equal(count_char(line, '\n'), 1);
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void set_link(size_t i, const char *parent, const char *name)
{
	struct link_args *link = &args.link_create.links[i];

	*link = (struct link_args){ .spec = { .mode = 4, .ifindex = INT32_MAX } };
	(void)snprintf(link->parent, sizeof(link->parent), "%s", parent);
	(void)snprintf(link->spec.name, sizeof(link->spec.name), "%s", name);
	if (args.link_create.n <= i)
		args.link_create.n = i + 1;
	reply.n_results = args.link_create.n;
}

/* --- time --- */

static void check_instant(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char want[64], have[20];

	assert_non_null(gmtime_r(&t, &tm));
	assert_int_equal(strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm), 19);
	memset(have, 'x', sizeof(have));
	audit_format_time(seconds, have);
	if (strcmp(want, have) != 0)
		fail_msg("%lld: %s instead of %s", (long long)seconds, have, want);
}

static int64_t seconds_of(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };

	return timegm(&tm);
}

static void time_is_that_of_gmtime(void **state)
{
	static const int years[] = { 1970, 1972, 1999, 2000, 2001, 2023, 2024, 2026,
				     2037, 2038, 2099, 2100, 2101, 2400, 2401, 9999 };
	static const int64_t instants[] = {
		0,         1, 59, 60, 3599, 3600, 86399, 86400, INT32_MAX, INT64_C(1) + INT32_MAX,
		UINT32_MAX
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(instants); i++)
		check_instant(instants[i]);
	for (size_t i = 0; i < ARRAY_SIZE(years); i++) {
		/* The ends of February and of the year, from both sides. */
		check_instant(seconds_of(years[i], 2, 28) + 86399);
		check_instant(seconds_of(years[i], 2, 28) + 86400);
		check_instant(seconds_of(years[i], 3, 1) - 1);
		check_instant(seconds_of(years[i], 3, 1));
		check_instant(seconds_of(years[i], 1, 1));
		check_instant(seconds_of(years[i], 12, 31) + 86399);
	}
}

static void time_of_every_day_of_500_years(void **state)
{
	(void)state;
	for (int64_t day = 0; day < 500 * 366; day++)
		check_instant(day * 86400 + day % 86400);
}

/* --- content --- */

static void line_has_its_fields(void **state)
{
	(void)state;
	set_link(0, "eth0", "mv0");
	args.link_create.links[0].spec.has = LINK_HAS_ADDRESS;
	memcpy(args.link_create.links[0].spec.address, "\x02\x00\xab\xcd\xef\x01", 6);
	audit_link_create(AUDIT_EXECUTE, 0);
	assert_int_equal(strncmp(line, "netcr-audit time=2", 18), 0);
	assert_non_null(strstr(line,
			       "Z session=0000001f uid=1000 pid=77 req=5 op=link-create "
			       "stage=execute verdict=granted errno=0 reason=\"a reason\" "
			       "rule=- links=1 made=1 parent=eth0 name=mv0 ifindex=2147483647 "
			       "mac=02:00:ab:cd:ef:01 mode=bridge\n"));
}

static void verdicts(void **state)
{
	static const struct {
		enum audit_stage stage;
		int error;
		const char *want;
	} cases[] = {
		{ AUDIT_EXECUTE, 0, " stage=execute verdict=granted errno=0 " },
		{ AUDIT_EXECUTE, -EEXIST, " stage=execute verdict=failed errno=EEXIST " },
		{ AUDIT_POLICY, -EPERM, " stage=policy verdict=denied errno=EPERM " },
		{ AUDIT_DECODE, -EINVAL, " stage=decode verdict=invalid errno=EINVAL " },
		{ AUDIT_DECODE, -E2BIG, " stage=decode verdict=invalid errno=E2BIG " },
		{ AUDIT_EXECUTE, -4095, " stage=execute verdict=failed errno=E? " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		audit_link_create(cases[i].stage, cases[i].error);
		assert_non_null(strstr(line, cases[i].want));
	}
}

static void high_numbers_are_unsigned(void **state)
{
	(void)state;
	session.caller.uid = 4000000000U;
	session.last_id = UINT32_MAX;
	session.target = 0;
	session.target_id = UINT64_MAX;
	audit_link_create(AUDIT_EXECUTE, 0);
	session.target = -1;
	assert_non_null(strstr(line, " uid=4000000000 "));
	assert_non_null(strstr(line, " req=4294967295 "));
	assert_non_null(strstr(line, " netns=18446744073709551615 "));
}

static void target_of_a_refused_bind_is_told(void **state)
{
	(void)state;
	audit_link_create(AUDIT_POLICY, -EPERM);
	assert_null(strstr(line, "netns="));
	args.target_bind.id = 31;
	audit_link_create(AUDIT_POLICY, -EPERM);
	assert_non_null(strstr(line, " netns=31 "));
}

static void names_are_escaped(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "eth0.1_-@+", " name=eth0.1_-@+ " },
		{ ",", " name=\\x2c " },
		{ "=", " name=\\x3d " },
		{ "\"", " name=\\x22 " },
		{ "\\", " name=\\x5c " },
		{ "a,b=c", " name=a\\x2cb\\x3dc " },
		{ "a b", " name=a\\x20b " },
		{ "a\nb", " name=a\\x0ab " },
		{ "\xff", " name=\\xff " },
		{ "'`$;", " name=\\x27\\x60\\x24\\x3b " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		args.link_create.n = 0;
		set_link(0, "eth0", cases[i].name);
		audit_link_create(AUDIT_EXECUTE, 0);
		if (!strstr(line, cases[i].want))
			fail_msg("'%s': %s", cases[i].name, line);
		args.link_create.n = 0;
		set_link(0, cases[i].name, "eth0");
		audit_link_create(AUDIT_EXECUTE, 0);
		assert_non_null(strstr(line, strchr(cases[i].want, '=')));
	}
}

static void lists_are_in_the_order_of_the_links(void **state)
{
	(void)state;
	set_link(0, "p0", "a");
	set_link(1, "p1", "b");
	set_link(2, "p0", "c");
	args.link_create.links[1].spec.mode = 1;
	reply.results[1].error = EEXIST;
	reply.results[2].error = ECANCELED;
	audit_link_create(AUDIT_EXECUTE, -EEXIST);
	assert_non_null(strstr(line, " links=3 made=1 parent=p0,p1,p0 name=a,b,c "));
	assert_non_null(strstr(line, " mode=bridge,private,bridge\n"));
}

/* The longest that there is: each value another, and each byte of the names escaped. */
static void P8_line_of_128_links_is_whole(void **state)
{
	const char *last;

	(void)state;
	session.last_id = UINT32_MAX;
	session.caller.uid = UINT32_MAX;
	args.target_bind.id = UINT64_MAX;
	for (size_t i = 0; i < OP_LINKS_MAX; i++) {
		set_link(i, i % 2 ? "###############" : "'''''''''''''''", "!!!!!!!!!!!!!!!");
		args.link_create.links[i].spec.has = LINK_HAS_ADDRESS;
		args.link_create.links[i].spec.mode = i % 2 ? 8 : 1;
	}
	memset(reply.results[0].text, '"', sizeof(reply.results[0].text) - 1);
	audit_link_create(AUDIT_POLICY, -EPERM);
	assert_non_null(strstr(line, " verdict=denied errno=EPERM reason=\"a reason\" rule=- "
				     "text=\""));
	assert_non_null(strstr(line, " links=128 "));
	/* Every value of the last field is there: 127 commas, and the last of the modes. */
	last = strstr(line, " mode=");
	assert_non_null(last);
	assert_int_equal(count_char(last, ','), 127);
	assert_string_equal(last + strlen(last) - 10, ",passthru\n");
}

static void what_the_worker_was_told_is_quoted(void **state)
{
	(void)state;
	set_link(0, "p0", "a");
	(void)snprintf(reply.results[0].text, sizeof(reply.results[0].text), "a \"b\" \\ \n=,");
	audit_link_create(AUDIT_EXECUTE, -EINVAL);
	assert_non_null(strstr(line, " text=\"a \\x22b\\x22 \\x5c \\x0a=,\" links=1 "));
	/* Only with an error. */
	audit_link_create(AUDIT_EXECUTE, 0);
	assert_null(strstr(line, " text="));
}

static void what_is_the_same_for_all_is_told_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		set_link(i, "p0", "a");
	audit_link_create(AUDIT_EXECUTE, 0);
	assert_non_null(strstr(line, " parent=p0 name=a,a,a ifindex=2147483647,2147483647,"
				     "2147483647 mac=any,any,any mode=bridge\n"));
}

static void violation_is_one_line(void **state)
{
	struct capture c;

	(void)state;
	capture_begin(&c);
	audit_violation(&session, "the message");
	line = capture_end(&c);
	assert_int_equal(count_char(line, '\n'), 1);
	assert_non_null(strstr(line, " uid=1000 pid=77 req=5 op=- stage=message verdict=violation "
				     "errno=EPROTO reason=\"the message\"\n"));
}

/* --- spelled as JSON --- */

static int json_in_child(void *arg)
{
	struct capture c;
	char *text;

	(void)arg;
	CHECK(audit_out_choose_format("json") == 0);
	set_link(0, "a\"b\\", "a,\x01");
	set_link(1, "a\"b\\", "b");
	(void)snprintf(reply.text, sizeof(reply.text), "it's \"so\"\n");
	audit_link_create(AUDIT_EXECUTE, -EINVAL);
	CHECK(strstr(line, "{\"schema\":1,\"log\":\"netcr-audit\",\"time\":\"2") == line);
	CHECK(strstr(line, "Z\",\"session\":\"0000001f\",\"uid\":1000,\"pid\":77,\"req\":5,"
			   "\"op\":\"link-create\",\"stage\":\"execute\",\"verdict\":\"failed\","
			   "\"errno\":\"EINVAL\",\"reason\":\"a reason\",\"rule\":[\"-\",\"-\"],"
			   "\"text\":\"it's \\u0022so\\u0022\\u000a\",\"links\":2,\"made\":2,"
			   "\"parent\":[\"a\\u0022b\\u005c\",\"a\\u0022b\\u005c\"],"
			   "\"name\":[\"a,\\u0001\",\"b\"],\"ifindex\":[2147483647,2147483647],"
			   "\"mac\":[\"any\",\"any\"],\"mode\":[\"bridge\",\"bridge\"]}\n"));
	capture_begin(&c);
	audit_policy_loaded("/etc/netcr/netcr.conf", 12);
	text = capture_end(&c);
	CHECK(strstr(text, ",\"op\":\"policy-load\",\"stage\":\"execute\",\"verdict\":\"loaded\","
			   "\"errno\":\"0\",\"reason\":\"the policy is in force\","
			   "\"file\":\"/etc/netcr/netcr.conf\",\"rules\":12}\n"));
	free(text);
	return CHILD_OK;
}

static void json_has_the_same_fields(void **state)
{
	(void)state;
	child_must_pass(json_in_child, NULL);
}

static int json_of_128_links_in_child(void *arg)
{
	(void)arg;
	CHECK(audit_out_choose_format("json") == 0);
	for (size_t i = 0; i < OP_LINKS_MAX; i++)
		set_link(i, "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"", "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"");
	memset(reply.text, '"', sizeof(reply.text) - 1);
	audit_link_create(AUDIT_POLICY, -EPERM);
	CHECK(strcmp(line + strlen(line) - 11, "\"bridge\"]}\n") == 0);
	return CHILD_OK;
}

static void P8_json_of_128_links_is_whole(void **state)
{
	(void)state;
	child_must_pass(json_of_128_links_in_child, NULL);
}

static void what_there_is_to_choose(void **state)
{
	(void)state;
	assert_int_equal(audit_out_choose("syslog"), -EINVAL);
	assert_int_equal(audit_out_choose(""), -EINVAL);
	assert_int_equal(audit_out_choose("stderr"), 0);
	assert_int_equal(audit_out_choose_format("xml"), -EINVAL);
	assert_int_equal(audit_out_choose_format(""), -EINVAL);
	assert_int_equal(audit_out_choose_format("text"), 0);
	assert_int_equal(audit_out_open(), 0);
}

static void quota_is_a_verdict_of_its_own(void **state)
{
	(void)state;
	set_link(0, "p0", "a");
	audit_link_create(AUDIT_POLICY, -EDQUOT);
	assert_non_null(strstr(line, " stage=policy verdict=quota errno=EDQUOT "));
	/* The kernel may say it, too. */
	audit_link_create(AUDIT_EXECUTE, -EDQUOT);
	assert_non_null(strstr(line, " stage=execute verdict=failed errno=EDQUOT "));
}

static void rule_that_decided(void **state)
{
	static const struct policy_rule lan = { .name = "lan" }, dmz = { .name = "d m" };
	struct audit_record rec = { .op = "target-bind",
				    .stage = AUDIT_EXECUTE,
				    .why = "allowed",
				    .rule = &lan,
				    .args = &args,
				    .reply = &reply };
	struct capture c;

	(void)state;
	capture_begin(&c);
	audit_request(&session, &rec);
	line = capture_end(&c);
	assert_non_null(strstr(line, " reason=\"allowed\" rule=lan\n"));
	set_link(0, "p0", "a");
	args.link_create.links[0].rule = &lan;
	audit_link_create(AUDIT_EXECUTE, 0);
	assert_non_null(strstr(line, " rule=lan links=1 "));
	set_link(1, "p0", "b");
	args.link_create.links[1].rule = &lan;
	audit_link_create(AUDIT_EXECUTE, 0);
	assert_non_null(strstr(line, " rule=lan links=2 "));
	args.link_create.links[1].rule = &dmz;
	set_link(2, "p0", "c");
	audit_link_create(AUDIT_POLICY, -EPERM);
	assert_non_null(strstr(line, " rule=lan,d\\x20m,- links=3 "));
}

static void policy_that_was_loaded(void **state)
{
	struct capture c;

	(void)state;
	capture_begin(&c);
	audit_policy_loaded("/etc/netcr/a b.conf", 3);
	line = capture_end(&c);
	assert_non_null(strstr(line,
			       "Z op=policy-load stage=execute verdict=loaded errno=0 "
			       "reason=\"the policy is in force\" file=/etc/netcr/a\\x20b.conf "
			       "rules=3\n"));
}

/* --- too many lines --- */

static size_t count_text(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text += strlen(what);
	}
	return n;
}

static int X5_in_child(void *arg)
{
	enum {
		FLOOD = 1500
	};
	const struct audit_record rec = { .op = "link-create",
					  .stage = AUDIT_EXECUTE,
					  .why = "allowed",
					  .args = &args,
					  .reply = &reply };
	struct capture c;
	unsigned long dropped = 0;
	const char *said;
	char *text;

	(void)arg;
	set_link(0, "p0", "a");
	capture_begin(&c);
	for (size_t i = 0; i < FLOOD; i++)
		audit_violation(&session, "one");
	audit_end(&session);
	/* What tells of a device is written all the same. */
	for (size_t i = 0; i < FLOOD; i++)
		audit_request(&session, &rec);
	text = capture_end(&c);
	/* The tests before this one have written some. */
	CHECK(count_text(text, "verdict=violation") >= 900);
	CHECK(count_text(text, "verdict=violation") < FLOOD);
	CHECK(count_text(text, "verdict=dropped") == 1);
	for (said = text; (said = strstr(said, " dropped=")) != NULL; said++)
		dropped += strtoul(said + strlen(" dropped="), NULL, 10);
	CHECK(count_text(text, "verdict=violation") + dropped == FLOOD);
	CHECK(count_text(text, "verdict=granted") == FLOOD);
	free(text);
	return CHILD_OK;
}

static void X5_flood_is_cut_off_and_counted(void **state)
{
	(void)state;
	child_must_pass(X5_in_child, NULL);
}

enum {
	ONE_USER,
	ANOTHER
};

/* A session of @user with @n violations, and its end. */
static int session_of(size_t user, size_t n)
{
	audit_out_use(user);
	for (size_t i = 0; i < n; i++)
		audit_violation(&session, "one");
	audit_end(&session);
	_exit(CHILD_OK);
}

/* Run it in a process of its own, to the end; how many lines there are, and how many it says are
 * missing. */
static unsigned long lines_of(size_t user, size_t n, unsigned long *ret_dropped)
{
	unsigned long count;
	struct capture c;
	char *text;
	pid_t pid;

	capture_begin(&c);
	pid = fork();
	if (pid == 0)
		(void)session_of(user, n);
	(void)waitpid(pid, NULL, 0);
	text = capture_end(&c);
	count = count_text(text, "verdict=violation");
	for (const char *said = text; (said = strstr(said, " dropped=")) != NULL; said++)
		*ret_dropped += strtoul(said + strlen(" dropped="), NULL, 10);
	free(text);
	return count;
}

/* serve: the sessions of a user have one limit, and leave nothing untold; another's are apart. */
static int X5_users_in_child(void *arg)
{
	unsigned long dropped = 0, none = 0, first, second;

	(void)arg;
	CHECK(audit_out_share(2) == 0);
	CHECK(audit_out_due(ONE_USER) == 0);
	first = lines_of(ONE_USER, 1200, &dropped);
	CHECK(first >= 1000 && first < 1200 && first + dropped == 1200);
	CHECK(audit_out_due(ONE_USER) != 0 && audit_out_due(ANOTHER) == 0);
	second = lines_of(ONE_USER, 1200, &dropped);
	CHECK(second < 500 && first + second + dropped == 2400);
	CHECK(lines_of(ANOTHER, 900, &none) == 900 && none == 0);
	audit_out_forget(ONE_USER);
	CHECK(audit_out_due(ONE_USER) == 0);
	CHECK(lines_of(ONE_USER, 900, &none) == 900 && none == 0);
	return CHILD_OK;
}

static void X5_a_limit_for_each_user(void **state)
{
	(void)state;
	child_must_pass(X5_users_in_child, NULL);
}

static void no_line_at_the_end_if_none_is_missing(void **state)
{
	struct capture c;

	(void)state;
	capture_begin(&c);
	audit_end(&session);
	line = capture_end(&c);
	assert_string_equal(line, "");
}

/* --- a stderr that does not take it --- */

/* How many bytes there are in the pipe, and what they are. */
static ssize_t drain(int fd, char *buf, size_t size)
{
	ssize_t n = read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static int K12_in_child_closed(void *arg)
{
	int pipes[2];
	char buf[1024];

	(void)arg;
	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0);
	/* Closed, a pipe that nobody reads, and at last one that takes it. */
	(void)close(STDERR_FILENO);
	audit_violation(&session, "one");
	CHECK(dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	audit_violation(&session, "two");
	audit_violation(&session, "three");
	CHECK(pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO);
	audit_violation(&session, "four");
	CHECK(drain(pipes[0], buf, sizeof(buf)) > 0);
	CHECK(strstr(buf, " reason=\"four\" lost=3\n") != NULL);
	audit_violation(&session, "five");
	CHECK(drain(pipes[0], buf, sizeof(buf)) > 0);
	CHECK(strstr(buf, " reason=\"five\"\n") != NULL);
	return CHILD_OK;
}

static void K12_closed_stderr(void **state)
{
	(void)state;
	child_must_pass(K12_in_child_closed, NULL);
}

static int K12_in_child_full(void *arg)
{
	static const char block[4096];
	char buf[4096];
	int pipes[2];

	(void)arg;
	CHECK(pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO);
	while (write(pipes[1], block, sizeof(block)) > 0)
		;
	audit_violation(&session, "one");
	audit_violation(&session, "two");
	while (drain(pipes[0], buf, sizeof(buf)) > 0)
		;
	audit_violation(&session, "three");
	CHECK(drain(pipes[0], buf, sizeof(buf)) > 0);
	CHECK(strncmp(buf, "netcr-audit ", 12) == 0);
	CHECK(strstr(buf, " reason=\"three\" lost=2\n") != NULL);
	return CHILD_OK;
}

static void K12_full_pipe(void **state)
{
	(void)state;
	child_must_pass(K12_in_child_full, NULL);
}

static int K12_in_child_partial(void *arg)
{
	static char begun[16384];
	char buf[4096];
	int pipes[2];

	(void)arg;
	/* Room for less than one long line. */
	CHECK(pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(fcntl(pipes[1], F_SETPIPE_SZ, 4096) == 4096);
	CHECK(dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO);
	audit_request(&session, arg);
	CHECK(drain(pipes[0], begun, sizeof(begun)) > 0);
	audit_violation(&session, "next");
	CHECK(drain(pipes[0], buf, sizeof(buf)) > 0);
	/* What was begun is not gone on with: the next is a line of its own. */
	CHECK(begun[strlen(begun) - 1] == '\n' || buf[0] == '\n');
	CHECK(strstr(buf, " reason=\"next\" lost=1\n") != NULL);
	return CHILD_OK;
}

static void K12_line_cut_off_does_not_join_the_next(void **state)
{
	struct audit_record rec = { .op = "link-create",
				    .stage = AUDIT_POLICY,
				    .why = "a reason",
				    .error = -EPERM,
				    .args = &args,
				    .reply = &reply };

	(void)state;
	for (size_t i = 0; i < OP_LINKS_MAX; i++)
		set_link(i, i % 2 ? "p0" : "p1", "abcdefghijklmno");
	child_must_pass(K12_in_child_partial, &rec);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(time_is_that_of_gmtime),
		CASE(time_of_every_day_of_500_years),
		CASE(line_has_its_fields),
		CASE(verdicts),
		CASE(high_numbers_are_unsigned),
		CASE(target_of_a_refused_bind_is_told),
		CASE(names_are_escaped),
		CASE(lists_are_in_the_order_of_the_links),
		CASE(P8_line_of_128_links_is_whole),
		CASE(what_the_worker_was_told_is_quoted),
		CASE(what_is_the_same_for_all_is_told_once),
		CASE(violation_is_one_line),
		CASE(json_has_the_same_fields),
		CASE(P8_json_of_128_links_is_whole),
		CASE(what_there_is_to_choose),
		CASE(quota_is_a_verdict_of_its_own),
		CASE(rule_that_decided),
		CASE(policy_that_was_loaded),
		CASE(X5_flood_is_cut_off_and_counted),
		CASE(X5_a_limit_for_each_user),
		CASE(no_line_at_the_end_if_none_is_missing),
		CASE(K12_closed_stderr),
		CASE(K12_full_pipe),
		CASE(K12_line_cut_off_does_not_join_the_next),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
