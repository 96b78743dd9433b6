/* crun sends what its hooks say to /dev/null. Podman shows what crun's own log has: these say an
 * error of a hook there, and on crun's own stderr. */
#pragma once

#include <stdbool.h>

struct crun_log {
	int err, file; /* owned; -1: there is none */
	bool json;     /* the form of file */
};

/* Open both, if the parent process is crun and stderr is /dev/null; else, and where they cannot be
 * opened, there are none. Opens paths: before the process confines itself. */
void crun_log_open(struct crun_log *ret);
void crun_log_close(struct crun_log *log);

/* Say @text, of the command @name. */
void crun_log_write(const struct crun_log *log, const char *name, const char *text);
