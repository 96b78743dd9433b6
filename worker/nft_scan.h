/* The words and braces of a text in nft's syntax, for who has to know where a table, a chain or
 * a statement begins and ends. Pure: no allocation, no recursion, one pass. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	NFT_DEPTH_MAX = 16 /* braces within braces; `nft list ruleset` has four */
};

enum nft_token_type {
	NFT_WORD,   /* as nft's scanner cuts it, but for what is in it: 0x1, filter, 10.0.0.1 */
	NFT_QUOTED, /* with its quotes */
	NFT_MARK,   /* any other single character */
	NFT_OPEN,   /* { */
	NFT_CLOSE,  /* } */
	NFT_END_STATEMENT, /* a semicolon, or the end of a line */
	NFT_END,
};

struct nft_token {
	enum nft_token_type type;
	size_t start, end; /* of its bytes in the text */
};

struct nft_scan {
	const char *text; /* borrowed; need not end with a NUL */
	size_t len, pos, line;
	size_t depth;    /* of braces, after the token */
	const char *why; /* what is wrong with it, at line; static text */
};

/* The next token. Comments and blanks are passed over. Returns 0, or -EINVAL with scan->why set:
 * a character that nft does not print, a quote that does not end, braces that do not match, or a
 * word by which nft reads other files (`include`) or has variables (`define` and the like). */
int nft_scan_next(struct nft_scan *scan, struct nft_token *ret);

bool nft_token_is(const struct nft_scan *scan, const struct nft_token *token, const char *word);
