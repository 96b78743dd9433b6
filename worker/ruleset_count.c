/*
 * Counting what is in the text of a ruleset.
 *
 * May: compute. Must not: allocate, or call the system.
 */
#include "worker/ruleset_count.h"

#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/nft_scan.h"

struct counter {
	struct nft_scan scan;
	struct ruleset_counts *counts;
	bool in_chain;  /* in the braces of one */
	bool begun;     /* a statement is */
	bool is_rule;   /* as far as it is read */
	bool skips;     /* the next word changes by itself */
	bool statement; /* the last thing in the digest is the end of one */
};

/* FNV-1a: texts are not made to collide, as they come from the same place. */
static void digest(struct counter *c, const char *bytes, size_t n)
{
	for (size_t i = 0; i <= n; i++) {
		c->counts->digest ^= i < n ? (uint8_t)bytes[i] : 0;
		c->counts->digest *= UINT64_C(0x100000001b3);
	}
}

static bool is_one_of(const struct counter *c, const struct nft_token *token,
		      const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (nft_token_is(&c->scan, token, words[i]))
			return true;
	}
	return false;
}

static void end_statement(struct counter *c)
{
	if (c->begun && c->is_rule)
		c->counts->rules++;
	c->begun = false;
	if (!c->statement)
		digest(c, ";", 1);
	c->statement = true;
}

/* The first word of a statement says what it is: of a chain, a rule or what makes it a base chain;
 * of a table, what opens its braces. */
static void begin_statement(struct counter *c, const struct nft_token *token)
{
	static const char *const no_rules[] = { "type", "policy", "comment", "flags", "devices" };
	const size_t depth = c->scan.depth;

	c->begun = true;
	c->is_rule =
		depth == 2 && c->in_chain && !is_one_of(c, token, no_rules, ARRAY_SIZE(no_rules));
	if (depth == 0 && nft_token_is(&c->scan, token, "table"))
		c->counts->tables++;
	if (depth != 1)
		return;
	c->in_chain = nft_token_is(&c->scan, token, "chain");
	if (c->in_chain)
		c->counts->chains++;
	else if (!nft_token_is(&c->scan, token, "flags") &&
		 !nft_token_is(&c->scan, token, "comment"))
		c->counts->others++;
}

static void take(struct counter *c, const struct nft_token *token)
{
	static const char *const changing[] = { "packets", "bytes", "expires", "used" };

	if (token->type == NFT_CLOSE) {
		/* Those within a rule are its own. */
		if (c->scan.depth <= 1)
			end_statement(c);
		digest(c, "}", 1);
		return;
	}
	if (token->type == NFT_END_STATEMENT) {
		if (c->scan.depth <= 2)
			end_statement(c);
		return;
	}
	if (!c->begun && token->type != NFT_OPEN)
		begin_statement(c, token);
	c->statement = false;
	if (!c->skips)
		digest(c, c->scan.text + token->start, token->end - token->start);
	c->skips = is_one_of(c, token, changing, ARRAY_SIZE(changing));
	/* What is in the braces of a table or a chain begins anew. */
	if (token->type == NFT_OPEN && c->scan.depth <= 2) {
		c->begun = false;
		c->statement = true;
	}
}

void ruleset_count_nft(const char *text, size_t len, struct ruleset_counts *ret)
{
	struct counter c = { .scan = { .text = text, .len = len, .line = 1 },
			     .counts = ret,
			     .statement = true };
	struct nft_token token;

	*ret = (struct ruleset_counts){ .digest = UINT64_C(0xcbf29ce484222325) };
	while (nft_scan_next(&c.scan, &token) == 0 && token.type != NFT_END)
		take(&c, &token);
}

void ruleset_count_ipt(const char *text, size_t len, struct ruleset_counts *ret)
{
	const char *end = text + len;

	*ret = (struct ruleset_counts){ 0 };
	while (text < end) {
		const char *line = text, *next = memchr(text, '\n', (size_t)(end - text));

		text = next ? next + 1 : end;
		ret->tables += *line == '*';
		ret->chains += *line == ':';
		/* With its counters before it, or without. */
		ret->rules += *line == '-' || *line == '[';
	}
}
