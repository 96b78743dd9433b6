/*
 * A description in an annotation, NAME:PARENT[,KEY=VALUE]..., to its parts.
 *
 * May: read text. Must not: open, ask, or change anything.
 */
#include <stdio.h>
#include <string.h>

#include "worker/attach_spec.h"
#include "worker/report.h"

/* NAME:PARENT, the part that is not KEY=VALUE. */
static int parse_head(struct attach_spec *spec, char *head, struct report *report)
{
	char *colon = strchr(head, ':');
	int status;

	if (!colon)
		return report_fail(report, EXIT_USAGE_,
				   "'%s' does not begin with NAME:PARENT, as eth0:enp1s0", head);
	*colon = '\0';
	status = attach_spec_set(spec, "name", head, report);
	return status ? status : attach_spec_set(spec, "parent", colon + 1, report);
}

/* Without the blanks around it. */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " ");
	end = text + strlen(text);
	while (end > text && end[-1] == ' ')
		*--end = '\0';
	return text;
}

/* The other way to write it: blanks behind the parent and between the keys. Those within a value
 * stay. @text is trimmed. */
static void put_commas(char *text)
{
	static const char key[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const char *head = text + strcspn(text, ", ");

	for (char *p = strchr(text, ' '); p; p = strchr(p + 1, ' ')) {
		const char *before = p;

		while (before[-1] == ' ')
			before--;
		if (before[-1] == ',' || p[strspn(p, " ")] == ',')
			continue; /* there is one */
		if (p == head || p[1 + strspn(p + 1, key)] == '=')
			*p = ',';
	}
}

static int set_part(struct attach_spec *spec, char *part, struct report *report)
{
	char *value = strchr(part, '=');

	if (!value)
		return report_fail(report, EXIT_USAGE_, "'%s' is not KEY=VALUE", part);
	*value = '\0';
	return attach_spec_set(spec, part, value + 1, report);
}

int attach_spec_parse(struct attach_spec *spec, const char *text, struct report *report)
{
	char copy[ATTACH_TEXT_MAX];
	char *rest, *part;
	int status;

	attach_spec_init(spec);
	if (strlen(text) >= sizeof(copy))
		return report_fail(report, EXIT_USAGE_, "a description of more than %zu bytes",
				   sizeof(copy) - 1);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	rest = trim(copy);
	put_commas(rest);
	status = parse_head(spec, trim(strsep(&rest, ",")), report);
	if (status)
		return status;
	while (!status && (part = strsep(&rest, ",")))
		status = set_part(spec, trim(part), report);
	if (status)
		report_add(report, "this is about %s", spec->name);
	return status ? status : attach_spec_check(spec, report);
}
