/* Sending and reading, for nl.c and nl_many.c alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nl.h"

struct nl_answer {
	nl_each each;
	void *data;
	char *text;
	int result;          /* first error of @each, or that the dump was interrupted */
	bool dump;           /* the request asks for one */
	unsigned int strays; /* datagrams passed over; in a dump, in a row */
	uint32_t first;      /* sequence number; the last is that of the socket */
	uint32_t nr;         /* of the message that the ack is of, from the first */
	bool ended;
};

/* Send @size bytes from @first on in one datagram. Returns 0 or -errno. */
int nl_send(const struct nl_sock *nl, const struct nlmsghdr *first, size_t size);

/* Read until the ack, or the end of the dump, of one of the requests from answer->first to the last
 * that was sent. Returns as nl_talk() does. */
int nl_read_answer(struct nl_sock *nl, struct nl_answer *answer);
