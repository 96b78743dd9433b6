/* Pure checks of values that came from outside. Each returns 0 or -errno and changes nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHECK_NETNS_NAME_MAX = 16, /* with its NUL */
	CHECK_PARENT_MAX = 32,     /* likewise */
};

/* @name is one that netcr makes a link with: 1..15 bytes of printable ASCII, and not '.', '..',
 * 'all', 'default' (directories of /proc/sys/net/ipv4/conf) or 'lo'; no '/', ':' or space
 * (dev_valid_name() in net/core/dev.c); no '%', which the kernel would expand to a number.
 * -EINVAL otherwise. */
int check_ifname(const char *name);

/* @name is one that a namespace has in policy: 1..15 bytes of letters, digits, '.', '_' and '-', of
 * which the first is a letter or a digit. -EINVAL otherwise. */
int check_netns_name(const char *name);

/* @parent is how a parent is written: IF, or NS/IF for one in the namespace that policy calls NS.
 * -EINVAL otherwise. */
int check_parent(const char *parent);

/* @mac is a unicast Ethernet address other than zero (is_valid_ether_addr()). -EADDRNOTAVAIL
 * otherwise, which is what the kernel says. */
int check_mac(const uint8_t mac[6]);

bool check_u32_range(uint32_t value, uint32_t low, uint32_t high);
