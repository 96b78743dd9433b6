/* What a network namespace has besides links and sysctls: addresses, routes and policy rules. This
 * is the one door to them for images, plan, steps, undo and show. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/image.h"
#include "worker/msg_list.h"
#include "worker/state_addr.h"
#include "worker/state_rule.h"
#include "worker/sync_addr.h"

struct nl_sock;
struct report;

enum {
	NETSTATE_ROUTES6, /* first: an IPv4 route may have an IPv6 gateway, and not the reverse */
	NETSTATE_ROUTES4,
	NETSTATE_ROUTES_MAX
};

/* From the images. */
struct netstate {
	char addrs_name[IMAGE_NAME_MAX], rules_name[IMAGE_NAME_MAX]; /* of files, for messages */
	char routes_name[NETSTATE_ROUTES_MAX][IMAGE_NAME_MAX];
	struct addr_links links;                            /* owned; of the images */
	struct addr_list addrs;                             /* owned; in the order of the file */
	struct msg_list routes[NETSTATE_ROUTES_MAX], rules; /* owned; likewise */
};

/* Load ifaddr-ID.img, route-ID.img, route6-ID.img and rule-ID.img of @image, whose links are
 * loaded, and check that they belong together. Files that are not there hold nothing. Returns 0 or
 * an exit status; *ret is to be freed in any case. */
int netstate_load(int dir, const struct image_netns *image, struct netstate **ret,
		  struct report *report);
void netstate_free(struct netstate *state);

/* Whether there are addresses or routes, for which links have to be up. @state may be NULL. */
bool netstate_is_there(const struct netstate *state);

/* What the steps made, by the kernel's word. */
struct netstate_made {
	struct msg_list routes;    /* owned; in the order in which they were made */
	struct rule_changes rules; /* owned */
};

/* The steps, over the socket in the target. Return 0 or EXIT_UNDONE with file and record. */
int netstate_make_addrs(const struct netstate *state, struct nl_sock *nl, struct report *report);
int netstate_make_routes(const struct netstate *state, size_t which, struct nl_sock *nl,
			 struct netstate_made *made, struct report *report);
int netstate_make_rules(const struct netstate *state, struct nl_sock *nl,
			struct netstate_made *made, struct report *report);

/* Bring the rules to those of a new namespace, where the images have others to follow. */
int netstate_set_aside(const struct netstate *state, struct nl_sock *nl, struct netstate_made *made,
		       struct report *report);

/* Look whether all of it is there; of rules, whether there are no others. Returns likewise. */
int netstate_verify(const struct netstate *state, struct nl_sock *nl, struct report *report);

/* What the target had before the first step. */
struct netstate_before {
	bool there;
	struct addr_list addrs;        /* owned; sorted */
	struct msg_list routes, rules; /* owned */
	struct msg_list foreign;       /* owned; see struct route_source */
};

/* Returns 0 or -errno; *ret is to be freed in any case. */
int netstate_remember(struct netstate_before *ret, struct nl_sock *nl);

/* Name what could not be brought back if it got lost. @links: of the images. */
void netstate_warn_foreign(const struct netstate_before *before, const struct addr_links *links,
			   struct report *report);

/* Take back what was made of @state, and bring back what is missing of @before, after links and
 * sysctls. Puts behind the report's error what is left. Returns true if nothing is. */
bool netstate_undo(const struct netstate_before *before, const struct netstate *state,
		   const struct netstate_made *made, struct nl_sock *nl, struct report *report);
void netstate_before_fini(struct netstate_before *before);
void netstate_made_fini(struct netstate_made *made);
