/*
 * Requests to the real kernel, each in a netns of its own, and answers that are not the kernel's.
 *
 * Not tried: that no answer at all ends after NL_TIMEOUT_MS, which is half a minute; and answers
 * of the kernel that make no sense (too short, an error above 0), which it does not give.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "common/nl_many.h"
#include "tests/lib/rawmsg.h"
#include "tests/lib/test.h"

static union {
	struct nlmsghdr align;
	uint8_t bytes[NL_BUFFER_SIZE];
} buf;
static char text[NL_TEXT_MAX];
static struct nl_sock nl;

static int open_nl(void)
{
	NEED(enter_netns() == 0);
	nl = (struct nl_sock){ .fd = -1, .seq = 1000, .buf = buf.bytes };
	CHECK(nl_open(&nl.fd) == 0);
	return CHILD_OK;
}

/* lo up or down. */
static void set_lo(struct rawmsg *m, unsigned int flags)
{
	rawmsg_begin(m);
	m->nlh.nlmsg_type = RTM_SETLINK;
	m->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m->ifi.ifi_index = 1;
	m->ifi.ifi_flags = flags;
	m->ifi.ifi_change = IFF_UP;
	rawmsg_finish(m);
}

/* Refused with a text: there is no nsid in it. */
static void bad_nsid(struct rawmsg *m)
{
	*m = (struct rawmsg){ .len = sizeof(m->nlh) + NLMSG_ALIGN(sizeof(struct rtgenmsg)) };
	m->nlh.nlmsg_type = RTM_NEWNSID;
	m->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	rawmsg_finish(m);
}

/* 10.0.0.0 and @nr on lo. */
static void add_address(struct rawmsg *m, uint32_t nr)
{
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1 };
	const uint32_t address = htonl((10U << 24) + nr);

	*m = (struct rawmsg){ .len = sizeof(m->nlh) };
	m->nlh.nlmsg_type = RTM_NEWADDR;
	m->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	rawmsg_raw(m, &ifa, sizeof(ifa));
	rawmsg_put(m, IFA_LOCAL, &address, sizeof(address));
	rawmsg_finish(m);
}

static void dump_links(struct rawmsg *m)
{
	rawmsg_begin(m);
	m->nlh.nlmsg_type = RTM_GETLINK;
	m->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rawmsg_finish(m);
}

static int talk(struct rawmsg *m, nl_each each, void *data)
{
	memset(text, 'x', sizeof(text));
	return nl_talk(&nl, &m->nlh, each, data, text);
}

static int count_one(const struct nlmsghdr *nlh, void *data)
{
	unsigned int *n = data;

	if (nlh->nlmsg_type == RTM_NEWLINK)
		++*n;
	return 0;
}

static int fail_one(const struct nlmsghdr *nlh, void *data)
{
	(void)count_one(nlh, data);
	return -ENOANO;
}

/* --- in children --- */

static int acks(void *arg)
{
	struct rawmsg m;
	int r = open_nl();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	set_lo(&m, IFF_UP);
	CHECK(talk(&m, NULL, NULL) == 0);
	CHECK(text[0] == '\0');
	CHECK(m.nlh.nlmsg_seq == 1001 && nl.seq == 1001);
	m.ifi.ifi_index = 99;
	CHECK(talk(&m, NULL, NULL) == -ENODEV);
	CHECK(nl.seq == 1002);
	bad_nsid(&m);
	CHECK(talk(&m, NULL, NULL) == -EINVAL);
	CHECK(strcmp(text, "nsid is missing") == 0);
	/* An error does not stay. */
	set_lo(&m, 0);
	CHECK(talk(&m, NULL, NULL) == 0);
	CHECK(text[0] == '\0');
	return CHILD_OK;
}

static int dumps(void *arg)
{
	struct rawmsg m;
	unsigned int n = 0, failed = 0;
	int r = open_nl();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	dump_links(&m);
	CHECK(talk(&m, count_one, &n) == 0);
	CHECK(n >= 1);
	CHECK(talk(&m, NULL, NULL) == 0);
	/* The error of @each is that of the request, once the answer is read to its end. */
	CHECK(talk(&m, fail_one, &failed) == -ENOANO);
	CHECK(failed == 1);
	failed = 0;
	CHECK(talk(&m, count_one, &failed) == 0);
	CHECK(failed == n);
	return CHILD_OK;
}

