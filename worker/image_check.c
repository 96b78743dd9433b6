/*
 * Checks of decoded images. Pure but for the report.
 */
#include "worker/image_check.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "worker/image.h"
#include "worker/link_kind.h"
#include "worker/report.h"

static int check_link(const Img__NetDevice *dev, const struct entry_place *at,
		      struct report *report)
{
	const struct link_kind *kind = link_kind_of(dev);

	if (!kind)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: link %s is of kind %d, which is none", at->file,
				   at->record, dev->name, (int)dev->type);
	if (dev->type != IMG__LINK_TYPE__LOOPBACK && check_ifname(dev->name) < 0)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: '%s' is not a name that a link can have",
				   at->file, at->record, dev->name);
	if (!check_u32_range(dev->ifindex, 1, INT_MAX))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: link %s has index %u, which is none", at->file,
				   at->record, dev->name, dev->ifindex);
	if (dev->has_address && dev->address.len > 32)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: link %s has an address of %zu bytes", at->file,
				   at->record, dev->name, dev->address.len);
	return kind->check ? kind->check(dev, at, report) : 0;
}

/* Entries in the order of a key, so that equal ones are neighbours. */
struct keyed {
	const Img__NetDevice *dev;
	size_t record;
};

static int by_name(const void *a, const void *b)
{
	const struct keyed *l = a, *r = b;
	int order = strcmp(l->dev->name, r->dev->name);

	return order ? order : (l->record > r->record) - (l->record < r->record);
}

static int by_index(const void *a, const void *b)
{
	const struct keyed *l = a, *r = b;
	uint32_t i = l->dev->ifindex, j = r->dev->ifindex;

	return i != j ? (i > j) - (i < j) : (l->record > r->record) - (l->record < r->record);
}

static int check_twice(const struct image_netns *image, struct keyed *links, struct report *report)
{
	const size_t n = image->n_links;
	size_t i;

	qsort(links, n, sizeof(*links), by_name);
	for (i = 1; i < n; i++) {
		if (strcmp(links[i - 1].dev->name, links[i].dev->name) == 0)
			return report_fail(report, EXIT_IMAGE,
					   "%s: record %zu: the name %s is that of record %zu, too",
					   image->netdev_name, links[i].record, links[i].dev->name,
					   links[i - 1].record);
	}
	qsort(links, n, sizeof(*links), by_index);
	for (i = 1; i < n; i++) {
		if (links[i - 1].dev->ifindex == links[i].dev->ifindex)
			return report_fail(report, EXIT_IMAGE,
					   "%s: record %zu: the index %u of link %s is that of "
					   "record %zu, too",
					   image->netdev_name, links[i].record,
					   links[i].dev->ifindex, links[i].dev->name,
					   links[i - 1].record);
	}
	return 0;
}

int image_check(const struct image_netns *image, struct report *report)
{
	_cleanup_free_ struct keyed *links = NULL;

	if (image->n_links == 0)
		return 0;
	links = calloc(image->n_links, sizeof(*links));
	if (!links)
		return report_fail(report, EXIT_OS_, "no memory to check %zu links",
				   image->n_links);
	for (size_t i = 0; i < image->n_links; i++) {
		const struct entry_place at = { .file = image->netdev_name, .record = i + 1 };
		int status = check_link(image->links[i], &at, report);

		if (status)
			return status;
		links[i] = (struct keyed){ .dev = image->links[i], .record = i + 1 };
	}
	return check_twice(image, links, report);
}
