/*
 * The modes of a macvlan by name. Pure.
 */
#include <string.h>

#include <linux/if_link.h>

#include "common/cleanup.h"
#include "common/link_msg.h"

/* clang-format off */
static const struct {
	uint32_t mode;
	const char *name;
} modes[] = {
	{ MACVLAN_MODE_PRIVATE,  "private" },
	{ MACVLAN_MODE_VEPA,     "vepa" },
	{ MACVLAN_MODE_BRIDGE,   "bridge" },
	{ MACVLAN_MODE_PASSTHRU, "passthru" },
	{ MACVLAN_MODE_SOURCE,   "source" },
};
/* clang-format on */

const char *link_mode_name(uint32_t mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (modes[i].mode == mode)
			return modes[i].name;
	}
	return NULL;
}

uint32_t link_mode_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].mode;
	}
	return 0;
}
