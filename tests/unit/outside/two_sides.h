/* Two network namespaces, one outside and one the target, for a child of a test. */
#pragma once

#include "worker/outside_links.h"

struct two_sides {
	struct outside outside; /* what the command line would say */
	struct outside_hands h;
};

/* Make both, and a bridge br0 outside. The child ends up in the target. Returns 0 or -errno. */
int two_sides_make(struct two_sides *ret);

/* One more --external. Returns its number. */
size_t two_sides_add(struct two_sides *s, const char *in, const char *out, const char *bridge,
		     bool adopts);

/* A link of @kind, which may be NULL where @ifindex is; with a veth, "NAMEp" is its other end. */
int two_sides_link(struct nl_sock *nl, const char *name, const char *kind, uint32_t ifindex);

/* All that there is on one side. Links change nothing while they are not touched. */
struct link_list two_sides_look(struct nl_sock *nl);

/* Whether @nl has the links that it had; consumes @take_before. */
bool two_sides_same(struct nl_sock *nl, struct link_list take_before);

bool two_sides_has(struct nl_sock *nl, const char *name);
