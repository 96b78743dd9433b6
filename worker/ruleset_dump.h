/* The rules that the target has, as CRIU's images hold them. For dump: nothing is changed.
 *
 * A command that dumps calls tools_start() after it has joined the target and before it confines
 * itself, then for each of RULESET_PARTS ruleset_dump(), and writes what it gets, which may be
 * nothing, to the file NAME-ID.img, where NAME is ruleset_jobs[part].name. CRIU writes all three
 * files always. What is there of a lock of CRIU's is left in it, as CRIU leaves it in. */
#pragma once

#include "worker/ruleset.h"

struct report;

/* Read the rules of @part. *ret_text is the caller's to free, with a NUL behind its @ret_len bytes;
 * NULL where there are none. At most TOOLS_OUT_MAX bytes; more is an error. Warns where the
 * kernel does not say whether there are tables of the old iptables, which is taken for none.
 * Returns 0 or EXIT_OS_: a tool that is missing is an error for nftables, and for iptables if
 * there are tables. */
int ruleset_dump(enum ruleset_part_id part, struct tools *tools, char **ret_text, size_t *ret_len,
		 struct report *report);
