/* Netlink messages of a dump, as the kernel sent them: kept whole, one behind the other. Only
 * their sequence numbers and port ids are 0, which are of the conversation: what is the same twice
 * gives the same bytes twice. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nl.h"

enum {
	DUMP_MSGS_MAX = 512 * 1024 * 1024
}; /* bytes of them all */

struct dump_msgs {
	uint8_t *data; /* owned */
	size_t len, room;
};

/* The messages of @msgs, one after the other. */
#define dump_msgs_each(nlh, msgs)                                                     \
	for ((nlh) = (const struct nlmsghdr *)(const void *)(msgs)->data;             \
	     (msgs)->data && (const uint8_t *)(nlh) < (msgs)->data + (msgs)->len;     \
	     (nlh) = (const struct nlmsghdr *)(const void *)((const uint8_t *)(nlh) + \
							     NLMSG_ALIGN((nlh)->nlmsg_len)))

void dump_msgs_fini(struct dump_msgs *msgs);

/* Whether to keep a message of an answer. */
typedef bool (*dump_keep)(const struct nlmsghdr *nlh, void *data);

/* Send @request, which asks for a dump, and add to *ret those messages of type @type of the answer
 * that have a header of @header bytes at least and that @keep wants (NULL: all). A dump that
 * changed while it was read is asked for again. Returns 0 or -errno, -EFBIG for too much; *ret
 * has what it had before then. */
int dump_msgs_get(struct nl_sock *nl, struct nlmsghdr *request, uint16_t type, size_t header,
		  dump_keep keep, void *data, struct dump_msgs *ret, char ret_text[NL_TEXT_MAX]);
