/* What iptables-save or ip6tables-save printed, as CRIU's images have it: whether it is that and
 * nothing else, and the rules without the lock by which CRIU held the network still. Pure.
 *
 * Taken out are: in table filter, where chain CRIU is the lock's (`-m mark --mark 0xc114 -j
 * ACCEPT`, then `-j DROP`), that chain and every `-A INPUT -j CRIU` and `-A OUTPUT -j CRIU`; and
 * any table that has no rule, no chain of its own, and no policy but ACCEPT, as it does nothing. */
#pragma once

#include <stddef.h>

struct ipt_text {
	size_t len;      /* of what is left; 0 where there is no table */
	size_t n_tables; /* in it */
	size_t line;     /* of an error */
	const char *why; /* what is wrong; static text */
};

/* In place. Returns 0, or -EINVAL with ret->line and ret->why set; @text is untouched then. */
int ipt_text_strip(char *text, size_t len, struct ipt_text *ret);

/* Likewise, but only look: ret->len is @len. */
int ipt_text_check(const char *text, size_t len, struct ipt_text *ret);

/* From @text, which was checked, make one that empties its tables: their own chains set to ACCEPT
 * and no rules. @ret has room for four times @len. Returns how many bytes there are. */
size_t ipt_text_empty(const char *text, size_t len, char *ret);
