/*
 * Many requests at once: each has its verdict, whichever of them fail.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "tests/lib/test.h"
#include "worker/image_raw.h"
#include "worker/nl_batch.h"

static union {
	struct nlmsghdr align;
	uint8_t bytes[NL_BUFFER_SIZE];
} buffer;

static struct nlmsghdr *blackhole(void *buf, uint32_t number, uint8_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	const uint8_t to[4] = { 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
				(uint8_t)number };

	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_type = type;
	mnl_attr_put(nlh, RTA_DST, sizeof(to), to);
	return nlh;
}

static size_t count(struct nl_sock *nl)
{
	struct image_raw raw = { 0 };
	size_t n = nl_dump(nl, RTM_GETROUTE, sizeof(struct rtmsg), AF_INET, &raw) == 0 ? raw.n : 0;

	image_raw_fini(&raw);
	return n;
}

static int all_are_made(void *arg)
{
	struct nl_sock nl = { .fd = -1, .buf = buffer.bytes };
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[128];
	} buf;
	struct nl_batch batch;
	size_t n = *(const size_t *)arg;

	NEED(enter_netns() == 0);
	NEED(nl_open(&nl.fd) == 0);
	CHECK(nl_batch_init(&batch, &nl) == 0);
	for (uint32_t i = 0; i < n; i++)
		CHECK(nl_batch_add(&batch, blackhole(buf.bytes, i, RTN_BLACKHOLE), RTM_NEWROUTE,
				   NLM_F_CREATE | NLM_F_EXCL, i) == 0);
	CHECK(nl_batch_flush(&batch) == 0);
	CHECK(count(&nl) == n);
	/* All of them fail now, and none of that counts. */
	batch.ignored[0] = -EEXIST;
	for (uint32_t i = 0; i < n; i++)
		CHECK(nl_batch_add(&batch, blackhole(buf.bytes, i, RTN_BLACKHOLE), RTM_NEWROUTE,
				   NLM_F_CREATE | NLM_F_EXCL, i) == 0);
	CHECK(nl_batch_flush(&batch) == 0);
	nl_batch_fini(&batch);
	return CHILD_OK;
}

static void any_number(void **state)
{
	size_t cases[] = { 0, 1, NL_BATCH_MAX - 1, NL_BATCH_MAX, NL_BATCH_MAX + 1, 5000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		child_must_pass(all_are_made, &cases[i]);
}

static int first_failure(void *arg)
{
	struct nl_sock nl = { .fd = -1, .buf = buffer.bytes };
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[128];
	} buf;
	struct nl_batch batch;
	int r = 0;

	(void)arg;
	NEED(enter_netns() == 0);
	NEED(nl_open(&nl.fd) == 0);
	CHECK(nl_batch_init(&batch, &nl) == 0);
	for (uint32_t i = 0; i < 300 && r == 0; i++)
		r = nl_batch_add(&batch, blackhole(buf.bytes, i, i == 100 || i == 110 ? 99 : 6),
				 RTM_NEWROUTE, NLM_F_CREATE, 1000 + i);
	if (r == 0)
		r = nl_batch_flush(&batch);
	CHECK(r == -EINVAL);
	CHECK(batch.failure.error == -EINVAL);
	CHECK(batch.failure.i == 1100);
	/* Nothing goes after a failure, but the socket is good for more. */
	CHECK(nl_batch_add(&batch, blackhole(buf.bytes, 999, 6), RTM_NEWROUTE, NLM_F_CREATE, 1) ==
	      -EINVAL);
	CHECK(count(&nl) < 300 && count(&nl) >= 100);
	nl_batch_fini(&batch);
	return CHILD_OK;
}

static void failure_is_the_first(void **state)
{
	(void)state;
	child_must_pass(first_failure, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_number),
		cmocka_unit_test(failure_is_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
