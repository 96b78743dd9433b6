/* The helper of worker/outside.h: a process that was forked before the worker joined its target,
 * and that confined itself. It keeps CAP_NET_ADMIN over the outside namespace, and has one
 * rtnetlink socket there and one in the target. Of the worker it takes the number of a link of the
 * command line, and plain values: no name, no message, no path. */
#pragma once

#include <stdint.h>

#include "worker/outside.h"

enum outside_op {
	OUTSIDE_LOOK, /* at what is outside, for one link */
	OUTSIDE_MAKE,
	OUTSIDE_NSID,
	OUTSIDE_UNDO, /* all links */
	OUTSIDE_END
};

/* On the socket, in the byte order of the host: both ends are one program. */
struct outside_request {
	uint32_t op, link;
	uint32_t ifindex, mtu;
	int32_t nsid;
	uint8_t address[6], has_address, unused;
};

struct outside_reply {
	int32_t status; /* 0 or an exit status, with a text */
	int32_t error;  /* of OUTSIDE_NSID: -errno */
	struct outside_facts facts;
	char text[OUTSIDE_TEXT_MAX];
};

/* All borrowed. */
struct outside_place {
	int netns;        /* outside */
	int userns;       /* that owns it; -1: it cannot be told */
	bool is_own;      /* the process is in it */
	const char *name; /* of it, for messages */
	int target;
};

/* Enter the namespaces, confine itself, say on @sock how that went, and serve requests until it is
 * closed. For a process that was forked for it. */
void outside_helper(int sock, const struct outside_place *place, const struct outside *outside)
	__attribute__((noreturn));
