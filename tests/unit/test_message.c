/*
 * Only one way to write a message, in memory that is bounded: what protobuf-c would let pass.
 *
 * Every message is decoded from a block of exactly its size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/message.h"
#include "broker/ops.h"
#include "common/wire.h"
#include "tests/lib/pb.h"
#include "tests/lib/test.h"

enum {
	ID = 1, /* field numbers of netcr.Request */
	HELLO = 2,
	BIND = 3,
	NSID = 4,
	LINKS = 5,
	QUOTA = 6,
};

static uint8_t *block; /* of the last message: the decoded one may point into it */
static struct pb msg, inside, link_msg;

static int release(void **state)
{
	(void)state;
	free(block);
	block = NULL;
	return 0;
}

static const Netcr__Request *decode(const uint8_t *buf, size_t len)
{
	free(block);
	block = malloc(len);
	assert_true(block || len == 0);
	if (len)
		memcpy(block, buf, len);
	return message_decode(block, len);
}

static const Netcr__Request *decode_msg(void)
{
	return decode(msg.buf, msg.len);
}

static void begin(uint64_t id)
{
	msg.len = 0;
	pb_uint(&msg, ID, id);
}

static void begin_hello(uint64_t min, uint64_t max)
{
	inside.len = 0;
	pb_uint(&inside, 1, min);
	pb_uint(&inside, 2, max);
}

static void hello(void)
{
	begin(1);
	begin_hello(1, 1);
	pb_message(&msg, HELLO, &inside);
}

static void one_link(const void *parent, size_t parent_len, const void *newlink, size_t len)
{
	link_msg.len = 0;
	pb_bytes(&link_msg, 1, parent, parent_len);
	pb_bytes(&link_msg, 2, newlink, len);
}

/* @n links of the least that can be said, or of what they hold at most. */
static void links(size_t n, size_t newlink_len)
{
	static const uint8_t bytes[1024];

	one_link("eth0", 4, bytes, newlink_len);
	inside.len = 0;
	for (size_t i = 0; i < n; i++)
		pb_message(&inside, 1, &link_msg);
	begin(9);
	pb_message(&msg, LINKS, &inside);
}

/* --- what is accepted --- */

static void every_op_is_decoded(void **state)
{
	const Netcr__Request *req;

	(void)state;
	hello();
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->id, 1);
	assert_int_equal(req->op_case, NETCR__REQUEST__OP_HELLO);
	assert_int_equal(req->hello->version_max, 1);

	inside.len = 0;
	begin(UINT32_MAX);
	pb_message(&msg, BIND, &inside);
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->id, UINT32_MAX);
	assert_int_equal(req->op_case, NETCR__REQUEST__OP_TARGET_BIND);

	pb_sint(&inside, 1, -1);
	begin(3);
	pb_message(&msg, NSID, &inside);
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->nsid_alloc->nsid, -1);

	links(2, 3);
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->link_create->n_links, 2);
	assert_string_equal(req->link_create->links[1]->parent, "eth0");
	assert_int_equal(req->link_create->links[1]->newlink.len, 3);
}

/* An id alone is a message; that it asks for nothing is dispatch's to say. */
static void P7_none_of_oneof_is_decoded(void **state)
{
	const Netcr__Request *req;

	(void)state;
	begin(1);
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->op_case, NETCR__REQUEST__OP__NOT_SET);
}

/* Decoded: that it is too many is an answer (E2BIG), and no breach of the protocol. */
static void P8_numbers_of_links(void **state)
{
	static const size_t numbers[] = { 0, 1, OP_LINKS_MAX, OP_LINKS_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const Netcr__Request *req;

		links(numbers[i], 300);
		assert_true(msg.len <= WIRE_MAX);
		req = decode_msg();
		assert_non_null(req);
		assert_int_equal(req->link_create->n_links, numbers[i]);
	}
}

static void largest_message_fits(void **state)
{
	const Netcr__Request *req;
	size_t len = 1024;

	(void)state;
	do
		links(OP_LINKS_MAX, len--);
	while (msg.len > WIRE_MAX);
	assert_true(msg.len > WIRE_MAX - 2 * OP_LINKS_MAX);
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->link_create->n_links, OP_LINKS_MAX);
}

/* Nothing of one message is left when the next is decoded. */
static void arena_begins_anew(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		links(OP_LINKS_MAX, 300);
		assert_non_null(decode_msg());
	}
	hello();
	assert_non_null(decode_msg());
}

/* --- numbers --- */

