/* The record of what was asked and what became of it: one line a request, on stderr. */
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
	const char *why;            /* likewise */
	int error;                  /* 0 or -errno */
	const struct op_args *args; /* what passed decoding, and nothing else */
	const struct reply *reply;
};

/* A request that was served, whatever the answer. */
void audit_request(const struct session *s, const struct audit_record *rec);

/* A breach of the protocol; @what is a constant of this program. */
void audit_violation(const struct session *s, const char *what);

/* Seconds since 1970 as a UTC date and time, "2026-11-22T04:05:06" and a NUL. libc's gmtime()
 * reads the time zone's files at its first call, and there is no open() any more. */
void audit_format_time(int64_t seconds, char ret[20]);
