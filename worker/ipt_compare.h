/* Whether what iptables-save prints has all that was loaded. Pure. */
#pragma once

#include <stddef.h>

/* What is not as it should be, for a message. */
struct ipt_difference {
	char table[32];
	const char *what; /* static text */
	size_t is, should;
};

enum ipt_compared {
	IPT_SAME,
	IPT_OTHER_WORDS, /* as many, and some rules are put otherwise */
	IPT_DIFFERS      /* with *ret */
};

/* Compare each table of @wants with that in @has; both were checked (ipt_text.h). Counters, comments,
 * the order of chains, and tables that are in @has alone do not matter; nor do chains of the kernel's
 * own that are in one of them alone and accept. */
enum ipt_compared ipt_compare(const char *wants, size_t n_wants, const char *has, size_t n_has,
			      struct ipt_difference *ret);
