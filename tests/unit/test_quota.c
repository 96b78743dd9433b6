/*
 * Quotas against the real kernel: a 'host' netns with a parent, targets beside it, and a ledger
 * in a /run of its own. Each test in a child; a session that opens the ledger anew is one, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "broker/ledger_file.h"
#include "broker/ops.h"
#include "broker/quota.h"
#include "broker/rtnl.h"
#include "broker/rtnl_count.h"
#include "broker/session.h"
#include "tests/lib/rawmsg.h"
#include "tests/lib/spec.h"
#include "tests/lib/test.h"

enum {
	TARGETS = 3,
	ALICE = 1000,
	BOB = 1001,
	ALICES_SUB = 101000
};

static union {
	struct nlmsghdr align;
	uint8_t bytes[NL_BUFFER_SIZE];
} buf;
static char text[NL_TEXT_MAX];
static struct session s;
static struct policy_rule rule;
static uint32_t parents[2]; /* p0 and its peer */
static int targets[TARGETS];
static struct link_args links[OP_LINKS_MAX];
static char ledger_path[64];

static int make_parent(void)
{
	struct rawmsg m;
	size_t info;

	rawmsg_begin(&m);
	rawmsg_put(&m, IFLA_IFNAME, "p0", 3);
	info = rawmsg_nest(&m, IFLA_LINKINFO | NLA_F_NESTED);
	rawmsg_put(&m, IFLA_INFO_KIND, "veth", 5);
	rawmsg_nest_end(&m, info);
	rawmsg_finish(&m);
	return nl_talk(&s.rtnl, &m.nlh, NULL, NULL, text);
}

/* What a session is before the lock-down, without a ledger. */
static int open_session(uid_t uid)
{
	session_init(&s);
	s.rtnl.buf = buf.bytes;
	s.caller.uid = uid;
	s.run_uid = geteuid();
	s.run_gid = getegid();
	s.policy.rules = &rule;
	s.id = (uint32_t)getpid();
	CHECK(nsfd_self_open(&s.self) == 0);
	CHECK(nl_open(&s.rtnl.fd) == 0);
	return CHILD_OK;
}

static void close_session(void)
{
	fd_closep(&s.self.netns);
	fd_closep(&s.rtnl.fd);
	fd_closep(&s.ledger.fd);
}

static void bind_target(int number)
{
	struct nsfd_facts facts = { 0 };

	(void)nsfd_inspect(targets[number], &s.self, s.caller.uid, &facts);
	s.target = targets[number];
	s.target_id = facts.id;
	s.target_nsid = -1;
}

static int make_target(int *ret)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
	*ret = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK(*ret >= 0);
	CHECK(setns(s.self.netns, CLONE_NEWNET) == 0);
	return CHILD_OK;
}

/* A host, its targets and a session of ALICE's; at most @max links, and @per_netns in one. */
static int prepare(uint32_t max, uint32_t per_netns)
{
	NEED(enter_netns() == 0);
	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount("run", "/run", "tmpfs", 0, "mode=0755") == 0);
	rule = (struct policy_rule){ .name = "r",
				     .max_links = max,
				     .max_links_per_netns = per_netns };
	if (open_session(ALICE) != CHILD_OK)
		return CHILD_FAILED;
	(void)snprintf(ledger_path, sizeof(ledger_path), "/run/netcr/ledger-%llu",
		       (unsigned long long)s.self.net_ino);
	NEED(make_parent() == 0);
	parents[0] = if_nametoindex("p0");
	parents[1] = if_nametoindex("veth0");
	CHECK(parents[0] > 0 && parents[1] > 0);
	for (size_t i = 0; i < TARGETS; i++) {
		if (make_target(&targets[i]) != CHILD_OK)
			return CHILD_FAILED;
	}
	CHECK(quota_open(&s) == 0);
	bind_target(0);
	return CHILD_OK;
}

