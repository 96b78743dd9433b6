/*
 * Who called, with which privilege, and how to become them again.
 *
 * May: read credentials, SUDO_UID and SUDO_GID (as root only: sudo sets them, and root may lie to
 * itself), ask NSS about the user. Must not: run after the lock-down.
 */
#include "broker/caller.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/number.h"

/* Inode of the init user namespace: PROC_USER_INIT_INO in include/linux/proc_ns.h. */
#define USER_INIT_INO 0xEFFFFFFDU
enum {
	OVERFLOW_UID = 65534
};

static bool is_nobody(uid_t uid)
{
	return uid == OVERFLOW_UID || uid == UINT32_MAX;
}

int caller_nss_error(void)
{
	return errno == 0 || errno == ESRCH ? -ENOENT : -errno;
}

int caller_init(struct caller *ret, uid_t uid, pid_t pid)
{
	const struct passwd *account;
	int n = CALLER_GIDS_MAX;

	if (is_nobody(uid))
		return -EINVAL;
	*ret = (struct caller){ .uid = uid, .pid = pid };
	errno = 0;
	account = getpwuid(uid);
	if (!account)
		return caller_nss_error() == -ENOENT ? 0 : caller_nss_error();
	if (getgrouplist(account->pw_name, account->pw_gid, ret->gids, &n) < 0)
		return -E2BIG;
	ret->n_gids = (size_t)n;
	return 0;
}

int caller_find(struct invoker *ret)
{
	const char *uid, *gid;
	struct invoker found = {
		.uid = getuid(),
		.gid = getgid(),
		.by_file_caps = getauxval(AT_SECURE) != 0,
	};

	if (found.uid == 0 && !found.by_file_caps) {
		uid = secure_getenv("SUDO_UID");
		gid = secure_getenv("SUDO_GID");
		if (!uid != !gid)
			return -EINVAL;
		if (uid &&
		    (!number_parse_u32(uid, &found.uid) || !number_parse_u32(gid, &found.gid)))
			return -EINVAL;
		found.switches = found.uid != 0;
	}
	if (is_nobody(found.uid) || found.gid == UINT32_MAX)
		return -EINVAL;
	*ret = found;
	return 0;
}

int caller_of_peer(int sock, uid_t *ret_uid, pid_t *ret_pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	if (is_nobody(peer.uid))
		return -EINVAL;
	*ret_uid = peer.uid;
	*ret_pid = peer.pid;
	return 0;
}

const char *caller_check_privilege(void)
{
	struct stat st;

	if (stat("/proc/self/ns/user", &st) < 0)
		return "/proc is not there, so it cannot tell its namespaces";
	if (st.st_ino != USER_INIT_INO)
		return "it runs in a child user namespace, where CAP_NET_ADMIN reaches no "
		       "interface "
		       "of the host; start it outside of the container";
	if (capng_get_caps_process() < 0 ||
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 1)
		return "it has no CAP_NET_ADMIN; run it by sudo, or give the file the capability "
		       "(no_new_privs and a nosuid mount take it away)";
	return NULL;
}

static int switch_user(const struct invoker *invoker)
{
	const struct passwd *account;
	int r;

	errno = 0;
	account = getpwuid(invoker->uid);
	if (!account && caller_nss_error() != -ENOENT)
		return caller_nss_error();
	/* A uid without an account has no groups but its own. */
	r = account ? initgroups(account->pw_name, invoker->gid) : setgroups(0, NULL);
	if (r < 0 || setresgid(invoker->gid, invoker->gid, invoker->gid) < 0 ||
	    setresuid(invoker->uid, invoker->uid, invoker->uid) < 0)
		return -errno;
	if (account &&
	    (setenv("HOME", account->pw_dir, 1) < 0 || setenv("USER", account->pw_name, 1) < 0 ||
	     setenv("LOGNAME", account->pw_name, 1) < 0))
		return -errno;
	return 0;
}

int caller_become(const struct invoker *invoker)
{
	if (invoker->switches) {
		int r = switch_user(invoker);

		if (r < 0)
			return r;
	} else if (setresuid(invoker->uid, invoker->uid, invoker->uid) < 0) {
		return -errno;
	}
	capng_clear(CAPNG_SELECT_CAPS);
	capng_clear(CAPNG_SELECT_AMBIENT);
	if (capng_apply((capng_select_t)(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT)) < 0)
		return -EPERM;
	return 0;
}
