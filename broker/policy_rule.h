/* The rules as values. They are made before the lock-down and const from then on. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

enum {
	POLICY_RULES_MAX = 16384,
	POLICY_PARENTS_MAX = 4096, /* different ones, in all rules */
	POLICY_NETNS_MAX = 16,
	POLICY_NETNS_NAME_MAX = CHECK_NETNS_NAME_MAX,
};

/* A user or a group, as NSS had it at start. */
struct policy_id {
	uint32_t id;
	bool is_group;
};

/* Addresses that begin alike. */
struct policy_mac {
	uint8_t bytes[6];
	uint8_t n; /* 6: this address */
};

/* An interface that rules speak of. Its identity is its name, which the administrator wrote; only
 * for --allow-parent, which was about what was there at start, is it the index as well. */
struct policy_parent {
	char name[IFNAMSIZ];
	uint32_t ifindex; /* 0: whatever has the name at use */
	uint16_t netns;   /* 0: the broker's own; else policy.netns[netns - 1] */
};

/* A namespace other than the broker's, in which there are parents. */
struct policy_netns {
	char name[POLICY_NETNS_NAME_MAX];
	const char *path;
};

struct policy_rule {
	const struct policy_rule *next;
	const char *name;
	const char *file; /* where it is written; NULL: on the command line */
	unsigned int line;
	bool deny;
	bool anyone;            /* whoever the session acts for: --allow-parent */
	bool init_netns;        /* for uid 0: targets that the init user namespace owns, too */
	bool mac_any, mac_keep; /* any; none asked for, or a locally administered one */
	uint32_t modes;         /* MACVLAN_MODE_* */
	/* How many links the caller may have by this rule, all together and in one netns; 0: any
	 * number. They are counted elsewhere. */
	uint32_t max_links, max_links_per_netns;
	size_t n_users, n_parents, n_macs;
	const struct policy_id *users;
	const uint16_t *parents; /* each a number in policy.parents */
	const struct policy_mac *macs;
};

struct policy {
	const struct policy_rule *rules; /* in their order; NULL: nothing is allowed */
	size_t n_rules, n_parents, n_netns;
	const struct policy_parent *parents;
	const struct policy_netns *netns;
	void *memory; /* of all of it, for policy_file_free(); NULL: static */
	size_t memory_size;
};

/* bridge, private and vepa */
#define POLICY_DEFAULT_MODES UINT32_C(7)

/* All modes that there are. */
#define POLICY_ALL_MODES UINT32_C(31)
