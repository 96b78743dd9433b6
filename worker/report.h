/* What a command has to say: its error, its warnings, and its result, for people or as JSON.
 *
 * A function of the worker that can fail returns an exit status: 0, or what report_fail() gave
 * it. Who knows the file, the record, the link and the reason calls report_fail(); everybody
 * above passes the status on. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/exit.h"

enum {
	REPORT_SCHEMA = 1
}; /* of the JSON; README.md has it */

struct report {
	const char *command;
	bool json;
	json_t *root;     /* owned; members are set by the command */
	json_t *warnings; /* owned by root */
	int status;
	uint32_t ns_id;  /* of several namespaces the one that it is about, put before all texts */
	char text[1024]; /* the error, of status */
};

/* Returns 0, or EXIT_OS_ when memory is short. */
int report_init(struct report *report, const char *command, bool json);
void report_fini(struct report *report);

/* Note the error: what was being done, to which link, why it failed, what to do. The first one
 * stays, later ones become warnings. Returns @status. */
int report_fail(struct report *report, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put more behind the error that was noted, after "; ". */
void report_add(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Something that a person should know. Printed at once, unless the output is JSON. */
void report_warn(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Print what has not been printed: the error on stderr, or the object on stdout. Returns the
 * exit status of the program. */
int report_finish(struct report *report);
