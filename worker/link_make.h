/* Making a link in the target by one RTM_NEWLINK of the worker's own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/nl.h"
#include "worker/link_kind.h"

struct plan;
struct plan_link;
struct report;
struct target;

enum {
	LINK_MAKE_MAX = 1024
}; /* bytes of the longest request, which is that for a veth pair or a sit */

/* What every new link has: name, MTU, group of unfinished links, and the address where it is an
 * Ethernet device. Returns false where @size does not do. */
bool link_put_common(struct nlmsghdr *nlh, size_t size, const struct plan_link *link);

/* The request that makes @link, which is made down: flags are settled later. @buf must be
 * aligned for a struct nlmsghdr. Returns the length or -EMSGSIZE. */
int link_make_encode(const struct plan_link *link, void *buf, size_t size);

/* Make it, by its kind's own function where there is one. Returns 0 or -errno with a text. */
int link_make(const struct plan_link *link, struct target *target, char ret_text[NL_TEXT_MAX]);

/* The same for one that reaches outside, by the helper. Returns 0 or an exit status. */
int link_make_outside(const struct plan_link *link, struct target *target, struct report *report);

/* Find out whether this kernel has the kinds of all links that the worker is to make, in a way
 * that changes nothing. Returns 0, or EXIT_OS_ with the link and the kind. */
int link_make_probe(const struct plan *plan, struct target *target, struct report *report);
