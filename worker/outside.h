/* Links that reach outside of the container: a veth whose other end is outside, and a device that
 * was prepared outside and is brought in. Both need a right that the worker gives up before it
 * reads an image, so a helper, forked before, does it: worker/outside_helper.h. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nl.h"

struct externals;
struct report;

enum {
	OUTSIDE_LINKS_MAX = 64,
	OUTSIDE_TEXT_MAX = 512, /* of the helper's words, with the NUL */
};

/* The IFLA_GROUP of a device that was brought in by a restore that is not done yet. It is not
 * PLAN_GROUP: what is in that is deleted. */
#define OUTSIDE_GROUP UINT32_C(0x6e657464) /* "netd" */

enum outside_bridge {
	OUTSIDE_BRIDGE_NONE, /* there is no link of this name, or no bridge was asked for */
	OUTSIDE_BRIDGE_OTHER,
	OUTSIDE_BRIDGE_GOOD
};

/* What is outside, before anything is done. */
struct outside_facts {
	uint32_t ifindex; /* of the link that is named; 0: there is none */
	uint32_t peer;    /* if it is a veth: its other end's index, where that is in the target */
	uint32_t bridge;  /* enum outside_bridge */
	uint8_t has_master, has_address;
};

/* --external veth[IN]:OUT[@BRIDGE], or netdev[IN]:OUT. */
struct outside_link {
	char in[IFNAMSIZ], out[IFNAMSIZ];
	char bridge[IFNAMSIZ]; /* "": none */
	bool adopts;           /* a netdev */
	struct outside_facts now;
	bool tried; /* to make it */
};

struct outside {
	int sock; /* owned; to the helper; -1: there is none */
	struct outside_link links[OUTSIDE_LINKS_MAX];
	size_t n;
};

/* What IN is to be. */
struct outside_wish {
	uint32_t ifindex, mtu;
	const uint8_t *address; /* six bytes, or NULL */
};

/* One without links and helper, for outside_fini(). */
void outside_init(struct outside *outside);

/* Take what is about links outside from @externals. Returns 0 or EXIT_USAGE_. */
int outside_parse(struct outside *ret, const struct externals *externals, struct report *report);

/* Start the helper, if there is a link outside: before the target is joined. Outside is @path, or
 * where NULL the network namespace that the worker is in; @target is a descriptor of the target's.
 * Returns 0, or an exit status: EXIT_REFUSED where there is no right to it, and nothing is made. */
int outside_start(struct outside *outside, const char *path, int target, struct report *report);

/* Find out what is outside. Changes nothing. Returns 0 or an exit status. */
int outside_look(struct outside *outside, struct report *report);

/* The link for @in of the target, or NULL. */
const struct outside_link *outside_find(const struct outside *outside, const char *in, bool adopts);

/* Make the pair, or bring the device in: all of it, or nothing. Returns 0, or an exit status with
 * why in words. */
int outside_make(struct outside *outside, const struct outside_link *link,
		 const struct outside_wish *wish, char ret_text[OUTSIDE_TEXT_MAX]);

/* Give the outside namespace the id @nsid in the target. Returns 0 or -errno with a text. */
int outside_give_nsid(struct outside *outside, int32_t nsid, char ret_text[NL_TEXT_MAX]);

/* Take everything back; @target is a socket in it. Puts what is left behind the report's error; true
 * if nothing is. */
bool outside_undo(struct outside *outside, struct nl_sock *target, struct report *report);

/* Hang up, and wait until the helper has ended. What was made and not released from its group is
 * taken back by then. */
void outside_fini(struct outside *outside);
