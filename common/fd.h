/* Descriptors: ownership is in the verb. `fd` is borrowed, `take_fd` is consumed on every path. */
#pragma once

#include <stdint.h>

/* Close *fd unless it is negative, and set it to -1. errno is kept. */
void fd_closep(int *fd);

/* Move the descriptor out of *fd, which becomes -1. */
int fd_take(int *fd);

/* Make sure that 0, 1 and 2 are open, on /dev/null where they were not, so that no later
 * descriptor is mistaken for one of them. Returns 0 or -errno. */
int fd_open_std(void);

/* Close every descriptor from @first on. Returns 0 or -errno. */
int fd_close_from(int first);

/* What @fd refers to, by the fstat system call itself: glibc's fstat() is newfstatat(), which takes
 * a path, and a process under seccomp should not be given that only to look at a descriptor.
 * Returns 0 or -errno. */
struct stat;
int fd_stat(int fd, struct stat *ret);

/* Its device and inode, likewise. */
int fd_identity(int fd, uint64_t *ret_dev, uint64_t *ret_ino);
