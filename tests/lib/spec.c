/*
 * The allow-list of common/link_msg.c a second time, written from its header and from the
 * kernel's include/uapi/linux/if_link.h. The attribute numbers are spelled out on purpose.
 */
#include "tests/lib/spec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"

#define FIELD(f, in_data, type, has, low, high, some)                       \
	{                                                                   \
#f, in_data, type, sizeof(((struct link_spec *)0)->f), has, \
			offsetof(struct link_spec, f), low, high, some      \
	}

/* clang-format off */
const struct spec_field spec_fields[] = {
	FIELD(mtu,               false,  4, LINK_HAS_MTU,               68, 65535,   1400),
	FIELD(txqlen,            false, 13, LINK_HAS_TXQLEN,            0,  1000000, 321),
	FIELD(group,             false, 27, LINK_HAS_GROUP,             0,  INT_MAX, 77),
	FIELD(num_tx_queues,     false, 31, LINK_HAS_NUM_TX_QUEUES,     1,  64,      4),
	FIELD(num_rx_queues,     false, 32, LINK_HAS_NUM_RX_QUEUES,     1,  64,      5),
	FIELD(gso_max_segs,      false, 40, LINK_HAS_GSO_MAX_SEGS,      1,  65535,   1234),
	FIELD(gso_max_size,      false, 41, LINK_HAS_GSO_MAX_SIZE,      1,  524280,  65536),
	FIELD(gro_max_size,      false, 58, LINK_HAS_GRO_MAX_SIZE,      1,  524280,  65537),
	FIELD(gso_ipv4_max_size, false, 63, LINK_HAS_GSO_IPV4_MAX_SIZE, 1,  524280,  65538),
	FIELD(gro_ipv4_max_size, false, 64, LINK_HAS_GRO_IPV4_MAX_SIZE, 1,  524280,  65539),
	FIELD(mode,              true,   1, 0,                          1,  16,      4),
	FIELD(macvlan_flags,     true,   2, LINK_HAS_MACVLAN_FLAGS,     0,  3,       1),
	FIELD(bc_queue_len,      true,   7, LINK_HAS_BC_QUEUE_LEN,      0,  10000,   999),
	FIELD(bc_cutoff,         true,   9, LINK_HAS_BC_CUTOFF,         -1, INT_MAX, 17),
};
/* clang-format on */
const size_t spec_n_fields = ARRAY_SIZE(spec_fields);

struct link_spec spec_minimal(void)
{
	struct link_spec spec = { .mode = 4 };

	(void)snprintf(spec.name, sizeof(spec.name), "eth0");
	return spec;
}

struct link_spec spec_full(void)
{
	struct link_spec spec = {
		.has = LINK_HAS_ADDRESS,
		.name = "a-long-name.123",
		.ifindex = 4242,
		.flags = IFF_UP | IFF_NOARP,
		.change = IFF_UP | IFF_NOARP | IFF_MULTICAST,
		.address = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 },
	};

	for (size_t i = 0; i < spec_n_fields; i++)
		spec_set(&spec, &spec_fields[i], spec_fields[i].some);
	return spec;
}

void spec_set(struct link_spec *spec, const struct spec_field *field, int64_t value)
{
	uint8_t *at = (uint8_t *)spec + field->offset;
	uint32_t wide = (uint32_t)value;
	uint16_t narrow = (uint16_t)value;

	if (field->size == sizeof(narrow))
		memcpy(at, &narrow, sizeof(narrow));
	else
		memcpy(at, &wide, sizeof(wide));
	spec->has |= field->has;
}

void assert_spec_equal(const struct link_spec *a, const struct link_spec *b)
{
	assert_int_equal(a->has, b->has);
	assert_memory_equal(a->name, b->name, sizeof(a->name));
	assert_int_equal(a->ifindex, b->ifindex);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->change, b->change);
	assert_memory_equal(a->address, b->address, sizeof(a->address));
	for (size_t i = 0; i < spec_n_fields; i++) {
		const struct spec_field *f = &spec_fields[i];

		if (memcmp((const uint8_t *)a + f->offset, (const uint8_t *)b + f->offset,
			   f->size) != 0)
			fail_msg("%s differs", f->name);
	}
}
