/*
 * The policy that is given as options.
 *
 * May: look up interfaces of its own namespace. Must not: run behind the lock-down.
 */
#include "broker/allow.h"

#include <stdio.h>
#include <string.h>

#include "broker/rtnl.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/link_msg.h"
#include "common/log.h"

/* Its lowest device, by name and index, is what is allowed. */
static int find_parent(const char *name, struct rtnl_parent *ret)
{
	static union {
		struct nlmsghdr align;
		uint8_t bytes[NL_BUFFER_SIZE];
	} buf;
	_cleanup_fd_ int fd = -1;
	struct nl_sock nl;
	int r;

	r = nl_open(&fd);
	if (r < 0)
		return r;
	nl = (struct nl_sock){ .fd = fd, .buf = buf.bytes };
	return rtnl_parent_find(&nl, RTNL_OWN_NSID, name, ret);
}

int allow_parent(struct allow *allow, const char *name)
{
	struct policy_parent *parent = &allow->parents[allow->rule.n_parents];
	struct rtnl_parent facts;
	int r;

	if (allow->rule.n_parents >= ALLOW_PARENTS_MAX) {
		log_err("--allow-parent %s: more than %d parents", name, ALLOW_PARENTS_MAX);
		return EXIT_CONFIG_;
	}
	if (check_ifname(name) < 0) {
		log_err("--allow-parent %s: not a name of an interface that can be a parent", name);
		return EXIT_CONFIG_;
	}
	r = find_parent(name, &facts);
	if (r < 0) {
		log_err("--allow-parent %s: cannot look it up: %s", name, log_errname(-r));
		return EXIT_OS_;
	}
	if (!facts.found) {
		log_err("--allow-parent %s: no such interface in this network namespace", name);
		return EXIT_CONFIG_;
	}
	if (facts.elsewhere) {
		log_err("--allow-parent %s: its lowest device is in another network namespace",
			name);
		return EXIT_CONFIG_;
	}
	memcpy(parent->name, facts.name, sizeof(parent->name));
	parent->ifindex = facts.ifindex;
	allow->numbers[allow->rule.n_parents] = (uint16_t)allow->rule.n_parents;
	allow->rule.n_parents++;
	return 0;
}

int allow_mode(struct allow *allow, const char *name)
{
	uint32_t mode = link_mode_parse(name);

	if (!mode) {
		log_err("--allow-mode %s: no such mode; there are bridge, private, vepa, passthru "
			"and source",
			name);
		return EXIT_CONFIG_;
	}
	allow->rule.modes |= mode;
	return 0;
}

bool allow_policy(struct allow *allow, bool init_netns, struct policy *ret)
{
	struct policy_rule *rule = &allow->rule;

	if (!rule->n_parents)
		return false;
	rule->name = "allow-parent";
	rule->anyone = true;
	rule->mac_any = true;
	rule->init_netns = init_netns;
	rule->parents = allow->numbers;
	if (!rule->modes)
		rule->modes = POLICY_DEFAULT_MODES;
	*ret = (struct policy){
		.rules = rule, .n_rules = 1, .n_parents = rule->n_parents, .parents = allow->parents
	};
	return true;
}
