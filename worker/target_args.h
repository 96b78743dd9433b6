/* How the command line names the namespaces that a command works on. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct report;

enum {
	TARGETS_MAX = 32
}; /* namespaces of one container in one command */

/* All unset: the namespaces that the worker is in. */
struct target_args {
	pid_t pid;         /* 0: not given */
	const char *netns; /* NULL: not given */
	const char *userns;
	/* --netns ID=PATH: others of the same container, by the ids of the images. */
	struct {
		uint32_t ns_id;
		const char *path;
	} named[TARGETS_MAX];
	size_t n_named;
};

/* Take the argument of --netns, PATH or ID=PATH: digits before a '=' are an id. Returns 0 or
 * EXIT_USAGE_. */
int target_args_netns(struct target_args *args, const char *text, struct report *report);

/* Whether they go together, with @ns_id of --ns-id (0: not given). Returns likewise. */
int target_args_check(const struct target_args *args, uint32_t ns_id, struct report *report);
