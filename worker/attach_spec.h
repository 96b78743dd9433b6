/* What is to be attached: one macvlan, as the command line or an annotation describes it. The keys
 * are the same for both, and are read in one place. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "worker/state_addr.h"

struct report;

enum {
	ATTACH_LINKS_MAX = 16, /* of one command */
	ATTACH_ADDRESSES_MAX = 32,
	ATTACH_ROUTES_MAX = 64,
	ATTACH_TEXT_MAX = 4096, /* bytes of a description, with the NUL */
};

struct attach_route {
	uint8_t family, prefixlen;
	bool has_gateway;
	uint8_t dst[16]; /* no bit is set behind prefixlen */
	uint8_t gateway[16];
};

struct attach_spec {
	char name[IFNAMSIZ];
	char parent[CHECK_PARENT_MAX]; /* IF, or NS/IF: check_parent() */
	uint32_t mode;                 /* MACVLAN_MODE_* */
	uint32_t mtu;                  /* 0: the parent's */
	/* mac: "" for a random one, else as it was written (mac.h) */
	char mac[256];
	struct addr addresses[ATTACH_ADDRESSES_MAX]; /* without ifindex */
	size_t n_addresses;
	struct attach_route routes[ATTACH_ROUTES_MAX]; /* those with a gateway come last */
	size_t n_routes;
	bool no_ipv6;
};

/* eth0, bridge mode, and nothing else. */
void attach_spec_init(struct attach_spec *spec);

/* Set @key, one of name, parent, mode, mac, mtu, address, gateway, route and no-ipv6 (whose value
 * is "yes" or "no"). Returns 0, or EXIT_USAGE_ with key and value named. */
int attach_spec_set(struct attach_spec *spec, const char *key, const char *value,
		    struct report *report);

/* NAME:PARENT[,KEY=VALUE]..., as in an annotation; blanks may be in the place of the commas, as some
 * Podmans cut their options at commas. Returns likewise. */
int attach_spec_parse(struct attach_spec *spec, const char *text, struct report *report);

/* Whether it is whole. Returns likewise. */
int attach_spec_check(const struct attach_spec *spec, struct report *report);

/* "192.0.2.0/24" and "192.0.2.0/24 via 192.0.2.1", for people. */
enum {
	ATTACH_ROUTE_TEXT_MAX = 112
};
void attach_route_text(const struct attach_route *route, char ret[ATTACH_ROUTE_TEXT_MAX]);
