/* System call allow-lists. The *_rules.c files are data, install.c is the only user of
 * libseccomp. What is not listed kills the process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A system call that is allowed, if its argument @arg is @value in the low 32 bits. Several rows
 * for one call are alternatives. The high bits of an int argument are the caller's garbage:
 * the kernel does not look at them, so a comparison must not either. */
struct seccomp_rule {
	int syscall;
	int arg; /* 0..5, or ANY_ARGS */
	uint32_t value;
	const char *why; /* who calls it, and for what */
};

enum {
	ANY_ARGS = -1
};

/* The broker's ledger has this descriptor, so that the list can say so. */
enum {
	SECCOMP_LEDGER_FD = 31
};

struct seccomp_list {
	const char *name;
	const struct seccomp_rule *rules;
	size_t n;
};

extern const struct seccomp_list broker_seccomp;
extern const struct seccomp_list worker_seccomp;
extern const struct seccomp_list worker_dump_seccomp;
extern const struct seccomp_list outside_seccomp;
extern const struct seccomp_list tun_seccomp;

/* Empty but in a build with sanitizers, whose run-time needs more than the program. */
extern const struct seccomp_list sanitizer_seccomp;

/* Put @list into force in this thread, for good. no_new_privs must be set. Allocates, and keeps
 * what it allocated when it succeeds. Returns 0 or -errno; @ret_failed names the call whose rule was not accepted, or
 * is NULL. */
int seccomp_install(const struct seccomp_list *list, const char **ret_failed);
