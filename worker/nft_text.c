/*
 * Taking CRIU's lock out of a list of rules. Two passes over the tokens: the first checks all of
 * the text and finds out which tables have the lock's chain, which may stand behind the jumps to
 * it; the second copies what stays, in place.
 *
 * What belongs together is a range from behind the last statement to behind this one, with the
 * blank lines and comments before it. A range that stays is copied at once; a chain or a table
 * that turns out to be the lock's is forgotten by going back to where its copy began.
 *
 * May: compute. Must not: allocate, or call the system.
 */
#include "worker/nft_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "worker/nft_scan.h"
#include "worker/nft_statement.h"

enum level {
	AT_TOP,
	IN_TABLE,
	IN_BLOCK /* a chain, a set, or another object */
};

enum chain {
	CHAIN_OTHER,
	CHAIN_LOCK, /* CRIU */
	CHAIN_BASE  /* INPUT or OUTPUT */
};

enum filter {
	FILTER_IP,
	FILTER_IP6,
	FILTER_NONE
};

struct strip {
	struct nft_scan scan;
	const char *run_id;
	char *out; /* NULL: the first pass */
	size_t out_len;
	size_t from; /* where the range begins */
	struct nft_statement stmt;
	enum level level;
	size_t n_tables;

	enum filter filter;
	bool lock_table, cut;
	size_t table_at, n_kept; /* where its copy begins; what is in it */

	enum chain chain;
	size_t chain_at, n_jumps, n_base, n_rules;
	bool lock_rules;          /* so far */
	bool locked[FILTER_NONE]; /* found by the first pass */
};

/* --- copying --- */

static void drop_range(struct strip *s)
{
	s->from = s->scan.pos;
}

static void copy_range(struct strip *s)
{
	const size_t len = s->scan.pos - s->from;

	if (s->out)
		memmove(s->out + s->out_len, s->out + s->from, len);
	s->out_len += len;
	s->from = s->scan.pos;
}

/* Where the first chain of a table went, the blank line between it and the next goes, too. */
static void drop_blank_line(struct strip *s)
{
	if (s->out && s->cut && s->out_len >= 2 && memcmp(s->out + s->out_len - 2, "{\n", 2) == 0 &&
	    s->out[s->from] == '\n')
		s->from++;
}

/* The end of the line behind a brace or a semicolon belongs to it. */
static void take_line_end(struct strip *s)
{
	size_t pos = s->scan.pos;

	while (pos < s->scan.len && (s->scan.text[pos] == ' ' || s->scan.text[pos] == '\t'))
		pos++;
	if (pos < s->scan.len && s->scan.text[pos] == '\n')
		s->scan.pos = pos + 1;
}

/* --- levels --- */

static int fail(struct strip *s, const char *why)
{
	s->scan.why = why;
	return -EINVAL;
}

static int open_table(struct strip *s)
{
	/* Without a family it is ip: nft prints it always, and takes it without. */
	const size_t name = s->stmt.n - 1;

	if (!nft_statement_is(&s->stmt, 0, "table") || s->stmt.n < 2 || s->stmt.n > 3 ||
	    s->stmt.tokens[name].type > NFT_QUOTED)
		return fail(s, "what is not a table");
	s->filter = FILTER_NONE;
	if (nft_statement_is(&s->stmt, name, "filter") &&
	    (name == 1 || nft_statement_is(&s->stmt, 1, "ip")))
		s->filter = FILTER_IP;
	else if (nft_statement_is(&s->stmt, name, "filter") && nft_statement_is(&s->stmt, 1, "ip6"))
		s->filter = FILTER_IP6;
	s->lock_table = s->out && nft_statement_is_lock_table(&s->stmt, s->run_id);
	s->cut = false;
	s->n_kept = 0;
	s->table_at = s->out_len;
	s->level = IN_TABLE;
	return 0;
}

static void open_block(struct strip *s)
{
	s->chain = CHAIN_OTHER;
	if (s->filter != FILTER_NONE && s->stmt.n == 2 && nft_statement_is(&s->stmt, 0, "chain")) {
		if (nft_statement_is(&s->stmt, 1, "CRIU"))
			s->chain = CHAIN_LOCK;
		else if (nft_statement_is(&s->stmt, 1, "INPUT") ||
			 nft_statement_is(&s->stmt, 1, "OUTPUT"))
			s->chain = CHAIN_BASE;
	}
	drop_blank_line(s);
	s->chain_at = s->out_len;
	s->n_jumps = s->n_base = s->n_rules = 0;
	s->lock_rules = true;
	s->level = IN_BLOCK;
}

static int open_level(struct strip *s)
{
	int r = 0;

	if (s->level == AT_TOP)
		r = open_table(s);
	else
		open_block(s);
	take_line_end(s);
	copy_range(s);
	s->stmt.n = 0;
	return r;
}

