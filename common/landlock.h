/* Landlock (landlock(7)): file system access by path, TCP, abstract sockets and signals. */
#pragma once

#include <stddef.h>

/* A directory below which something stays allowed. */
struct landlock_path {
	int fd;     /* borrowed; O_PATH will do */
	int writes; /* 0: files may be read and listed; 1: existing files may be written, too */
};

/* Deny this process, for good, all that the kernel's Landlock can deny, but for @paths.
 * no_new_privs must be set. Returns the kernel's ABI version (1 and up; what is newer than 6 is
 * not used), 0 where it has no Landlock, or -errno. */
int landlock_restrict(const struct landlock_path *paths, size_t n);
