/* A worker that asks, and says what it was answered: sessions of `netcr-broker serve` from the
 * other side. What goes wrong in the client itself ends it with a message and status 1. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "common/link_msg.h"
#include "tests/lib/holder.h"

struct client {
	int sock;
	uint32_t last_id;
};

/* A link-create of one link: what is sent of it can be changed. */
struct proposal {
	const char *parent;
	size_t len;
	union {
		struct nlmsghdr align;
		uint8_t bytes[LINK_MSG_MAX];
	} newlink;
};

void __attribute__((noreturn, format(printf, 1, 2))) client_fail(const char *format, ...);

/* A number from 1 to @max, or the end. */
uint32_t client_number(const char *text, uint32_t max);

int64_t client_clock_ns(void);

/* Connect to the socket @path, waiting for a place in its queue. */
void client_connect(struct client *c, const char *path);
void client_close(struct client *c);

/* Send one request, without waiting for its answer. */
void client_send_hello(struct client *c);
void client_send_bind(struct client *c, const struct holder *box);
void client_send_link(struct client *c, const struct proposal *p);

/* The same with a number that breaks the protocol. */
void client_send_link_out_of_turn(struct client *c, const struct proposal *p);

/* Wait for the answer to the last request. Returns 0, the -errno it has, or -EPIPE if the
 * session has ended instead. */
int client_answer(struct client *c);

/* A macvlan in bridge mode with this name and address, in CLIENT_GROUP, and down. */
struct link_spec client_spec(const char *name, const uint8_t address[6]);
void client_propose(struct proposal *p, const char *parent, const struct link_spec *spec);

enum {
	CLIENT_GROUP = 77
};

/* A user namespace and a netns in it, of this process's uid. */
void client_make_box(struct holder *box);

/* Take away all links that were made in it, as its root may. No session may use it any more. */
void client_clear_box(const struct holder *box);
