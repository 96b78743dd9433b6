/*
 * Sysctls as images hold them. The position is the name, so what is not there is an entry, too,
 * with its type alone (CRIU 4.2, criu/net.c and criu/sysctl.c).
 *
 * May: read below /proc/sys/net. Must not: know about links.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/ping_range.h"
#include "worker/report.h"
#include "worker/state_sysctl.h"

/* Those that are texts. All others are numbers, also where their value happens not to be one. */
static bool is_text(const char *name)
{
	return strcmp(name, "stable_secret") == 0 || strcmp(name, "ping_group_range") == 0;
}

static int encode(const char *name, const struct sysctl_value *value, Img__Sysctl *ret)
{
	const bool text = is_text(name);

	ret->type = text ? IMG__SYSCTL_TYPE__CTL_STR : IMG__SYSCTL_TYPE__CTL_32;
	if (value->type == SYSCTL_ABSENT)
		return 0;
	if (!text) {
		if (value->type != SYSCTL_NUMBER)
			return -ERANGE;
		ret->has_iarg = 1;
		ret->iarg = value->number;
		return 0;
	}
	if (strcmp(name, "ping_group_range") == 0 && ping_range_is_default(value->text))
		return 0;
	/* As the file reads, with its newline. */
	if (asprintf(&ret->sarg, "%s\n", value->text) < 0) {
		ret->sarg = NULL;
		return -ENOMEM;
	}
	return 0;
}

static Img__Sysctl **make_entries(size_t n)
{
	Img__Sysctl **entries = calloc(n, sizeof(Img__Sysctl *));

	for (size_t i = 0; entries && i < n; i++) {
		entries[i] = malloc(sizeof(*entries[i]));
		if (!entries[i]) {
			while (i > 0)
				free(entries[--i]);
			free(entries);
			return NULL;
		}
		img__sysctl__init(entries[i]);
	}
	return entries;
}

int dump_sysctls(const struct dump *d, const struct sysctl_table *table, const char *dir,
		 const struct sysctl_value *known, Img__Sysctl ***ret, size_t *ret_n)
{
	struct sysctl_set set;
	int r;

	r = sysctl_set_read(d->sysctls, table, dir, known, &set);
	if (r < 0)
		return report_fail(d->report, EXIT_UNDONE, "cannot read the sysctls of %s: %s", dir,
				   strerror(-r));
	*ret = make_entries(table->n);
	if (!*ret) {
		sysctl_set_fini(&set);
		return report_fail(d->report, EXIT_OS_, "no memory for the sysctls of %s", dir);
	}
	*ret_n = table->n;
	for (size_t i = 0; i < table->n; i++) {
		r = encode(table->names[i], &set.values[i], (*ret)[i]);
		if (r == -ERANGE)
			report_warn(d->report,
				    "%s/%s is '%s', for which the images have no form: it is lost",
				    dir, table->names[i], set.values[i].text);
		else if (r < 0)
			break;
	}
	sysctl_set_fini(&set);
	if (r < 0 && r != -ERANGE)
		return report_fail(d->report, EXIT_OS_, "no memory for the sysctls of %s", dir);
	return 0;
}