static void P6_overlong_numbers(void **state)
{
	(void)state;
	for (size_t bytes = 1; bytes <= 11; bytes++) {
		/* The id, */
		msg.len = 0;
		pb_tag(&msg, ID, PB_VARINT);
		pb_varint_long(&msg, 1, bytes);
		assert_int_equal(decode_msg() != NULL, bytes == 1);
		/* a number inside, */
		inside.len = 0;
		pb_uint(&inside, 1, 1);
		pb_tag(&inside, 2, PB_VARINT);
		pb_varint_long(&inside, 1, bytes);
		begin(1);
		pb_message(&msg, HELLO, &inside);
		assert_int_equal(decode_msg() != NULL, bytes == 1);
		/* a tag, */
		msg.len = 0;
		pb_varint_long(&msg, ID << 3, bytes);
		pb_varint(&msg, 1);
		assert_int_equal(decode_msg() != NULL, bytes == 1);
		/* and a length. */
		begin(1);
		pb_tag(&msg, BIND, PB_BYTES);
		pb_varint_long(&msg, 0, bytes);
		assert_int_equal(decode_msg() != NULL, bytes == 1);
	}
}

static void P6_numbers_of_more_than_32_bits(void **state)
{
	static const struct {
		uint64_t value;
		bool good;
	} cases[] = {
		{ 0, true },
		{ UINT32_MAX, true },
		{ UINT64_C(1) << 32, false },
		{ (UINT64_C(1) << 32) + 1, false },
		{ UINT64_C(1) << 35, false },
		{ UINT64_C(1) << 63, false },
		{ UINT64_MAX, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(cases[i].value);
		assert_int_equal(decode_msg() != NULL, cases[i].good);
		begin(1);
		inside.len = 0;
		pb_uint(&inside, 1, cases[i].value);
		pb_message(&msg, NSID, &inside);
		assert_int_equal(decode_msg() != NULL, cases[i].good);
	}
}

/* --- fields --- */

static void P4_duplicate_field(void **state)
{
	(void)state;
	begin(1);
	pb_uint(&msg, ID, 1);
	assert_null(decode_msg());

	begin(1);
	inside.len = 0;
	pb_message(&msg, BIND, &inside);
	pb_uint(&msg, ID, 1);
	assert_null(decode_msg());

	begin_hello(1, 1);
	pb_uint(&inside, 2, 1);
	begin(1);
	pb_message(&msg, HELLO, &inside);
	assert_null(decode_msg());

	one_link("eth0", 4, "x", 1);
	pb_bytes(&link_msg, 2, "x", 1);
	inside.len = 0;
	pb_message(&inside, 1, &link_msg);
	begin(1);
	pb_message(&msg, LINKS, &inside);
	assert_null(decode_msg());

	one_link("eth0", 4, "x", 1);
	pb_bytes(&link_msg, 1, "eth0", 4);
	inside.len = 0;
	pb_message(&inside, 1, &link_msg);
	begin(1);
	pb_message(&msg, LINKS, &inside);
	assert_null(decode_msg());
}

static void P7_both_of_oneof(void **state)
{
	static const uint32_t ops[] = { HELLO, BIND, NSID, LINKS, QUOTA };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(ops); j++) {
			begin(1);
			for (size_t k = 0; k < 2; k++) {
				uint32_t op = ops[k == 0 ? i : j];

				inside.len = 0;
				if (op == HELLO)
					begin_hello(1, 1);
				else if (op == NSID)
					pb_sint(&inside, 1, 0);
				pb_message(&msg, op, &inside);
			}
			assert_null(decode_msg());
		}
	}
}

static void fields_out_of_order(void **state)
{
	(void)state;
	msg.len = 0;
	inside.len = 0;
	pb_message(&msg, BIND, &inside);
	pb_uint(&msg, ID, 1);
	assert_null(decode_msg());

	inside.len = 0;
	pb_uint(&inside, 2, 1);
	pb_uint(&inside, 1, 1);
	begin(1);
	pb_message(&msg, HELLO, &inside);
	assert_null(decode_msg());
}

static void P7_missing_required(void **state)
{
	(void)state;
	assert_null(decode(NULL, 0));
	msg.len = 0;
	inside.len = 0;
	pb_message(&msg, BIND, &inside);
	assert_null(decode_msg());

	inside.len = 0;
	pb_uint(&inside, 1, 1);
	begin(1);
	pb_message(&msg, HELLO, &inside);
	assert_null(decode_msg());
	begin(1);
	inside.len = 0;
	pb_message(&msg, NSID, &inside);
	assert_null(decode_msg());

	link_msg.len = 0;
	pb_bytes(&link_msg, 1, "eth0", 4);
	inside.len = 0;
	pb_message(&inside, 1, &link_msg);
	begin(1);
	pb_message(&msg, LINKS, &inside);
	assert_null(decode_msg());
}

static void put_unknown(struct pb *b, uint32_t field, unsigned int wire_type)
{
	static const uint8_t bytes[8];

	pb_tag(b, field, wire_type);
	switch (wire_type) {
	case PB_VARINT:
		pb_varint(b, 5);
		break;
	case PB_FIXED64:
		pb_raw(b, bytes, 8);
		break;
	case PB_FIXED32:
		pb_raw(b, bytes, 4);
		break;
	case PB_BYTES:
		pb_varint(b, 3);
		pb_raw(b, bytes, 3);
		break;
	default:
		break;
	}
}

