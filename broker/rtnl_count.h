/* How many macvlans a target has on which parents: asked of the kernel, by the id that the broker
 * gave the target in its own netns. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/nl.h"

/* Ids of targets begin here: far from what the kernel gives by itself, which is the lowest. */
#define RTNL_TARGET_NSID_FIRST 0x40000000

enum {
	RTNL_USES_MAX = 128
};

/* Macvlans on one parent. */
struct rtnl_use {
	uint32_t ifindex;  /* of the parent */
	int32_t nsid;      /* of its netns, in the broker's */
	uint32_t in_total; /* over all targets that were counted */
	uint32_t in_last;  /* in the last one */
};

/* What is counted. */
struct rtnl_uses {
	struct rtnl_use use[RTNL_USES_MAX];
	size_t n;
	uint32_t
		outside; /* macvlans of the last target whose parent is not in it, whichever it is */
};

/* Give the netns behind @netns_fd (borrowed) an id in the netns of @nl, if it has none: @wanted,
 * at least RTNL_TARGET_NSID_FIRST, or one of the next where that is taken. Returns 0 or -errno. */
int rtnl_target_nsid(struct nl_sock *nl, int netns_fd, int32_t wanted, int32_t *ret_nsid);

/* Whether @nsid is that of a netns. Returns 1, 0, or -errno. */
int rtnl_nsid_is_alive(struct nl_sock *nl, int32_t nsid);

/* Whether there is any target that is alive and has an id in their range. Returns 1, 0, or -errno. */
int rtnl_has_targets(struct nl_sock *nl);

/* Add the macvlans of the target @nsid to @uses. A target that is gone has none. Returns 0, or
 * -errno. */
int rtnl_count(struct nl_sock *nl, int32_t nsid, struct rtnl_uses *uses);
