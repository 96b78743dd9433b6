/*
 * From text to a number, or not.
 *
 * May: compute. Must not: take a sign, a blank, another base, or what does not fit.
 */
#include "common/number.h"

bool number_parse_u32(const char *text, uint32_t *ret)
{
	uint32_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint32_t)(*text - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}
