/* Exact indexes on kernels that look for a free name and index in the wrong place.
 *
 * Before Linux 6.15 (commit ec061546c6cf) a new link's index, or the name of one without an index,
 * is refused with EEXIST where an interface of the sender's namespace has it, which for a macvlan
 * is the broker's, and not the container's. There the broker makes the link under a name that
 * nobody has and with an index of the kernel's choice; the worker, in its own right, moves it to a
 * namespace that is there for this alone, and back with the index and the name that it is to have
 * (IFLA_NEW_IFINDEX, Linux 5.13). This takes some 20 to 40 ms a link, and is done only for those
 * that were refused. A link that is on its way when the worker ends goes with that namespace. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/nl.h"

struct broker;
struct broker_link;
struct target;

struct detour {
	int netns;         /* owned; -1: there is none */
	struct nl_sock nl; /* owned but for its buffer, which is the target's */
};

/* No detour. */
#define DETOUR_NONE                            \
	{                                      \
		.netns = -1, .nl = {.fd = -1 } \
	}

void detour_fini(struct detour *detour);

/* Whether the running kernel may need it. */
bool detour_is_due(void);

/* Make the namespace for it. This process is in @target (borrowed), and is so again afterwards; it
 * has one thread, and CAP_SYS_ADMIN over its user namespace. Returns 0 or -errno. */
int detour_open(int target, struct detour *ret);

/* Which of several links was not made, and why. */
struct make_failure {
	size_t i;
	int error; /* -errno */
	char text[NL_TEXT_MAX];
};

/* Have the broker make @n links (1..BROKER_LINKS_MAX), by detours where they are needed and there
 * is one. Returns 0, or -errno with *ret_failure; after a failure of the session broker->ended is
 * set. What was made by then stays, in its group. */
int detour_make_all(struct target *target, struct broker *broker, const struct broker_link *links,
		    size_t n, struct make_failure *ret_failure);
