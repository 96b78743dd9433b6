/*
 * Tokens of nft's syntax, as its scanner cuts them (src/scanner.l of nftables): quotes know no
 * escape and may go over lines, a comment goes from '#' to the end of its line.
 *
 * The text is hostile: an image may come from anywhere, and what a namespace's own root called
 * its tables is printed by nft as it is. What nft would do beside loading rules is refused here:
 * `include` reads files, and it may stand wherever a statement may.
 *
 * May: compute. Must not: allocate, or call the system.
 */
#include "worker/nft_scan.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

/* `nft list ruleset` prints none of these outside of quotes and comments. */
static const char *const forbidden[] = { "include", "define", "redefine", "undefine" };

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' ||
	       c == '/';
}

static int fail(struct nft_scan *scan, const char *why)
{
	scan->why = why;
	return -EINVAL;
}

/* Within quotes and comments, UTF-8 is nobody's concern but the reader's. */
static bool is_text(char c)
{
	const unsigned char u = (unsigned char)c;

	return u >= ' ' ? u != 0x7f : c == '\n' || c == '\t';
}

static int skip_comment(struct nft_scan *scan)
{
	while (scan->pos < scan->len && scan->text[scan->pos] != '\n') {
		if (!is_text(scan->text[scan->pos]))
			return fail(scan, "a control character in a comment");
		scan->pos++;
	}
	return 0;
}

static int skip_blank(struct nft_scan *scan)
{
	while (scan->pos < scan->len) {
		const char c = scan->text[scan->pos];

		if (c == '#') {
			int r = skip_comment(scan);

			if (r < 0)
				return r;
			continue;
		}
		if (c != ' ' && c != '\t')
			break;
		scan->pos++;
	}
	return 0;
}

static int take_quoted(struct nft_scan *scan)
{
	const size_t line = scan->line;

	for (scan->pos++; scan->pos < scan->len; scan->pos++) {
		const char c = scan->text[scan->pos];

		if (c == '"') {
			scan->pos++;
			return 0;
		}
		if (!is_text(c))
			return fail(scan, "a control character in quotes");
		scan->line += c == '\n';
	}
	scan->line = line;
	return fail(scan, "a quote that does not end");
}

/* A number may run into a word without a blank: nft cuts "1include" in two. */
static int take_word(struct nft_scan *scan)
{
	const char *word;
	size_t start = scan->pos, len;

	while (scan->pos < scan->len && is_word(scan->text[scan->pos]))
		scan->pos++;
	while (start < scan->pos && !is_letter(scan->text[start]))
		start++;
	word = scan->text + start;
	len = scan->pos - start;
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		if (strlen(forbidden[i]) == len && memcmp(word, forbidden[i], len) == 0)
			return fail(scan, "an 'include' or 'define', which no list of rules has");
	}
	return 0;
}

static int take_brace(struct nft_scan *scan, char c)
{
	if (c == '{' && scan->depth == NFT_DEPTH_MAX)
		return fail(scan, "braces too deep in each other");
	if (c == '}' && scan->depth == 0)
		return fail(scan, "a closing brace without an opening one");
	scan->depth = c == '{' ? scan->depth + 1 : scan->depth - 1;
	scan->pos++;
	return 0;
}

/* What is neither blank nor comment, at scan->pos. */
static int take(struct nft_scan *scan, enum nft_token_type *ret_type)
{
	const char c = scan->text[scan->pos];

	if (c == '\n' || c == ';') {
		*ret_type = NFT_END_STATEMENT;
		scan->pos++;
		return 0;
	}
	if (c == '"') {
		*ret_type = NFT_QUOTED;
		return take_quoted(scan);
	}
	if (is_word(c)) {
		*ret_type = NFT_WORD;
		return take_word(scan);
	}
	if (c == '{' || c == '}') {
		*ret_type = c == '{' ? NFT_OPEN : NFT_CLOSE;
		return take_brace(scan, c);
	}
	if (c == '$')
		return fail(scan, "a '$': no list of rules has variables");
	if (c == '\\')
		return fail(scan, "a backslash outside of quotes");
	if (c == '\0')
		return fail(scan, "a NUL: this is no text");
	if (c < ' ' || c > '~')
		return fail(scan, "a character that is not ASCII outside of quotes");
	*ret_type = NFT_MARK;
	scan->pos++;
	return 0;
}

int nft_scan_next(struct nft_scan *scan, struct nft_token *ret)
{
	int r;

	/* Counted when it is passed, so that an error is about the line it is on. */
	if (scan->pos > 0 && scan->text[scan->pos - 1] == '\n')
		scan->line++;
	r = skip_blank(scan);
	if (r < 0)
		return r;
	*ret = (struct nft_token){ .type = NFT_END, .start = scan->pos, .end = scan->pos };
	if (scan->pos == scan->len)
		return scan->depth ? fail(scan, "an opening brace without a closing one") : 0;
	r = take(scan, &ret->type);
	ret->end = scan->pos;
	return r;
}

bool nft_token_is(const struct nft_scan *scan, const struct nft_token *token, const char *word)
{
	const size_t len = strlen(word);

	return token->type == NFT_WORD && token->end - token->start == len &&
	       memcmp(scan->text + token->start, word, len) == 0;
}