static void fill_links(size_t n, uint32_t parent)
{
	static unsigned int number;

	for (size_t i = 0; i < n; i++) {
		links[i] = (struct link_args){ .parent = "p0",
					       .parent_ifindex = parent,
					       .rule = &rule,
					       .spec = spec_minimal() };
		(void)snprintf(links[i].spec.name, sizeof(links[i].spec.name), "%x-%x",
			       (unsigned int)getpid() & 0xffff, number++ & 0xffff);
	}
}

/* What op_link.c does, for @n links on @parent in the target that is bound. */
static int ask_on(size_t n, uint32_t parent)
{
	int r;

	fill_links(n, parent);
	r = quota_begin(&s, links, n, text);
	for (size_t i = 0; i < n && r == 0; i++)
		r = rtnl_link_create(&s.rtnl, &links[i].spec,
				     &(struct link_place){ .parent = parent, .netns_fd = s.target },
				     text);
	if (r != -EDQUOT)
		quota_end(&s);
	return r;
}

static int ask(size_t n)
{
	return ask_on(n, parents[0]);
}

/* How many macvlans there are in a target, by another way than the code's: all that is not lo. */
static int in_target(int number)
{
	struct if_nameindex *list;
	int n = 0;

	if (setns(targets[number], CLONE_NEWNET) < 0)
		return -1;
	list = if_nameindex();
	for (struct if_nameindex *i = list; i && i->if_index; i++)
		n++;
	if_freenameindex(list);
	return setns(s.self.netns, CLONE_NEWNET) < 0 ? -1 : n - 1;
}

/* Delete the first link of a target that is not lo, by the target's own right. */
static int delete_one(int number)
{
	struct if_nameindex *list;
	struct nl_sock nl = { .fd = -1, .buf = buf.bytes };
	struct rawmsg m;
	int r;

	CHECK(setns(targets[number], CLONE_NEWNET) == 0);
	CHECK(nl_open(&nl.fd) == 0);
	list = if_nameindex();
	rawmsg_begin(&m);
	m.nlh.nlmsg_type = RTM_DELLINK;
	m.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m.ifi.ifi_index = (int)list[1].if_index;
	rawmsg_finish(&m);
	r = nl_talk(&nl, &m.nlh, NULL, NULL, text);
	if_freenameindex(list);
	fd_closep(&nl.fd);
	CHECK(setns(s.self.netns, CLONE_NEWNET) == 0);
	CHECK(r == 0);
	return CHILD_OK;
}

/* A target's end, waited for as a user cannot: ids are given back when it is over. */
static int end_target(int number, int32_t nsid)
{
	fd_closep(&targets[number]);
	for (int i = 0; i < 1000 && rtnl_nsid_is_alive(&s.rtnl, nsid) != 0; i++)
		(void)usleep(10000);
	CHECK(rtnl_nsid_is_alive(&s.rtnl, nsid) == 0);
	return CHILD_OK;
}

/* --- in children --- */

static int exact(void *arg)
{
	int r = prepare(/* max= */ 5, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(6) == -EDQUOT);
	CHECK(strcmp(text, "5 macvlans are allowed to a user on p0: there are 0, and 6 more were "
			   "asked for") == 0);
	CHECK(ask(3) == 0);
	/* All of them or none. */
	CHECK(ask(3) == -EDQUOT);
	CHECK(in_target(0) == 3);
	bind_target(1);
	CHECK(ask(3) == -EDQUOT);
	CHECK(strcmp(text, "5 macvlans are allowed to a user on p0: there are 3, and 3 more were "
			   "asked for") == 0);
	CHECK(ask(2) == 0);
	CHECK(ask(1) == -EDQUOT);
	bind_target(0);
	CHECK(ask(1) == -EDQUOT);
	CHECK(in_target(0) == 3 && in_target(1) == 2);
	/* Another parent has a limit of its own. */
	CHECK(ask_on(5, parents[1]) == 0);
	CHECK(ask_on(1, parents[1]) == -EDQUOT);
	/* One that the container deleted is free again. */
	CHECK(delete_one(1) == CHILD_OK);
	CHECK(ask(2) == -EDQUOT);
	CHECK(ask(1) == 0);
	CHECK(ask(1) == -EDQUOT);
	return CHILD_OK;
}

static struct reply reply;

