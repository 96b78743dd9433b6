/* What CRIU tells an action script, and what the caller of CRIU tells criu-action, in words of the
 * command line: both come in environment variables. */
#pragma once

#include <stddef.h>

struct report;

enum criu_action {
	CRIU_NOTHING, /* at this point there is nothing to do */
	CRIU_RESTORE,
	CRIU_VERIFY,
	CRIU_ANNOUNCE,
	CRIU_DUMP,
};

enum {
	CRIU_ARGS_MAX = 2048,
	CRIU_TEXT_MAX = 64 * 1024, /* bytes of a variable */
};

struct criu_args {
	char *argv[CRIU_ARGS_MAX + 1]; /* borrowed from text and the environment; ends with NULL */
	int argc;
	char *text; /* owned */
};

/* What is to be done, into *ret_action, and with which arguments for that command, where it is
 * something. Returns 0 or EXIT_USAGE_; criu_args_fini() is due in any case. */
int criu_env_read(struct criu_args *ret, enum criu_action *ret_action, struct report *report);
void criu_args_fini(struct criu_args *args);
