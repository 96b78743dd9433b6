/* The network namespaces that one restore is about, and a session with the broker for each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/broker_client.h"
#include "worker/image.h"
#include "worker/links.h"
#include "worker/plan.h"
#include "worker/target.h"
#include "worker/target_args.h"

struct report;

struct space {
	uint32_t ns_id; /* of the images; 0: not known before they are looked at */
	struct target target;
	struct broker broker;
	struct image_netns image;
	struct link_list links; /* of the target, before */
	struct plan plan;
}; /* owns all of it */

struct spaces {
	struct space list[TARGETS_MAX];
	size_t n;
};

/* Spaces that own nothing. */
void spaces_init(struct spaces *spaces);
void spaces_fini(struct spaces *spaces);

/* Open the namespaces of @args, and as many sessions with the broker @where. Of a session that is a
 * descriptor there is but one. Returns 0 or an exit status. */
int spaces_open(struct spaces *spaces, const struct target_args *args, uint32_t ns_id,
		const char *where, struct report *report);

/* Join each, in the order in which everybody takes the locks, and start the helper for rules there.
 * The process is in the last of them then. Likewise. */
int spaces_join(struct spaces *spaces, struct report *report);

/* After planning: greet the broker, and bind the target, of each that needs one; and end the other
 * sessions. Likewise. */
int spaces_bind(struct spaces *spaces, struct report *report);
