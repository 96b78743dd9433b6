/* Who may do what: const rules after start, and pure questions to them. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct caller;
struct link_spec;
struct nsfd_facts;
struct policy_rule;

/* All-zero means deny. */
struct verdict {
	bool allow;
	const char *why;                /* for the audit line; a constant of this program */
	const struct policy_rule *rule; /* that granted it, or denied it; NULL: none did */
};

enum {
	POLICY_QUICK_PARENTS_MAX = 64, /* --allow-parent */
};

/* An interface that rules speak of. */
struct policy_parent {
	char name[IFNAMSIZ];
	uint32_t ifindex; /* of --allow-parent, as it was at start: both must match at use */
};

struct policy_rule {
	const struct policy_rule *next;
	const char *name;
	bool deny;
	bool anyone;     /* whoever the session acts for: --allow-parent */
	bool init_netns; /* uid 0 may bind a netns that the init user namespace owns */
	uint32_t modes;  /* MACVLAN_MODE_* that may be asked for */
	/* How many links the caller may have by this rule, all together and in one netns; 0: any
	 * number. They are counted elsewhere. */
	uint32_t max_links, max_links_per_netns;
	size_t n_parents;
	const struct policy_parent *parents;
};

struct policy {
	const struct policy_rule *rules; /* in their order; NULL: nothing is allowed */
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

/* bridge, private and vepa */
#define POLICY_DEFAULT_MODES UINT32_C(7)

/* May @caller bind a target of which @facts are true? */
struct verdict policy_judge_target(const struct policy *policy, const struct caller *caller,
				   const struct nsfd_facts *facts);

/* May @caller make a link @spec on @parent? */
struct verdict policy_judge_link(const struct policy *policy, const struct caller *caller,
				 const struct parent_facts *parent, const struct link_spec *spec);

/* @name is the name of a parent that @caller is allowed, whether it is there or not. */
bool policy_lists_parent(const struct policy *policy, const struct caller *caller,
			 const char *name);
