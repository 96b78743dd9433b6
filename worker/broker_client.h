/* The worker's end of a session: exactly one stub for each op of the broker (broker/ops.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link_msg.h"
#include "common/nl.h"

struct report;
struct wire_msg;

enum {
	BROKER_LINKS_MAX = 128, /* in one link-create, whatever the broker would take */
	BROKER_USES_MAX = 64,
};

struct broker {
	int fd;       /* owned; -1: there is no broker */
	int why_none; /* then, why: the errno of connect() at the default path */
	bool ended;   /* the session is over, by an error of the transport */
	uint32_t last_id;
	struct wire_msg *msg;   /* owned */
	char text[NL_TEXT_MAX]; /* what the last answer or the transport said, "" for nothing */

	/* From hello. */
	uint32_t version, uid, max_links, landlock_abi;
	bool netns_id;
	char release[32];
};

struct broker_link {
	const char *parent;
	const struct link_spec *spec;
};

struct broker_result {
	int error; /* 0 or -errno; -ECANCELED: not tried */
	char text[NL_TEXT_MAX];
};

/* Macvlans of the user on a parent that is allowed. */
struct broker_use {
	char parent[32];
	uint32_t used, limit, limit_per_netns; /* limits: 0 for none; without one used is 0 */
};

/* A broker that is not there. */
void broker_init(struct broker *broker);
void broker_fini(struct broker *broker);

/* Open the session that @where names, "fd:N" or the path of a socket; NULL: $NETCR_BROKER, else
 * the default path. With @where NULL, no broker there is no error: broker->fd is -1 then.
 * fd:N is consumed. Returns 0 or an exit status. */
int broker_open(const char *where, struct broker *ret, struct report *report);

/* Say that there is none, and why, where broker->fd is -1. Returns an exit status. */
int broker_fail_none(const struct broker *broker, struct report *report);

/* Whether another session can be opened with the same @where. */
bool broker_is_path(const char *where);

/* Each returns 0, the broker's -errno, or -errno of the transport, and then broker->ended is
 * set. -EPERM is a refusal: the reason is in the broker's audit log only. */
int broker_hello(struct broker *broker);
int broker_target_bind(struct broker *broker, int netns, int rtnl); /* borrows both */
/* Of the namespace that policy calls @netns, or with "" of the broker's. */
int broker_nsid_alloc(struct broker *broker, const char *netns, int32_t wanted, int32_t *ret_nsid);

/* @ret has room for BROKER_USES_MAX. ret_more: there are parents that were not looked at. */
int broker_quota(struct broker *broker, struct broker_use *ret, size_t *ret_n, bool *ret_more);

/* @n is 1..BROKER_LINKS_MAX and at most broker->max_links. @results has @n places, filled in
 * unless the session ended. */
int broker_link_create(struct broker *broker, const struct broker_link *links, size_t n,
		       struct broker_result *results);

/* What the error of a link that was not made means, for people; "" where there is no more to say. */
const char *broker_make_hint(int error);
