/* Images, targets and plans for the tests of the kinds, without files or a kernel. */
#pragma once

#include "criu/netdev.pb-c.h"
#include "tests/lib/test.h"
#include "worker/externals.h"
#include "worker/id_map.h"
#include "worker/image.h"
#include "worker/links.h"
#include "worker/plan.h"
#include "worker/report.h"

enum {
	KINDS_LINKS_MAX = 16,
	KINDS_NS = 10, /* the id of the namespace in the images */
};

struct kinds {
	Img__NetDevice devs[KINDS_LINKS_MAX], *list[KINDS_LINKS_MAX];
	Img__Macvlan macvlans[KINDS_LINKS_MAX];
	uint8_t addresses[KINDS_LINKS_MAX][6];
	Img__Netns netns;
	struct image_netns image;
	struct link_state there[KINDS_LINKS_MAX]; /* what the target has, by index */
	struct link_list links;
	struct id_map uids, gids;
	struct externals externals;
	struct report report;
	struct plan plan;
};

/* An image without links, a target with lo, and the map 0 100000 65536. For cmocka's setup and
 * teardown: *state is a struct kinds. */
int kinds_setup(void **state);
int kinds_teardown(void **state);

/* One more link; MTU 1500, and an address where the kind has one. */
Img__NetDevice *kinds_add(struct kinds *k, Img__LinkType type, const char *name, uint32_t ifindex);

/* Both ends of a veth. */
void kinds_pair(struct kinds *k, const char *one, uint32_t i, const char *other, uint32_t j);

/* A macvlan on the link with index @parent in the image. */
Img__NetDevice *kinds_macvlan(struct kinds *k, const char *name, uint32_t ifindex, uint32_t parent);

/* One more link of the target, with a higher index than those before. */
struct link_state *kinds_there(struct kinds *k, const char *name, uint32_t ifindex,
			       const char *rtnl);

/* Check the image and plan it anew. Returns the exit status. */
int kinds_plan(struct kinds *k);

/* It must fail with @status, and say @text. */
void kinds_refused(struct kinds *k, int status, const char *text);

/* The plan's link of this name; it must be there. */
const struct plan_link *kinds_link(const struct kinds *k, const char *name);
