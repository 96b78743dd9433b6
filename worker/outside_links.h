/* What the helper of worker/outside.h does to links, over its two sockets. */
#pragma once

#include "common/nl.h"
#include "worker/links.h"
#include "worker/outside_helper.h"

struct report;

enum outside_what {
	OUTSIDE_NOTHING,
	OUTSIDE_PAIR,
	OUTSIDE_DEVICE
};

/* What was done for one link. */
struct outside_made {
	enum outside_what what;
	uint32_t inner;           /* index in the target */
	uint32_t outer;           /* of a pair; 0: not known */
	struct link_state before; /* of a device, outside */
};

struct outside_hands {
	struct nl_sock out, in;
	int netns, target;
	const struct outside *outside; /* the command line's */
	struct outside_made made[OUTSIDE_LINKS_MAX];
	int error; /* of outside_links_nsid(): -errno */
};

union outside_message {
	struct nlmsghdr nlh;
	uint8_t bytes[512];
};

/* Each returns 0, or an exit status that was noted in @report. */
int outside_links_look(struct outside_hands *h, size_t link, struct outside_facts *ret,
		       struct report *report);
int outside_links_make(struct outside_hands *h, const struct outside_request *request,
		       struct report *report);
int outside_links_nsid(struct outside_hands *h, int32_t nsid, struct report *report);

/* Take back what was made for @link, if anything was. */
int outside_links_undo(struct outside_hands *h, size_t link, struct report *report);

/* The worker has gone: take back what it did not release. */
void outside_links_end(struct outside_hands *h, struct report *report);

/* --- what outside_pair.c and outside_device.c are made of --- */

/* A link by name, or where that is NULL by index. Returns 0, -ENODEV, or another error. */
int outside_find_link(struct nl_sock *nl, const char *name, uint32_t ifindex,
		      struct link_state *ret);

/* The index of the other end of @state, if it is a veth and that is in the target; else 0. */
int outside_find_peer(struct outside_hands *h, const struct link_state *state, uint32_t *ret);

struct nlmsghdr *outside_put_header(void *buf, uint16_t type, uint16_t flags, uint32_t ifindex);
int outside_send(struct nl_sock *nl, struct nlmsghdr *nlh, char text[NL_TEXT_MAX]);

/* Note what is left, behind an error that was noted before. Returns EXIT_LEFT. */
int outside_left(struct report *report, const char *what, const char *name, int error);

int outside_pair_make(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_request *wish, struct outside_made *made,
		      struct report *report);
int outside_pair_undo(struct outside_hands *h, const struct outside_link *link,
		      const struct outside_made *made, struct report *report);
int outside_device_adopt(struct outside_hands *h, const struct outside_link *link,
			 const struct outside_request *wish, struct outside_made *made,
			 struct report *report);
int outside_device_undo(struct outside_hands *h, const struct outside_link *link,
			const struct outside_made *made, struct report *report);
