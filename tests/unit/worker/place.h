/* A directory of a test, with files by name; and reports that are looked at, not printed. */
#pragma once

#include <stddef.h>

#include "worker/report.h"

struct place {
	char path[64];
	int fd;
};

/* A fresh directory; or its end, with everything in it. */
void place_open(struct place *place);
void place_close(struct place *place);

/* A file, with the directories on its way, in the place of one that is there. */
void place_write(const struct place *place, const char *name, const void *data, size_t len);
void place_write_text(const struct place *place, const char *name, const char *text);

/* What a file of up to 255 bytes holds, as a string that the next call overwrites. */
const char *place_read(const struct place *place, const char *name);

/* A report whose warnings are kept, and not printed. */
void quiet_report(struct report *report);
size_t count_warnings(const struct report *report);

/* Fail the test unless @report has @status and a text with @part in it; then it is made new. */
void expect_error(struct report *report, int returned, int status, const char *part);
