/*
 * Raw image files to netlink messages. What a message says is for others to judge: here it only
 * has to end where the next one begins.
 *
 * May: read below the image directory. Must not: look into messages.
 */
#include "worker/image_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/image_file.h"
#include "worker/report.h"

int raw_fail(const struct raw_at *at, const char *format, ...)
{
	char text[512];
	va_list args;

	if (!at->report)
		return EXIT_IMAGE;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return report_fail(at->report, EXIT_IMAGE, "%s: record %zu at offset %zu: %s",
			   at->raw->name, at->record, at->offset + sizeof(uint32_t), text);
}

const struct nlmsghdr *image_raw_next(struct raw_at *at)
{
	const struct nlmsghdr *nlh;
	size_t left = at->raw->len - at->next, len;

	if (left == 0)
		return NULL;
	nlh = (const struct nlmsghdr *)(const void *)(at->raw->buf + at->next);
	len = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	at->offset = at->next;
	at->next += len < left ? len : left;
	at->record++;
	return nlh;
}

/* Each message has a header and its length, and none is cut off. */
static int check_frames(struct image_raw *raw, struct report *report)
{
	struct raw_at at = { .raw = raw, .report = report };

	while (at.next < raw->len) {
		const size_t left = raw->len - at.next;
		const struct nlmsghdr *nlh =
			(const struct nlmsghdr *)(const void *)(raw->buf + at.next);

		at.offset = at.next;
		at.record++;
		if (at.record > RAW_MESSAGES_MAX)
			return raw_fail(&at, "more than %d messages", RAW_MESSAGES_MAX);
		if (left < sizeof(*nlh))
			return raw_fail(&at, "%zu bytes, which are no message", left);
		if (nlh->nlmsg_len < sizeof(*nlh))
			return raw_fail(&at, "a message of %u bytes is less than its header",
					nlh->nlmsg_len);
		if (nlh->nlmsg_len > left)
			return raw_fail(&at, "a message of %u bytes, of which %zu are there",
					nlh->nlmsg_len, left);
		at.next += NLMSG_ALIGN((size_t)nlh->nlmsg_len) < left
				   ? NLMSG_ALIGN((size_t)nlh->nlmsg_len)
				   : left;
	}
	raw->n = at.record;
	return 0;
}

/* Returns 1, 0 where nothing is behind it, or -1 with the error noted. */
static int read_magic(struct image_file *file, uint32_t magic)
{
	uint32_t word;
	int n = image_file_get(file, &word, sizeof(word), "magic number");

	if (n <= 0 || word == magic)
		return n;
	if (word == __builtin_bswap32(magic))
		(void)report_fail(file->report, EXIT_IMAGE,
				  "%s: written on a machine of the other byte order", file->name);
	else
		(void)report_fail(file->report, EXIT_IMAGE,
				  "%s: its magic number is %08x and not %08x: it is another kind "
				  "of file",
				  file->name, word, magic);
	return -1;
}

/* All that is behind the number. The file may grow or shrink while it is read. */
static int read_messages(struct image_file *file, struct image_raw *raw)
{
	struct stat st;
	uint8_t more;
	size_t len;
	int n;

	if (fstat(file->fd, &st) < 0)
		return image_file_fail(file, "look at it");
	if (st.st_size > RAW_BYTES_MAX)
		return report_fail(file->report, EXIT_IMAGE, "%s: %lld bytes are more than %d",
				   file->name, (long long)st.st_size, RAW_BYTES_MAX);
	len = (size_t)st.st_size > file->offset ? (size_t)st.st_size - file->offset : 0;
	if (len == 0)
		return 0;
	raw->buf = malloc(len);
	if (!raw->buf)
		return image_file_fail(file, "get memory for it");
	n = image_file_get(file, raw->buf, len, "messages");
	if (n < 0)
		return EXIT_IMAGE;
	raw->len = n == 0 ? 0 : len;
	if (image_file_get(file, &more, sizeof(more), "end") != 0)
		return report_fail(file->report, EXIT_IMAGE, "%s: grew while it was read",
				   file->name);
	return 0;
}

int image_raw_load(int dir, const char *name, uint32_t magic, struct image_raw *ret,
		   struct report *report)
{
	struct image_file file;
	int status, n = 0;

	*ret = (struct image_raw){ 0 };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	status = image_file_open(&file, dir, name, report);
	if (!status)
		n = read_magic(&file, magic);
	if (n < 0)
		status = EXIT_IMAGE;
	if (!status && n > 0)
		status = read_messages(&file, ret);
	if (!status)
		status = check_frames(ret, report);
	image_file_close(&file);
	return status;
}

void image_raw_fini(struct image_raw *raw)
{
	free(raw->buf);
	raw->buf = NULL;
	raw->len = 0;
	raw->n = 0;
}