static void end_rule(struct strip *s)
{
	const bool locked = s->filter != FILTER_NONE && s->locked[s->filter];

	if (s->out && s->chain == CHAIN_BASE && locked && nft_statement_is_jump(&s->stmt)) {
		s->n_jumps++;
		s->cut = true;
		drop_range(s);
		return;
	}
	if (s->chain == CHAIN_BASE && nft_statement_is_base(&s->stmt))
		s->n_base++;
	else
		s->n_rules++;
	s->lock_rules &= s->n_rules == 1 ? nft_statement_is_lock_accept(&s->stmt)
					 : nft_statement_is_lock_drop(&s->stmt);
	copy_range(s);
}

static int end_statement(struct strip *s)
{
	/* A blank line goes with what comes after it. */
	if (s->stmt.n == 0)
		return 0;
	if (s->level == AT_TOP)
		return fail(s, "what is not a table");
	if (s->level == IN_BLOCK) {
		end_rule(s);
	} else {
		s->n_kept++;
		copy_range(s);
	}
	s->stmt.n = 0;
	return 0;
}

static void close_block(struct strip *s)
{
	const bool is_lock = s->chain == CHAIN_LOCK && s->n_rules == 2 && s->lock_rules;
	const bool is_left_empty =
		s->chain == CHAIN_BASE && s->n_jumps > 0 && s->n_rules == 0 && s->n_base == 2;

	if (is_lock)
		s->locked[s->filter] = true;
	if (s->out && (is_lock || is_left_empty)) {
		s->out_len = s->chain_at;
		s->cut = true;
	} else {
		s->n_kept++;
	}
	s->level = IN_TABLE;
}

static void close_table(struct strip *s)
{
	if (s->lock_table || (s->cut && s->n_kept == 0))
		s->out_len = s->table_at;
	else
		s->n_tables++;
	s->level = AT_TOP;
}

static int close_level(struct strip *s, const struct nft_token *brace)
{
	int r = 0;

	/* The last statement may end by the brace alone. */
	if (s->stmt.n > 0) {
		const size_t pos = s->scan.pos;

		s->scan.pos = brace->start;
		r = end_statement(s);
		s->scan.pos = pos;
	}
	take_line_end(s);
	copy_range(s);
	if (s->level == IN_BLOCK)
		close_block(s);
	else
		close_table(s);
	return r;
}

/* --- both passes --- */

static int take_token(struct strip *s, const struct nft_token *token)
{
	/* Within a set or a map, ends of lines and braces are the statement's own. */
	if (s->scan.depth == (size_t)s->level + 1 && token->type == NFT_OPEN &&
	    s->level != IN_BLOCK)
		return open_level(s);
	if (s->scan.depth + 1 == (size_t)s->level && token->type == NFT_CLOSE)
		return close_level(s, token);
	if (s->scan.depth == (size_t)s->level && token->type == NFT_END_STATEMENT) {
		if (s->scan.text[token->start] == ';')
			take_line_end(s);
		return end_statement(s);
	}
	if (s->stmt.n < NFT_STATEMENT_TOKENS)
		s->stmt.tokens[s->stmt.n] = *token;
	s->stmt.n++;
	return 0;
}

static int pass(struct strip *s)
{
	struct nft_token token;
	int r;

	s->scan.line = 1;
	do {
		r = nft_scan_next(&s->scan, &token);
		if (r == 0 && token.type != NFT_END)
			r = take_token(s, &token);
	} while (r == 0 && token.type != NFT_END);
	if (r == 0 && s->stmt.n > 0)
		r = fail(s, "what is not a table");
	if (r == 0)
		copy_range(s);
	return r;
}

static int look(const char *text, size_t len, struct strip *s, struct nft_text *ret)
{
	int r;

	*s = (struct strip){ .scan = { .text = text, .len = len } };
	s->stmt.scan = &s->scan;
	r = pass(s);
	*ret = (struct nft_text){
		.len = len, .n_tables = s->n_tables, .line = s->scan.line, .why = s->scan.why
	};
	return r;
}

int nft_text_check(const char *text, size_t len, struct nft_text *ret)
{
	struct strip s;

	return look(text, len, &s, ret);
}

int nft_text_strip(char *text, size_t len, const char *run_id, struct nft_text *ret)
{
	struct strip first, s;
	int r;

	r = look(text, len, &first, ret);
	if (r < 0)
		return r;
	s = (struct strip){ .scan = { .text = text, .len = len }, .run_id = run_id, .out = text };
	s.stmt.scan = &s.scan;
	memcpy(s.locked, first.locked, sizeof(s.locked));
	r = pass(&s);
	ret->n_tables = s.n_tables;
	ret->len = s.n_tables > 0 ? s.out_len : 0;
	return r;
}
