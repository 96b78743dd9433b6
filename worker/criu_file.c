/*
 * Lines KEY = VALUE; empty ones and those that begin with '#' say nothing.
 *
 *   external = macvlan[NAME]:PARENT    as --external; NAME may be '*'
 *   ns-id = N                          as --ns-id
 *
 * Of external nothing but macvlans, whose parents are the broker's to judge: the rest of what
 * --external can say acts on the host in the right of who runs CRIU, who is root, and root does not
 * take that from a directory of images. For the same reason nothing here can name a broker or a path.
 *
 * May: read below the image directory.
 */
#include "worker/criu_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/number.h"
#include "worker/image_file.h"
#include "worker/options.h"
#include "worker/report.h"

static const char file_name[] = "netcr.options";

static int fail(size_t line, const char *why, struct report *report)
{
	return report_fail(report, EXIT_IMAGE, "%s: line %zu: %s", file_name, line, why);
}

/* --- the keys --- */

static bool is_name(const char *name)
{
	return strcmp(name, "*") == 0 || check_ifname(name) == 0;
}

/* What the command line or the environment says comes first. */
static int take_external(char *value, size_t line, struct options *options, struct report *report)
{
	static const char kind[] = "macvlan[";
	char *name, *end;
	char key[128];

	if (strncmp(value, kind, sizeof(kind) - 1) != 0)
		return fail(line,
			    "of external only macvlan[NAME]:PARENT can come from the image "
			    "directory",
			    report);
	name = value + sizeof(kind) - 1;
	end = strstr(name, "]:");
	if (!end)
		return fail(line, "external is not of the form macvlan[NAME]:PARENT", report);
	*end = '\0';
	if (!is_name(name) || check_parent(end + 2) < 0)
		return fail(line, "what external has is no name of an interface", report);
	if (externals_has(&options->externals, "macvlan", name) ||
	    externals_has(&options->externals, "macvlan", "*"))
		return 0;
	(void)snprintf(key, sizeof(key), "macvlan[%s]:%s", name, end + 2);
	return externals_add(&options->externals, key, report);
}

static int take_ns_id(char *value, size_t line, struct options *options, struct report *report)
{
	uint32_t id;

	if (!number_parse_u32(value, &id) || id == 0)
		return fail(line, "ns-id is not a number from 1 on", report);
	if (!options->ns_id)
		options->ns_id = id;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(char *value, size_t line, struct options *options, struct report *report);
} keys[] = {
	{ "external", take_external },
	{ "ns-id", take_ns_id },
};

/* --- lines --- */

static char *trim(char *text)
{
	static const char blanks[] = " \t\r";
	size_t len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len > 0 && strchr(blanks, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static int take_line(char *text, size_t line, struct options *options, struct report *report)
{
	char *key = trim(text), *value = strchr(key, '=');

	if (!*key || *key == '#')
		return 0;
	if (!value)
		return fail(line, "is not KEY = VALUE", report);
	*value++ = '\0';
	key = trim(key);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].take(trim(value), line, options, report);
	}
	return fail(line, "has a key other than external and ns-id", report);
}

int criu_file_parse(char *text, size_t len, struct options *options, struct report *report)
{
	size_t line = 0;
	char *part;
	int status = 0;

	if (memchr(text, '\0', len))
		return report_fail(report, EXIT_IMAGE, "%s: has a NUL, and is no text", file_name);
	while (!status && (part = strsep(&text, "\n"))) {
		if (++line > CRIU_LINES_MAX)
			return fail(line, "is one too many", report);
		status = take_line(part, line, options, report);
	}
	return status;
}

static int read_to_end(struct image_file *r, char *text, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < CRIU_FILE_MAX) {
		n = read(r->fd, text + len, CRIU_FILE_MAX - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		return image_file_fail(r, "read it");
	if (len == CRIU_FILE_MAX)
		return report_fail(r->report, EXIT_IMAGE, "%s: has more than %d bytes", r->name,
				   CRIU_FILE_MAX - 1);
	text[len] = '\0';
	*ret_len = len;
	return 0;
}

int criu_file_read(int dir, struct options *options, struct report *report)
{
	_cleanup_free_ char *text = malloc(CRIU_FILE_MAX);
	struct image_file r;
	size_t len = 0;
	int status;

	if (!text)
		return report_fail(report, EXIT_OS_, "no memory for %s", file_name);
	if (faccessat(dir, file_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	status = image_file_open(&r, dir, file_name, report);
	if (!status)
		status = read_to_end(&r, text, &len);
	image_file_close(&r);
	return status ? status : criu_file_parse(text, len, options, report);
}