/* What quota_tell() says of p0, or -1 if there is anything else. */
static int told(void)
{
	reply = (struct reply){ 0 };
	if (quota_tell(&s, &reply) != 0 || reply.n_uses != 1 || reply.more ||
	    strcmp(reply.uses[0].parent, "p0") != 0 || reply.uses[0].limit != rule.max_links)
		return -1;
	return (int)reply.uses[0].used;
}

/* It is what is counted for the next request, with a target and without one. */
static int tells_what_is_counted(void *arg)
{
	static const struct policy_parent names[] = { { .name = "p0" }, { .name = "nosuch" } };
	int r = prepare(/* max= */ 5, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	rule.anyone = true;
	rule.modes = POLICY_DEFAULT_MODES;
	rule.n_parents = ARRAY_SIZE(names);
	rule.parents = (const uint16_t[]){ 0, 1 };
	s.policy.parents = names;
	s.policy.n_parents = ARRAY_SIZE(names);
	parents_open(&s.parents, &s.policy, &s.caller, &s.self);
	s.target = -1;
	CHECK(told() == 0);
	bind_target(0);
	CHECK(told() == 0 && ask(2) == 0 && told() == 2);
	bind_target(1);
	CHECK(told() == 2 && ask(3) == 0 && told() == 5 && ask(1) == -EDQUOT);
	s.target = -1;
	s.target_nsid = -1;
	CHECK(told() == 5);
	CHECK(delete_one(0) == CHILD_OK);
	CHECK(told() == 4);
	/* Others' are not. */
	s.caller.uid = BOB;
	CHECK(told() == 0);
	s.caller.uid = ALICE;
	bind_target(2);
	CHECK(ask(1) == 0 && told() == 5);
	/* Without a limit nothing is counted. */
	rule.max_links = 0;
	CHECK(told() == 0);
	rule.deny = true;
	CHECK(told() == -1 && reply.n_uses == 0);
	return CHILD_OK;
}

static int exact_in_a_netns(void *arg)
{
	int r = prepare(/* max= */ 0, /* per_netns= */ 2);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(3) == -EDQUOT);
	CHECK(strcmp(text, "2 macvlans are allowed in a network namespace: there are 0, and 3 more "
			   "were asked for") == 0);
	CHECK(ask(1) == 0);
	/* Whatever their parents are. */
	CHECK(ask_on(1, parents[1]) == 0);
	CHECK(ask(1) == -EDQUOT && ask_on(1, parents[1]) == -EDQUOT);
	for (int i = 1; i < TARGETS; i++) {
		bind_target(i);
		CHECK(ask(2) == 0);
		CHECK(ask(1) == -EDQUOT);
	}
	/* Whoever asks. */
	s.caller.uid = BOB;
	CHECK(ask(1) == -EDQUOT);
	CHECK(delete_one(TARGETS - 1) == CHILD_OK);
	CHECK(ask(1) == 0);
	CHECK(ask(1) == -EDQUOT);
	return CHILD_OK;
}

static int exact_with_both(void *arg)
{
	int r = prepare(/* max= */ 3, /* per_netns= */ 2);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(2) == 0);
	CHECK(ask(1) == -EDQUOT && strstr(text, "in a network namespace"));
	bind_target(1);
	CHECK(ask(2) == -EDQUOT && strstr(text, "to a user"));
	CHECK(ask(1) == 0);
	bind_target(2);
	CHECK(ask(1) == -EDQUOT && strstr(text, "to a user"));
	return CHILD_OK;
}

static int users_count_apart(void *arg)
{
	static const uid_t users[] = { BOB, ALICES_SUB, 0, UINT32_MAX - 1 };
	int r = prepare(/* max= */ 2, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(2) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		CHECK(make_target(&targets[1]) == CHILD_OK);
		s.caller.uid = users[i];
		bind_target(1);
		CHECK(ask(2) == 0);
		CHECK(ask(1) == -EDQUOT);
	}
	s.caller.uid = ALICE;
	CHECK(ask(1) == -EDQUOT);
	return CHILD_OK;
}

