/*
 * Lines of iptables-save: comments, "*table", ":CHAIN POLICY [n:n]", "-A CHAIN ...", "COMMIT".
 * Nothing else is let through: iptables-restore takes more, such as an option by which it runs
 * a program of that name (-M, --modprobe).
 *
 * May: compute. Must not: allocate, or call the system.
 */
#include "worker/ipt_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"

struct line {
	const char *text;
	size_t len; /* without the newline */
};

struct table {
	size_t at; /* where its copy begins */
	bool is_filter, is_plain;
	size_t n_lock; /* lines of the lock's chain, in their order */
	bool other;    /* in that chain */
};

struct strip {
	const char *text;
	size_t len, pos;
	char *out; /* NULL: only look */
	size_t out_len;
	bool in_table, locked;
	struct table table;
	struct ipt_text *ret;
};

/* --- lines --- */

static bool starts(const struct line *line, const char *head)
{
	const size_t n = strlen(head);

	return line->len >= n && memcmp(line->text, head, n) == 0;
}

static bool is(const struct line *line, const char *text)
{
	return line->len == strlen(text) && starts(line, text);
}

static struct line next_line(struct strip *s)
{
	const char *begin = s->text + s->pos;
	const char *end = memchr(begin, '\n', s->len - s->pos);
	const size_t len = end ? (size_t)(end - begin) : s->len - s->pos;

	s->pos += len + (end != NULL);
	s->ret->line++;
	return (struct line){ .text = begin, .len = len };
}

static int fail(struct strip *s, const char *why)
{
	s->ret->why = why;
	return -EINVAL;
}

static int check_bytes(struct strip *s, const struct line *line)
{
	for (size_t i = 0; i < line->len; i++) {
		const unsigned char c = (unsigned char)line->text[i];

		if (c == '\0')
			return fail(s, "a NUL: this is no text");
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return fail(s, "a control character");
	}
	return 0;
}

/* The words of a rule, as iptables cuts them: at blanks outside of quotes, of which either kind
 * may be anywhere in a word, with a backslash before what is meant as it is. */
static size_t skip_word(const struct line *line, size_t i)
{
	char quote = '\0';

	for (; i < line->len; i++) {
		const char c = line->text[i];

		if (c == '\\' && i + 1 < line->len)
			i++;
		else if (quote && c == quote)
			quote = '\0';
		else if (!quote && (c == '"' || c == '\''))
			quote = c;
		else if (!quote && (c == ' ' || c == '\t'))
			break;
	}
	return quote ? line->len + 1 : i;
}

/* Options that have a text behind them, which may begin with a dash. */
static bool takes_text(const struct line *word)
{
	static const char *const options[] = { "--comment", "--log-prefix", "--nflog-prefix",
					       "--string", "--hex-string" };

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (is(word, options[i]))
			return true;
	}
	return false;
}

/* iptables-save writes short options one by one, long ones in full, and quotes neither. getopt
 * takes a long one by its first letters, too. */
static bool is_strange_option(const struct line *word)
{
	static const char modprobe[] = "--modprobe";
	const char *end = memchr(word->text, '=', word->len);
	const size_t len = end ? (size_t)(end - word->text) : word->len;

	if (word->text[0] == '\'' || word->text[0] == '\\')
		return true;
	if (word->text[0] == '"')
		return word->len > 1 && strchr("-'\\\"", word->text[1]) && word->len > 2;
	if (word->text[0] != '-' || word->len < 2)
		return false;
	for (size_t i = 0; i < word->len; i++) {
		if (strchr("\"'\\", word->text[i]))
			return true;
	}
	if (word->text[1] != '-')
		return word->text[1] == 'M' ||
		       (word->len > 2 && (word->text[1] < '0' || word->text[1] > '9'));
	return len > 2 && len < sizeof(modprobe) && memcmp(word->text, modprobe, len) == 0;
}

static int check_rule(struct strip *s, const struct line *line)
{
	size_t i = 2;
	bool text = false;

	while (i < line->len) {
		struct line word = { .text = line->text + i };

		if (line->text[i] == ' ' || line->text[i] == '\t') {
			i++;
			continue;
		}
		i = skip_word(line, i);
		if (i > line->len)
			return fail(s, "a quote that does not end");
		word.len = (size_t)(line->text + i - word.text);
		if (!text && is_strange_option(&word))
			return fail(s, "an option that iptables-save does not print");
		text = takes_text(&word);
	}
	return 0;
}

/* --- the lock --- */

