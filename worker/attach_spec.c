/*
 * Descriptions of what is to be attached, to values.
 *
 * May: read text. Must not: open, ask, or change anything.
 */
#include "worker/attach_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/link_msg.h"
#include "worker/report.h"

enum {
	MTU_MIN = 68,
	MTU_MAX = 65535
};

void attach_spec_init(struct attach_spec *spec)
{
	*spec = (struct attach_spec){ .name = "eth0", .mode = MACVLAN_MODE_BRIDGE };
}

static int fail(const char *key, const char *value, const char *why, struct report *report)
{
	return report_fail(report, EXIT_USAGE_, "%s %s: %s", key, value, why);
}

/* --- addresses --- */

static uint8_t family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static uint8_t bits_of(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

/* One that a host can have: not the one that stands for none, and no multicast. */
static bool is_unicast(uint8_t family, const uint8_t address[16])
{
	static const uint8_t none[16];

	if (memcmp(address, none, bits_of(family) / 8) == 0)
		return false;
	return family == AF_INET ? address[0] < 224 : address[0] != 0xff;
}

static int parse_ip(const char *text, uint8_t *ret_family, uint8_t ret[16])
{
	const uint8_t family = family_of(text);
	uint8_t address[16] = { 0 };

	if (inet_pton(family, text, address) != 1)
		return -EINVAL;
	*ret_family = family;
	memcpy(ret, address, sizeof(address));
	return 0;
}

/* ADDRESS/BITS; without the bits, all of them. */
static int parse_cidr(const char *text, uint8_t *ret_family, uint8_t ret[16], uint8_t *ret_bits)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	const size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;
	char *end;

	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (parse_ip(address, ret_family, ret) < 0)
		return -EINVAL;
	*ret_bits = bits_of(*ret_family);
	if (!slash)
		return 0;
	bits = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end || bits > *ret_bits)
		return -EINVAL;
	*ret_bits = (uint8_t)bits;
	return 0;
}

static bool has_host_bits(const uint8_t address[16], uint8_t family, uint8_t prefixlen)
{
	for (unsigned int i = prefixlen; i < bits_of(family); i++) {
		if (address[i / 8] & (0x80 >> (i % 8)))
			return true;
	}
	return false;
}

