/* Who may do what: const rules after start, and pure questions to them. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct link_spec;
struct nsfd_facts;

/* All-zero means deny. */
struct verdict {
	bool allow;
	const char *why; /* for the audit line; a constant of this program */
};

enum {
	POLICY_PARENTS_MAX = 64
};

struct policy_parent {
	char name[IFNAMSIZ];
	uint32_t ifindex; /* as the name was resolved at start; both must match at use */
};

struct policy {
	struct policy_parent parents[POLICY_PARENTS_MAX];
	size_t n_parents;
	uint32_t modes;  /* MACVLAN_MODE_* that may be asked for */
	bool init_netns; /* uid 0 may bind a netns that the init user namespace owns */
};

/* A parent as the kernel has it now. A macvlan on a macvlan is a macvlan on its lowest device
 * (macvlan_common_newlink() in drivers/net/macvlan.c), so that is what is judged. */
struct parent_facts {
	char asked[IFNAMSIZ]; /* as the worker wrote it */
	bool found;
	bool elsewhere;      /* the lowest device is in another netns */
	uint32_t ifindex;    /* of the lowest device */
	char name[IFNAMSIZ]; /* its first name, never an alternative one */
};

/* Denies everything; modes bridge, private and vepa. */
void policy_init(struct policy *policy);

/* Add a parent that --allow-parent named. Returns 0, -EINVAL (not a name of an interface),
 * -EEXIST, or -E2BIG. Its ifindex is to be set before the first question. */
int policy_add_parent(struct policy *policy, const char *name);

/* May @uid bind a target of which @facts are true? */
struct verdict policy_judge_target(const struct policy *policy, uid_t uid,
				   const struct nsfd_facts *facts);

/* May a link @spec be made on @parent? */
struct verdict policy_judge_link(const struct policy *policy, const struct parent_facts *parent,
				 const struct link_spec *spec);

/* @name is the name of an allowed parent, whether it is there or not. */
bool policy_lists_parent(const struct policy *policy, const char *name);
