/* One statement of nft's syntax: a rule, or what stands before an opening brace. Which of them are
 * those of CRIU's lock. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/nft_scan.h"

enum {
	NFT_STATEMENT_TOKENS = 16 /* no statement that is looked at has more */
};

struct nft_statement {
	const struct nft_scan *scan; /* borrowed */
	struct nft_token tokens[NFT_STATEMENT_TOKENS];
	size_t n; /* of all its tokens, which may be more than are kept */
};

/* Whether token @i is there, and is @word. */
bool nft_statement_is(const struct nft_statement *s, size_t i, const char *word);

/* "jump CRIU", with a counter or without, and no more. */
bool nft_statement_is_jump(const struct nft_statement *s);

/* The two rules of chain CRIU. */
bool nft_statement_is_lock_accept(const struct nft_statement *s);
bool nft_statement_is_lock_drop(const struct nft_statement *s);

/* One of the two statements by which INPUT or OUTPUT is a base chain, where it does nothing by
 * itself. */
bool nft_statement_is_base(const struct nft_statement *s);

/* "table inet CRIU" or "table inet CRIU-X": see nft_text.h. @run_id may be NULL. */
bool nft_statement_is_lock_table(const struct nft_statement *s, const char *run_id);
