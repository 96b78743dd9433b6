/* Addresses, routes and rules in words, much as ip(8) has them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct addr;
struct addr_links;
struct nlmsghdr;

enum {
	STATE_TEXT_MAX = 512
};

/* The bytes at @address, of @family, as text: "" if there are none. */
enum {
	ADDRESS_TEXT_MAX = 64
};
void address_text(uint8_t family, const void *address, char ret[ADDRESS_TEXT_MAX]);

/* The name of link @ifindex of @links, or its number. */
void link_text(const struct addr_links *links, uint32_t ifindex, char ret[ADDRESS_TEXT_MAX]);

/* The name of a route's type (RTN_*), or of a rule's action (FR_ACT_*), or NULL. */
const char *route_type_name(uint8_t type);
const char *rule_action_name(uint8_t action);

/* What is cut off is not there. Of requests that were decoded. */
void addr_text(const struct addr *addr, const struct addr_links *links, char ret[STATE_TEXT_MAX]);
void route_text(const struct nlmsghdr *request, const struct addr_links *links,
		char ret[STATE_TEXT_MAX]);
void rule_text(const struct nlmsghdr *request, char ret[STATE_TEXT_MAX]);
