/*
 * Directories and reports for the worker's unit tests.
 */
#include "tests/unit/worker/place.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"

void place_open(struct place *place)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(place->path, sizeof(place->path), "%s/netcr-unit-XXXXXX",
		       tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(place->path));
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void place_close(struct place *place)
{
	(void)close(place->fd);
	assert_int_equal(nftw(place->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_parents(const struct place *place, const char *name)
{
	char path[256];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)(slash - name), name);
		(void)mkdirat(place->fd, path, 0755);
	}
}

void place_write(const struct place *place, const char *name, const void *data, size_t len)
{
	int fd;

	make_parents(place, name);
	fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	(void)close(fd);
}

void place_write_text(const struct place *place, const char *name, const char *text)
{
	place_write(place, name, text, strlen(text));
}

const char *place_read(const struct place *place, const char *name)
{
	static char text[256];
	int fd = openat(place->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

void quiet_report(struct report *report)
{
	assert_int_equal(report_init(report, "test", /* json= */ true), 0);
}

size_t count_warnings(const struct report *report)
{
	return json_array_size(report->warnings);
}

void expect_error(struct report *report, int returned, int status, const char *part)
{
	if (returned != status || report->status != status || !strstr(report->text, part))
		fail_msg("returned %d, status %d in place of %d: \"%s\" has no \"%s\"", returned,
			 report->status, status, report->text, part);
	report_fini(report);
	quiet_report(report);
}
