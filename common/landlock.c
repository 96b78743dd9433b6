/*
 * Landlock for both programs. The constants are spelled out here because the headers of a
 * build host are often older than the kernel it runs (include/uapi/linux/landlock.h).
 *
 * May: the three landlock system calls. Must not: log, open anything.
 */
#include "common/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

enum {
	ACCESS_FS_EXECUTE = 1 << 0,
	ACCESS_FS_WRITE_FILE = 1 << 1,
	ACCESS_FS_READ_FILE = 1 << 2,
	ACCESS_FS_READ_DIR = 1 << 3,
	ACCESS_FS_REMOVE_FILE = 1 << 5,
	ACCESS_FS_MAKE_REG = 1 << 8,
	ACCESS_FS_IOCTL_DEV = 1 << 15,
	CREATE_RULESET_VERSION = 1 << 0,
	RULE_PATH_BENEATH = 1,
};

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* What each ABI version can deny, and how much of struct ruleset_attr it knows. */
static const struct {
	struct ruleset_attr attr;
	size_t size;
} abis[] = {
	[1] = { { .handled_access_fs = 0x1fff }, 8 },
	[2] = { { .handled_access_fs = 0x3fff }, 8 }, /* + REFER */
	[3] = { { .handled_access_fs = 0x7fff }, 8 }, /* + TRUNCATE */
	[4] = { { 0x7fff, .handled_access_net = 3 }, 16 },
	[5] = { { 0xffff, .handled_access_net = 3 }, 16 }, /* + IOCTL_DEV */
	[6] = { { 0xffff, 3, .scoped = 3 }, 24 },
};

static int allow_path(int ruleset, const struct landlock_path *path, uint64_t handled)
{
	struct path_beneath_attr attr = {
		.allowed_access = ACCESS_FS_READ_FILE | ACCESS_FS_READ_DIR,
		.parent_fd = path->fd,
	};

	if (path->writes)
		attr.allowed_access |= ACCESS_FS_WRITE_FILE;
	/* A rename within a directory is one removed and one made; no REFER. */
	if (path->makes)
		attr.allowed_access |=
			ACCESS_FS_WRITE_FILE | ACCESS_FS_MAKE_REG | ACCESS_FS_REMOVE_FILE;
	if (path->executes)
		attr.allowed_access |= ACCESS_FS_EXECUTE;
	/* A right that only directories can have is EINVAL for a file. */
	if (path->is_file)
		attr.allowed_access &= ~(uint64_t)ACCESS_FS_READ_DIR;
	/* A right that only a directory can have is refused for a file (EINVAL). */
	if (path->device)
		attr.allowed_access =
			ACCESS_FS_READ_FILE | ACCESS_FS_WRITE_FILE | ACCESS_FS_IOCTL_DEV;
	attr.allowed_access &= handled;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0U) < 0)
		return -errno;
	return 0;
}

int landlock_restrict(const struct landlock_path *paths, size_t n)
{
	_cleanup_fd_ int ruleset = -1;
	long abi;
	size_t known;

	abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_RULESET_VERSION);
	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	known = (size_t)abi < ARRAY_SIZE(abis) ? (size_t)abi : ARRAY_SIZE(abis) - 1;

	ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &abis[known].attr, abis[known].size, 0U);
	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		int r = allow_path(ruleset, &paths[i], abis[known].attr.handled_access_fs);

		if (r < 0)
			return r;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0U) < 0)
		return -errno;
	return (int)abi;
}
