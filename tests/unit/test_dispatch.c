/*
 * The table of ops, and sequences of requests: what is answered, what ends the session, and that
 * there is one audit line whatever happens. Needs no privilege: nothing gets past policy here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/dispatch.h"
#include "broker/session.h"
#include "common/wire.h"
#include "tests/lib/pb.h"
#include "tests/lib/spec.h"
#include "tests/lib/test.h"

enum {
	HELLO = 2, /* field numbers of netcr.Request */
	BIND = 3,
	NSID = 4,
	LINKS = 5,
	QUOTA = 6,
	CALLER = 1234,
};

static struct session s;
static int peer = -1;
static struct wire_msg msg;
static struct pb request, body, inner;
static Netcr__Reply *reply; /* to the last request, or NULL */
static char *audit;         /* its audit line */

static void forget(void)
{
	if (reply)
		netcr__reply__free_unpacked(reply, NULL);
	reply = NULL;
	free(audit);
	audit = NULL;
}

static int setup(void **state)
{
	static union {
		struct nlmsghdr align;
		uint8_t bytes[NL_BUFFER_SIZE];
	} buf;
	int sock[2];

	(void)state;
	session_init(&s);
	s.caller = (struct caller){ .uid = CALLER, .pid = 42 };
	s.id = 0xabcd;
	s.landlock_abi = 5;
	s.self.has_ns_id = true;
	s.rtnl.buf = buf.bytes;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0 ||
	    nl_open(&s.rtnl.fd) < 0)
		return -1;
	s.sock = sock[0];
	peer = sock[1];
	wire_msg_init(&msg);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forget();
	wire_msg_fini(&msg);
	fd_closep(&s.sock);
	fd_closep(&s.rtnl.fd);
	fd_closep(&s.target);
	fd_closep(&s.target_rtnl.fd);
	fd_closep(&peer);
	return 0;
}

/* Read the reply that there must be, or must not. */
static void read_reply(bool wanted)
{
	static uint8_t buf[WIRE_MAX + 1];
	ssize_t n = recv(peer, buf, sizeof(buf), MSG_DONTWAIT);

	if (!wanted) {
		assert_int_equal(n, -1);
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_true(n > 0 && n <= WIRE_MAX);
	reply = netcr__reply__unpack(NULL, (size_t)n, buf);
	assert_non_null(reply);
	assert_int_equal(reply->base.n_unknown_fields, 0);
	assert_int_equal(reply->id, s.last_id);
	assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), -1);
	/* A refusal never says more. */
	if (reply->error == EPERM) {
		assert_null(reply->message);
		assert_int_equal(reply->result_case, NETCR__REPLY__RESULT__NOT_SET);
	}
}

/* One request through the socket, as session_run() does it. Returns what dispatch() does. */
static int serve_fds(const int *fds, size_t n_fds)
{
	struct capture c;
	int r;

	forget();
	assert_int_equal(wire_send(peer, request.buf, request.len, fds, n_fds, 0), 0);
	assert_int_equal(wire_recv(s.sock, &msg, 0), 1);
	capture_begin(&c);
	r = dispatch(&s, &msg);
	audit = capture_end(&c);
	wire_msg_fini(&msg);
	assert_int_equal(count_char(audit, '\n'), 1);
	assert_int_equal(audit[strlen(audit) - 1], '\n');
	read_reply(r == 0);
	return r;
}

static int serve(void)
{
	return serve_fds(NULL, 0);
}

/* A request with @body in it. */
static void ask(uint64_t id, uint32_t op)
{
	request.len = 0;
	pb_uint(&request, 1, id);
	pb_message(&request, op, &body);
}

static void ask_hello(uint64_t id, uint64_t min, uint64_t max)
{
	body.len = 0;
	pb_uint(&body, 1, min);
	pb_uint(&body, 2, max);
	ask(id, HELLO);
}

static void ask_bind(uint64_t id)
{
	body.len = 0;
	ask(id, BIND);
}

static void ask_nsid(uint64_t id, int32_t nsid)
{
	body.len = 0;
	pb_sint(&body, 1, nsid);
	ask(id, NSID);
}

static void ask_quota(uint64_t id)
{
	body.len = 0;
	ask(id, QUOTA);
}

