/*
 * What the lock's rules look like: as CRIU makes them, by iptables or by nft, and as nft prints
 * them then.
 *
 * May: compute. Must not: call the system.
 */
#include "worker/nft_statement.h"

#include <string.h>

#include "common/cleanup.h"

bool nft_statement_is(const struct nft_statement *s, size_t i, const char *word)
{
	return i < s->n && i < NFT_STATEMENT_TOKENS && nft_token_is(s->scan, &s->tokens[i], word);
}

static bool is_number(const struct nft_statement *s, size_t i)
{
	const struct nft_token *token = &s->tokens[i];

	if (i >= s->n || i >= NFT_STATEMENT_TOKENS || token->type != NFT_WORD)
		return false;
	for (size_t at = token->start; at < token->end; at++) {
		if (s->scan->text[at] < '0' || s->scan->text[at] > '9')
			return false;
	}
	return true;
}

/* The number of tokens of "counter packets N bytes N" at @i, or 0. */
static size_t skip_counter(const struct nft_statement *s, size_t i)
{
	if (nft_statement_is(s, i, "counter") && nft_statement_is(s, i + 1, "packets") &&
	    is_number(s, i + 2) && nft_statement_is(s, i + 3, "bytes") && is_number(s, i + 4))
		return 5;
	return 0;
}

bool nft_statement_is_jump(const struct nft_statement *s)
{
	const size_t i = skip_counter(s, 0);

	return s->n == i + 2 && nft_statement_is(s, i, "jump") &&
	       nft_statement_is(s, i + 1, "CRIU");
}

bool nft_statement_is_lock_drop(const struct nft_statement *s)
{
	const size_t i = skip_counter(s, 0);

	return s->n == i + 1 && nft_statement_is(s, i, "drop");
}

/* The number of tokens that say "has CRIU's mark", or 0. How nft writes it depends on whether it
 * was built to translate what iptables-nft made: "meta mark 0x0000c114", or 'xt match "mark"'. */
static size_t skip_mark(const struct nft_statement *s)
{
	static const char *const marks[] = { "0x0000c114", "0xc114", "49428" };
	const size_t i = nft_statement_is(s, 0, "meta");
	const struct nft_token *match = &s->tokens[2];

	for (size_t k = 0; k < ARRAY_SIZE(marks); k++) {
		if (nft_statement_is(s, i, "mark") && nft_statement_is(s, i + 1, marks[k]))
			return i + 2;
	}
	if (s->n > 3 && nft_statement_is(s, 0, "xt") && nft_statement_is(s, 1, "match") &&
	    match->end - match->start == 6 &&
	    memcmp(s->scan->text + match->start, "\"mark\"", 6) == 0)
		return 3;
	return 0;
}

bool nft_statement_is_lock_accept(const struct nft_statement *s)
{
	const size_t mark = skip_mark(s), i = mark + skip_counter(s, mark);

	return mark > 0 && s->n == i + 1 && nft_statement_is(s, i, "accept");
}

/* What makes a base chain, where it does nothing by itself. */
bool nft_statement_is_base(const struct nft_statement *s)
{
	if (nft_statement_is(s, 0, "policy"))
		return s->n == 2 && nft_statement_is(s, 1, "accept");
	return s->n == 6 && nft_statement_is(s, 0, "type") && nft_statement_is(s, 1, "filter") &&
	       nft_statement_is(s, 2, "hook") &&
	       (nft_statement_is(s, 3, "input") || nft_statement_is(s, 3, "output")) &&
	       nft_statement_is(s, 4, "priority") &&
	       (nft_statement_is(s, 5, "filter") || nft_statement_is(s, 5, "0"));
}

bool nft_statement_is_lock_table(const struct nft_statement *s, const char *run_id)
{
	static const char head[] = "CRIU";
	const struct nft_token *name = &s->tokens[2];
	const size_t n = sizeof(head) - 1, len = name->end - name->start;
	const char *text = s->scan->text + name->start;

	if (s->n != 3 || !nft_statement_is(s, 1, "inet"))
		return false;
	if (len < n || memcmp(text, head, n) != 0)
		return false;
	if (len == n)
		return true;
	if (text[n] != '-' || len == n + 1)
		return false;
	text += n + 1;
	if (run_id && strlen(run_id) == len - n - 1 && memcmp(text, run_id, len - n - 1) == 0)
		return true;
	for (size_t i = 0; i < len - n - 1; i++) {
		/* No token has a NUL in it, which strchr() would find. */
		if (!strchr("0123456789abcdefABCDEF-", text[i]))
			return false;
	}
	return true;
}
