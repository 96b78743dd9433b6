/* What the worker and its helper have in common, and the helper itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker/tools.h"

/* On the socket, in the byte order of the host: both ends are one program. */
struct tools_request {
	uint32_t job;
	uint32_t asks; /* 0: run it; 1: tools_has_legacy_tables() */
	uint64_t len;  /* of what follows */
};

struct tools_reply {
	int32_t result; /* as tools_run() or tools_has_legacy_tables() returns it */
	uint32_t is_unknown;
	uint64_t n_out;  /* what follows: first this, */
	uint64_t n_text; /* then this, without a NUL */
};

struct tools_command {
	const char *names[2]; /* whichever is there first */
	const char *args[3];  /* behind its name */
	const char *in_use;   /* a file below /proc/self/net that names the tables; or NULL */
};
extern const struct tools_command tools_commands[TOOLS_JOBS_];

/* Serve requests on @sock until its other end is closed. For a process that was forked for it:
 * it closes all other descriptors, and confines itself. */
void tools_helper(int sock, const struct tools *tools) __attribute__((noreturn));

/* Keep CAP_NET_ADMIN and CAP_NET_RAW, no_new_privs, and by Landlock the right to read and execute
 * what belongs to the system, and to write nothing. Returns 0 or -errno. */
int tools_confine(void);

/* Become what job runs, with @in as stdin and the two others: in a process of its own. Returns
 * only by an exit. */
void tools_become(const struct tools *tools, enum tools_job job, int in, int out, int err)
	__attribute__((noreturn));