/* Answers to requests that were given up lie before the right one. */
static int stale_answers(void *arg)
{
	struct rawmsg m;
	int r = open_nl();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	for (uint32_t i = 0; i < 20; i++) {
		bad_nsid(&m);
		m.nlh.nlmsg_seq = i;
		CHECK(send(nl.fd, m.buf, m.len, 0) == (ssize_t)m.len);
	}
	set_lo(&m, IFF_UP);
	CHECK(talk(&m, NULL, NULL) == 0);
	CHECK(text[0] == '\0');
	return CHILD_OK;
}

/* Acks by another process, which has guessed the sequence number. */
static int send_forged(int from, uint32_t port, uint32_t seq, int error)
{
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr err;
	} ack = { .nlh = { .nlmsg_len = sizeof(ack), .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = seq },
		  .err = { .error = error } };
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port };

	return sendto(from, &ack, sizeof(ack), 0, (struct sockaddr *)&to, sizeof(to)) ==
			       (ssize_t)sizeof(ack)
		       ? 0
		       : -errno;
}

static int forged(size_t n, int want)
{
	struct sockaddr_nl self = { 0 };
	socklen_t len = sizeof(self);
	struct rawmsg m;
	int other = -1, size = 1 << 24;

	CHECK(nl_open(&other) == 0);
	CHECK(getsockname(nl.fd, (struct sockaddr *)&self, &len) == 0);
	NEED(n < 100 || setsockopt(nl.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0);
	for (size_t i = 0; i < n; i++)
		CHECK(send_forged(other, self.nl_pid, nl.seq + 1, 0) == 0);
	bad_nsid(&m);
	CHECK(talk(&m, NULL, NULL) == want);
	return CHILD_OK;
}

static int forged_answers(void *arg)
{
	int r = open_nl();

	(void)arg;
	return r == CHILD_OK ? forged(5, -EINVAL) : r;
}

static int many_strays(void *arg)
{
	int r = open_nl();

	(void)arg;
	return r == CHILD_OK ? forged(NL_STRAYS_MAX - 1, -EINVAL) : r;
}

static int too_many_strays(void *arg)
{
	int r = open_nl();

	(void)arg;
	return r == CHILD_OK ? forged(NL_STRAYS_MAX + 1, -EIO) : r;
}

/* The kernel tells who listens of changes, under the number of the request that made them: whoever
 * owns the socket can see to it that there is always one of ours. */
static int notified(void *arg)
{
	const int size = 1 << 24, group = RTNLGRP_IPV4_IFADDR;
	int other = -1;
	struct rawmsg m;
	int r = open_nl();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(nl_open(&other) == 0);
	NEED(setsockopt(nl.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0);
	CHECK(setsockopt(nl.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0);
	for (unsigned int i = 0; i < NL_STRAYS_MAX + 1; i++) {
		add_address(&m, i);
		m.nlh.nlmsg_seq = nl.seq + 1;
		CHECK(send(other, m.buf, m.len, 0) == (ssize_t)m.len);
	}
	bad_nsid(&m);
	CHECK(talk(&m, NULL, NULL) == -EIO);
	return CHILD_OK;
}

/* What does not come over netlink is not believed, whatever it says. */
static int other_sockets(void *arg)
{
	struct rawmsg m;
	int r = open_nl();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	fd_closep(&nl.fd);
	set_lo(&m, IFF_UP);
	CHECK(talk(&m, NULL, NULL) == -EBADF);
	nl.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(talk(&m, NULL, NULL) < 0);
	return CHILD_OK;
}

/* Two requests in one datagram, of which the last alone is acknowledged. */
static int many_at_once(void *arg)
{
	const bool first_fails = arg != NULL;
	struct rawmsg m, second;
	uint32_t nr = 7;
	int r = open_nl();

	if (r != CHILD_OK)
		return r;
	set_lo(&m, IFF_UP);
	m.nlh.nlmsg_flags = NLM_F_REQUEST;
	m.ifi.ifi_index = first_fails ? 99 : 1;
	set_lo(&second, 0);
	rawmsg_raw(&m, second.buf, second.len);
	r = nl_talk_many(&nl, &m.nlh, m.len, &nr, text);
	CHECK(r == (first_fails ? -ENODEV : 0));
	/* Which message the answer is of. */
	CHECK(nr == (first_fails ? 0 : 1));
	/* What else was answered does not disturb the next. */
	set_lo(&m, IFF_UP);
	CHECK(talk(&m, NULL, NULL) == 0);
	return CHILD_OK;
}

static void keep_verdict(size_t i, int error, const char *message, void *data)
{
	(void)i;
	(void)message;
	*(int *)data = error;
}

/* The ack of a request before, which nobody read, is not taken for a verdict. */
static int each_has_its_own_verdict(void *arg)
{
	struct rawmsg m, second;
	uint32_t nr;
	int verdict = 1, r = open_nl();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	set_lo(&m, IFF_UP);
	m.nlh.nlmsg_flags = NLM_F_REQUEST;
	m.ifi.ifi_index = 99;
	set_lo(&second, 0);
	rawmsg_raw(&m, second.buf, second.len);
	CHECK(nl_talk_many(&nl, &m.nlh, m.len, &nr, text) == -ENODEV);
	set_lo(&m, IFF_UP);
	m.ifi.ifi_index = 99;
	CHECK(nl_talk_each(&nl, &m.nlh, m.len, 1, keep_verdict, &verdict) == 0);
	CHECK(verdict == -ENODEV);
	return CHILD_OK;
}

static int socket_options(void *arg)
{
	int value = 0, r = open_nl();
	socklen_t len = sizeof(value);

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(getsockopt(nl.fd, SOL_NETLINK, NETLINK_EXT_ACK, &value, &len) == 0 && value == 1);
	len = sizeof(value);
	CHECK(getsockopt(nl.fd, SOL_NETLINK, NETLINK_CAP_ACK, &value, &len) == 0 && value == 1);
	return CHILD_OK;
}

#define IN_CHILD(name, fn, arg)           \
	static void name(void **state)    \
	{                                 \
		(void)state;              \
		child_must_pass(fn, arg); \
	}

IN_CHILD(acks_and_texts, acks, NULL)
IN_CHILD(dumps_are_read_to_their_end, dumps, NULL)
IN_CHILD(L18_stale_answers_are_passed_over, stale_answers, NULL)
IN_CHILD(L18_forged_answers_are_passed_over, forged_answers, NULL)
IN_CHILD(L18_many_forged_answers_are_passed_over, many_strays, NULL)
IN_CHILD(L18_forged_answers_without_end, too_many_strays, NULL)
IN_CHILD(L18_notifications_without_end, notified, NULL)
IN_CHILD(L18_sockets_that_are_not_netlink, other_sockets, NULL)
IN_CHILD(several_requests_at_once, many_at_once, NULL)
IN_CHILD(several_requests_of_which_one_fails, many_at_once, text)
IN_CHILD(each_of_several_has_its_own_verdict, each_has_its_own_verdict, NULL)
IN_CHILD(acks_are_extended_and_capped, socket_options, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acks_and_texts),
		cmocka_unit_test(dumps_are_read_to_their_end),
		cmocka_unit_test(L18_stale_answers_are_passed_over),
		cmocka_unit_test(L18_forged_answers_are_passed_over),
		cmocka_unit_test(L18_many_forged_answers_are_passed_over),
		cmocka_unit_test(L18_forged_answers_without_end),
		cmocka_unit_test(L18_notifications_without_end),
		cmocka_unit_test(L18_sockets_that_are_not_netlink),
		cmocka_unit_test(several_requests_at_once),
		cmocka_unit_test(several_requests_of_which_one_fails),
		cmocka_unit_test(each_of_several_has_its_own_verdict),
		cmocka_unit_test(acks_are_extended_and_capped),
	};

	return cmocka_run_group_tests_name("nl", tests, NULL, NULL);
}