static void add_link(const char *parent, const struct link_spec *spec)
{
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MSG_MAX];
	} buf = { 0 };
	int len = link_msg_encode(spec, NULL, buf.bytes, sizeof(buf));

	assert_true(len > 0);
	inner.len = 0;
	pb_bytes(&inner, 1, parent, strlen(parent));
	pb_bytes(&inner, 2, buf.bytes, (size_t)len);
	pb_message(&body, 1, &inner);
}

static void ask_links(uint64_t id, size_t n, const char *parent)
{
	struct link_spec spec = spec_minimal();

	body.len = 0;
	for (size_t i = 0; i < n; i++)
		add_link(parent, &spec);
	ask(id, LINKS);
}

static void greet(void)
{
	ask_hello(s.last_id + 1, 1, 1);
	assert_int_equal(serve(), 0);
	assert_int_equal(reply->error, 0);
	assert_int_equal(s.phase, PHASE_GREETED);
}

/* As if a target had been bound, without having one. */
static void pretend_bound(void)
{
	greet();
	s.phase = PHASE_BOUND;
}

/* --- the table --- */

static void table_has_whole_rows(void **state)
{
	size_t n, rows = 0;
	const struct op *ops = dispatch_ops(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (i < HELLO) { /* the oneof's "nothing", and the id's number */
			assert_null(ops[i].name);
			assert_null(ops[i].execute);
			continue;
		}
		rows++;
		assert_non_null(ops[i].name);
		assert_non_null(ops[i].decode);
		assert_non_null(ops[i].judge);
		assert_non_null(ops[i].execute);
		assert_int_not_equal(ops[i].phases, 0);
		assert_int_equal(ops[i].phases | 7U, 7U);
		assert_true(ops[i].n_fds <= WIRE_MAX_FDS);
		for (size_t j = HELLO; j < i; j++)
			assert_string_not_equal(ops[i].name, ops[j].name);
	}
	assert_int_equal(rows, netcr__request__descriptor.n_fields - 1);
}

static void table_says_when_and_with_what(void **state)
{
	static const struct {
		size_t nr;
		const char *name;
		uint32_t phases;
		size_t n_fds;
		bool once;
	} want[] = {
		{ HELLO, "hello", PHASE_NEW, 0, true },
		{ BIND, "target-bind", PHASE_GREETED, 2, true },
		{ NSID, "nsid-alloc", PHASE_BOUND, 0, false },
		{ LINKS, "link-create", PHASE_BOUND, 0, false },
		{ QUOTA, "quota", PHASE_GREETED | PHASE_BOUND, 0, true },
	};
	size_t n;
	const struct op *ops = dispatch_ops(&n);

	(void)state;
	assert_int_equal(n, QUOTA + 1);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct op *op = &ops[want[i].nr];

		assert_string_equal(op->name, want[i].name);
		assert_int_equal(op->phases, want[i].phases);
		assert_int_equal(op->n_fds, want[i].n_fds);
		assert_int_equal(op->once, want[i].once);
	}
}

/* --- hello --- */

static void hello_tells_versions_and_limits(void **state)
{
	(void)state;
	greet();
	assert_int_equal(reply->result_case, NETCR__REPLY__RESULT_HELLO);
	assert_int_equal(reply->hello->version, 1);
	assert_int_equal(reply->hello->uid, CALLER);
	assert_int_equal(reply->hello->max_links, 128);
	assert_int_equal(reply->hello->max_datagram, 65536);
	assert_int_equal(reply->hello->landlock_abi, 5);
	assert_true(reply->hello->netns_id);
	assert_string_equal(reply->hello->release, NETCR_VERSION);
	assert_null(reply->message);
	assert_non_null(strstr(audit, " session=0000abcd uid=1234 pid=42 req=1 op=hello "));
	assert_non_null(strstr(audit, " verdict=granted errno=0 "));
}

