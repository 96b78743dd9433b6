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

int check_netns_name(const char *name)
{
	size_t len = strnlen(name, CHECK_NETNS_NAME_MAX);

	if (len == 0 || len >= CHECK_NETNS_NAME_MAX || strchr("._-", name[0]))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		const char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("._-", c)))
			return -EINVAL;
	}
	return 0;
}

int check_parent(const char *parent)
{
	const char *slash = strchr(parent, '/');
	char netns[CHECK_NETNS_NAME_MAX];

	if (!slash)
		return check_ifname(parent);
	if ((size_t)(slash - parent) >= sizeof(netns))
		return -EINVAL;
	memcpy(netns, parent, (size_t)(slash - parent));
	netns[slash - parent] = '\0';
	return check_netns_name(netns) < 0 ? -EINVAL : check_ifname(slash + 1);
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
