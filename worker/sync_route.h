/* Making the routes of the images in the target. */
#pragma once

#include <stddef.h>

struct addr_links;
struct msg_list;
struct nl_failure;
struct nl_sock;

/* Dump the target's routes, of both families and all tables; *ret_foreign, which may be NULL: see
 * struct route_source. Returns 0 or -errno. */
int route_list_get(struct nl_sock *nl, struct msg_list *ret, struct msg_list *ret_foreign);

/* Make those of @wanted that are not there, in their order, and put these behind @made, also of a
 * call that fails. Returns 0 or -errno with *ret_failure, whose i is the number in @wanted. */
int route_sync(struct nl_sock *nl, const struct msg_list *wanted, struct msg_list *made,
	       struct nl_failure *ret_failure);

/* Take away the routes that the kernel made with addresses on @links, and that were deleted or
 * replaced before @wanted was saved: of a family of which @wanted has routes. Returns 0 or
 * -errno. */
int route_drop_extra(struct nl_sock *nl, const struct msg_list *wanted,
		     const struct addr_links *links);

/* The number of the first of @wanted that the target does not have, wanted->n if there is none, or
 * -errno. */
long route_first_missing(struct nl_sock *nl, const struct msg_list *wanted);