static void F5_K11_version_ranges(void **state)
{
	static const struct {
		uint32_t min, max;
		uint32_t error;
		bool closes;
	} cases[] = {
		{ 1, 1, 0, false },
		{ 1, 2, 0, false },
		{ 1, UINT32_MAX, 0, false },
		{ 0, 1, EINVAL, false },
		{ 0, 0, EINVAL, false },
		{ 2, 1, EINVAL, false },
		{ UINT32_MAX, 1, EINVAL, false },
		{ 2, 2, EPROTONOSUPPORT, true },
		{ 2, UINT32_MAX, EPROTONOSUPPORT, true },
		{ UINT32_MAX, UINT32_MAX, EPROTONOSUPPORT, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)teardown(NULL);
		assert_int_equal(setup(NULL), 0);
		ask_hello(1, cases[i].min, cases[i].max);
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, cases[i].error);
		assert_int_equal(s.closing, cases[i].closes);
		assert_int_equal(s.phase, cases[i].error ? PHASE_NEW : PHASE_GREETED);
		if (cases[i].closes)
			assert_non_null(strstr(reply->message, "versions 1 to 1"));
		if (cases[i].error)
			assert_int_equal(reply->result_case, NETCR__REPLY__RESULT__NOT_SET);
	}
}

/* --- order --- */

static void F6_before_hello(void **state)
{
	(void)state;
	ask_nsid(1, -1);
	assert_int_equal(serve(), -EPROTO);
	assert_non_null(strstr(audit, " op=- stage=message verdict=violation errno=EPROTO "));
	ask_links(2, 1, "eth0");
	assert_int_equal(serve(), -EPROTO);
	ask_bind(3);
	assert_int_equal(serve_fds((int[]){ peer, peer }, 2), -EPROTO);
	ask_quota(4);
	assert_int_equal(serve(), -EPROTO);
	assert_int_equal(s.phase, PHASE_NEW);
}

static void F6_before_target_bind(void **state)
{
	(void)state;
	greet();
	ask_nsid(2, -1);
	assert_int_equal(serve(), -EPROTO);
	ask_links(3, 1, "eth0");
	assert_int_equal(serve(), -EPROTO);
}

static void F6_hello_twice(void **state)
{
	(void)state;
	greet();
	ask_hello(2, 1, 1);
	assert_int_equal(serve(), -EPROTO);
	/* Nor after one that was refused. */
	(void)teardown(NULL);
	assert_int_equal(setup(NULL), 0);
	ask_hello(1, 2, 1);
	assert_int_equal(serve(), 0);
	ask_hello(2, 1, 1);
	assert_int_equal(serve(), -EPROTO);
}

static void F6_bind_after_bind(void **state)
{
	(void)state;
	pretend_bound();
	ask_bind(2);
	assert_int_equal(serve_fds((int[]){ peer, peer }, 2), -EPROTO);
	ask_hello(3, 1, 1);
	assert_int_equal(serve(), -EPROTO);
}

static void F7_ids(void **state)
{
	static const struct {
		uint64_t id;
		int want;
	} cases[] = {
		{ 0, -EBADMSG },          { 1, -EBADMSG }, /* again */
		{ 3, -EBADMSG },                           /* skipped one */
		{ UINT32_MAX, -EBADMSG }, { 2, 0 },        { 2, -EBADMSG },
		{ 1, -EBADMSG },          { 3, 0 },
	};

	(void)state;
	pretend_bound();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask_nsid(cases[i].id, -2);
		assert_int_equal(serve(), cases[i].want);
		if (cases[i].want == 0)
			assert_int_equal(reply->error, EINVAL);
	}
}

static void F7_first_id_is_one(void **state)
{
	(void)state;
	ask_hello(0, 1, 1);
	assert_int_equal(serve(), -EBADMSG);
	ask_hello(2, 1, 1);
	assert_int_equal(serve(), -EBADMSG);
	ask_hello(1, 1, 1);
	assert_int_equal(serve(), 0);
}

static void F7_ids_do_not_wrap(void **state)
{
	(void)state;
	pretend_bound();
	s.last_id = UINT32_MAX - 1;
	ask_nsid(UINT32_MAX, -2);
	assert_int_equal(serve(), 0);
	ask_nsid(0, -2);
	assert_int_equal(serve(), -EBADMSG);
	ask_nsid(1, -2);
	assert_int_equal(serve(), -EBADMSG);
}

static void F4_unknown_op(void **state)
{
	static const uint32_t ops[] = { 7, 8, 31, 32, 100, 536870911 };

	(void)state;
	body.len = 0;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		ask(1, ops[i]);
		assert_int_equal(serve(), -EBADMSG);
	}
	ask_hello(1, 1, 1);
	assert_int_equal(serve(), 0);
}

