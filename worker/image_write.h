/* Writing CRIU's image files: encoding into memory, and then all files of a set to disk at once. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/image.h"
#include "worker/image_magic.h"

struct report;

/* One file that is to be. All-zero but for its name, it is empty. */
struct image_out {
	char name[IMAGE_NAME_MAX];
	uint8_t *data; /* owned */
	size_t len, room;
};

void image_out_fini(struct image_out *out);

/* Each of these adds to the end. They return 0 or -ENOMEM. */
int image_out_bytes(struct image_out *out, const void *bytes, size_t len);
int image_out_word(struct image_out *out, uint32_t word);
/* The size of @msg in 32 bits, and @msg: fields in the order of their numbers. */
int image_out_entry(struct image_out *out, const ProtobufCMessage *msg);

/* Returns 0, or EXIT_UNDONE with the first of the @n files that is in @dir already, whatever it
 * is there. */
int image_write_check(int dir, const struct image_out *files, size_t n, struct report *report);

/* Write the @n files into @dir: all of them, or none. They are made under other names, mode 0600,
 * brought to disk, and then get their names in the order of @files; none takes the place of a
 * file that is there. Returns 0; or EXIT_OS_ where the first one could not be made; EXIT_UNDONE
 * after another error; EXIT_LEFT when something could not be removed again, which is named. */
int image_write(int dir, const struct image_out *files, size_t n, struct report *report);
