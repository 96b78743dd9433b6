/* --external KEY: what the images leave out because it lies outside of the container, in CRIU's
 * notation: KIND[NAME]:VALUE. NAME may be '*', for all that have no KEY of their own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct report;

struct external {
	char *text; /* owned: the argument, cut into the parts below */
	const char *kind, *name, *value;
	bool used;
};

struct externals {
	struct external *list; /* owned */
	size_t n;
	bool of_dump; /* set before: the kinds that a dump knows are taken, too */
};

void externals_fini(struct externals *externals);

/* Add what @key says. Returns 0 or EXIT_USAGE_ with the form that is expected. */
int externals_add(struct externals *externals, const char *key, struct report *report);

/* The value for link @name of @kind, the one for '*' if it has none of its own; or NULL. */
const char *externals_find(struct externals *externals, const char *kind, const char *name);

/* Whether @name of @kind has a value of its own, not only by '*'. */
bool externals_has(const struct externals *externals, const char *kind, const char *name);

/* Warn of each that nothing asked for. */
void externals_warn_unused(const struct externals *externals, struct report *report);
