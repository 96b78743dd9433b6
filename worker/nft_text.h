/* What `nft list ruleset` printed, as CRIU's images have it: whether it is such a list and
 * nothing else, and the list without the lock by which CRIU held the network still. Pure.
 *
 * The lock, and nothing but it, is taken out:
 *
 * - A table `inet CRIU`, or `inet CRIU-X` where X is the dump's run id, or digits, letters a to f
 *   and dashes only (a pid, or another run's id).
 * - In `ip filter` and `ip6 filter`, where chain CRIU is the lock's (two rules: accept what has
 *   the mark 0xc114; drop): that chain, and every rule of INPUT and
 *   OUTPUT that is `jump CRIU`, with a counter or without.
 * - INPUT and OUTPUT themselves, where such a jump was taken out, no other rule is left, and they
 *   are `type filter hook input|output priority filter; policy accept;` and no more: the lock
 *   made them, or they did nothing.
 * - Such a table, where something was taken out of it and nothing is left in it. */
#pragma once

#include <stddef.h>

struct nft_text {
	size_t len;      /* of what is left; 0 where there is no table */
	size_t n_tables; /* in it */
	size_t line;     /* of an error */
	const char *why; /* what is wrong; static text */
};

/* Take the lock out of @text, in place. @run_id may be NULL. Returns 0, or -EINVAL with ret->line
 * and ret->why set; @text is untouched then. */
int nft_text_strip(char *text, size_t len, const char *run_id, struct nft_text *ret);

/* Likewise, but only look: ret->len is @len. */
int nft_text_check(const char *text, size_t len, struct nft_text *ret);
