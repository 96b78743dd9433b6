/* One file of CRIU's, from its magic number to its last entry. Every failure is noted in the
 * report with the file's name, and the record and the offset where there is one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct report;

enum {
	IMAGE_ENTRY_MAX = 256 * 1024, /* bytes of one entry */
	IMAGE_FILE_MAX =
		8 * 1024 * 1024, /* bytes of a file: decoded, they take up to 18 times that */
};

struct image_file {
	int fd;           /* owned */
	const char *name; /* borrowed */
	uint64_t offset;  /* of the next byte */
	size_t record;    /* of the entry that is read, from 1 */
	uint8_t *buf;     /* owned; the entry */
	size_t len;
	struct report *report;
};

/* Open @name in directory @dir. image_file_close() is due in any case. Returns 0 or EXIT_IMAGE. */
int image_file_open(struct image_file *ret, int dir, const char *name, struct report *report);
void image_file_close(struct image_file *file);

/* Read the magic number, the common one before it where there is one. Returns 0 or EXIT_IMAGE. */
int image_file_magic(struct image_file *file, uint32_t magic);

/* Read the next entry into file->buf. Returns 1, 0 at the end of the file, or -1 with the error
 * noted. */
int image_file_entry(struct image_file *file);

/* Read exactly @len bytes, part of the file's @what. Returns likewise. */
int image_file_get(struct image_file *file, void *buf, size_t len, const char *what);

/* Note that errno came of an attempt to @what. Returns EXIT_IMAGE. */
int image_file_fail(struct image_file *file, const char *what);
