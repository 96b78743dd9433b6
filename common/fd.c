/*
 * Descriptors: closing, moving, and what a process starts with.
 *
 * May: close, open /dev/null. Must not: log, or know who uses it.
 */
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int fd_open_std(void)
{
	/* open() returns the lowest free number, so this stops after the third at the latest. */
	for (;;) {
		/* NOLINTNEXTLINE(android-cloexec-open): 0-2 are meant to be inherited */
		int fd = open("/dev/null", O_RDWR);

		if (fd < 0)
			return -errno;
		if (fd > 2) {
			fd_closep(&fd);
			return 0;
		}
	}
}

int fd_close_from(int first)
{
	if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0U) < 0)
		return -errno;
	return 0;
}

int fd_stat(int fd, struct stat *ret)
{
	return syscall(SYS_fstat, fd, ret) < 0 ? -errno : 0;
}

int fd_identity(int fd, uint64_t *ret_dev, uint64_t *ret_ino)
{
	struct stat st;
	int r;

	r = fd_stat(fd, &st);
	if (r < 0)
		return r;
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return 0;
}
