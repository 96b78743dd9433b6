/*
 * Lists, numbers and addresses as a policy file has them. Pure: May and Must not do nothing at all.
 */
#include <string.h>

#include "broker/policy_load.h"

char *policy_next_element(char **rest)
{
	char *start = *rest, *end;

	if (!start)
		return NULL;
	end = strchr(start, ',');
	*rest = end ? end + 1 : NULL;
	end = end ? end : start + strlen(start);
	while (*start == ' ' || *start == '\t')
		start++;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return start;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool policy_parse_mac(const char *text, struct policy_mac *ret)
{
	*ret = (struct policy_mac){ 0 };
	while (ret->n < 6) {
		int high, low;

		if (ret->n > 0 && strcmp(text, "*") == 0)
			return !(ret->bytes[0] & 1);
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return false;
		ret->bytes[ret->n++] = (uint8_t)(high * 16 + low);
		text += 2;
		if (ret->n < 6 && *text++ != ':')
			return false;
	}
	return *text == '\0' && !(ret->bytes[0] & 1);
}