static int freed_by_death(void *arg)
{
	int32_t nsid;
	int r = prepare(/* max= */ 2, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(2) == 0);
	nsid = s.target_nsid;
	bind_target(1);
	CHECK(ask(1) == -EDQUOT);
	CHECK(end_target(0, nsid) == CHILD_OK);
	CHECK(ask(2) == 0);
	CHECK(ask(1) == -EDQUOT);
	return CHILD_OK;
}

/* Targets that come and go leave one record, and no nsid. */
static int churn(void *arg)
{
	struct stat st;
	int r = prepare(/* max= */ 2, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	for (int i = 0; i < 50; i++) {
		if (i > 0)
			CHECK(make_target(&targets[0]) == CHILD_OK);
		bind_target(0);
		CHECK(ask(2) == 0);
		CHECK(ask(1) == -EDQUOT);
		CHECK(end_target(0, s.target_nsid) == CHILD_OK);
	}
	CHECK(stat(ledger_path, &st) == 0 &&
	      st.st_size == sizeof(struct ledger_header) + sizeof(struct ledger_slot));
	CHECK(rtnl_has_targets(&s.rtnl) == 0);
	return CHILD_OK;
}

/* A broker that starts anew knows what there was. */
static int restart(void *arg)
{
	int r = prepare(/* max= */ 3, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(2) == 0);
	close_session();
	CHECK(open_session(ALICE) == CHILD_OK && quota_open(&s) == 0);
	bind_target(1);
	CHECK(ask(2) == -EDQUOT);
	CHECK(ask(1) == 0);
	return CHILD_OK;
}

static int lost(void *arg)
{
	int32_t nsid;
	int r = prepare(/* max= */ 2, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(2) == 0);
	nsid = s.target_nsid;
	/* Removed: those that are there allow nothing, and none starts, */
	CHECK(unlink(ledger_path) == 0);
	CHECK(ask(1) == -EUCLEAN && strcmp(text, "the broker's ledger is damaged") == 0);
	close_session();
	CHECK(open_session(ALICE) == CHILD_OK && quota_open(&s) == -EUCLEAN);
	/* not even the second time, when the file is there again. */
	close_session();
	CHECK(open_session(ALICE) == CHILD_OK && quota_open(&s) == -EUCLEAN);
	CHECK(in_target(0) == 2);
	close_session();
	/* What it told of is gone, so there is nothing to be lost. */
	CHECK(open_session(ALICE) == CHILD_OK);
	CHECK(end_target(0, nsid) == CHILD_OK);
	CHECK(quota_open(&s) == 0);
	bind_target(1);
	CHECK(ask(2) == 0);
	CHECK(ask(1) == -EDQUOT);
	return CHILD_OK;
}

static int without_limits(void *arg)
{
	int r = prepare(/* max= */ 1, /* per_netns= */ 0);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	close_session();
	CHECK(unlink(ledger_path) == 0);
	rule.max_links = 0;
	CHECK(open_session(ALICE) == CHILD_OK && quota_open(&s) == 0);
	CHECK(s.ledger.fd == -1 && access(ledger_path, F_OK) < 0);
	bind_target(0);
	CHECK(ask(20) == 0);
	/* A limit without a ledger is none that can be kept. */
	rule.max_links = 100;
	CHECK(ask(1) == -EUCLEAN);
	return CHILD_OK;
}

/* What cannot be asked of the kernel is not allowed. */
static int blind(void *arg)
{
	int r = prepare(/* max= */ 100, /* per_netns= */ 0);
	int fd;

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(ask(1) == 0);
	fill_links(1, parents[0]);
	fd = s.rtnl.fd;
	s.rtnl.fd = -1;
	CHECK(quota_begin(&s, links, 1, text) == -EBADF);
	s.rtnl.fd = fd;
	CHECK(ask(1) == 0);
	return CHILD_OK;
}

/* --- races --- */

enum {
	RACERS = 8,
	LIMIT = 40
};

/* A session that makes links until it is told that there are enough. */
static int race(int number)
{
	int r;

	(void)alarm(120);
	close_session();
	if (open_session(ALICE) != CHILD_OK || quota_open(&s) < 0)
		return 1;
	bind_target(number % 2);
	do
		r = ask((size_t)number % 3 + 1);
	while (r == 0);
	return r == -EDQUOT ? 0 : 2;
}

/* One link too many would be one that a session made while another counted. */
static int race_of(int killed)
{
	pid_t pids[RACERS];
	int status;

	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(race(i));
	}
	for (int i = 0; i < killed; i++) {
		(void)usleep(3000);
		(void)kill(pids[i], SIGKILL);
	}
	for (int i = 0; i < RACERS; i++) {
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK(i < killed || status == 0);
	}
	CHECK(in_target(0) + in_target(1) <= LIMIT);
	/* Those who asked for several may have left places; one at a time takes them all. */
	while (ask(1) == 0)
		;
	CHECK(in_target(0) + in_target(1) == LIMIT);
	return CHILD_OK;
}

