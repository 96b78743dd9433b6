/*
 * netcr-broker spawn: what its options allow, and who asks.
 *
 * May: read argv, and look up the parents that it names. Must not: go on where one makes no sense.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/caller.h"
#include "broker/commands.h"
#include "broker/policy.h"
#include "broker/rtnl.h"
#include "broker/spawn.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/link_msg.h"
#include "common/log.h"

/* The options as a rule. */
struct quick {
	struct policy_rule rule;
	struct policy_parent parents[POLICY_QUICK_PARENTS_MAX];
};

/* Its lowest device, by name and index, is what is allowed. */
static int find_parent(const char *name, struct parent_facts *ret)
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
	return rtnl_parent_find(&nl, name, ret);
}

static int allow_parent(struct quick *quick, const char *name)
{
	struct policy_parent *parent = &quick->parents[quick->rule.n_parents];
	struct parent_facts facts;
	int r;

	if (quick->rule.n_parents >= POLICY_QUICK_PARENTS_MAX) {
		log_err("--allow-parent %s: more than %d parents", name, POLICY_QUICK_PARENTS_MAX);
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
	quick->rule.n_parents++;
	return 0;
}

static int allow_mode(uint32_t *modes, const char *name)
{
	uint32_t mode = link_mode_parse(name);

	if (!mode) {
		log_err("--allow-mode %s: no such mode; there are bridge, private, vepa, passthru "
			"and source",
			name);
		return EXIT_CONFIG_;
	}
	*modes |= mode;
	return 0;
}

/* Returns 0 with the command at argv[optind], or an exit status. */
static int parse(int argc, char *argv[], struct quick *ret)
{
	static const struct option options[] = {
		{ "allow-parent", required_argument, NULL, 'p' },
		{ "allow-mode", required_argument, NULL, 'm' },
		{ "audit", required_argument, NULL, 'a' },
		{ "audit-format", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	uint32_t modes = 0;
	int c, r;

	opterr = 0;
	/* '+': what follows the command is the command's. */
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			r = allow_parent(ret, optarg);
			break;
		case 'm':
			r = allow_mode(&modes, optarg);
			break;
		case 'a':
			r = command_choose_audit(optarg);
			break;
		case 'f':
			r = command_choose_audit_format(optarg);
			break;
		case ':':
			r = command_usage_error("an argument is missing after", argv[optind - 1]);
			break;
		default:
			r = command_usage_error("unknown option", argv[optind - 1]);
			break;
		}
		if (r)
			return r;
	}
	if (optind >= argc)
		return command_usage_error("a command to run is missing", NULL);
	ret->rule.modes = modes ? modes : POLICY_DEFAULT_MODES;
	return 0;
}

int cmd_spawn(int argc, char *argv[])
{
	static struct quick quick = { .rule = { .name = "allow-parent", .anyone = true } };
	struct policy policy = { 0 };
	struct invoker invoker;
	const char *missing;
	int r;

	missing = caller_check_privilege();
	if (missing) {
		log_err("cannot start: %s", missing);
		return EXIT_REFUSED;
	}
	if (caller_find(&invoker) < 0) {
		log_err("cannot tell who is asking: SUDO_UID and SUDO_GID make no sense, or the "
			"uid is one that stands for nobody");
		return EXIT_REFUSED;
	}
	r = parse(argc, argv, &quick);
	if (r)
		return r;
	if (quick.rule.n_parents && invoker.by_file_caps) {
		log_err("--allow-parent is not for users whose privilege comes with the file");
		return EXIT_REFUSED;
	}
	if (quick.rule.n_parents) {
		quick.rule.parents = quick.parents;
		quick.rule.init_netns = invoker.uid == 0;
		policy.rules = &quick.rule;
	} else {
		log_warn("nothing is allowed: there is no --allow-parent");
	}
	return spawn(&invoker, &policy, argv + optind);
}
