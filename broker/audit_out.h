/* Where audit lines go, in which format, and how many of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/audit_spell.h"

/* What the journal is told of a kind of line. */
struct audit_event {
	const char *message_id;
	int priority; /* as in syslog(3) */
};

/* --audit, "stderr" (as if nothing were said) or "journal", and --audit-format, "text" or "json".
 * Return 0 or -EINVAL. To be called before any process is forked that writes lines. */
int audit_out_choose(const char *sink);
int audit_out_choose_format(const char *format);

/* Open what was chosen, before the lock-down, in the process that writes. Returns 0 or
 * -errno of the journal's socket. */
int audit_out_open(void);

/* A line before it is spelled. */
struct audit_entry {
	const struct audit_field *fields;
	struct audit_value *values; /* one a field, unset where it does not apply */
	size_t n;
	const struct link_args *links; /* of the fields that are lists */
	size_t n_links;
};

/* Write one line. One that need not be there is not written if the user has had too many; the
 * next one says how many of them there were, and how many could not be written. */
void audit_out_write(const struct audit_event *event, const struct audit_entry *e, bool always);

/* A last line is to be written, as some are missing: waits until there may be one. False where none
 * is missing, or where there was no room for it in 5 s. */
bool audit_out_may_end(void);

/* serve: @users places for what limits the number of lines, which processes share that are forked
 * later. Returns 0 or -errno. A process takes the place of its user by audit_out_use(). When a line
 * would be due at an even pace orders places by how long they were idle, and 0 is one that nobody
 * has used; one that is given to another user is to be forgotten first. */
int audit_out_share(size_t users);
uint64_t audit_out_due(size_t user);
void audit_out_forget(size_t user);
void audit_out_use(size_t user);
