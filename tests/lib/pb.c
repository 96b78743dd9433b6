/*
 * Protocol buffers without protobuf-c, which would not write a wrong one.
 */
#include "tests/lib/pb.h"

#include <string.h>

#include "tests/lib/test.h"

void pb_raw(struct pb *b, const void *data, size_t len)
{
	assert_true(len <= sizeof(b->buf) - b->len);
	if (len)
		memcpy(b->buf + b->len, data, len);
	b->len += len;
}

void pb_varint_long(struct pb *b, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t byte = (value & 0x7f) | (i + 1 < bytes ? 0x80 : 0);

		pb_raw(b, &byte, 1);
		value >>= 7;
	}
}

void pb_varint(struct pb *b, uint64_t value)
{
	size_t bytes = 1;

	for (uint64_t rest = value >> 7; rest; rest >>= 7)
		bytes++;
	pb_varint_long(b, value, bytes);
}

void pb_tag(struct pb *b, uint32_t field, unsigned int wire_type)
{
	pb_varint(b, (uint64_t)field << 3 | wire_type);
}

void pb_uint(struct pb *b, uint32_t field, uint64_t value)
{
	pb_tag(b, field, PB_VARINT);
	pb_varint(b, value);
}

void pb_sint(struct pb *b, uint32_t field, int32_t value)
{
	uint32_t zigzag = (uint32_t)value << 1;

	pb_uint(b, field, value < 0 ? ~zigzag : zigzag);
}

void pb_bytes(struct pb *b, uint32_t field, const void *data, size_t len)
{
	pb_tag(b, field, PB_BYTES);
	pb_varint(b, len);
	pb_raw(b, data, len);
}

void pb_message(struct pb *b, uint32_t field, const struct pb *inside)
{
	pb_bytes(b, field, inside->buf, inside->len);
}
