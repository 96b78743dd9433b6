/*
 * The list of --skip-kind. Pure but for the report.
 */
#include "worker/skip_kinds.h"

#include <string.h>

#include "worker/report.h"

int skip_kinds_add(struct skip_kinds *skip, const char *kind, struct report *report)
{
	if (!*kind || strcmp(kind, "loopback") == 0)
		return report_fail(report, EXIT_USAGE_,
				   "--skip-kind '%s': not a kind that can be left out", kind);
	if (skip->n == SKIP_KINDS_MAX)
		return report_fail(report, EXIT_USAGE_, "--skip-kind is given more than %d times",
				   SKIP_KINDS_MAX);
	skip->kinds[skip->n++] = kind;
	return 0;
}

bool skip_kinds_has(struct skip_kinds *skip, const char *kind)
{
	bool found = false;

	if (!*kind)
		kind = SKIP_KIND_NONE;
	for (size_t i = 0; i < skip->n; i++) {
		if (strcmp(skip->kinds[i], kind) != 0)
			continue;
		skip->used[i] = true;
		found = true;
	}
	return found;
}

void skip_kinds_warn_unused(const struct skip_kinds *skip, struct report *report)
{
	for (size_t i = 0; i < skip->n; i++) {
		if (!skip->used[i])
			report_warn(report, "--skip-kind %s: the target has no link of this kind",
				    skip->kinds[i]);
	}
}
