/* One worker's session: on whose authority, in which phase, with which target. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/caller.h"
#include "broker/ledger.h"
#include "broker/nsfd.h"
#include "broker/parents.h"
#include "broker/policy.h"
#include "common/nl.h"
#include "common/wire.h"

/* Phases are bits, so that the table of ops can name several. A session only moves on. */
enum phase {
	PHASE_NEW = 1 << 0,     /* nothing is known of the peer */
	PHASE_GREETED = 1 << 1, /* a version is agreed */
	PHASE_BOUND = 1 << 2,   /* a target is bound: all that follows is about it */
};

struct session {
	uint32_t id; /* random, for the audit line */
	enum phase phase;
	uint32_t spent;   /* ops that may be asked once and were, by number */
	uint32_t last_id; /* of the last request */
	bool closing;     /* after this reply the session ends */

	int hello_ms, idle_ms; /* how long to wait for the first request, and for each other */

	struct caller caller;
	struct policy policy; /* const after the lock-down */
	struct parents parents;
	uid_t run_uid; /* what the session process becomes, where it may change its uid */
	gid_t run_gid;
	struct nsfd_self self;
	int landlock_abi;

	int sock;            /* to the worker; owned */
	struct nl_sock rtnl; /* of the broker's netns; owned */

	int target;                 /* netns; owned; -1 before PHASE_BOUND */
	struct nl_sock target_rtnl; /* the worker's socket; owned; fd -1 before PHASE_BOUND */
	uint64_t target_id;
	bool target_init; /* the init user namespace owns it */

	struct ledger ledger; /* owned; fd -1: no rule has a limit */
	int32_t self_nsid;    /* of the broker's netns in itself; -1 before it is needed */
	int32_t target_nsid;  /* of the target in the broker's netns; likewise */
};

/* A session that owns nothing, may do nothing, and waits for ever. */
void session_init(struct session *s);

/* Serve until the worker hangs up, breaks the protocol or lets its time pass. Returns 0 or
 * -errno; either way the session is over. SIGTERM, which must be blocked, ends the process, but
 * only between two requests. Nothing is opened, allocated or forked from here on. */
int session_run(struct session *s);