static void P7_no_op(void **state)
{
	(void)state;
	request.len = 0;
	pb_uint(&request, 1, 1);
	assert_int_equal(serve(), -EPROTO);
}

static void P7_two_ops(void **state)
{
	(void)state;
	ask_hello(1, 1, 1);
	pb_message(&request, HELLO, &body);
	assert_int_equal(serve(), -EBADMSG);
	ask_hello(1, 1, 1);
	body.len = 0;
	pb_message(&request, BIND, &body);
	assert_int_equal(serve(), -EBADMSG);
}

/* --- descriptors --- */

static void D1_numbers_of_descriptors(void **state)
{
	static const struct {
		uint32_t op;
		size_t right;
	} cases[] = { { HELLO, 0 }, { BIND, 2 }, { NSID, 0 }, { LINKS, 0 }, { QUOTA, 0 } };
	size_t before = count_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t n = 0; n <= WIRE_MAX_FDS; n++) {
			(void)teardown(NULL);
			assert_int_equal(setup(NULL), 0);
			if (cases[i].op != HELLO)
				greet();
			if (cases[i].op == NSID || cases[i].op == LINKS)
				s.phase = PHASE_BOUND;
			body.len = 0;
			if (cases[i].op == HELLO) {
				ask_hello(1, 1, 1);
			} else if (cases[i].op == NSID) {
				ask_nsid(2, -2);
			} else {
				ask(2, cases[i].op);
			}
			assert_int_equal(serve_fds((int[]){ peer, peer }, n),
					 n == cases[i].right ? 0 : -EPROTO);
		}
	}
	assert_int_equal(count_fds(), before);
}

static void D4_bind_of_junk_is_one_refusal(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t before = count_fds();

	(void)state;
	greet();
	ask_bind(2);
	assert_int_equal(serve_fds((int[]){ null, peer }, 2), 0);
	assert_int_equal(reply->error, EPERM);
	assert_non_null(strstr(audit, " op=target-bind stage=policy verdict=denied errno=EPERM "));
	assert_int_equal(s.phase, PHASE_GREETED);
	assert_int_equal(s.target, -1);
	assert_int_equal(s.target_rtnl.fd, -1);
	assert_int_equal(count_fds(), before);
	/* There is no second try. */
	ask_bind(3);
	assert_int_equal(serve_fds((int[]){ null, peer }, 2), -EPROTO);
	assert_int_equal(count_fds(), before);
	fd_closep(&null);
}

/* --- unknown fields --- */

static void expect_unknown(uint64_t id, uint32_t op, size_t n_fds)
{
	ask(id, op);
	assert_int_equal(serve_fds((int[]){ peer, peer }, n_fds), -EBADMSG);
	assert_non_null(strstr(audit, " verdict=violation "));
}

static void P3_unknown_field_of_hello(void **state)
{
	(void)state;
	body.len = 0;
	pb_uint(&body, 1, 1);
	pb_uint(&body, 2, 1);
	pb_uint(&body, 3, 1);
	expect_unknown(1, HELLO, 0);
}

static void P3_unknown_field_of_bind(void **state)
{
	(void)state;
	greet();
	body.len = 0;
	pb_uint(&body, 1, 1);
	expect_unknown(2, BIND, 2);
}

static void P3_unknown_field_of_nsid(void **state)
{
	(void)state;
	pretend_bound();
	body.len = 0;
	pb_sint(&body, 1, -1);
	pb_uint(&body, 2, 1);
	expect_unknown(2, NSID, 0);
}

static void P3_unknown_field_of_quota(void **state)
{
	(void)state;
	greet();
	body.len = 0;
	pb_uint(&body, 1, 1);
	expect_unknown(2, QUOTA, 0);
}

static void P3_unknown_field_of_links(void **state)
{
	struct link_spec spec = spec_minimal();

	(void)state;
	pretend_bound();
	body.len = 0;
	add_link("eth0", &spec);
	pb_uint(&body, 2, 1);
	expect_unknown(2, LINKS, 0);

	/* In the last of three links. */
	body.len = 0;
	add_link("eth0", &spec);
	add_link("eth0", &spec);
	inner.len = 0;
	pb_bytes(&inner, 1, "eth0", 4);
	pb_bytes(&inner, 2, "", 0);
	pb_uint(&inner, 3, 1);
	pb_message(&body, 1, &inner);
	expect_unknown(3, LINKS, 0);
}

