/*
 * The lock-down of a session process, in this order, and of the acceptor of `serve`, which takes
 * some of the same steps. A session's descriptors were put in order before (start.c).
 *
 * May: open its own namespaces in /proc/self/ns and the ledger, make one rtnetlink socket, give
 * privilege up.
 * Must not: gain any, or read a byte of the peer's.
 *
 * The one capability that is kept is CAP_NET_ADMIN, in the init user namespace: RTM_NEWLINK in
 * the broker's netns with IFLA_NET_NS_FD of the target asks for it over both (rtnl_newlink() in
 * net/core/rtnetlink.c), and RTM_NEWNSID over the worker's socket asks it of the sender, too.
 */
#include "broker/lockdown.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/securebits.h>

#include "broker/audit_out.h"
#include "broker/quota.h"
#include "broker/session.h"
#include "common/cleanup.h"
#include "common/landlock.h"
#include "common/nl.h"
#include "seccomp/rules.h"

/* A session has 0-2, its socket, its netns, two rtnetlink sockets, the target, the ledger, the
 * journal and the namespaces of parents, and for a moment what it received and two user namespaces
 * of a walk. The acceptor has 0-2, up to LISTEN_MAX sockets, those for signals and for the service
 * manager, and a connection. */
enum {
	MAX_FDS = 32 + POLICY_NETNS_MAX
};
_Static_assert((int)LEDGER_FD < (int)MAX_FDS, "the ledger's descriptor is within the limit");

#define ALL_SECUREBITS                                                                           \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                         \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static bool has_cap(unsigned int cap)
{
	return capng_have_capability(CAPNG_EFFECTIVE, cap) != 0;
}

/* A starter's limits are not ours, as far as they can be lifted. */
static int lower_limits(struct session *s)
{
	static const struct {
		int resource;
		struct rlimit limit;
	} limits[] = {
		{ RLIMIT_CORE, { 0, 0 } },
		{ RLIMIT_NOFILE, { MAX_FDS, MAX_FDS } },
	};
	static const int lifted[] = { RLIMIT_FSIZE, RLIMIT_CPU };

	(void)s;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limits[i].limit) < 0)
			return -errno;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lifted); i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)lifted[i], &limit) < 0)
			return -errno;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit((__rlimit_resource_t)lifted[i], &limit) < 0)
			return -errno;
	}
	return 0;
}

/* No handlers, ever. What a closed stderr, or one that may not grow, sends is ignored: an audit
 * line that cannot be written must not end a session. SIGTERM is let in where no request is
 * half done (session.c), and read by the acceptor (serve.c). */
static int reset_signals(struct session *s)
{
	sigset_t term;

	(void)s;
	for (int sig = 1; sig < NSIG; sig++) {
		/* Ignoring it first takes away one that is pending; that of a service which ends is
		 * not to be lost on a session that has just begun. */
		if (sig == SIGTERM ||
		    (sig != SIGKILL && sig != SIGSTOP && signal(sig, SIG_IGN) != SIG_ERR))
			(void)signal(sig, sig == SIGPIPE || sig == SIGXFSZ ? SIG_IGN : SIG_DFL);
	}
	if (sigemptyset(&term) < 0 || sigaddset(&term, SIGTERM) < 0 ||
	    sigprocmask(SIG_SETMASK, &term, NULL) < 0)
		return -errno;
	return 0;
}

static int open_kernel(struct session *s)
{
	static union {
		struct nlmsghdr align;
		uint8_t bytes[NL_BUFFER_SIZE];
	} buf;
	int r;

	r = nsfd_self_open(&s->self);
	if (r < 0)
		return r;
	s->rtnl.buf = buf.bytes;
	if (getrandom(&s->id, sizeof(s->id), 0) < 0 ||
	    getrandom(&s->rtnl.seq, sizeof(s->rtnl.seq), 0) < 0)
		return -errno;
	return nl_open(&s->rtnl.fd);
}

static int open_audit(struct session *s)
{
	(void)s;
	return audit_out_open();
}

static int open_parents(struct session *s)
{
	parents_open(&s->parents, &s->policy, &s->caller, &s->self);
	return 0;
}

/* Needs CAP_SETPCAP. Without it neither can be done, and no_new_privs makes both moot: there is
 * no execve that could use a bounding set or a root's fix-up. */
