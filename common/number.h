/* Numbers in arguments and in the environment. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* @text is a decimal number of digits alone, and at most 4294967295. *ret is untouched if not. */
bool number_parse_u32(const char *text, uint32_t *ret);
