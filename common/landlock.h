/* Landlock (landlock(7)): file system access by path, TCP, abstract sockets and signals. */
#pragma once

#include <stddef.h>

/* A directory below which something stays allowed, or a file. */
struct landlock_path {
	int fd;       /* borrowed; O_PATH will do */
	int writes;   /* 0: files may be read and listed; 1: existing files may be written, too */
	int makes;    /* 1: regular files may be made, written, renamed and removed, too */
	int executes; /* 1: files may be executed, too */
	int is_file;  /* 1: it is one, and no directory */
	int device;   /* 1: it is a device, not a directory: read, write, and its own ioctls */
};

/* Deny this process, for good, all that the kernel's Landlock can deny, but for @paths.
 * no_new_privs must be set. Returns the kernel's ABI version (1 and up; what is newer than 6 is
 * not used), 0 where it has no Landlock, or -errno. */
int landlock_restrict(const struct landlock_path *paths, size_t n);
