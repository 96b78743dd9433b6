/*
 * Checks of names, addresses and ranges. Pure: May and Must not do nothing at all.
 */
#include "common/check.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

int check_ifname(const char *name)
{
	static const char *const reserved[] = { ".", "..", "all", "default", "lo" };
	size_t len = strnlen(name, IFNAMSIZ);

	if (len == 0 || len >= IFNAMSIZ)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (strcmp(name, reserved[i]) == 0)
			return -EINVAL;
	}
	return 0;
}

int check_mac(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	if ((mac[0] & 1) || memcmp(mac, zero, sizeof(zero)) == 0)
		return -EADDRNOTAVAIL;
	return 0;
}

bool check_u32_range(uint32_t value, uint32_t low, uint32_t high)
{
	return value >= low && value <= high;
}
