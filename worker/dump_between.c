/*
 * Links of which the other end, or what they are on, is in another namespace that is saved with
 * theirs. Each namespace was read by itself, so it is looked at whether they fit together.
 *
 * May: compute. Must not: ask the kernel.
 */
#include <stdlib.h>

#include "worker/dump_space.h"
#include "worker/report.h"

/* The indexes of the links of a namespace. */
struct indexes {
	uint32_t *sorted; /* owned */
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return (one > other) - (one < other);
}

static int sort_indexes(const struct dump *d, struct indexes *ret)
{
	ret->n = d->n_links;
	if (ret->n == 0)
		return 0;
	ret->sorted = calloc(ret->n, sizeof(*ret->sorted));
	if (!ret->sorted)
		return report_fail(d->report, EXIT_OS_, "no memory for %zu indexes", ret->n);
	for (size_t i = 0; i < ret->n; i++)
		ret->sorted[i] = d->links[i]->ifindex;
	qsort(ret->sorted, ret->n, sizeof(*ret->sorted), compare);
	return 0;
}

/* @there is the namespace that @dev leads to. */
static int check_one(const struct dump *d, const Img__NetDevice *dev, const struct dump *there,
		     const struct indexes *indexes)
{
	const uint32_t wanted = dev->peer_ifindex;

	if (indexes->n > 0 &&
	    bsearch(&wanted, indexes->sorted, indexes->n, sizeof(wanted), compare))
		return 0;
	if (dump_is_skipped(there, wanted)) {
		report_warn(d->report,
			    "link %s: what it is on, the link with index %u in namespace %u, is "
			    "left out: it cannot be restored without it",
			    dev->name, wanted, there->ns_id);
		return 0;
	}
	return report_fail(d->report, EXIT_UNDONE,
			   "link %s belongs to one with index %u in namespace %u, which was not "
			   "there: links were changed while they were read; nothing was done",
			   dev->name, wanted, there->ns_id);
}

static int check_links(struct dump_spaces *spaces, const struct dump *d,
		       const struct indexes indexes[TARGETS_MAX])
{
	for (size_t i = 0; i < d->n_links; i++) {
		const Img__NetDevice *dev = d->links[i];
		int status = 0;

		if (!dev->has_peer_nsid || dev->peer_nsid == d->ns_id)
			continue;
		for (size_t j = 0; j < spaces->n; j++) {
			if (spaces->list[j].dump.ns_id == dev->peer_nsid)
				status = check_one(d, dev, &spaces->list[j].dump, &indexes[j]);
		}
		if (status)
			return status;
	}
	return 0;
}

int dump_spaces_check(struct dump_spaces *spaces, struct report *report)
{
	struct indexes indexes[TARGETS_MAX] = { 0 };
	int status = 0;

	for (size_t i = 0; !status && i < spaces->n; i++)
		status = sort_indexes(&spaces->list[i].dump, &indexes[i]);
	for (size_t i = 0; !status && i < spaces->n; i++) {
		report->ns_id = spaces->list[i].dump.ns_id;
		status = check_links(spaces, &spaces->list[i].dump, indexes);
	}
	report->ns_id = 0;
	for (size_t i = 0; i < spaces->n; i++)
		free(indexes[i].sorted);
	return status;
}
