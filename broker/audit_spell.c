/*
 * The three spellings of a field. What comes out has no newline in it but the journal's own, and
 * nothing that ends a value before its time.
 *
 * May: compute. Must not: know which fields there are.
 */
#include "broker/audit_spell.h"

#include <stdio.h>
#include <string.h>

static void add_char(struct audit_line *l, char c)
{
	if (l->len < sizeof(l->buf))
		l->buf[l->len++] = c;
}

void audit_add(struct audit_line *l, const char *text)
{
	for (; *text; text++)
		add_char(l, *text);
}

static bool is_plain(enum audit_kind kind, enum audit_spelling how, char c)
{
	if (kind == AUDIT_NAME && how == AUDIT_AS_TEXT)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       strchr("_.@+/-", c);
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static void add_escaped(struct audit_line *l, enum audit_kind kind, enum audit_spelling how,
			const char *text)
{
	for (; *text; text++) {
		char escape[8];

		if (is_plain(kind, how, *text)) {
			add_char(l, *text);
			continue;
		}
		(void)snprintf(escape, sizeof(escape), "%s%02x",
			       how == AUDIT_AS_JSON ? "\\u00" : "\\x", (unsigned char)*text);
		audit_add(l, escape);
	}
}

static void add_value(struct audit_line *l, enum audit_kind kind, enum audit_spelling how,
		      const struct audit_value *v)
{
	const bool quoted = how == AUDIT_AS_JSON ? kind != AUDIT_NUMBER
						 : how == AUDIT_AS_TEXT && kind == AUDIT_TEXT;
	char number[24];

	if (quoted)
		add_char(l, '"');
	if (kind == AUDIT_NUMBER) {
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)v->number);
		audit_add(l, number);
	} else {
		add_escaped(l, kind == AUDIT_WORD ? AUDIT_TEXT : kind, how, v->text);
	}
	if (quoted)
		add_char(l, '"');
}

static void add_key(struct audit_line *l, enum audit_spelling how, const struct audit_field *field)
{
	switch (how) {
	case AUDIT_AS_TEXT:
		add_char(l, ' ');
		audit_add(l, field->key);
		add_char(l, '=');
		break;
	case AUDIT_AS_JSON:
		audit_add(l, ",\"");
		audit_add(l, field->key);
		audit_add(l, field->each ? "\":[" : "\":");
		break;
	case AUDIT_AS_JOURNAL:
		audit_add(l, "NETCR_");
		for (const char *c = field->key; *c; c++)
			add_char(l, (char)(*c - 'a' + 'A'));
		add_char(l, '=');
		break;
	}
}

static bool all_equal(const struct audit_field *field, const struct link_args *links, size_t n)
{
	struct audit_value first, v;

	for (size_t i = 0; i < n; i++) {
		field->each(&links[i], i == 0 ? &first : &v);
		if (i > 0 && strcmp(v.text, first.text) != 0)
			return false;
	}
	return true;
}

void audit_spell(struct audit_line *l, enum audit_spelling how, const struct audit_field *field,
		 const struct audit_value *value, const struct link_args *links, size_t n)
{
	struct audit_value v;

	if (value->set || (field->each && n && field->folds && how != AUDIT_AS_JSON &&
			   all_equal(field, links, n)))
		n = 1;
	else if (!field->each)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (!value->set)
			field->each(&links[i], &v);
		if (i == 0 || how == AUDIT_AS_JOURNAL)
			add_key(l, how, field);
		else
			add_char(l, ',');
		add_value(l, field->kind, how, value->set ? value : &v);
		if (how == AUDIT_AS_JOURNAL)
			add_char(l, '\n');
	}
	if (n && field->each && how == AUDIT_AS_JSON)
		add_char(l, ']');
}