/* --- nsid-alloc --- */

static void Q9_nsids_below_any(void **state)
{
	static const int32_t nsids[] = { -2, -3, INT32_MIN };

	(void)state;
	pretend_bound();
	for (size_t i = 0; i < ARRAY_SIZE(nsids); i++) {
		ask_nsid(i + 2, nsids[i]);
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, EINVAL);
		assert_non_null(reply->message);
		assert_non_null(strstr(audit, " op=nsid-alloc stage=decode verdict=invalid "));
	}
}

/* -1 and what is above pass decoding; here the socket they would go over is none. */
static void Q9_nsids_that_are_asked_for(void **state)
{
	static const int32_t nsids[] = { -1, 0, 31, INT32_MAX };

	(void)state;
	pretend_bound();
	for (size_t i = 0; i < ARRAY_SIZE(nsids); i++) {
		ask_nsid(i + 2, nsids[i]);
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, EBADF);
		assert_non_null(strstr(audit, " stage=execute verdict=failed errno=EBADF "));
	}
}

/* --- quota --- */

static void F6_quota_twice(void **state)
{
	(void)state;
	greet();
	ask_quota(2);
	assert_int_equal(serve(), 0);
	assert_int_equal(reply->error, 0);
	assert_non_null(strstr(audit, " op=quota stage=execute verdict=granted errno=0 "));
	ask_quota(3);
	assert_int_equal(serve(), -EPROTO);
	/* Nor after target-bind. */
	s.phase = PHASE_BOUND;
	ask_quota(4);
	assert_int_equal(serve(), -EPROTO);
}

/* A policy in which @n parents are lo, which is there, and no other is. */
static void quota_is_bounded(void **state)
{
	static const size_t numbers[] = { 0, 1, 63, 64, 65, 300 };
	static struct policy_parent parents[300];
	static uint16_t listed[ARRAY_SIZE(parents)];
	struct policy_rule rule = {
		.name = "r", .anyone = true, .parents = listed, .modes = POLICY_DEFAULT_MODES
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		listed[i] = (uint16_t)i;
		(void)snprintf(parents[i].name, sizeof(parents[i].name), "nosuch%zu", i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const size_t n = numbers[i];

		(void)teardown(NULL);
		assert_int_equal(setup(NULL), 0);
		greet();
		rule.n_parents = n;
		if (n)
			(void)snprintf(parents[n - 1].name, sizeof(parents[n - 1].name), "lo");
		s.policy = (struct policy){ .rules = &rule, .n_parents = n, .parents = parents };
		parents_open(&s.parents, &s.policy, &s.caller, &s.self);
		ask_quota(2);
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, 0);
		assert_int_equal(reply->result_case, NETCR__REPLY__RESULT_QUOTA);
		assert_int_equal(reply->quota->more, n > 64);
		/* lo is the last one: what comes behind the 64th is not looked at. */
		assert_int_equal(reply->quota->n_parents, n > 0 && n <= 64);
		if (n > 0 && n <= 64) {
			assert_string_equal(reply->quota->parents[0]->parent, "lo");
			assert_int_equal(reply->quota->parents[0]->limit, 0);
		}
		if (n)
			(void)snprintf(parents[n - 1].name, sizeof(parents[n - 1].name), "nosuch");
	}
}

/* --- link-create --- */

static void P8_numbers_of_links(void **state)
{
	static const struct {
		size_t n;
		uint32_t error;
	} cases[] = {
		{ 0, EINVAL },  { 1, EPERM },   { 127, EPERM }, { 128, EPERM },
		{ 129, E2BIG }, { 130, E2BIG }, { 300, E2BIG },
	};

	(void)state;
	pretend_bound();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask_links(i + 2, cases[i].n, "nosuch0");
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, cases[i].error);
		assert_int_equal(reply->result_case, NETCR__REPLY__RESULT__NOT_SET);
	}
}

