/* With rtnl_count.c, the only file of the broker that writes to a netlink socket. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/nl.h"

struct link_place;
struct link_spec;

/* The netns of the socket itself, where another one could be named by its nsid there. */
enum {
	RTNL_OWN_NSID = -1
};

/* The lowest device of what was asked for. */
struct rtnl_parent {
	bool found;
	bool elsewhere; /* it is in another netns than what is on it, and not known here */
	uint32_t ifindex;
	char name[IFNAMSIZ]; /* its first one, never an alternative one */
};

/* Look up the parent that @name names in the netns of @nl, or in the one it knows as @nsid, down
 * to its lowest device. An interface that is not there is no error: ret->found says so. Returns
 * 0 or -errno. */
int rtnl_parent_find(struct nl_sock *nl, int32_t nsid, const char *name, struct rtnl_parent *ret);

/* Make @spec at @place, whose numbers are those of the netns of @nl. Returns 0 or the kernel's
 * -errno, with its text in @ret_text. */
int rtnl_link_create(struct nl_sock *nl, const struct link_spec *spec,
		     const struct link_place *place, char ret_text[NL_TEXT_MAX]);

/* Give the netns behind @netns_fd (borrowed) the id @wanted in the netns of @nl, which may be a
 * socket of the target, or any for -1, and tell which it has now. An id that it had before is
 * kept, and is an error (-EEXIST) only if another was wanted. Returns 0 or -errno, with a text for
 * people. */
int rtnl_nsid_alloc(struct nl_sock *nl, int netns_fd, int32_t wanted, int32_t *ret_nsid,
		    char ret_text[NL_TEXT_MAX]);

/* Which id it has there. Returns 0, -ENOENT if it has none, or -errno. */
int rtnl_nsid_find(struct nl_sock *nl, int netns_fd, int32_t *ret_nsid);

/* The id that the netns behind @netns_fd has in the target, for IFLA_LINK_NETNSID; it is given one
 * if it has none. @target, the worker's socket, can carry a forged answer, and an id that is not
 * that of @netns_fd would put the link on another parent: so the id is read over @nl, the
 * broker's own, where the target is known as @target_nsid. An id is never taken back as long as
 * both live, so that it stays true. Returns 0 or -errno; -EIO: the worker was in the way. */
int rtnl_link_nsid(struct nl_sock *nl, struct nl_sock *target, int32_t target_nsid, int netns_fd,
		   int32_t *ret_nsid, char ret_text[NL_TEXT_MAX]);
