/* Making plans: what goes in, and what its parts ask of each other. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/plan.h"

struct externals;
struct id_map;
struct image_netns;
struct link_list;
struct outside;
struct report;
struct target;

/* What a plan is made from. All of it is borrowed. */
struct plan_input {
	const struct image_netns *image;
	struct externals *externals;
	const struct outside *outside;    /* or NULL */
	const struct link_list *links;    /* of the target, as it is now */
	const struct id_map *uids, *gids; /* of the target's user namespace */
	struct target *target;            /* what the links will be in */
	struct plan *plan;
	struct plan_input *all; /* by plan_make(): of all namespaces that are restored together */
	size_t n_all;
};

/* Make the plans of @n namespaces, each into in->plan. Returns 0 or an exit status; the plans are to
 * be freed in any case, and must be all-zero before. */
int plan_make(struct plan_input *in, size_t n, struct report *report);

/* The links of a plan, without steps: plan_make()'s part in plan_links.c. Those of all plans have to
 * be listed before the first is planned. Likewise. */
int plan_list_links(struct plan_input *in, struct report *report);
int plan_links(struct plan_input *in, struct report *report);

/* Its ids for namespaces: the part in plan_nsids.c. Likewise. */
int plan_nsids(struct plan_input *in, struct report *report);

/* The input for namespace @ns_id of the images, or NULL where it is not among those restored. */
struct plan_input *plan_input_of(const struct plan_input *in, uint32_t ns_id);

/* The link that has @ifindex in the image, or NULL. */
struct plan_link *plan_find(const struct plan_input *in, uint32_t ifindex);
