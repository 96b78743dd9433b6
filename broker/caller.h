/* On whose authority a spawned broker acts. Fixed before anything of the caller's is parsed. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct invoker {
	uid_t uid;
	gid_t gid;
	bool switches;     /* the process is root's, and the command has to become uid */
	bool by_file_caps; /* privilege came with the file: the caller has none of its own */
};

/* The user behind this process: SUDO_UID and SUDO_GID where root runs it under sudo, else the
 * real uid. Returns 0, or -EINVAL if what sudo left makes no sense or the uid is one that
 * stands for nobody (65534, 4294967295). */
int caller_find(struct invoker *ret);

/* This process can do what a broker needs: CAP_NET_ADMIN in the init user namespace. Returns
 * NULL, or what is missing, for a person. */
const char *caller_check_privilege(void);

/* Become @invoker for good, with no capability of this process, and with HOME, USER and LOGNAME
 * to match. (What uid 0 gets from its next execve is root's own.) Returns 0 or -errno. */
int caller_become(const struct invoker *invoker);
