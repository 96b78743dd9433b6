/* Policy rules: RTM_NEWRULE of an image or a dump, checked and encoded anew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_raw;
struct msg_list;
struct nl_failure;
struct nl_sock;
struct nlmsghdr;
struct raw_at;
struct report;

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
 * has none is left alone, unless @all. Where a priority has them already nothing is done. Returns 0
 * or -errno with *ret_failure, whose i is the number in @wanted, or wanted->n. */
int rule_sync(struct nl_sock *nl, const struct msg_list *wanted, bool all,
	      struct nl_failure *ret_failure);

/* The number of the first of @wanted that the target does not have, or has not in this place;
 * wanted->n if there is none; -errno. *ret_more: the target has one that is not wanted. */
long rule_first_missing(struct nl_sock *nl, const struct msg_list *wanted, bool all,
			bool *ret_more);
