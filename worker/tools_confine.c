/*
 * How far the helper and what it runs may go. Landlock and no_new_privs are inherited by the
 * tools, and so is CAP_NET_ADMIN, as an ambient capability.
 *
 * May: give up, and in a process of its own execute a program of tools_commands[]. Must not: gain.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/securebits.h>

#include "common/cleanup.h"
#include "common/landlock.h"
#include "worker/tools_helper.h"

enum {
	CPU_SECONDS = 60
};
#define ADDRESS_SPACE ((rlim_t)2 << 30)

enum who {
	HELPER = 1 << 0,
	TOOL = 1 << 1,
	BOTH = HELPER | TOOL
};

/* What programs need to start, and where names of marks, groups, services and users are. */
static const struct {
	const char *path;
	enum who who;
	struct landlock_path rights;
} readable[] = {
	{ "/usr", BOTH, { .executes = 1 } },
	{ "/bin", BOTH, { .executes = 1 } },
	{ "/sbin", BOTH, { .executes = 1 } },
	{ "/lib", BOTH, { .executes = 1 } },
	{ "/lib64", BOTH, { .executes = 1 } },
	{ "/etc/ld.so.cache", BOTH, { .is_file = 1 } },
	{ "/etc/iproute2", BOTH, { 0 } },
	{ "/etc/xtables", BOTH, { 0 } },
	{ "/etc/nsswitch.conf", BOTH, { .is_file = 1 } },
	{ "/etc/protocols", BOTH, { .is_file = 1 } },
	{ "/etc/services", BOTH, { .is_file = 1 } },
	{ "/etc/passwd", BOTH, { .is_file = 1 } },
	{ "/etc/group", BOTH, { .is_file = 1 } },
	/* Which tables the old iptables has. That of a tool is not there before the tool is. */
	{ "/proc", HELPER, { 0 } },
	{ "/proc/self/net", TOOL, { 0 } },
};

static int restrict_paths(enum who who)
{
	struct landlock_path paths[ARRAY_SIZE(readable)];
	size_t n = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(readable); i++) {
		int fd;

		if (!(readable[i].who & who))
			continue;
		fd = open(readable[i].path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue;
		paths[n] = readable[i].rights;
		paths[n++].fd = fd;
	}
	r = landlock_restrict(paths, n);
	for (size_t i = 0; i < n; i++)
		fd_closep(&paths[i].fd);
	return r < 0 ? r : 0;
}

static bool has_cap(unsigned int cap)
{
	return capng_have_capability(CAPNG_PERMITTED, cap) == 1;
}

/* Where the uid is that of the user namespace's root, it would get all capabilities by execve. */
static int keep_capabilities(void)
{
	const capng_type_t sets = (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED |
						 CAPNG_INHERITABLE | CAPNG_BOUNDING_SET);
	bool admin, raw, may_bound;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	admin = has_cap(CAP_NET_ADMIN);
	raw = has_cap(CAP_NET_RAW);
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
	if (may_bound &&
	    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED,
		  0, 0, 0) < 0)
		return -errno;
	capng_clear(CAPNG_SELECT_ALL);
	if (admin && capng_update(CAPNG_ADD, sets, CAP_NET_ADMIN) < 0)
		return -EPERM;
	if (raw && capng_update(CAPNG_ADD, sets, CAP_NET_RAW) < 0)
		return -EPERM;
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int tools_confine(void)
{
	int r = keep_capabilities();

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return restrict_paths(HELPER);
}

static int limit(void)
{
	static const struct {
		__rlimit_resource_t what;
		rlim_t max;
	} limits[] = {
		{ RLIMIT_CORE, 0 },           { RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 0 }, /* it forks nothing */
		{ RLIMIT_NOFILE, 64 },        { RLIMIT_CPU, CPU_SECONDS },
		{ RLIMIT_AS, ADDRESS_SPACE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit now;

		if (getrlimit(limits[i].what, &now) < 0)
			return -errno;
		if (now.rlim_max > limits[i].max)
			now.rlim_max = limits[i].max;
		now.rlim_cur = now.rlim_max;
		if (setrlimit(limits[i].what, &now) < 0)
			return -errno;
	}
	return 0;
}

/* The three sets of a process that has been confined are alike. libcap-ng knows those of the
 * process that it was first used in, and we have forked since. */
static int drop_net_raw(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	data[0].effective &= ~(1U << CAP_NET_RAW);
	data[0].permitted = data[0].inheritable = data[0].effective;
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

/* The old iptables asks by a raw socket, for which the kernel wants CAP_NET_RAW. */
static int pass_on_capabilities(bool needs_raw)
{
	int r = needs_raw ? 0 : drop_net_raw();

	if (r < 0)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0)
		return -errno;
	if (needs_raw && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) < 0)
		return -errno;
	return 0;
}

void tools_become(const struct tools *tools, enum tools_job job, int in, int out, int err)
{
	/* The old iptables wants a lock on a file that everybody shares, or on this one: its own
	 * stdin. Two restores into one netns exclude each other by a lock of netcr's. */
	static const char *const lock[] = { "XTABLES_LOCKFILE=/proc/self/fd/0", NULL };
	static const char *const nothing[] = { NULL };
	const struct tools_command *command = &tools_commands[job];
	const char *path = tools->paths[job];
	const char *argv[] = { strrchr(path, '/') + 1, command->args[0], command->args[1],
			       command->args[2], NULL };
	const char *const *env = tools->is_legacy[job] ? lock : nothing;
	int r;

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	r = fd_close_from(3);
	if (r == 0)
		r = restrict_paths(TOOL);
	if (r == 0)
		r = pass_on_capabilities(tools->is_legacy[job]);
	if (r == 0)
		r = limit();
	if (r == 0) {
		/* execve() changes neither: its prototype is older than const. */
		(void)execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
		r = -errno;
	}
	(void)dprintf(STDERR_FILENO, "cannot start %s: %s", path, strerror(-r));
	_exit(127);
}