static bool is_lock_accept(const struct line *line)
{
	static const char tail[] = " -j ACCEPT";

	return starts(line, "-A CRIU -m mark --mark 0xc114") && line->len >= sizeof(tail) &&
	       memcmp(line->text + line->len - (sizeof(tail) - 1), tail, sizeof(tail) - 1) == 0;
}

static bool is_of_lock(const struct line *line)
{
	return starts(line, ":CRIU ") || starts(line, "-A CRIU ") || is(line, "-A INPUT -j CRIU") ||
	       is(line, "-A OUTPUT -j CRIU");
}

static void look_for_lock(struct table *table, const struct line *line)
{
	if (!starts(line, "-A CRIU "))
		return;
	if (table->n_lock == 0 && is_lock_accept(line))
		table->n_lock = 1;
	else if (table->n_lock == 1 && is(line, "-A CRIU -j DROP"))
		table->n_lock = 2;
	else
		table->other = true;
}

/* --- tables --- */

static void copy(struct strip *s, const struct line *line)
{
	const size_t len = (size_t)(s->text + s->pos - line->text);

	if (s->out)
		memmove(s->out + s->out_len, line->text, len);
	s->out_len += len;
}

static int take_rule(struct strip *s, const struct line *line)
{
	struct table *table = &s->table;
	int r = starts(line, "-A ") ? check_rule(s, line) : 0;

	if (r < 0)
		return r;
	look_for_lock(table, line);
	if (s->out && s->locked && table->is_filter && is_of_lock(line))
		return 0;
	/* A chain of its own has the policy "-". */
	if (starts(line, "-A ") || !memmem(line->text, line->len, " ACCEPT ", 8))
		table->is_plain = false;
	copy(s, line);
	return 0;
}

static int end_table(struct strip *s, const struct line *line)
{
	const struct table *table = &s->table;

	if (table->is_filter && table->n_lock == 2 && !table->other)
		s->locked = true;
	copy(s, line);
	s->in_table = false;
	if (s->out && table->is_plain)
		s->out_len = table->at;
	else
		s->ret->n_tables++;
	return 0;
}

static int take_line(struct strip *s, const struct line *line)
{
	int r = check_bytes(s, line);

	if (r < 0)
		return r;
	if (line->len == 0 || line->text[0] == '#') {
		copy(s, line);
		return 0;
	}
	if (!s->in_table) {
		if (line->text[0] != '*' || line->len < 2)
			return fail(s, "what is not in a table");
		s->table = (struct table){ .at = s->out_len,
					   .is_filter = is(line, "*filter"),
					   .is_plain = true };
		s->in_table = true;
		copy(s, line);
		return 0;
	}
	if (is(line, "COMMIT"))
		return end_table(s, line);
	if (starts(line, ":") || starts(line, "-A "))
		return take_rule(s, line);
	return fail(s, "what iptables-save does not print");
}

static int pass(struct strip *s)
{
	int r = 0;

	while (r == 0 && s->pos < s->len) {
		const struct line line = next_line(s);

		r = take_line(s, &line);
	}
	if (r == 0 && s->in_table)
		r = fail(s, "a table without its COMMIT");
	return r;
}

int ipt_text_check(const char *text, size_t len, struct ipt_text *ret)
{
	struct strip s = { .text = text, .len = len, .ret = ret };

	*ret = (struct ipt_text){ .len = len };
	return pass(&s);
}

int ipt_text_strip(char *text, size_t len, struct ipt_text *ret)
{
	struct strip look = { .text = text, .len = len, .ret = ret };
	struct strip s = { .text = text, .len = len, .out = text, .ret = ret };
	int r;

	*ret = (struct ipt_text){ 0 };
	r = pass(&look);
	if (r < 0)
		return r;
	*ret = (struct ipt_text){ 0 };
	s.locked = look.locked;
	r = pass(&s);
	ret->len = ret->n_tables > 0 ? s.out_len : 0;
	return r;
}

size_t ipt_text_empty(const char *text, size_t len, char *ret)
{
	static const char tail[] = " ACCEPT [0:0]\n";
	struct ipt_text ignored = { 0 };
	struct strip s = { .text = text, .len = len, .out = ret, .ret = &ignored };

	while (s.pos < s.len) {
		const struct line line = next_line(&s);
		const char *policy = memchr(line.text, ' ', line.len);

		if (starts(&line, "*") || is(&line, "COMMIT")) {
			copy(&s, &line);
		} else if (starts(&line, ":") && policy && policy[1] != '-') {
			const size_t n = (size_t)(policy - line.text);

			memcpy(s.out + s.out_len, line.text, n);
			memcpy(s.out + s.out_len + n, tail, sizeof(tail) - 1);
			s.out_len += n + sizeof(tail) - 1;
		}
	}
	return s.out_len;
}
