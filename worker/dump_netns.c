/*
 * The namespace's own state: its sysctls, and how it calls namespaces.
 *
 * May: read. Must not: know about links.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/links.h"
#include "worker/report.h"
#include "worker/state_sysctl.h"

int dump_nsids(struct dump *d)
{
	for (size_t i = 0; i < d->n_saved; i++) {
		const struct dump_saved *saved = &d->saved[i];
		int r = links_get_nsid(d->nl, saved->netns, &d->nsids[i]);

		if (r < 0)
			return report_fail(d->report, EXIT_OS_,
					   "cannot ask for the id that the target gives to "
					   "namespace %u: %s",
					   saved->ns_id, strerror(-r));
	}
	return 0;
}

static int add_nsids(const struct dump *d, Img__Netns *ret)
{
	ret->nsids = calloc(d->n_saved, sizeof(*ret->nsids));
	for (size_t i = 0; ret->nsids && i < d->n_saved; i++) {
		Img__NetnsId *id;

		if (d->nsids[i] < 0)
			continue;
		id = malloc(sizeof(*id));
		if (!id)
			return -ENOMEM;
		img__netns_id__init(id);
		id->target_ns_id = d->saved[i].ns_id;
		id->netnsid_value = d->nsids[i];
		ret->nsids[ret->n_nsids++] = id;
	}
	return ret->nsids ? 0 : -ENOMEM;
}

int dump_netns(struct dump *d, Img__Netns *ret)
{
	const struct {
		const struct sysctl_table *table;
		const char *dir;
		Img__Sysctl ***list;
		size_t *n;
	} lists[] = {
		{ &sysctl_conf4, "ipv4/conf/default", &ret->def_conf4, &ret->n_def_conf4 },
		{ &sysctl_conf4, "ipv4/conf/all", &ret->all_conf4, &ret->n_all_conf4 },
		{ &sysctl_conf6, "ipv6/conf/default", &ret->def_conf6, &ret->n_def_conf6 },
		{ &sysctl_conf6, "ipv6/conf/all", &ret->all_conf6, &ret->n_all_conf6 },
		{ &sysctl_unix, "unix", &ret->unix_conf, &ret->n_unix_conf },
		{ &sysctl_ipv4, "ipv4", &ret->ipv4_sysctl, &ret->n_ipv4_sysctl },
	};
	int status = 0;

	for (size_t i = 0; !status && i < ARRAY_SIZE(lists); i++)
		status = dump_sysctls(d, lists[i].table, lists[i].dir, /* known= */ NULL,
				      lists[i].list, lists[i].n);
	if (!status && add_nsids(d, ret) < 0)
		status = report_fail(d->report, EXIT_OS_, "no memory for the namespace ids");
	return status;
}
