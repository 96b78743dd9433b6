/* Policy rules: RTM_NEWRULE of an image or a dump, checked and encoded anew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/msg_list.h"

struct image_raw;
struct nl_failure;
struct nl_sock;
struct nlmsghdr;
struct raw_at;
struct report;

/* By the kernel's word. */
struct rule_changes {
	struct msg_list made, deleted; /* owned */
};

enum {
	RULE_LIST_MAX = 65536
};

/* Decode one message and put the request for it into @list; item.order is its priority. Returns 0
 * or an exit status. */
int rule_decode(const struct nlmsghdr *nlh, bool of_kernel, const struct raw_at *at,
		struct msg_list *list);

/* Decode all of @raw. Returns 0 or an exit status. */
int rule_list_decode(const struct image_raw *raw, bool of_kernel, struct report *report,
		     struct msg_list *list);

/* AF_INET or AF_INET6. */
uint8_t rule_family(const struct msg_list *list, size_t i);

/* Dump the target's rules, of both families. Returns 0 or -errno. */
int rule_list_get(struct nl_sock *nl, struct msg_list *ret);

/* Make the rules of each family exactly those of @wanted, in their order. A family of which @wanted
 * has none is left alone, unless @all. Where a priority has them already nothing is done. What it did
 * is put behind @changes (or NULL), also of a call that fails. Returns 0 or -errno with
 * *ret_failure, whose i is the number in @wanted, or wanted->n. */
int rule_sync(struct nl_sock *nl, const struct msg_list *wanted, bool all,
	      struct rule_changes *changes, struct nl_failure *ret_failure);

/* The rules that a new namespace has, of those families of which @of has some. Returns 0 or
 * -ENOMEM; *ret is to be freed in any case. */
int rule_list_usual(const struct msg_list *of, struct msg_list *ret);

/* The number of the first of @wanted that the target does not have, or has not in this place;
 * wanted->n if there is none; -errno. *ret_more: the target has one that is not wanted. */
long rule_first_missing(struct nl_sock *nl, const struct msg_list *wanted, bool all,
			bool *ret_more);
