/* What will be done, in which order. A plan is made from the images, the command line and what
 * the target has now; nothing is changed by making one. */
#pragma once

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/link_msg.h"
#include "worker/link_kind.h"
#include "worker/state_sysctl.h"
#include "worker/step.h"

struct netstate;
struct outside_link;
struct report;
struct ruleset;
struct target;

/* The IFLA_GROUP of links of a restore that is not done yet. One RTM_DELLINK takes them all
 * away again; and what a killed restore left behind is known by it. */
#define PLAN_GROUP UINT32_C(0x6e657463) /* "netc" */

enum {
	PLAN_SETS_MAX = 7,
	PLAN_NSIDS_MAX = 1024
};

enum maker {
	MAKER_THERE,  /* the target has the link */
	MAKER_NONE,   /* it has it not, and nothing is to be done about it */
	MAKER_BROKER, /* link-create, with parent and spec */
	MAKER_WORKER, /* link_make() */
	MAKER_PEER,   /* comes with its other end */
	MAKER_OUTSIDE /* the worker's helper, with outside */
};

#define PLAN_NO_ID UINT32_MAX

struct plan_link {
	const Img__NetDevice *dev; /* borrowed from the images */
	const struct link_kind *kind;
	struct entry_place at;
	enum maker maker;
	uint32_t ns_id;        /* of the images, which it is in */
	struct target *target; /* borrowed; likewise */
	uint32_t ifindex;      /* in the target: that of the image, if the link is made */
	/* Or NULL. Of the same plan, or but for a master of another with another ns_id. */
	const struct plan_link *peer, *below, *master;
	char parent[CHECK_PARENT_MAX];      /* of a macvlan: IF, or NS/IF outside */
	const struct outside_link *outside; /* borrowed; with MAKER_OUTSIDE */
	struct link_spec spec;              /* of a macvlan */
	uint32_t owner, group;              /* of a tun; PLAN_NO_ID: none */
	bool set_address;                   /* of a link that is there */
	struct sysctl_set conf4, conf6;
	bool up_early; /* comes up when it is settled, not when it is released */
};

struct plan_nsid {
	int32_t nsid;
	bool of_host;    /* of the netns that the dumper was in; else that of target */
	bool by_outside; /* which is the outside one here; else the broker's, */
	char netns[CHECK_NETNS_NAME_MAX]; /* or the one that policy calls so */
	uint32_t ns_id;                   /* of the images */
	const struct target *target;      /* borrowed; the plan's own, or another namespace's */
};

struct plan {
	uint32_t ns_id;          /* of the images */
	struct plan_link *links; /* owned */
	size_t n_links;
	struct plan_link **by_index;           /* owned; links by their indexes in the image */
	struct sysctl_set sets[PLAN_SETS_MAX]; /* owned, in the order they are written */
	size_t n_sets;
	const struct sysctl_set *default4, *default6; /* of sets; what a new link inherits */
	const struct sysctl_set *late; /* of sets; written when the links are there; or NULL */
	const struct ruleset *ruleset; /* of the images; borrowed */
	struct plan_nsid *nsids;       /* owned */
	size_t n_nsids;
	const struct netstate *state; /* borrowed from the images */
	struct step *steps;           /* owned */
	size_t n_steps;
	bool needs_broker;
	bool clears;   /* an interrupted restore left links */
	bool comes_up; /* links that are to be up are up before the addresses and routes */
};

/* How far up it is: 0, 1 for what can have ports, 2 for what lies on another link. */
size_t plan_level(const struct plan_link *link);

/* The steps for @state, which may be NULL, into @ret, which has room for NETSTATE_STEPS_MAX. Returns how many. */
enum {
	NETSTATE_STEPS_MAX = 5
};
size_t netstate_steps(const struct netstate *state, struct step *ret);

/* Whether it can be a port, or have macvlans. */
bool plan_is_ethernet(const struct plan_link *link);

/* Whether the restore makes it, by whatever way. */
bool plan_is_made(const struct plan_link *link);

/* The sysctls of IPv4 and of IPv6 that @link has by itself, or NULL where that is not known: all of
 * its own have to be looked at then. */
const struct sysctl_set *plan_inherited4(const struct plan *plan, const struct plan_link *link);
const struct sysctl_set *plan_inherited6(const struct plan *plan, const struct plan_link *link);

void plan_fini(struct plan *plan);

/* The step in words, without a newline. */
void plan_describe(const struct plan *plan, const struct step *step, char *ret, size_t size);
