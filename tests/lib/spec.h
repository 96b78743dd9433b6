/* The numbers of a struct link_spec as its header tells them, stated a second time: where they
 * lie in a message, how wide they are and what they may be. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link_msg.h"

struct spec_field {
	const char *name;
	bool in_data; /* in IFLA_LINKINFO's IFLA_INFO_DATA */
	uint16_t type;
	size_t size;
	uint32_t has;
	size_t offset;
	int64_t low, high;
	int64_t some; /* a value within */
};

extern const struct spec_field spec_fields[];
extern const size_t spec_n_fields;

/* The least: a name and a mode. */
struct link_spec spec_minimal(void);

/* Every field set, the numbers to spec_field.some. */
struct link_spec spec_full(void);

/* Set one number, and say that it is there. */
void spec_set(struct link_spec *spec, const struct spec_field *field, int64_t value);

/* Assert that all fields are equal. */
void assert_spec_equal(const struct link_spec *a, const struct link_spec *b);
