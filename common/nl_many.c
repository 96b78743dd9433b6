/*
 * Several requests at once. A file of its own, so that the broker's program does not contain it.
 *
 * May: what nl.c does on the socket. Must not: log, allocate, or block without end.
 */
#include "common/nl_many.h"

#include <errno.h>

#include "common/nl_answer.h"

int nl_talk_many(struct nl_sock *nl, struct nlmsghdr *first, size_t size, uint32_t *ret_nr,
		 char ret_text[NL_TEXT_MAX])
{
	struct nl_answer answer = { .text = ret_text, .first = nl->seq + 1 };
	struct nlmsghdr *nlh = first;
	int left = (int)size, r;

	ret_text[0] = '\0';
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		nlh->nlmsg_seq = ++nl->seq;
	r = nl_send(nl, first, size);
	if (r == 0)
		r = nl_read_answer(nl, &answer);
	*ret_nr = answer.nr;
	return r;
}

int nl_talk_each(struct nl_sock *nl, struct nlmsghdr *first, size_t size, size_t n,
		 nl_verdict verdict, void *data)
{
	char text[NL_TEXT_MAX];
	const uint32_t seq = nl->seq;
	struct nlmsghdr *nlh = first;
	int left = (int)size, r;

	if (n > NL_BATCH_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n && mnl_nlmsg_ok(nlh, left); i++) {
		nlh->nlmsg_seq = seq + 1 + (uint32_t)i;
		nlh->nlmsg_flags |= NLM_F_ACK;
		nlh = mnl_nlmsg_next(nlh, &left);
	}
	r = nl_send(nl, first, size);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct nl_answer answer = { .text = text, .first = ++nl->seq };

		text[0] = '\0';
		r = nl_read_answer(nl, &answer);
		/* An ack that came is the kernel's word; without one, the rest is unknown, too. */
		if (answer.ended) {
			verdict(i, r, text, data);
			r = 0;
		}
	}
	nl->seq = seq + (uint32_t)n;
	return r;
}
