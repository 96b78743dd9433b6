/* On whose authority a broker acts. Fixed before anything of the caller's is parsed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	CALLER_GIDS_MAX = 1024
};

/* Whom the rules are about. */
struct caller {
	uid_t uid;
	pid_t pid; /* for the reader of the audit line; never used */
	size_t n_gids;
	gid_t gids[CALLER_GIDS_MAX]; /* of the account, and not of the process */
};

/* Why NSS has found nobody, where errno was 0 before it was asked: -ENOENT, there is no such account
 * or group; or another -errno, it could not find out. */
int caller_nss_error(void);

struct invoker {
	uid_t uid;
	gid_t gid;
	bool switches;     /* the process is root's, and the command has to become uid */
	bool by_file_caps; /* privilege came with the file: the caller has none of its own */
};

/* Fill in @ret for @uid, with the groups of its account; a uid without an account has none.
 * Asks NSS: not after the lock-down. Returns 0; -E2BIG if there are more groups than fit, of which
 * none may be forgotten, as a rule may deny it; -EINVAL if the uid is one that stands for nobody; or
 * another -errno. */
int caller_init(struct caller *ret, uid_t uid, pid_t pid);

/* The user behind this process: SUDO_UID and SUDO_GID where root runs it under sudo, else the
 * real uid. Returns 0, or -EINVAL if what sudo left makes no sense or the uid is one that
 * stands for nobody (65534, 4294967295). */
int caller_find(struct invoker *ret);

/* Who connected the socket @sock, and from which process, by SO_PEERCRED: as it was then, and of
 * the init user namespace whatever the peer has. Returns 0, -EINVAL if the uid is one that stands
 * for nobody, or -errno. */
int caller_of_peer(int sock, uid_t *ret_uid, pid_t *ret_pid);

/* This process can do what a broker needs: CAP_NET_ADMIN in the init user namespace. Returns
 * NULL, or what is missing, for a person. */
const char *caller_check_privilege(void);

/* Become @invoker for good, with no capability of this process, and with HOME, USER and LOGNAME
 * to match. (What uid 0 gets from its next execve is root's own.) Returns 0 or -errno. */
int caller_become(const struct invoker *invoker);
