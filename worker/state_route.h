/* Routes: RTM_NEWROUTE of an image or a dump, checked and encoded anew. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_raw;
struct msg_list;
struct nlattr;
struct nlmsghdr;
struct raw_at;
struct report;

/* Whether a link of this index may be routed over: that is, whether it is in the images. */
typedef bool (*route_knows_link)(uint32_t ifindex, const void *data);

struct route_source {
	bool of_kernel;         /* see raw_attrs() */
	route_knows_link knows; /* NULL: all are taken */
	const void *data;
	/* Of the kernel: gets those with an encapsulation, told without it. This version makes none,
	 * and so they are in no other list. NULL: nobody wants them. */
	struct msg_list *foreign;
};

/* Decode one message and put the request for it into @list. What the kernel keeps by itself
 * (cached, and expired) is passed over. item.order is such that a route comes after those by which
 * its gateway is reached: IPv4 by scope, as the kernel demands it, IPv6 after all that have no
 * gateway. Returns 0 or an exit status. */
int route_decode(const struct nlmsghdr *nlh, const struct route_source *source,
		 const struct raw_at *at, struct msg_list *list);

/* Decode all of @raw. Returns 0 or an exit status. */
int route_list_decode(const struct image_raw *raw, const struct route_source *source,
		      struct report *report, struct msg_list *list);

/* What is within routes: check, and encode to the end of @nlh anew. Returns 0 or EXIT_IMAGE. */
int route_put_metrics(struct nlmsghdr *nlh, const struct nlattr *metrics, const struct raw_at *at);
int route_put_nexthops(struct nlmsghdr *nlh, const struct nlattr *multipath, uint8_t family,
		       const struct route_source *source, const struct raw_at *at);
int route_check_via(const struct nlattr *via, const struct raw_at *at);

/* Whether it, or one of its nexthops, is a lightweight tunnel. */
bool route_is_encapsulated(const struct nlmsghdr *nlh);

/* Make one route of IPv6 routes that this kernel would make one. Returns 0 with the number of those
 * that became nexthops of another, or -ENOMEM. */
int route_merge(struct msg_list *list, size_t *ret_merged);

/* Whether one of the nexthops has a gateway. */
bool route_has_gateway(const struct nlattr *multipath);

/* Whether the kernel makes it with an address, and nobody else can: IPv6, and its own anycast or with
 * the metric 0. */
bool route_is_automatic(const struct nlmsghdr *request);
