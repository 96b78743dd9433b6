/*
 * --pid, --netns and --userns. Pure.
 */
#include "worker/target_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/report.h"

int target_args_netns(struct target_args *args, const char *text, struct report *report)
{
	const size_t digits = strspn(text, "0123456789");
	unsigned long id;

	if (digits == 0 || text[digits] != '=') {
		if (args->netns)
			return report_fail(report, EXIT_USAGE_,
					   "--netns %s: there is another; for several namespaces "
					   "give each the id that it has in the images: ID=PATH",
					   text);
		args->netns = text;
		return 0;
	}
	errno = 0;
	id = strtoul(text, NULL, 10);
	if (errno || id < 1 || id > UINT32_MAX)
		return report_fail(report, EXIT_USAGE_,
				   "--netns %s: its id is not a number within 1..%u", text,
				   UINT32_MAX);
	for (size_t i = 0; i < args->n_named; i++) {
		if (args->named[i].ns_id == id)
			return report_fail(report, EXIT_USAGE_,
					   "--netns %s: namespace %lu is given twice", text, id);
	}
	if (args->n_named == TARGETS_MAX)
		return report_fail(report, EXIT_USAGE_, "--netns %s: more than %d namespaces", text,
				   TARGETS_MAX);
	args->named[args->n_named].ns_id = (uint32_t)id;
	args->named[args->n_named++].path = text + digits + 1;
	return 0;
}

static int check_named(const struct target_args *args, uint32_t ns_id, struct report *report)
{
	if (args->netns)
		return report_fail(report, EXIT_USAGE_,
				   "--netns %s has no id, and others have: give it as ID=PATH, too",
				   args->netns);
	if (ns_id && !args->pid)
		return report_fail(report, EXIT_USAGE_,
				   "--ns-id and --netns ID=PATH: the id is named already");
	for (size_t i = 0; ns_id && i < args->n_named; i++) {
		if (args->named[i].ns_id == ns_id)
			return report_fail(report, EXIT_USAGE_,
					   "--ns-id %u is that of the namespace of --pid, and "
					   "another --netns has it",
					   ns_id);
	}
	if (args->pid && args->n_named == TARGETS_MAX)
		return report_fail(report, EXIT_USAGE_, "more than %d namespaces", TARGETS_MAX);
	return 0;
}

int target_args_check(const struct target_args *args, uint32_t ns_id, struct report *report)
{
	if (args->pid && (args->netns || args->userns))
		return report_fail(report, EXIT_USAGE_,
				   "--pid names both namespaces: --netns PATH and --userns cannot "
				   "be given with it");
	if (args->userns && !args->netns && args->n_named == 0)
		return report_fail(report, EXIT_USAGE_, "--userns goes with --netns");
	return args->n_named > 0 ? check_named(args, ns_id, report) : 0;
}
