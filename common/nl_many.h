/* Several rtnetlink requests in one datagram. The worker's only: the broker has one at a time, and
 * links none of this. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/nl.h"

enum {
	NL_BATCH_MAX = 64, /* of nl_talk_each(): an answer takes up to 1.3 KiB of buffer */
};

/* Send the messages that fill the @size bytes from @first on in one datagram, of which only the
 * last has NLM_F_ACK: the kernel takes them all within one system call, so no signal, not even
 * SIGKILL, comes between them. Returns as nl_talk() does, with the number of the message, from 0,
 * in *ret_nr for a kernel's error; the others have been taken all the same. */
int nl_talk_many(struct nl_sock *nl, struct nlmsghdr *first, size_t size, uint32_t *ret_nr,
		 char ret_text[NL_TEXT_MAX]);

/* What is done with the verdict on message @i of several: 0 or the kernel's -errno. */
typedef void (*nl_verdict)(size_t i, int error, const char *text, void *data);

/* Send the @n messages in the @size bytes from @first on in one datagram, each with NLM_F_ACK, and
 * hand the verdict on each to @verdict, in their order. So many that the answers fit into the
 * receive buffer: NL_BATCH_MAX. Returns 0, or as nl_talk() does if not all were answered. */
int nl_talk_each(struct nl_sock *nl, struct nlmsghdr *first, size_t size, size_t n,
		 nl_verdict verdict, void *data);
