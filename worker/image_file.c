/*
 * One image file, entry by entry. It may come from anywhere: it is opened relative to the
 * directory, must be a regular file and no link, is read (not mapped: it may shrink), and the
 * sizes of an entry and of all of them are bounded before memory is asked for.
 *
 * Format (CRIU 4.2, criu/image.c and criu/protobuf.c): two 32-bit words of magic, in the byte
 * order of the host; then entries, each behind its 32-bit size, to the end of the file.
 *
 * May: read below the image directory. Must not: know what an entry says.
 */
#include "worker/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/report.h"

enum {
	MAGIC_COMMON = 0x54564319
};

int image_file_fail(struct image_file *r, const char *what)
{
	return report_fail(r->report, EXIT_IMAGE, "%s: cannot %s: %s", r->name, what,
			   strerror(errno));
}

int image_file_open(struct image_file *r, int dir, const char *name, struct report *report)
{
	struct stat st;

	*r = (struct image_file){ .fd = -1, .name = name, .report = report };
	/* O_NONBLOCK: a FIFO must not make us wait before we have seen that it is one. */
	r->fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0)
		return image_file_fail(r, "open it");
	if (fstat(r->fd, &st) < 0)
		return image_file_fail(r, "look at it");
	if (!S_ISREG(st.st_mode))
		return report_fail(report, EXIT_IMAGE, "%s: not a regular file", name);
	return 0;
}

void image_file_close(struct image_file *r)
{
	fd_closep(&r->fd);
	free(r->buf);
	r->buf = NULL;
}

int image_file_get(struct image_file *r, void *buf, size_t len, const char *what)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(r->fd, (uint8_t *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)image_file_fail(r, "read it");
			return -1;
		}
		if (n == 0 && done == 0)
			return 0;
		if (n == 0) {
			const uint64_t end = r->offset + done;

			(void)report_fail(r->report, EXIT_IMAGE,
					  "%s: record %zu: cut off in its %s at offset %" PRIu64,
					  r->name, r->record, what, end);
			return -1;
		}
		done += (size_t)n;
	}
	r->offset += len;
	return 1;
}

static int fail_magic(const struct image_file *r, uint32_t is, uint32_t should)
{
	if (is == __builtin_bswap32(should))
		return report_fail(r->report, EXIT_IMAGE,
				   "%s: written on a machine of the other byte order", r->name);
	return report_fail(r->report, EXIT_IMAGE,
			   "%s: its magic number is %08x and not %08x: it is another kind of file",
			   r->name, is, should);
}

int image_file_magic(struct image_file *r, uint32_t magic)
{
	/* The common number is missing in the inventory, and in all files of version 1. */
	const uint32_t wanted[] = { MAGIC_COMMON, magic };

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		uint32_t word;
		int n = image_file_get(r, &word, sizeof(word), "magic number");

		if (n < 0)
			return EXIT_IMAGE;
		if (n == 0)
			return report_fail(r->report, EXIT_IMAGE,
					   "%s: ends before its magic number", r->name);
		if (word == magic)
			return 0;
		if (word != wanted[i])
			return fail_magic(r, word, wanted[i]);
	}
	return 0;
}

int image_file_entry(struct image_file *r)
{
	uint32_t size;
	int n;

	r->record++;
	n = image_file_get(r, &size, sizeof(size), "size");
	if (n <= 0)
		return n;
	if (size > IMAGE_ENTRY_MAX) {
		(void)report_fail(r->report, EXIT_IMAGE,
				  "%s: record %zu: its size is %u bytes, more than %d", r->name,
				  r->record, size, IMAGE_ENTRY_MAX);
		return -1;
	}
	if (r->offset + size > IMAGE_FILE_MAX) {
		(void)report_fail(r->report, EXIT_IMAGE,
				  "%s: record %zu: it ends beyond %d bytes, more than such a file "
				  "has",
				  r->name, r->record, IMAGE_FILE_MAX);
		return -1;
	}
	if (!r->buf)
		r->buf = malloc(IMAGE_ENTRY_MAX);
	if (!r->buf) {
		(void)image_file_fail(r, "get memory for it");
		return -1;
	}
	r->len = size;
	if (size == 0)
		return 1;
	n = image_file_get(r, r->buf, size, "entry");
	if (n == 0)
		(void)report_fail(r->report, EXIT_IMAGE,
				  "%s: record %zu: cut off before its entry at offset %llu",
				  r->name, r->record, (unsigned long long)r->offset);
	return n == 1 ? 1 : -1;
}