static void link_of_unlisted_parent_is_refused(void **state)
{
	(void)state;
	pretend_bound();
	/* Whether it exists or not: the answer is the same. */
	ask_links(2, 1, "nosuch0");
	assert_int_equal(serve(), 0);
	assert_int_equal(reply->error, EPERM);
	assert_non_null(strstr(audit, " op=link-create "));
	assert_non_null(strstr(audit, " stage=policy verdict=denied errno=EPERM reason="));
	assert_non_null(strstr(audit, " links=1 made=0 parent=nosuch0 name=eth0 ifindex=0 mac=any "
				      "mode=bridge\n"));
}

static void gone_parent_is_told_to_whom_it_is_allowed(void **state)
{
	const struct policy_parent parent = { .name = "nosuch0", .ifindex = 7 };
	const struct policy_rule rule = {
		.name = "r", .anyone = true, .n_parents = 1, .parents = &(const uint16_t){ 0 }
	};

	(void)state;
	pretend_bound();
	s.policy = (struct policy){ .rules = &rule, .n_parents = 1, .parents = &parent };
	parents_open(&s.parents, &s.policy, &s.caller, &s.self);
	ask_links(2, 3, "nosuch0");
	assert_int_equal(serve(), 0);
	assert_int_equal(reply->error, ENODEV);
	assert_int_equal(reply->result_case, NETCR__REPLY__RESULT_LINK_CREATE);
	assert_int_equal(reply->link_create->n_results, 3);
	assert_int_equal(reply->link_create->results[0]->error, ENODEV);
	assert_string_equal(reply->link_create->results[0]->message, "the parent is gone");
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(reply->link_create->results[i]->error, ECANCELED);
		assert_int_equal(reply->link_create->results[i]->ifindex, 0);
	}
}

static void L9_parent_names(void **state)
{
	static const char *const names[] = { "",
					     ".",
					     "..",
					     "a/b/c",
					     "/b",
					     "a/",
					     "a//b",
					     "-a/b",
					     ".a/b",
					     "a b/c",
					     "a/lo",
					     "abcdefghijklmnop/b",
					     "a/abcdefghijklmnop",
					     "lo",
					     "all",
					     "a b",
					     "%d",
					     "\x01",
					     "\xff\xfe",
					     "abcdefghijklmnop" };

	(void)state;
	pretend_bound();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ask_links(i + 2, 1, names[i]);
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, EINVAL);
		assert_int_equal(reply->link_create->n_results, 1);
		assert_int_equal(reply->link_create->results[0]->error, EINVAL);
		assert_non_null(reply->link_create->results[0]->message);
		/* What did not pass decoding is not in the audit line either. */
		assert_null(strstr(audit, "parent="));
	}
}

static void P9_newlink_bytes(void **state)
{
	static const uint8_t bytes[40];

	(void)state;
	pretend_bound();
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct link_spec spec = spec_minimal();

		body.len = 0;
		add_link("nosuch0", &spec);
		inner.len = 0;
		pb_bytes(&inner, 1, "nosuch0", 7);
		pb_bytes(&inner, 2, bytes, len);
		pb_message(&body, 1, &inner);
		add_link("nosuch0", &spec);
		ask(len + 2, LINKS);
		assert_int_equal(serve(), 0);
		assert_int_equal(reply->error, EINVAL);
		assert_int_equal(reply->link_create->n_results, 3);
		assert_int_equal(reply->link_create->results[0]->error, ECANCELED);
		assert_int_equal(reply->link_create->results[1]->error, EINVAL);
		assert_non_null(reply->link_create->results[1]->message);
		assert_int_equal(reply->link_create->results[2]->error, ECANCELED);
	}
}

static void L13_address_has_its_own_error(void **state)
{
	struct link_spec spec = spec_minimal();

	(void)state;
	pretend_bound();
	spec.has = LINK_HAS_ADDRESS;
	spec.address[0] = 0xff;
	body.len = 0;
	add_link("nosuch0", &spec);
	ask(2, LINKS);
	assert_int_equal(serve(), 0);
	assert_int_equal(reply->error, EADDRNOTAVAIL);
	assert_int_equal(reply->link_create->results[0]->error, EADDRNOTAVAIL);
}

/* --- the loop --- */

/* Everything that was sent to the session, until it is over. */
static int run_session(void)
{
	struct capture c;
	int r;

	forget();
	capture_begin(&c);
	r = session_run(&s);
	audit = capture_end(&c);
	fd_closep(&s.sock);
	return r;
}