static void P3_unknown_field_of_request(void **state)
{
	static const uint32_t fields[] = { 6, 15, 16, 1000, 536870911 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (unsigned int type = 0; type < 8; type++) {
			hello();
			put_unknown(&msg, fields[i], type);
			assert_null(decode_msg());

			msg.len = 0;
			put_unknown(&msg, fields[i], type);
			pb_uint(&msg, ID, 1);
			assert_null(decode_msg());

			begin(1);
			put_unknown(&msg, fields[i], type);
			begin_hello(1, 1);
			pb_message(&msg, HELLO, &inside);
			assert_null(decode_msg());
		}
	}
}

/* Inside it is the op's to refuse (test_dispatch), but only at the end, where packing puts it. */
static void P3_unknown_field_inside(void **state)
{
	const Netcr__Request *req;

	(void)state;
	inside.len = 0;
	put_unknown(&inside, 9, PB_VARINT);
	pb_uint(&inside, 1, 1);
	pb_uint(&inside, 2, 1);
	begin(1);
	pb_message(&msg, HELLO, &inside);
	assert_null(decode_msg());

	begin_hello(1, 1);
	put_unknown(&inside, 9, PB_VARINT);
	begin(1);
	pb_message(&msg, HELLO, &inside);
	req = decode_msg();
	assert_non_null(req);
	assert_int_equal(req->hello->base.n_unknown_fields, 1);
}

static void P1_wrong_wire_type(void **state)
{
	static const uint32_t fields[] = { ID, HELLO, BIND, NSID, LINKS, QUOTA };
	static const unsigned int right[] = { PB_VARINT, PB_BYTES, PB_BYTES,
					      PB_BYTES,  PB_BYTES, PB_BYTES };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		for (unsigned int type = 0; type < 8; type++) {
			if (type == right[i])
				continue;
			msg.len = 0;
			if (fields[i] != ID)
				begin(1);
			put_unknown(&msg, fields[i], type);
			assert_null(decode_msg());
		}
	}
}

static void P1_tag_zero(void **state)
{
	static const uint8_t zero[] = { 0, 0 };

	(void)state;
	hello();
	pb_raw(&msg, zero, 1);
	assert_null(decode_msg());
	hello();
	pb_raw(&msg, zero, 2);
	assert_null(decode_msg());
}

static void P1_groups(void **state)
{
	(void)state;
	for (uint32_t field = 1; field < 20; field++) {
		begin(1);
		pb_tag(&msg, field, PB_GROUP);
		assert_null(decode_msg());
		pb_tag(&msg, field, PB_GROUP_END);
		assert_null(decode_msg());
	}
}

/* --- strings --- */

static void P5_string_with_nul(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool good;
	} cases[] = {
		{ "eth0", 4, true },         { "", 0, true },        { "\0", 1, false },
		{ "lo\0/..", 6, false },     { "eth0\0", 5, false }, { "\0eth0", 5, false },
		{ "\xff\xfe\x01", 3, true }, /* not a name: decode's to refuse */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const Netcr__Request *req;

		one_link(cases[i].bytes, cases[i].len, "x", 1);
		inside.len = 0;
		pb_message(&inside, 1, &link_msg);
		begin(1);
		pb_message(&msg, LINKS, &inside);
		req = decode_msg();
		assert_int_equal(req != NULL, cases[i].good);
		if (req)
			assert_string_equal(req->link_create->links[0]->parent, cases[i].bytes);
	}
}

/* --- lengths and sizes --- */

static void P1_truncated_at_every_byte(void **state)
{
	(void)state;
	links(3, 20);
	for (size_t len = 0; len < msg.len; len++) {
		/* Behind the id lies the op: without any of it, an id alone is a message. */
		assert_int_equal(decode(msg.buf, len) != NULL, len == 2);
	}
	assert_non_null(decode_msg());
}

/* Whatever one byte of a message is changed to, it is refused or read as what it says. */
static void one_byte_changed(void **state)
{
	size_t accepted = 0, at, tried = 0;

	(void)state;
	links(2, 8);
	for (at = 0; at < msg.len; at++) {
		const uint8_t right = msg.buf[at];

		for (unsigned int value = 0; value <= 255; value++) {
			msg.buf[at] = (uint8_t)value;
			accepted += decode_msg() != NULL;
			tried++;
		}
		msg.buf[at] = right;
	}
	assert_true(accepted > 0 && accepted < tried);
}

