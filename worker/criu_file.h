/* The file netcr.options beside the images: what the images themselves leave out, written by whoever
 * moves them. It may come from anywhere, as they may. */
#pragma once

#include <stddef.h>

struct options;
struct report;

enum {
	CRIU_FILE_MAX = 64 * 1024, /* bytes */
	CRIU_LINES_MAX = 1024,
};

/* Read it from the image directory @dir, if it is there, and take what @options do not say already.
 * Returns 0, or EXIT_IMAGE with the line. */
int criu_file_read(int dir, struct options *options, struct report *report);

/* Likewise of @text, which is ours to cut and ends with a NUL at @len. */
int criu_file_parse(char *text, size_t len, struct options *options, struct report *report);