static int empty_bounding_set(struct session *s)
{
	(void)s;
	if (capng_get_caps_process() < 0)
		return -EPERM;
	if (!has_cap(CAP_SETPCAP))
		return 0;
	capng_clear(CAPNG_SELECT_BOUNDS);
	return capng_apply(CAPNG_SELECT_BOUNDS) < 0 ? -EPERM : 0;
}

static int lock_securebits(struct session *s)
{
	(void)s;
	if (!has_cap(CAP_SETPCAP))
		return 0;
	return prctl(PR_SET_SECUREBITS, ALL_SECUREBITS, 0, 0, 0) < 0 ? -errno : 0;
}

static int change_uid(struct session *s)
{
	const uid_t uid = s->run_uid;
	const gid_t gid = s->run_gid;

	if (!has_cap(CAP_SETUID) || !has_cap(CAP_SETGID))
		return getuid() == 0 ? -EPERM : 0;
	/* The securebits keep the capabilities over this; they are dropped in the next step. */
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return getgroups(0, NULL) == 0 ? 0 : -EPERM;
}

static int keep_net_admin(struct session *s)
{
	(void)s;
	capng_clear(CAPNG_SELECT_CAPS);
	capng_clear(CAPNG_SELECT_AMBIENT);
	if (capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
			 CAP_NET_ADMIN) < 0)
		return -EPERM;
	if (capng_apply((capng_select_t)(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT)) < 0)
		return -EPERM;
	return 0;
}

/* After the last change of credentials, which sets it to what fs.suid_dumpable says. */
static int become_undumpable(struct session *s)
{
	(void)s;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int no_new_privs(struct session *s)
{
	(void)s;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* What is in force, and not what was asked for. */
static int read_back(struct session *s)
{
	(void)s;
	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		int want = cap == CAP_NET_ADMIN;

		if (capng_have_capability(CAPNG_EFFECTIVE, cap) != want ||
		    capng_have_capability(CAPNG_PERMITTED, cap) != want ||
		    capng_have_capability(CAPNG_INHERITABLE, cap) != 0 ||
		    capng_have_capability(CAPNG_AMBIENT, cap) != 0)
			return -EPERM;
	}
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -EPERM;
	if (getuid() == 0 || geteuid() == 0)
		return -EPERM;
	return 0;
}

static int deny_all_paths(struct session *s)
{
	int abi = landlock_restrict(/* paths= */ NULL, 0);

	if (abi < 0)
		return abi;
	s->landlock_abi = abi;
	return 0;
}

static int filter_syscalls(struct session *s)
{
	const char *failed;
	int r;

	(void)s;
	r = seccomp_install(&broker_seccomp, &failed);
	if (r < 0)
		return r;
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 /* SECCOMP_MODE_FILTER */ ? 0 : -EPERM;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*take)(struct session *s);
	bool acceptors; /* the acceptor of `serve` takes it, too */
} steps[] = {
	{ "reset the resource limits, core dumps off", lower_limits,       true },
	{ "reset the signals",                         reset_signals,      true },
	{ "open its netns and an rtnetlink socket",    open_kernel,        false },
	{ "open the way of the audit lines",           open_audit,         false },
	{ "open the ledger of quotas",                 quota_open,         false },
	{ "open the namespaces of parents",            open_parents,       false },
	{ "empty the bounding set",                    empty_bounding_set, true },
	{ "lock the securebits",                       lock_securebits,    true },
	{ "change the uid and drop the groups",        change_uid,         true },
	{ "keep CAP_NET_ADMIN only",                   keep_net_admin,     true },
	{ "become undumpable",                         become_undumpable,  true },
	{ "set no_new_privs",                          no_new_privs,       true },
	{ "read back what is in force",                read_back,          true },
	{ "deny all paths by Landlock",                deny_all_paths,     false },
	{ "filter the system calls",                   filter_syscalls,    false },
};
/* clang-format on */

static int take_steps(struct session *s, bool acceptor, const char **ret_step)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r;

		if (acceptor && !steps[i].acceptors)
			continue;
		r = steps[i].take(s);
		if (r < 0) {
			*ret_step = steps[i].name;
			return r;
		}
	}
	return 0;
}

int lockdown(struct session *s, const char **ret_step)
{
	return take_steps(s, /* acceptor= */ false, ret_step);
}

int lockdown_acceptor(struct session *s, const char **ret_step)
{
	return take_steps(s, /* acceptor= */ true, ret_step);
}
