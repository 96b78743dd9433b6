/*
 * link_msg_decode() of any bytes. What it accepts must be within the promises of the header, and
 * what the encoder makes of it must be decoded to the same.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

#include "common/check.h"
#include "common/link_msg.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/spec.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int64_t number_of(const struct link_spec *spec, const struct spec_field *f)
{
	const uint8_t *at = (const uint8_t *)spec + f->offset;
	uint32_t wide;
	uint16_t narrow;

	if (f->size == sizeof(narrow)) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return f->low < 0 ? (int32_t)wide : (int64_t)wide;
}

static void check_accepted(const struct link_spec *spec)
{
	must(check_ifname(spec->name) == 0);
	must(spec->ifindex != 1 && spec->ifindex <= INT32_MAX);
	must(!(spec->change & ~LINK_FLAGS) && !(spec->flags & ~spec->change));
	must(!(spec->has & LINK_HAS_ADDRESS) || check_mac(spec->address) == 0);
	must(link_mode_name(spec->mode) != NULL);
	for (size_t i = 0; i < spec_n_fields; i++) {
		const struct spec_field *f = &spec_fields[i];
		int64_t value = number_of(spec, f);

		if (!f->has || (spec->has & f->has))
			must(value >= f->low && value <= f->high);
		else
			must(value == 0);
	}
}

static void decode(const uint8_t *data, size_t size)
{
	struct link_spec spec = { 0 }, again = { 0 };
	char why[LINK_TEXT_MAX];
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MSG_MAX];
	} buf = { 0 };
	int r = link_msg_decode(data, size, &spec, why);

	must(memchr(why, '\0', sizeof(why)) != NULL);
	if (r < 0) {
		must(why[0] != '\0');
		return;
	}
	check_accepted(&spec);
	r = link_msg_encode(&spec, NULL, buf.bytes, sizeof(buf));
	must(r > 0 && (size_t)r <= size);
	must(link_msg_decode(buf.bytes, (size_t)r, &again, why) == 0);
	must(memcmp(&spec, &again, sizeof(spec)) == 0);
}

/* As it is, and with the length in its header put right, which a mutation seldom does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint32_t len = (uint32_t)size;
	uint8_t *block;

	decode(data, size);
	if (size < sizeof(struct nlmsghdr))
		return 0;
	block = malloc(size);
	must(block != NULL);
	memcpy(block, data, size);
	memcpy(block + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
	decode(block, size);
	free(block);
	return 0;
}

size_t fuzz_seed(size_t i, uint8_t *buf, size_t size)
{
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MSG_MAX];
	} msg = { 0 };
	struct link_spec spec = i == 0 ? spec_full() : spec_minimal();
	int r;

	if (i > spec_n_fields)
		return 0;
	if (i > 0)
		spec_set(&spec, &spec_fields[i - 1], spec_fields[i - 1].some);
	r = link_msg_encode(&spec, NULL, msg.bytes, sizeof(msg));
	must(r > 0 && (size_t)r <= size);
	memcpy(buf, msg.bytes, (size_t)r);
	return (size_t)r;
}
