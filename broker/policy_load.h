/* Between the two halves of the reader: policy_file.c has the files and lines, policy_keys.c what
 * they mean. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/policy_file.h"
#include "broker/policy_rule.h"

enum {
	POLICY_BUCKETS = 4096
};

/* A rule while it is read. */
struct policy_draft {
	struct policy_rule rule;
	struct policy_draft *same_bucket;
};

struct policy_loader {
	struct policy policy;
	struct policy_parent *parents;
	struct policy_netns *netns;
	unsigned int netns_line[POLICY_NETNS_MAX]; /* where it is spoken of first */
	const struct policy_rule **tail;
	struct policy_draft *buckets[POLICY_BUCKETS];
	uint8_t *memory;
	size_t used, size;

	const char *file;
	unsigned int line;
	const char *include; /* the directory, or NULL */
	unsigned int include_line;

	/* The section that is open: a rule, a namespace, or neither. */
	struct policy_draft *draft;
	uint16_t netns_nr;
	unsigned int section_line;
	uint32_t keys; /* that it had, by number */

	bool failed;
	unsigned int failed_line;
	char *text;
};

/* Say what is wrong at @line of the file. Returns false. */
bool policy_fail(struct policy_loader *l, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* From the memory that all rules share; zeroed. NULL: there is no more, and that has been said. */
void *policy_alloc(struct policy_loader *l, size_t size);

/* All return false when something is wrong and has been said. */
bool policy_section_open(struct policy_loader *l, const char *title);
bool policy_section_close(struct policy_loader *l);
bool policy_key(struct policy_loader *l, const char *key, const char *value);

/* Of a number or a name. Returns 0, -ENOENT if there is nobody of that name, or another -errno of
 * NSS. */
int policy_find_id(const char *name, bool is_group, uint32_t *ret);

/* The next of a list's elements between commas, without blanks around it; NULL at its end. */
char *policy_next_element(char **rest);
/* 02:00:00:* or all six bytes. */
bool policy_parse_mac(const char *text, struct policy_mac *ret);
