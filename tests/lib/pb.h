/* Protocol buffers written byte by byte, with every freedom to get them wrong. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	PB_MAX = 3 * 65536,
	PB_VARINT = 0,
	PB_FIXED64 = 1,
	PB_BYTES = 2,
	PB_GROUP = 3,
	PB_GROUP_END = 4,
	PB_FIXED32 = 5,
};

struct pb {
	size_t len;
	uint8_t buf[PB_MAX];
};

void pb_raw(struct pb *b, const void *data, size_t len);

/* A number in as few bytes as it needs, or in exactly @bytes. */
void pb_varint(struct pb *b, uint64_t value);
void pb_varint_long(struct pb *b, uint64_t value, size_t bytes);

void pb_tag(struct pb *b, uint32_t field, unsigned int wire_type);
void pb_uint(struct pb *b, uint32_t field, uint64_t value);
void pb_sint(struct pb *b, uint32_t field, int32_t value);
void pb_bytes(struct pb *b, uint32_t field, const void *data, size_t len);

/* @inside as an embedded message. */
void pb_message(struct pb *b, uint32_t field, const struct pb *inside);
