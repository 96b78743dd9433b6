/* What will be done, in which order. A plan is made from the images, the command line and what
 * the target has now; nothing is changed by making one. */
#pragma once

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/link_msg.h"
#include "worker/link_kind.h"
#include "worker/state_sysctl.h"

struct externals;
struct image_netns;
struct link_list;
struct netstate;
struct report;

/* The IFLA_GROUP of links of a restore that is not done yet. One RTM_DELLINK takes them all
 * away again; and what a killed restore left behind is known by it. */
#define PLAN_GROUP UINT32_C(0x6e657463) /* "netc" */

enum {
	PLAN_SETS_MAX = 6,
	PLAN_NSIDS_MAX = 1024
};

enum maker {
	MAKER_THERE,  /* the link exists in every netns */
	MAKER_BROKER, /* link-create, with parent and spec */
};

struct plan_link {
	const Img__NetDevice *dev; /* borrowed from the images */
	const struct link_kind *kind;
	struct entry_place at;
	enum maker maker;
	char parent[IFNAMSIZ];
	struct link_spec spec;
	struct sysctl_set conf4, conf6;
	bool up_early; /* comes up when it is settled, not when it is released */
};

struct plan_nsid {
	int32_t nsid;
	bool of_host; /* of the broker's netns; else of the target itself */
};

enum step_type {
	STEP_CLEAR,        /* delete what an interrupted restore left */
	STEP_SYSCTLS,      /* sets[first] */
	STEP_NSID,         /* nsids[first] */
	STEP_MAKE,         /* links[first] to links[first + n - 1], by the broker */
	STEP_SETTLE,       /* flags and MTU of links[first], where they are not right yet */
	STEP_LINK_SYSCTLS, /* of links[first] */
	STEP_ADDRS,        /* of state */
	STEP_ROUTES,       /* state->routes[first] */
	STEP_RULES,        /* of state */
	STEP_VERIFY,       /* all that was asked for, read back */
	STEP_RELEASE,      /* take all links out of PLAN_GROUP, and bring them up */
};

struct step {
	enum step_type type;
	size_t first, n;
};

struct plan {
	struct plan_link *links; /* owned */
	size_t n_links;
	struct sysctl_set sets[PLAN_SETS_MAX]; /* owned, in the order they are written */
	size_t n_sets;
	const struct sysctl_set *default4, *default6; /* of sets; what a new link inherits */
	struct plan_nsid *nsids;                      /* owned */
	size_t n_nsids;
	const struct netstate *state; /* borrowed from the images */
	struct step *steps;           /* owned */
	size_t n_steps;
	bool needs_broker;
};

/* The steps for @state, which may be NULL, into @ret, which has room for four. Returns how many. */
size_t netstate_steps(const struct netstate *state, struct step *ret);

/* Make a plan. @links is what the target has now. Returns 0 or an exit status; *ret is to be
 * freed in any case, and must be all-zero before. */
int plan_make(const struct image_netns *image, struct externals *externals,
	      const struct link_list *links, struct plan *ret, struct report *report);

void plan_fini(struct plan *plan);

/* The step in words, without a newline. */
void plan_describe(const struct plan *plan, const struct step *step, char *ret, size_t size);
