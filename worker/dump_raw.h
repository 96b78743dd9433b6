/* Saving addresses, routes and rules. Each function returns 0 or an exit status, noted in the
 * report. */
#pragma once

#include <stdint.h>

struct dump;
struct dump_msgs;
struct image_out;

/* The files in iproute2's formats, whole: what `ip addr save`, `ip route save`, `ip -6 route save`
 * and `ip rule save` write. dump_route() adds the routes of other tables behind those of main. */
int dump_addr(struct dump *d, struct image_out *ret);
int dump_route(struct dump *d, uint8_t family, struct image_out *ret);
int dump_rule(struct dump *d, struct image_out *ret);

/* Make ordinary routes of those in @msgs that go by nexthop objects. One of which the kernel does
 * not say where it leads is an error. */
int dump_nexthops(struct dump *d, struct dump_msgs *msgs);
