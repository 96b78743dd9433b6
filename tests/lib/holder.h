/* A process that makes namespaces, so that the test can have descriptors of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct holder_want {
	uid_t uid;       /* who makes them; other than oneself takes root */
	unsigned levels; /* of user namespaces in one another; 0 takes root */
	uid_t sub_uid;   /* if not 0: below the first level it goes on as this uid; takes root */
};

/* All owned by who has the struct; HOLDER_INIT is empty. The namespaces live by these alone. */
struct holder {
	int netns, userns, mntns;
	int rtnl, genl, udp; /* sockets that were opened in the netns */
};

#define HOLDER_INIT                                                                       \
	{                                                                                 \
		.netns = -1, .userns = -1, .mntns = -1, .rtnl = -1, .genl = -1, .udp = -1 \
	}

/* Returns 0 or -errno of what was not allowed. */
int holder_make(const struct holder_want *want, struct holder *ret);
void holder_fini(struct holder *h);