static void set_broadcast(struct addr *addr)
{
	/* Of a prefix of 31 bits both addresses are hosts' (RFC 3021). */
	if (addr->family != AF_INET || addr->prefixlen > 30)
		return;
	memcpy(addr->broadcast, addr->local, sizeof(addr->broadcast));
	for (unsigned int i = addr->prefixlen; i < 32; i++)
		addr->broadcast[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

static int set_address(struct attach_spec *spec, const char *value, struct report *report)
{
	struct addr addr = { .preferred = ADDR_FOREVER, .valid = ADDR_FOREVER };

	/* Of all bits, it would reach nobody, in silence. */
	if (!strchr(value, '/'))
		return fail("address", value, "its prefix is missing, as in 192.0.2.2/24", report);
	if (parse_cidr(value, &addr.family, addr.local, &addr.prefixlen) < 0)
		return fail("address", value, "not an address with its prefix, as 192.0.2.2/24",
			    report);
	if (!is_unicast(addr.family, addr.local) || addr.prefixlen == 0)
		return fail("address", value, "no host can have it", report);
	for (size_t i = 0; i < spec->n_addresses; i++) {
		if (spec->addresses[i].family == addr.family &&
		    memcmp(spec->addresses[i].local, addr.local, sizeof(addr.local)) == 0)
			return fail("address", value, "it is given twice", report);
	}
	if (spec->n_addresses >= ATTACH_ADDRESSES_MAX)
		return fail("address", value, "there are more than 32", report);
	memcpy(addr.peer, addr.local, sizeof(addr.peer));
	set_broadcast(&addr);
	if (addr.family == AF_INET && addr.prefixlen <= 30 &&
	    (!has_host_bits(addr.local, addr.family, addr.prefixlen) ||
	     memcmp(addr.local, addr.broadcast, 4) == 0))
		return fail("address", value, "it is the network's, or its broadcast address",
			    report);
	spec->addresses[spec->n_addresses++] = addr;
	return 0;
}

/* --- routes --- */

/* What is reached directly comes before what is reached by a gateway, which has to be reached. */
static int add_route(struct attach_spec *spec, const struct attach_route *route, const char *key,
		     const char *value, struct report *report)
{
	size_t at = 0;

	if (spec->n_routes >= ATTACH_ROUTES_MAX)
		return fail(key, value, "there are more than 64 routes", report);
	while (at < spec->n_routes && (route->has_gateway || !spec->routes[at].has_gateway))
		at++;
	memmove(&spec->routes[at + 1], &spec->routes[at],
		(spec->n_routes - at) * sizeof(spec->routes[0]));
	spec->routes[at] = *route;
	spec->n_routes++;
	return 0;
}

static int set_gateway(struct attach_spec *spec, const char *value, struct report *report)
{
	struct attach_route route = { .has_gateway = true };

	if (parse_ip(value, &route.family, route.gateway) < 0 ||
	    !is_unicast(route.family, route.gateway))
		return fail("gateway", value, "not an address of a gateway", report);
	for (size_t i = 0; i < spec->n_routes; i++) {
		if (spec->routes[i].family == route.family && spec->routes[i].prefixlen == 0)
			return fail("gateway", value, "there is a default route of its family",
				    report);
	}
	return add_route(spec, &route, "gateway", value, report);
}

/* CIDR, or CIDR via GATEWAY. */
static int set_route(struct attach_spec *spec, const char *value, struct report *report)
{
	static const char form[] = "not a route, as 198.51.100.0/24 via 192.0.2.1";
	struct attach_route route = { 0 };
	char text[ATTACH_ROUTE_TEXT_MAX];
	uint8_t family;
	char *via;

	if (strlen(value) >= sizeof(text))
		return fail("route", value, form, report);
	(void)snprintf(text, sizeof(text), "%s", value);
	via = strstr(text, "via");
	if (via) {
		*via = '\0';
		via += strlen("via");
		if (parse_ip(via + strspn(via, " "), &family, route.gateway) < 0)
			return fail("route", value, form, report);
		route.has_gateway = true;
	}
	text[strcspn(text, " ")] = '\0';
	if (parse_cidr(text, &route.family, route.dst, &route.prefixlen) < 0)
		return fail("route", value, form, report);
	if (route.has_gateway && (family != route.family || !is_unicast(family, route.gateway)))
		return fail("route", value, "the gateway is no address of the route's family",
			    report);
	if (has_host_bits(route.dst, route.family, route.prefixlen))
		return fail("route", value, "its address has bits behind its prefix", report);
	return add_route(spec, &route, "route", value, report);
}

void attach_route_text(const struct attach_route *route, char ret[ATTACH_ROUTE_TEXT_MAX])
{
	char dst[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];

	(void)inet_ntop(route->family, route->dst, dst, sizeof(dst));
	(void)inet_ntop(route->family, route->gateway, gateway, sizeof(gateway));
	(void)snprintf(ret, ATTACH_ROUTE_TEXT_MAX, "%s/%u%s%s", dst, route->prefixlen,
		       route->has_gateway ? " via " : "", route->has_gateway ? gateway : "");
}

/* --- the rest --- */

static int set_name(struct attach_spec *spec, const char *value, struct report *report)
{
	if (strcmp(value, "lo") == 0)
		return fail("name", value, "every namespace has its own", report);
	if (check_ifname(value) < 0)
		return fail("name", value, "not a name that a link can have", report);
	(void)snprintf(spec->name, sizeof(spec->name), "%s", value);
	return 0;
}

static int set_parent(struct attach_spec *spec, const char *value, struct report *report)
{
	if (check_parent(value) < 0)
		return fail("parent", value, "not a name of an interface, nor NAMESPACE/INTERFACE",
			    report);
	(void)snprintf(spec->parent, sizeof(spec->parent), "%s", value);
	return 0;
}

static int set_mode(struct attach_spec *spec, const char *value, struct report *report)
{
	spec->mode = link_mode_parse(value);
	return spec->mode ? 0
			  : fail("mode", value,
				 "no such mode; there are bridge, private, vepa, passthru and "
				 "source",
				 report);
}

static int set_mac(struct attach_spec *spec, const char *value, struct report *report)
{
	if (!*value || strlen(value) >= sizeof(spec->mac))
		return fail("mac", value, "not an address, stable:ID or keep:FILE", report);
	(void)snprintf(spec->mac, sizeof(spec->mac), "%s", value);
	return 0;
}

static int set_mtu(struct attach_spec *spec, const char *value, struct report *report)
{
	unsigned long mtu;
	char *end;

	errno = 0;
	mtu = strtoul(value, &end, 10);
	if (errno || *value < '0' || *value > '9' || *end || mtu < MTU_MIN || mtu > MTU_MAX)
		return fail("mtu", value, "not a number within 68..65535", report);
	spec->mtu = (uint32_t)mtu;
	return 0;
}

static int set_no_ipv6(struct attach_spec *spec, const char *value, struct report *report)
{
	spec->no_ipv6 = strcmp(value, "yes") == 0;
	return spec->no_ipv6 || strcmp(value, "no") == 0
		       ? 0
		       : fail("no-ipv6", value, "neither yes nor no", report);
}

static const struct {
	const char *key;
	int (*set)(struct attach_spec *spec, const char *value, struct report *report);
} keys[] = {
	{ "name", set_name },       { "parent", set_parent }, { "mode", set_mode },
	{ "mac", set_mac },         { "mtu", set_mtu },       { "address", set_address },
	{ "gateway", set_gateway }, { "route", set_route },   { "no-ipv6", set_no_ipv6 },
};

int attach_spec_set(struct attach_spec *spec, const char *key, const char *value,
		    struct report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].set(spec, value, report);
	}
	return fail(key, value,
		    "no such key; there are name, parent, mode, mac, mtu, address, gateway, route "
		    "and no-ipv6",
		    report);
}

