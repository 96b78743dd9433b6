/* Netlink messages by hand, in memory and in a file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/image_raw.h"
#include "worker/report.h"

struct rawfile {
	uint8_t bytes[65536];
	size_t len;
	size_t first; /* of the message that is being put together */
};

/* Begin a message of @type with @header behind its netlink header. */
void rawfile_begin(struct rawfile *f, uint16_t type, const void *header, size_t len);

/* An attribute to its end; and one of which @claim is said to be its payload's length. */
void rawfile_attr(struct rawfile *f, uint16_t type, const void *payload, size_t len);
void rawfile_lie(struct rawfile *f, uint16_t type, const void *payload, size_t len, size_t claim);
void rawfile_u32(struct rawfile *f, uint16_t type, uint32_t value);
void rawfile_u8(struct rawfile *f, uint16_t type, uint8_t value);

/* The messages in memory of their own, to the byte, as image_raw_load() has them. */
void rawfile_take(const struct rawfile *f, struct image_raw *ret);

/* Load a file with @magic and these messages, cut off after @size bytes. */
int rawfile_load(const struct rawfile *f, uint32_t magic, size_t size, struct image_raw *ret,
		 struct report *report);

/* Decode what is in a file: returns an exit status. */
typedef int (*rawfile_decode)(const struct image_raw *raw, struct report *report);

/* What is right for @decode is cut off at every byte, and each of its bits is turned: it is taken
 * or it is EXIT_IMAGE, and nothing else happens. */
void rawfile_spoil(const struct rawfile *f, uint32_t magic, rawfile_decode decode);

/* @decode must fail, with @words in what is reported. */
void rawfile_refuse(const struct rawfile *f, rawfile_decode decode, const char *words);

/* It must succeed. */
void rawfile_accept(const struct rawfile *f, rawfile_decode decode);
