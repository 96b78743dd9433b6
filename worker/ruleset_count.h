/* What is in a ruleset's text: how many of what, and whether two texts say the same. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ruleset_counts {
	size_t tables, chains, rules;
	size_t others; /* sets, maps, counters and other objects of nftables */
	/* Of all words but counters' values and what is left of lifetimes, blanks and comments
	 * aside; only of nftables. */
	uint64_t digest;
};

/* Of what `nft list ruleset` printed, which was checked (nft_text.h). */
void ruleset_count_nft(const char *text, size_t len, struct ruleset_counts *ret);

/* Of what iptables-save printed. */
void ruleset_count_ipt(const char *text, size_t len, struct ruleset_counts *ret);
