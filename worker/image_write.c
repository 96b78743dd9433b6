/*
 * From messages to files in the image directory.
 *
 * Everything is encoded in memory first. Then the files are made under names of their own
 * (".netdev-10.img.PID"), so that whoever looks at the directory sees a whole set or none: a dump
 * that is killed leaves such files, which nothing reads.
 *
 * May: make, rename and remove files in the image directory. Must not: know what an entry says.
 */
#include "worker/image_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fs.h>

#include "common/cleanup.h"
#include "worker/interrupt.h"
#include "worker/report.h"

/* --- encoding --- */

void image_out_fini(struct image_out *out)
{
	free(out->data);
	out->data = NULL;
	out->len = 0;
	out->room = 0;
}

/* Room for @len bytes more, behind what is there; or NULL. */
static uint8_t *grow(struct image_out *out, size_t len)
{
	enum {
		FIRST = 4096
	};
	size_t room = out->room ? out->room : FIRST;
	uint8_t *more;

	if (len > SIZE_MAX / 4 - out->len)
		return NULL;
	while (room - out->len < len)
		room *= 2;
	if (room != out->room) {
		more = realloc(out->data, room);
		if (!more)
			return NULL;
		out->data = more;
		out->room = room;
	}
	out->len += len;
	return out->data + out->len - len;
}

int image_out_bytes(struct image_out *out, const void *bytes, size_t len)
{
	uint8_t *at = grow(out, len);

	if (!at)
		return -ENOMEM;
	if (len > 0)
		memcpy(at, bytes, len);
	return 0;
}

int image_out_word(struct image_out *out, uint32_t word)
{
	return image_out_bytes(out, &word, sizeof(word));
}

int image_out_entry(struct image_out *out, const ProtobufCMessage *msg)
{
	const size_t len = protobuf_c_message_get_packed_size(msg);
	const uint32_t size = (uint32_t)len;
	uint8_t *at;

	if (len > UINT32_MAX || !(at = grow(out, sizeof(size) + len)))
		return -ENOMEM;
	memcpy(at, &size, sizeof(size));
	(void)protobuf_c_message_pack(msg, at + sizeof(size));
	return 0;
}

/* --- files --- */

int image_write_check(int dir, const struct image_out *files, size_t n, struct report *report)
{
	for (size_t i = 0; i < n; i++) {
		if (faccessat(dir, files[i].name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return report_fail(report, EXIT_UNDONE,
					   "%s is in the image directory already; nothing was "
					   "done: remove it, or use another directory or --ns-id",
					   files[i].name);
		if (errno != ENOENT)
			return report_fail(report, EXIT_OS_, "cannot look for %s: %s",
					   files[i].name, strerror(errno));
	}
	return 0;
}

struct writing {
	int dir;
	const struct image_out *files;
	size_t n;
	size_t made;  /* of files, from the first: under their other names */
	size_t named; /* of these, from the first: under their own */
	struct report *report;
};

static void other_name(const struct image_out *file, char ret[IMAGE_NAME_MAX + 16])
{
	(void)snprintf(ret, IMAGE_NAME_MAX + 16, ".%s.%d", file->name, (int)getpid());
}

static int put(int fd, const struct image_out *file)
{
	size_t done = 0;

	while (done < file->len) {
		ssize_t n = write(fd, file->data + done, file->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int make_one(struct writing *w, const struct image_out *file)
{
	char name[IMAGE_NAME_MAX + 16];
	_cleanup_fd_ int fd = -1;
	int r;

	other_name(file, name);
	fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return report_fail(w->report, w->made ? EXIT_UNDONE : EXIT_OS_,
				   "cannot make %s in the image directory: %s", name,
				   strerror(errno));
	w->made++;
	r = put(fd, file);
	/* Some file systems tell of a full disk only here. */
	if (close(fd_take(&fd)) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		return report_fail(w->report, EXIT_UNDONE, "cannot write %s: %s", file->name,
				   strerror(-r));
	return 0;
}

static int name_one(struct writing *w, const struct image_out *file)
{
	char name[IMAGE_NAME_MAX + 16];
	int r;

	other_name(file, name);
	r = renameat2(w->dir, name, w->dir, file->name, RENAME_NOREPLACE);
	/* Not every file system has it: then what was looked for at the start has to do. */
	if (r < 0 && (errno == EINVAL || errno == ENOSYS))
		r = renameat(w->dir, name, w->dir, file->name);
	if (r < 0)
		return report_fail(w->report, EXIT_UNDONE, "cannot give %s its name: %s",
				   file->name, strerror(errno));
	w->named++;
	return 0;
}

/* Remove what was made so far. */
static int unmake(struct writing *w, int status)
{
	char name[IMAGE_NAME_MAX + 16];

	for (size_t i = 0; i < w->made; i++) {
		if (i < w->named)
			(void)snprintf(name, sizeof(name), "%s", w->files[i].name);
		else
			other_name(&w->files[i], name);
		if (unlinkat(w->dir, name, 0) == 0 || errno == ENOENT)
			continue;
		report_add(w->report, "%s could not be removed: %s", name, strerror(errno));
		w->report->status = EXIT_LEFT;
		status = EXIT_LEFT;
	}
	return status;
}

static int write_all(struct writing *w)
{
	int status = 0;

	for (size_t i = 0; !status && i < w->n; i++) {
		status = make_one(w, &w->files[i]);
		if (!status)
			status = interrupt_check(w->report);
	}
	for (size_t i = 0; !status && i < w->n; i++)
		status = name_one(w, &w->files[i]);
	/* EINVAL: a file system on which directories cannot be synced, and need not be. */
	if (!status && fsync(w->dir) < 0 && errno != EINVAL)
		status = report_fail(w->report, EXIT_UNDONE,
				     "cannot bring the image directory to disk: %s",
				     strerror(errno));
	return status;
}

int image_write(int dir, const struct image_out *files, size_t n, struct report *report)
{
	struct writing w = { .dir = dir, .files = files, .n = n, .report = report };
	int status;

	interrupt_hold();
	status = write_all(&w);
	return status ? unmake(&w, status) : 0;
}
