/*
 * The namespaces of one container. Only the first says which user namespace is joined: the others
 * have to belong to it, or to one below it, which the kernel checks when they are joined.
 *
 * May: open namespaces. Must not: join them.
 */
#include "worker/targets.h"

#include <stdbool.h>

#include "common/cleanup.h"
#include "worker/report.h"

int targets_open(const struct target_args *args, uint32_t ns_id,
		 struct target *const targets[TARGETS_MAX], uint32_t ret_ids[TARGETS_MAX],
		 size_t *ret_n, struct report *report)
{
	struct target_args first = *args;
	size_t next = 0;
	int status;

	ret_ids[0] = ns_id;
	if (!args->pid && args->n_named > 0) {
		ret_ids[0] = args->named[next].ns_id;
		first.netns = args->named[next++].path;
	}
	*ret_n = 1;
	status = target_open(&first, targets[0], report);
	for (; !status && next < args->n_named; next++) {
		ret_ids[*ret_n] = args->named[next].ns_id;
		status = target_open_more(args->named[next].path, targets[*ret_n], report);
		(*ret_n)++;
	}
	return status;
}

int targets_order(struct target *const *targets, size_t n, size_t ret_order[TARGETS_MAX],
		  struct report *report)
{
	/* Few of them: each is put where it belongs among those before it. */
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		for (; at > 0 && targets[ret_order[at - 1]]->ino > targets[i]->ino; at--)
			ret_order[at] = ret_order[at - 1];
		if (at > 0 && targets[ret_order[at - 1]]->ino == targets[i]->ino)
			return report_fail(report, EXIT_USAGE_,
					   "net:[%llu] is given as two namespaces of the images",
					   (unsigned long long)targets[i]->ino);
		ret_order[at] = i;
	}
	/* Which is joined before the first of them. */
	if (n > 0 && ret_order[0] != 0) {
		targets[ret_order[0]]->userns = targets[0]->userns;
		targets[0]->userns = -1;
	}
	return 0;
}
