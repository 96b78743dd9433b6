/* How a field of an audit line is written: as text, as JSON, or for the journal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/ops.h"

/* A link at its longest: rule, parent and name with every byte escaped, address, index and mode, each
 * with what is around it: in JSON, and as fields of the journal besides the text, which is
 * shorter. In front of the links is the head, of which the kernel's text is the longest part. */
enum {
	AUDIT_LINK_MAX = 2 * 6 * (sizeof(((struct link_args *)0)->parent) + IFNAMSIZ + 32) + 6 * 32,
	AUDIT_HEAD_MAX = 2048 + 2 * 6 * NL_TEXT_MAX,
	AUDIT_LINE_MAX = AUDIT_HEAD_MAX + OP_LINKS_MAX * AUDIT_LINK_MAX,
};

struct audit_line {
	size_t len;
	char buf[AUDIT_LINE_MAX];
};

enum audit_kind {
	AUDIT_NUMBER,
	AUDIT_WORD, /* made by us, of characters that need no escape */
	AUDIT_NAME, /* as text: a byte other than [A-Za-z0-9_.@+/-] is escaped */
	AUDIT_TEXT, /* as text: between quotes */
};

struct audit_value {
	bool set;
	uint64_t number;
	const char *text; /* may point to buf */
	char buf[32];
};

struct audit_field {
	const char *key;
	enum audit_kind kind;
	/* Of a list: its value of one link. */
	void (*each)(const struct link_args *link, struct audit_value *ret);
	bool folds; /* a list of which one value stands for all, if they are equal */
};

enum audit_spelling {
	AUDIT_AS_TEXT,    /*  key=value, and a list with commas */
	AUDIT_AS_JSON,    /* ,"key":value, and a list as an array, never folded */
	AUDIT_AS_JOURNAL, /* NETCR_KEY=value and a newline, for each value of a list */
};

/* Append; what does not fit is cut off. */
void audit_add(struct audit_line *l, const char *text);

/* Append @field: its @value if that is set, else if it is a list those of @n links. */
void audit_spell(struct audit_line *l, enum audit_spelling how, const struct audit_field *field,
		 const struct audit_value *value, const struct link_args *links, size_t n);
