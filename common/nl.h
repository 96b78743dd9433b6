/* rtnetlink: one request, its answers, and the kernel's extended ack (netlink(7), rtnetlink(7)).
 *
 * The two shapes that there are: a request that ends with an ack, and a dump. Both go through
 * nl_talk(). Nothing is allocated. */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

/* mnl_attr_for_each() and its nested twin, without the narrowing in libmnl's macros. Only
 * attributes that lie wholly within the message come up. */
#define nl_attr_each(attr, nlh, offset)                                                          \
	for ((attr) = mnl_nlmsg_get_payload_offset((nlh), (offset));                             \
	     mnl_attr_ok((attr),                                                                 \
			 (int)((char *)mnl_nlmsg_get_payload_tail(nlh) - (const char *)(attr))); \
	     (attr) = mnl_attr_next(attr))

#define nl_attr_each_nested(attr, nest)                                                         \
	for ((attr) = mnl_attr_get_payload(nest);                                               \
	     mnl_attr_ok((attr), (int)((const char *)mnl_attr_get_payload(nest) +               \
				       mnl_attr_get_payload_len(nest) - (const char *)(attr))); \
	     (attr) = mnl_attr_next(attr))

enum {
	NL_TEXT_MAX = 160,        /* bytes of an extended ack that are kept, with the NUL */
	NL_BUFFER_SIZE = 32768,   /* what the kernel fills at most in a dump (netlink_dump()) */
	NL_TIMEOUT_MS = 5 * 1000, /* for an answer: it is there when sending returns, if ever */
	NL_STRAYS_MAX = 1024,     /* datagrams that are passed over; in a dump, in a row */
};

struct nl_sock {
	int fd;       /* AF_NETLINK, NETLINK_ROUTE, close-on-exec */
	uint32_t seq; /* of the last request */
	uint8_t *buf; /* borrowed: NL_BUFFER_SIZE bytes, aligned for struct nlmsghdr */
};

/* What is done with each message of an answer that is not an ack. Returns 0 to go on or -errno,
 * which nl_talk() returns after it has read the answer to its end. */
typedef int (*nl_each)(const struct nlmsghdr *nlh, void *data);

/* Open an rtnetlink socket in this process's netns, with extended acks and capped acks.
 * Returns 0 and a descriptor that the caller owns, or -errno. */
int nl_open(int *ret_fd);

/* Send @request (its sequence number is set here; NLM_F_REQUEST must be set, and NLM_F_ACK or
 * NLM_F_DUMP) and read until its ack or the end of the dump. Answers to anything else, and
 * messages that the kernel did not send, are passed over.
 *
 * @each may be NULL. @ret_text gets the extended ack's message or "", printable, at most
 * NL_TEXT_MAX bytes, also when 0 is returned. Returns 0, the kernel's -errno, or:
 *   -ETIMEDOUT  NL_TIMEOUT_MS have passed, and there is nothing more to read
 *   -EIO        the answer makes no sense (too short, error above 0, cut off), or does not
 *               come for NL_STRAYS_MAX datagrams
 *   -EAGAIN     the dump changed while it was read: ask again */
int nl_talk(struct nl_sock *nl, struct nlmsghdr *request, nl_each each, void *data,
	    char ret_text[NL_TEXT_MAX]);
