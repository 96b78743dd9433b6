/* --skip-kind KIND: links that a dump leaves out, by the kernel's name of their kind. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct report;

enum {
	SKIP_KINDS_MAX = 32
};

/* What stands for the kind of a link that has none: a device of hardware, mostly. */
#define SKIP_KIND_NONE "device"

struct skip_kinds {
	const char *kinds[SKIP_KINDS_MAX]; /* borrowed from argv */
	bool used[SKIP_KINDS_MAX];
	size_t n;
};

/* Returns 0 or EXIT_USAGE_. */
int skip_kinds_add(struct skip_kinds *skip, const char *kind, struct report *report);

/* Whether links of @kind ("": none) are left out. */
bool skip_kinds_has(struct skip_kinds *skip, const char *kind);

/* Warn of each that met no link. */
void skip_kinds_warn_unused(const struct skip_kinds *skip, struct report *report);
