/* The namespaces that a command works on: found, opened, and joined. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "common/nl.h"
#include "worker/detour.h"
#include "worker/outside.h"
#include "worker/sysctl_net.h"
#include "worker/tools.h"
#include "worker/tun_opener.h"

struct id_map;
struct report;
struct target_args;

/* PIDFD_GET_NET_NAMESPACE and PIDFD_GET_USER_NAMESPACE, Linux 6.11; which Debian 12's headers lack. */
#define TARGET_PIDFD_GET_NET _IO(0xFF, 4)
#define TARGET_PIDFD_GET_USER _IO(0xFF, 9)

struct target {
	int netns;    /* owned */
	int lock;     /* owned; while it is open, no other restore changes this netns */
	int handover; /* owned; a second rtnetlink socket in the target, for the broker */
	int userns;   /* owned; -1 where it is not to be joined */
	int sysctls;  /* owned; O_PATH of /proc/sys/net, which is below it for Landlock */
	int tun;      /* owned; O_PATH of /dev/net/tun; -1 where there is none */
	struct id_map *uids, *gids; /* owned; of the user namespace that was joined */
	struct nl_sock nl;          /* owned; in the target */
	struct sysctl_net net;      /* owned; likewise */
	uint64_t ino;               /* of the netns, for messages */

	struct outside outside; /* owned; with a helper where links reach outside */
	struct tun_opener tuns; /* owned; where the worker will be in another namespace */
	struct tools tools;     /* owned; started by commands that have to do with rules */
	struct detour detour;   /* owned; where the kernel may need one, and a broker is there */
};

/* A target that owns nothing. */
void target_init(struct target *target);
void target_fini(struct target *target);

/* Open what @args name. With a pid, both namespaces are those of one process, which was alive
 * when both had been opened; it may end or be replaced afterwards. Without --userns it is the
 * one that owns the netns. Returns 0 or an exit status. */
int target_open(const struct target_args *args, struct target *ret, struct report *report);

/* Open the network namespace @path, in the user namespace that another target says. Likewise. */
int target_open_more(const char *path, struct target *ret, struct report *report);

/* Join them, and open an rtnetlink socket and the sysctls there; then take the lock that makes
 * two restores into one netns come one after the other. The process must have one thread.
 * Returns 0 or an exit status. */
int target_join(struct target *target, struct report *report);

/* Prepare for tuns there, where there is the device and the worker will be in another namespace. Before
 * the confinement, and after target_join(). Returns 0 or an exit status. */
int target_open_tuns(struct target *target, struct report *report);

/* Prepare for links that can only be made by a detour, where the kernel is one that needs it.
 * Before the confinement, and after target_join(). Returns 0 or an exit status. */
int target_open_detour(struct target *target, struct report *report);
