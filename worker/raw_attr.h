/* Attributes of one netlink message, by allow-list. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_at;

enum raw_kind {
	RAW_UNKNOWN, /* not in the table */
	RAW_U8,
	RAW_U16,
	RAW_U32,
	RAW_U64,
	RAW_ADDRESS, /* as long as the family's */
	RAW_NAME,    /* of a link or an algorithm: printable, less than 16 bytes, and a NUL */
	RAW_BYTES,   /* at least as many as the table says */
	RAW_NEST,    /* others look into it */
	RAW_IGNORED, /* known, says nothing that is to be restored */
	RAW_REFUSED, /* known, cannot be restored: the table says why */
};

struct raw_attr {
	const char *name;
	enum raw_kind kind;
	uint16_t len;    /* of RAW_BYTES */
	const char *why; /* of RAW_REFUSED */
};

struct raw_table {
	const struct raw_attr *attrs; /* by type */
	size_t n;
};

/* Bytes of an address of @family: 4 or 16. */
size_t raw_address_len(uint8_t family);

/* Sort the attributes in the @len bytes from @first on by their types into @ret, which has
 * table->n elements; NULL where there is none. Each is whole and of the length that its kind has,
 * none comes twice, and nothing is left between or behind them. With @of_kernel, what the table
 * does not know or refuses is passed over: then it is the kernel's answer, and not a file.
 * Returns 0 or EXIT_IMAGE. */
int raw_attrs(const void *first, size_t len, const struct raw_table *table, uint8_t family,
	      bool of_kernel, const struct raw_at *at, const struct nlattr *ret[]);