static void P1_lengths_past_the_end(void **state)
{
	static const uint64_t lengths[] = {
		1,
		2,
		127,
		128,
		65536,
		INT32_MAX,
		UINT64_C(1) << 31,
		UINT32_MAX,
		UINT64_C(1) << 32,
		UINT64_MAX / 2,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (uint32_t field = 2; field <= 7; field++) {
			begin(1);
			pb_tag(&msg, field, PB_BYTES);
			pb_varint(&msg, lengths[i]);
			assert_null(decode_msg());
		}
		link_msg.len = 0;
		pb_tag(&link_msg, 1, PB_BYTES);
		pb_varint(&link_msg, lengths[i]);
		inside.len = 0;
		pb_message(&inside, 1, &link_msg);
		begin(1);
		pb_message(&msg, LINKS, &inside);
		assert_null(decode_msg());
	}
}

/* Bytes that a recursive schema would read as 16000 messages in one another. */
static void P2_nested_16000_deep(void **state)
{
	static uint8_t deep[WIRE_MAX];
	size_t at = sizeof(deep), depth = 0;
	const Netcr__Request *req;

	(void)state;
	for (;;) {
		static struct pb head;

		head.len = 0;
		pb_tag(&head, LINKS, PB_BYTES);
		pb_varint(&head, sizeof(deep) - at);
		if (head.len > at - 2 || depth == 16000)
			break;
		at -= head.len;
		memcpy(deep + at, head.buf, head.len);
		depth++;
	}
	assert_int_equal(depth, 16000);
	at -= 2;
	memcpy(deep + at, "\x08\x01", 2);
	/* What the outermost holds is one unknown field, which link_create_decode() refuses. */
	req = decode(deep + at, sizeof(deep) - at);
	assert_non_null(req);
	assert_int_equal(req->link_create->base.n_unknown_fields, 1);
	assert_int_equal(req->link_create->n_links, 0);
}

static void P3_thousands_of_unknown_fields(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 32768; n *= 2) {
		begin(1);
		for (size_t i = 0; i < n && msg.len < WIRE_MAX - 2; i++)
			pb_uint(&msg, 15, 1);
		assert_null(decode_msg());

		begin_hello(1, 1);
		for (size_t i = 0; i < n && inside.len < WIRE_MAX - 16; i++)
			pb_uint(&inside, 15, 1);
		begin(1);
		pb_message(&msg, HELLO, &inside);
		(void)decode_msg();
	}
}

static void datagram_of_tiny_links(void **state)
{
	(void)state;
	one_link("", 0, "", 0);
	inside.len = 0;
	while (inside.len + link_msg.len + 16 < WIRE_MAX)
		pb_message(&inside, 1, &link_msg);
	begin(1);
	pb_message(&msg, LINKS, &inside);
	assert_true(msg.len > WIRE_MAX - 32 && msg.len <= WIRE_MAX);
	assert_null(decode_msg()); /* more than the arena holds */
	hello();
	assert_non_null(decode_msg());
}

static void any_number_of_links_is_safe(void **state)
{
	(void)state;
	one_link("", 0, "", 0);
	for (size_t n = 0; n < 10000; n += 97) {
		const Netcr__Request *req;

		inside.len = 0;
		for (size_t i = 0; i < n; i++)
			pb_message(&inside, 1, &link_msg);
		begin(1);
		pb_message(&msg, LINKS, &inside);
		req = decode_msg();
		if (n <= 2 * OP_LINKS_MAX)
			assert_non_null(req);
		if (req)
			assert_int_equal(req->link_create->n_links, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_op_is_decoded),
		cmocka_unit_test(P7_none_of_oneof_is_decoded),
		cmocka_unit_test(P8_numbers_of_links),
		cmocka_unit_test(largest_message_fits),
		cmocka_unit_test(arena_begins_anew),
		cmocka_unit_test(P6_overlong_numbers),
		cmocka_unit_test(P6_numbers_of_more_than_32_bits),
		cmocka_unit_test(P4_duplicate_field),
		cmocka_unit_test(P7_both_of_oneof),
		cmocka_unit_test(fields_out_of_order),
		cmocka_unit_test(P7_missing_required),
		cmocka_unit_test(P3_unknown_field_of_request),
		cmocka_unit_test(P3_unknown_field_inside),
		cmocka_unit_test(P1_wrong_wire_type),
		cmocka_unit_test(P1_tag_zero),
		cmocka_unit_test(P1_groups),
		cmocka_unit_test(P5_string_with_nul),
		cmocka_unit_test(P1_truncated_at_every_byte),
		cmocka_unit_test(one_byte_changed),
		cmocka_unit_test(P1_lengths_past_the_end),
		cmocka_unit_test(P2_nested_16000_deep),
		cmocka_unit_test(P3_thousands_of_unknown_fields),
		cmocka_unit_test(datagram_of_tiny_links),
		cmocka_unit_test(any_number_of_links_is_safe),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, release);
}