static int races(void *arg)
{
	int r = prepare(LIMIT, /* per_netns= */ 0);

	(void)arg;
	return r == CHILD_OK ? race_of(/* killed= */ 0) : r;
}

static int races_with_deaths(void *arg)
{
	int r = prepare(LIMIT, /* per_netns= */ 0);

	(void)arg;
	return r == CHILD_OK ? race_of(/* killed= */ RACERS / 2) : r;
}

/* Two users who share a target: the namespace's limit is one. */
static int race_in_a_netns(int number)
{
	int r;

	(void)alarm(120);
	close_session();
	if (open_session((uid_t)(ALICE + number)) != CHILD_OK || quota_open(&s) < 0)
		return 1;
	bind_target(0);
	do
		r = ask(1);
	while (r == 0);
	return r == -EDQUOT ? 0 : 2;
}

static int races_of_users(void *arg)
{
	pid_t pids[RACERS];
	int status;
	int r = prepare(/* max= */ 0, LIMIT);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(race_in_a_netns(i));
	}
	for (int i = 0; i < RACERS; i++)
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	CHECK(in_target(0) == LIMIT);
	return CHILD_OK;
}

#define IN_CHILD(name, fn)                 \
	static void name(void **state)     \
	{                                  \
		(void)state;               \
		child_must_pass(fn, NULL); \
	}

IN_CHILD(Q3_exactly_as_many_as_allowed, exact)
IN_CHILD(Q3_exactly_as_many_in_a_netns, exact_in_a_netns)
IN_CHILD(Q3_both_limits, exact_with_both)
IN_CHILD(Q3_what_is_told_is_what_is_counted, tells_what_is_counted)
IN_CHILD(Q3_users_count_apart, users_count_apart)
IN_CHILD(Q3_sessions_race, races)
IN_CHILD(Q3_sessions_race_and_die, races_with_deaths)
IN_CHILD(Q3_users_race_in_a_netns, races_of_users)
IN_CHILD(Q4_freed_by_the_death_of_the_netns, freed_by_death)
IN_CHILD(Q4_kept_over_a_restart, restart)
IN_CHILD(X7_churn_leaves_nothing, churn)
IN_CHILD(a_lost_ledger_allows_nothing, lost)
IN_CHILD(without_limits_there_is_no_ledger, without_limits)
IN_CHILD(an_error_is_no_zero, blind)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(Q3_exactly_as_many_as_allowed),
		cmocka_unit_test(Q3_exactly_as_many_in_a_netns),
		cmocka_unit_test(Q3_both_limits),
		cmocka_unit_test(Q3_what_is_told_is_what_is_counted),
		cmocka_unit_test(Q3_users_count_apart),
		cmocka_unit_test(Q3_sessions_race),
		cmocka_unit_test(Q3_sessions_race_and_die),
		cmocka_unit_test(Q3_users_race_in_a_netns),
		cmocka_unit_test(Q4_freed_by_the_death_of_the_netns),
		cmocka_unit_test(Q4_kept_over_a_restart),
		cmocka_unit_test(X7_churn_leaves_nothing),
		cmocka_unit_test(a_lost_ledger_allows_nothing),
		cmocka_unit_test(without_limits_there_is_no_ledger),
		cmocka_unit_test(an_error_is_no_zero),
	};

	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
