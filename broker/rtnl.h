/* With rtnl_count.c, the only file of the broker that writes to a netlink socket. */
#pragma once

#include <stdint.h>

#include "common/nl.h"

struct link_spec;
struct parent_facts;

/* Look up the parent that @name names in the netns of @nl, down to its lowest device. An
 * interface that is not there is no error: ret->found says so. Returns 0 or -errno. */
int rtnl_parent_find(struct nl_sock *nl, const char *name, struct parent_facts *ret);

/* Make @spec on @parent (an ifindex in the netns of @nl), in the netns behind @netns_fd
 * (borrowed). Returns 0 or the kernel's -errno, with its text in @ret_text. */
int rtnl_link_create(struct nl_sock *nl, const struct link_spec *spec, uint32_t parent,
		     int netns_fd, char ret_text[NL_TEXT_MAX]);

/* Give the netns behind @netns_fd (borrowed) the id @wanted in the netns of @nl, which may be a
 * socket of the target, or any for -1, and tell which it has now. An id that it had before is
 * kept, and is an error (-EEXIST) only if another was wanted. Returns 0 or -errno, with a text for
 * people. */
int rtnl_nsid_alloc(struct nl_sock *nl, int netns_fd, int32_t wanted, int32_t *ret_nsid,
		    char ret_text[NL_TEXT_MAX]);

/* Which id it has there. Returns 0, -ENOENT if it has none, or -errno. */
int rtnl_nsid_find(struct nl_sock *nl, int netns_fd, int32_t *ret_nsid);
