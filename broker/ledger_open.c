/*
 * Opening the ledger at start. Each session has an open file of its own, as the locks are an open
 * file's; so this is done in the session process, before it gives its privilege up.
 *
 * May: make the directory and the file, and open them. Must not: follow a link, or use what
 * somebody else could have put there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/ledger.h"
#include "broker/ledger_file.h"
#include "common/cleanup.h"

/* For another broker that starts at the same time. */
enum {
	START_WAIT_MS = 5000
};

/* What root makes is to serve brokers of the account, too. */
static int give_away(int fd, const struct ledger_place *place)
{
	if (geteuid() == 0 && fchown(fd, place->uid, place->gid) < 0)
		return -errno;
	return 0;
}

/* @st is of ours: nobody but root, the account and this process can have changed it. */
static bool is_ours(const struct stat *st, const struct ledger_place *place, mode_t forbidden)
{
	return (st->st_uid == 0 || st->st_uid == place->uid || st->st_uid == geteuid()) &&
	       !(st->st_mode & forbidden);
}

static int open_dir(const struct ledger_place *place, int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	bool made = mkdir(place->dir, 0755) == 0;
	struct stat st;

	/* The mode is the umask's business, and a failure the next call's. */
	fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (made) {
		int r = fchmod(fd, 0755) < 0 ? -errno : give_away(fd, place);

		if (r < 0)
			return r;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!is_ours(&st, place, S_IWGRP | S_IWOTH))
		return -EPERM;
	*ret_fd = fd_take(&fd);
	return 0;
}

static int open_file(const struct ledger_place *place, int dir, int *ret_fd)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	_cleanup_fd_ int fd = -1;
	struct stat st;
	char name[64];

	(void)snprintf(name, sizeof(name), "ledger-%llu", (unsigned long long)place->inode);
	fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0600);
	if (fd >= 0) {
		int r = fchmod(fd, 0600) < 0 ? -errno : give_away(fd, place);

		if (r < 0)
			return r;
	} else if (errno == EEXIST) {
		fd = openat(dir, name, flags);
	}
	if (fd < 0)
		return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -EPERM : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || !is_ours(&st, place, S_IRWXG | S_IRWXO))
		return -EPERM;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* Most starts only look whether it is one, and a broker that its user stops meanwhile, as by freezing
 * a control group, must not keep others from starting. */
static int lock_header(int fd, short type)
{
	return ledger_lock(fd, type, 0, sizeof(struct ledger_header), START_WAIT_MS);
}

int ledger_open(struct ledger *l, const struct ledger_place *place)
{
	_cleanup_fd_ int dir = -1, fd = -1;
	struct rlimit limit;
	int r;

	/* What the limit of a starter cuts off is a record in part, and the file damaged for all. */
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur < LEDGER_SIZE_MAX)
		return -EFBIG;
	r = open_dir(place, &dir);
	if (r == 0)
		r = open_file(place, dir, &fd);
	if (r == 0)
		r = lock_header(fd, F_RDLCK);
	if (r < 0)
		return r;
	if (dup3(fd, LEDGER_FD, O_CLOEXEC) < 0)
		return -errno;
	l->fd = LEDGER_FD;
	r = ledger_inspect(l->fd, l->netns);
	if (r != -EUCLEAN)
		return r < 0 ? r : 0;
	/* To clear it, alone, unless another one did so meanwhile. Two that each had a lock for
	 * reading would wait for each other. */
	r = ledger_ready(l);
	if (r == 0)
		r = lock_header(l->fd, F_WRLCK);
	if (r == 0)
		r = ledger_inspect(l->fd, l->netns);
	return r < 0 ? r : 0;
}

int ledger_clear(struct ledger *l)
{
	const struct ledger_header header = ledger_header_of(l->netns);

	if (ftruncate(l->fd, 0) < 0)
		return -errno;
	if (pwrite(l->fd, &header, sizeof(header), 0) != sizeof(header))
		return -ENOSPC;
	return 0;
}

int ledger_ready(struct ledger *l)
{
	return ledger_lock(l->fd, F_UNLCK, 0, sizeof(struct ledger_header), /* wait_ms= */ 0);
}
