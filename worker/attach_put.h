/* The addresses and routes of a link that is attached: one request each. */
#pragma once

#include <stdint.h>

#include "common/nl.h"
#include "worker/attach_spec.h"

/* Each returns 0 or the kernel's -errno with its text. */
int attach_put_address(struct nl_sock *nl, uint32_t ifindex, const struct addr *addr,
		       char ret_text[NL_TEXT_MAX]);
int attach_put_route(struct nl_sock *nl, uint32_t ifindex, const struct attach_route *route,
		     char ret_text[NL_TEXT_MAX]);

enum {
	ATTACH_ADDRESS_TEXT_MAX = 64,
	ATTACH_WHAT_MAX = 160
};

/* What was being done, for messages: "give it the address 192.0.2.2/24". */
void attach_address_what(const struct addr *addr, char ret[ATTACH_WHAT_MAX]);
void attach_route_what(const struct attach_route *route, char ret[ATTACH_WHAT_MAX]);

/* "192.0.2.2/24" */
void attach_address_text(const struct addr *addr, char ret[ATTACH_ADDRESS_TEXT_MAX]);