static void send_request(void)
{
	assert_int_equal(wire_send(peer, request.buf, request.len, NULL, 0, 0), 0);
}

/* A session that ends with requests unread resets the connection: that is read once, before
 * the replies that are there all the same (unix_release_sock() in net/unix/af_unix.c). */
static size_t count_replies(void)
{
	static uint8_t buf[WIRE_MAX];
	size_t n = 0, resets = 0;

	for (;;) {
		ssize_t len = recv(peer, buf, sizeof(buf), MSG_DONTWAIT);

		if (len > 0)
			n++;
		else if (len == 0 || errno != ECONNRESET || resets++)
			return n;
	}
}

static void F8_half_close_is_served_to_its_end(void **state)
{
	(void)state;
	ask_hello(1, 1, 1);
	send_request();
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	assert_int_equal(run_session(), 0);
	assert_int_equal(count_replies(), 1);
	assert_int_equal(count_char(audit, '\n'), 1);
}

static void F5_session_ends_after_no_version(void **state)
{
	(void)state;
	ask_hello(1, 7, 9);
	send_request();
	ask_hello(2, 1, 1);
	send_request();
	assert_int_equal(run_session(), 0);
	assert_int_equal(count_replies(), 1);
	assert_int_equal(count_char(audit, '\n'), 1);
	assert_non_null(strstr(audit, "errno=EPROTONOSUPPORT"));
}

static void F4_session_ends_after_a_violation(void **state)
{
	(void)state;
	ask_hello(1, 1, 1);
	send_request();
	ask_links(2, 1, "eth0");
	send_request();
	ask_bind(3);
	send_request();
	assert_int_equal(run_session(), -EPROTO);
	assert_int_equal(count_replies(), 1);
	assert_int_equal(count_char(audit, '\n'), 2);
}

static void F1_session_ends_after_an_empty_datagram(void **state)
{
	(void)state;
	assert_int_equal(send(peer, "", 0, 0), 0);
	ask_hello(1, 1, 1);
	send_request();
	assert_int_equal(run_session(), -EBADMSG);
	assert_int_equal(count_replies(), 0);
	assert_int_equal(count_char(audit, '\n'), 1);
}

static void F9_peer_is_gone_before_the_reply(void **state)
{
	(void)state;
	ask_hello(1, 1, 1);
	send_request();
	fd_closep(&peer);
	assert_int_equal(run_session(), -EPIPE);
	assert_int_equal(count_char(audit, '\n'), 1);
	assert_int_equal(setup(NULL), 0);
	fd_closep(&peer);
	assert_int_equal(run_session(), 0);
	assert_string_equal(audit, "");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_has_whole_rows),
		cmocka_unit_test(table_says_when_and_with_what),
		CASE(hello_tells_versions_and_limits),
		CASE(F5_K11_version_ranges),
		CASE(F6_before_hello),
		CASE(F6_before_target_bind),
		CASE(F6_hello_twice),
		CASE(F6_bind_after_bind),
		CASE(F6_quota_twice),
		CASE(quota_is_bounded),
		CASE(F7_ids),
		CASE(F7_first_id_is_one),
		CASE(F7_ids_do_not_wrap),
		CASE(F4_unknown_op),
		CASE(P7_no_op),
		CASE(P7_two_ops),
		CASE(D1_numbers_of_descriptors),
		CASE(D4_bind_of_junk_is_one_refusal),
		CASE(P3_unknown_field_of_hello),
		CASE(P3_unknown_field_of_bind),
		CASE(P3_unknown_field_of_nsid),
		CASE(P3_unknown_field_of_quota),
		CASE(P3_unknown_field_of_links),
		CASE(Q9_nsids_below_any),
		CASE(Q9_nsids_that_are_asked_for),
		CASE(P8_numbers_of_links),
		CASE(link_of_unlisted_parent_is_refused),
		CASE(gone_parent_is_told_to_whom_it_is_allowed),
		CASE(L9_parent_names),
		CASE(P9_newlink_bytes),
		CASE(L13_address_has_its_own_error),
		CASE(F8_half_close_is_served_to_its_end),
		CASE(F5_session_ends_after_no_version),
		CASE(F4_session_ends_after_a_violation),
		CASE(F1_session_ends_after_an_empty_datagram),
		CASE(F9_peer_is_gone_before_the_reply),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