static bool is_own_gateway(const struct attach_spec *spec, const struct attach_route *route)
{
	for (size_t i = 0; route->has_gateway && i < spec->n_addresses; i++) {
		if (spec->addresses[i].family == route->family &&
		    memcmp(spec->addresses[i].local, route->gateway, sizeof(route->gateway)) == 0)
			return true;
	}
	return false;
}

int attach_spec_check(const struct attach_spec *spec, struct report *report)
{
	if (!spec->parent[0])
		return report_fail(report, EXIT_USAGE_,
				   "the parent of %s is missing: the interface of the host that "
				   "it is to be attached to",
				   spec->name);
	for (size_t i = 0; i < spec->n_addresses; i++) {
		if (spec->no_ipv6 && spec->addresses[i].family == AF_INET6)
			return report_fail(report, EXIT_USAGE_,
					   "%s is to have IPv6 addresses, and no IPv6", spec->name);
	}
	for (size_t i = 0; i < spec->n_routes; i++) {
		char text[ATTACH_ROUTE_TEXT_MAX];

		attach_route_text(&spec->routes[i], text);
		if (is_own_gateway(spec, &spec->routes[i]))
			return report_fail(report, EXIT_USAGE_,
					   "the gateway of %s is an address of %s itself", text,
					   spec->name);
		if (spec->no_ipv6 && spec->routes[i].family == AF_INET6)
			return report_fail(report, EXIT_USAGE_,
					   "%s is to have IPv6 routes, and no IPv6", spec->name);
	}
	return 0;
}
