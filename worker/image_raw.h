/* The raw image files: what `ip addr save` and its like wrote, a 32-bit number that says which,
 * and netlink messages behind it to the end of the file (CRIU 4.2, criu/net.c). */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/image.h"

struct report;

enum {
	RAW_MAGIC_ADDRS = 0x47361222,
	RAW_MAGIC_ROUTES = 0x45311224,
	RAW_MAGIC_RULES = 0x71706986,
	RAW_BYTES_MAX = 64 * 1024 * 1024, /* of one file */
	RAW_MESSAGES_MAX = 1024 * 1024,   /* in one file */
};

struct image_raw {
	char name[IMAGE_NAME_MAX];
	uint8_t *buf; /* owned; the messages, the first one aligned */
	size_t len;
	size_t n; /* messages */
};

/* A message in its file, and for messages about it. */
struct raw_at {
	const struct image_raw *raw;
	size_t offset; /* in raw->buf */
	size_t next;   /* likewise, of the message after it */
	size_t record; /* from 1 */
	struct report *report;
};

/* Load @name of directory @dir. A file that is not there, is empty, or has its number only, holds
 * no messages. Otherwise it consists of whole messages to its end. Returns 0, or EXIT_IMAGE with
 * file, record and offset; *ret is to be freed in any case. */
int image_raw_load(int dir, const char *name, uint32_t magic, struct image_raw *ret,
		   struct report *report);
void image_raw_fini(struct image_raw *raw);

/* The next message, or NULL after the last. @at begins with raw and report set. */
const struct nlmsghdr *image_raw_next(struct raw_at *at);

/* Note the error with file, record and offset. Returns EXIT_IMAGE. Without a report nothing is
 * noted. */
int raw_fail(const struct raw_at *at, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
