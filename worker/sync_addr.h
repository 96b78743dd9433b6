/* Bringing the target's addresses to what the images have. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/state_addr.h"

struct nl_failure;
struct nl_sock;

/* A link of the images, by its index. */
struct addr_link {
	uint32_t ifindex;
	const char *name; /* borrowed */
	bool loopback;
	bool made;    /* by the restore, so that what it has by itself is of the kernel */
	bool running; /* was, when it was saved */
};

struct addr_links {
	struct addr_link *links; /* owned; in the order of their indexes */
	size_t n;
};

const struct addr_link *addr_links_find(const struct addr_links *links, uint32_t ifindex);

/* Dump the target's addresses, sorted. Returns 0 or -errno. */
int addr_list_get(struct nl_sock *nl, struct addr_list *ret);

/* Make those of @wanted that are missing or otherwise, in an order in which the kernel lists them
 * as @wanted does; take away those that the kernel made by itself and @wanted has not. Those that
 * had passed duplicate address detection do not begin it again, and those that the kernel began
 * to probe are made anew. Returns 0 or -errno with *ret_failure, whose i is the number in
 * @wanted. */
int addr_sync(struct nl_sock *nl, const struct addr_list *wanted, const struct addr_links *links,
	      struct nl_failure *ret_failure);

/* All of @list, sorted. Returns 0 or -ENOMEM. */
int addr_list_copy_sorted(const struct addr_list *list, struct addr_list *ret);

/* Whether it may be of this restore: it is in @ours, which is what the images have, sorted, or such
 * as the kernel makes when a link comes up. */
bool addr_is_ours(const struct addr *addr, const struct addr_list *ours);

/* Bring those on @links back to @before, but for new ones of somebody else. Returns 0 or -errno. */
int addr_undo(struct nl_sock *nl, const struct addr_list *before, const struct addr_list *ours,
	      const struct addr_links *links);

/* The first of @wanted that the target does not have as it is wanted, or NULL; *ret_error is
 * -errno if that cannot be told. */
const struct addr *addr_first_missing(struct nl_sock *nl, const struct addr_list *wanted,
				      int *ret_error);
