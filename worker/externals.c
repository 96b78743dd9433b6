/*
 * Parsing and finding --external keys. Pure but for the report.
 */
#include "worker/externals.h"

#include <stdlib.h>
#include <string.h>

#include "worker/report.h"

void externals_fini(struct externals *externals)
{
	for (size_t i = 0; i < externals->n; i++)
		free(externals->list[i].text);
	free(externals->list);
	*externals = (struct externals){ 0 };
}

/* "KIND[NAME]:VALUE", cut in place. Returns false if it is not that. */
static bool cut(struct external *e)
{
	char *open = strchr(e->text, '[');
	char *close = open ? strchr(open, ']') : NULL;

	if (!close || close[1] != ':' || close[2] == '\0' || open == e->text || close == open + 1)
		return false;
	*open = '\0';
	*close = '\0';
	e->kind = e->text;
	e->name = open + 1;
	e->value = close + 2;
	return true;
}

static bool is_known(const struct externals *externals, const char *kind)
{
	return strcmp(kind, "macvlan") == 0 || strcmp(kind, "veth") == 0 ||
	       strcmp(kind, "netdev") == 0 || (externals->of_dump && strcmp(kind, "net") == 0);
}

static int check(const struct externals *externals, const struct external *e, const char *key,
		 struct report *report)
{
	if (!is_known(externals, e->kind))
		return report_fail(report, EXIT_USAGE_,
				   "--external %s: only macvlan[NAME]:PARENT, veth[NAME]:OUT and "
				   "netdev[NAME]:DEVICE are known%s",
				   key, externals->of_dump ? ", and net[INODE]:KEY" : "");
	for (size_t i = 0; i < externals->n; i++) {
		if (strcmp(externals->list[i].kind, e->kind) == 0 &&
		    strcmp(externals->list[i].name, e->name) == 0)
			return report_fail(report, EXIT_USAGE_,
					   "--external %s: %s[%s] is there already", key, e->kind,
					   e->name);
	}
	return 0;
}

int externals_add(struct externals *externals, const char *key, struct report *report)
{
	struct external *more, e = { 0 };
	int status = 0;

	more = reallocarray(externals->list, externals->n + 1, sizeof(*more));
	if (more)
		externals->list = more;
	e.text = strdup(key);
	if (!more || !e.text)
		status = report_fail(report, EXIT_OS_, "no memory for --external %s", key);
	else if (!cut(&e))
		status = report_fail(report, EXIT_USAGE_,
				     "--external %s: not of the form macvlan[NAME]:PARENT", key);
	else
		status = check(externals, &e, key, report);
	if (status) {
		free(e.text);
		return status;
	}
	externals->list[externals->n++] = e;
	return 0;
}

const char *externals_find(struct externals *externals, const char *kind, const char *name)
{
	struct external *any = NULL;

	for (size_t i = 0; i < externals->n; i++) {
		struct external *e = &externals->list[i];

		if (strcmp(e->kind, kind) != 0)
			continue;
		if (strcmp(e->name, name) == 0) {
			e->used = true;
			return e->value;
		}
		if (strcmp(e->name, "*") == 0)
			any = e;
	}
	if (any)
		any->used = true;
	return any ? any->value : NULL;
}

bool externals_has(const struct externals *externals, const char *kind, const char *name)
{
	for (size_t i = 0; i < externals->n; i++) {
		const struct external *e = &externals->list[i];

		if (strcmp(e->kind, kind) == 0 && strcmp(e->name, name) == 0)
			return true;
	}
	return false;
}

void externals_warn_unused(const struct externals *externals, struct report *report)
{
	for (size_t i = 0; i < externals->n; i++) {
		const struct external *e = &externals->list[i];

		if (!e->used)
			report_warn(report,
				    "--external %s[%s]:%s: no link of the images asks for it",
				    e->kind, e->name, e->value);
	}
}
