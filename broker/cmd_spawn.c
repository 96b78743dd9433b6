/*
 * netcr-broker spawn: what its options allow, and who asks.
 *
 * May: read argv. Must not: go on where one makes no sense.
 */
#include <getopt.h>

#include "broker/caller.h"
#include "broker/commands.h"
#include "broker/options.h"
#include "broker/spawn.h"
#include "common/exit.h"
#include "common/log.h"

int cmd_spawn(int argc, char *argv[])
{
	static struct options options;
	struct allow *allow = &options.allow;
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
	r = options_parse(argc, argv, OPTIONS_SPAWN, &options);
	if (!r && optind >= argc)
		r = command_usage_error("a command to run is missing", NULL);
	if (r)
		return r;
	if (options.policy && (invoker.by_file_caps || allow->rule.n_parents)) {
		log_err("--policy is not for users whose privilege comes with the file, and not "
			"beside --allow-parent");
		return invoker.by_file_caps ? EXIT_REFUSED : EXIT_USAGE_;
	}
	/* A limit that would silently not hold is worse than none. */
	if (!allow->rule.n_parents && (allow->rule.max_links || allow->rule.max_links_per_netns))
		return command_usage_error("--max-links and --max-links-per-netns go with "
					   "--allow-parent; rules of a policy file have their own",
					   NULL);
	if (!allow_policy(allow, /* init_netns= */ invoker.uid == 0, &policy)) {
		r = command_load_policy(options.policy, /* in_force= */ true, &policy);
		if (r)
			return r;
	} else if (invoker.by_file_caps) {
		log_err("--allow-parent is not for users whose privilege comes with the file");
		return EXIT_REFUSED;
	}
	return spawn(&invoker, &policy, argv + optind);
}
