/* The worker's own confinement, before it reads a byte of an image: what it reads may be made
 * to take it over, and then it should be worth little. */
#pragma once

#include <stdbool.h>

struct report;

struct confine_args {
	int image_dir; /* borrowed; what is below it stays readable; -1: nothing */
	int sysctls;   /* borrowed; what is below it stays readable and writable; -1: nothing */
	bool saves;    /* a dump: images are made below image_dir, and sysctls are only read */
	int device;    /* borrowed; a device that can still be opened by its path; -1: none */
	bool outside;  /* not the worker, but its helper for links outside (outside.h) */
	bool opens;    /* nor that one, but the process that opens the device (tun_opener.h) */
};

/* Keep CAP_NET_ADMIN of the user namespace that the process is in, if it has it and there are
 * sysctls to write or it is the helper, and nothing else; no_new_privs; Landlock; the worker's system calls only.
 * For good. Returns 0 or an exit status. */
int confine(const struct confine_args *args, struct report *report);
