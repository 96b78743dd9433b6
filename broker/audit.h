/* The record of what was asked and what became of it: one line a request. Where the
 * lines go is chosen by audit_out.h. */
#pragma once

#include <stddef.h>

#include "broker/ops.h"

struct session;

/* How far a request came. */
enum audit_stage {
	AUDIT_MESSAGE, /* not even a request */
	AUDIT_DECODE,
	AUDIT_POLICY,
	AUDIT_EXECUTE,
};

struct audit_record {
	const char *op; /* a constant of this program */
	enum audit_stage stage;
	const char *why;                /* likewise */
	const struct policy_rule *rule; /* that decided; NULL: none */
	int error;                      /* 0 or -errno */
	const struct op_args *args;     /* what passed decoding, and nothing else */
	const struct reply *reply;
};

/* A request that was served, whatever the answer. */
void audit_request(const struct session *s, const struct audit_record *rec);

/* A breach of the protocol; @what is a constant of this program. */
void audit_violation(const struct session *s, const char *what);

/* The end of a session: a line if there are some that are missing, else none. */
void audit_end(const struct session *s);

/* The policy @file with @n_rules rules is in force from now on. */
void audit_policy_loaded(const char *file, size_t n_rules);

/* Seconds since 1970 as a UTC date and time, "2026-11-22T04:05:06" and a NUL. libc's gmtime()
 * reads the time zone's files at its first call, and there is no open() any more. */
void audit_format_time(int64_t seconds, char ret[20]);
