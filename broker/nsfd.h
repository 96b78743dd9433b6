/* "Is this descriptor a network namespace, whose is it, and is it not ours?"
 * All of it is asked of the descriptor that is used later: no pid, no path, no reopening. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "broker/policy.h"

/* The broker's own namespaces, as they were at start. */
struct nsfd_self {
	int netns; /* owned for the life of the process */
	uint64_t net_dev, net_ino;
	uint64_t user_dev, user_ino;
	bool has_ns_id;  /* NS_GET_ID works (Linux 6.18) */
	uint64_t net_id; /* by NS_GET_ID, else net_ino */
};

enum nsfd_owner {
	NSFD_OWNER_OTHER,  /* zero: what is not found out is nobody's we know */
	NSFD_OWNER_CALLER, /* an owning user namespace below init belongs to the caller */
	NSFD_OWNER_INIT,   /* the init user namespace owns it itself */
};

struct nsfd_facts {
	uint64_t id; /* NS_GET_ID, else the inode: tells targets apart in records */
	enum nsfd_owner owner;
};

/* Look at this process's namespaces. Returns 0 or -errno; self->netns is open then. */
int nsfd_self_open(struct nsfd_self *ret);

/* Open the network namespace at @path, which must be another than ours. Returns 0 and a descriptor
 * that the caller owns, or -errno: -ENOTTY if it is no network namespace, -EBUSY if it is ours. */
int nsfd_open(const char *path, const struct nsfd_self *self, int *ret_fd);

/* Find out what @fd is. An allowing verdict means that it is a netns other than ours, and then
 * *ret is filled in; whether @caller may use it is policy's to say. Borrows @fd. */
struct verdict nsfd_inspect(int fd, const struct nsfd_self *self, uid_t caller,
			    struct nsfd_facts *ret);

/* @sock is an rtnetlink socket of the namespace behind @netns. Borrows both. */
struct verdict nsfd_check_rtnl(int sock, int netns);
