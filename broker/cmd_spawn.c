/*
 * netcr-broker spawn: what its options allow, and who asks.
 *
 * May: read argv. Must not: go on where one makes no sense.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "broker/allow.h"
#include "broker/caller.h"
#include "broker/commands.h"
#include "broker/spawn.h"
#include "common/exit.h"
#include "common/log.h"

static int allow_number(const char *option, const char *text, uint32_t *ret)
{
	unsigned long long value = 0;
	char *end = NULL;

	if (*text >= '1' && *text <= '9') {
		errno = 0;
		value = strtoull(text, &end, 10);
	}
	if (!end || *end || errno || value > UINT32_MAX) {
		log_err("%s %s: not a number from 1 on", option, text);
		return EXIT_CONFIG_;
	}
	*ret = (uint32_t)value;
	return 0;
}

/* Returns 0 with the command at argv[optind], or an exit status. */
static int parse(int argc, char *argv[], struct allow *ret, const char **ret_file)
{
	static const struct option options[] = {
		{ "allow-parent", required_argument, NULL, 'p' },
		{ "allow-mode", required_argument, NULL, 'm' },
		{ "max-links", required_argument, NULL, 'l' },
		{ "max-links-per-netns", required_argument, NULL, 'n' },
		{ "audit", required_argument, NULL, 'a' },
		{ "audit-format", required_argument, NULL, 'f' },
		{ "policy", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r;

	opterr = 0;
	/* '+': what follows the command is the command's. */
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			r = allow_parent(ret, optarg);
			break;
		case 'm':
			r = allow_mode(ret, optarg);
			break;
		case 'l':
			r = allow_number("--max-links", optarg, &ret->rule.max_links);
			break;
		case 'n':
			r = allow_number("--max-links-per-netns", optarg,
					 &ret->rule.max_links_per_netns);
			break;
		case 'a':
			r = command_choose_audit(optarg);
			break;
		case 'f':
			r = command_choose_audit_format(optarg);
			break;
		case 'r':
			*ret_file = optarg;
			r = 0;
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
	return 0;
}

int cmd_spawn(int argc, char *argv[])
{
	static struct allow allow;
	const char *file = NULL;
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
	r = parse(argc, argv, &allow, &file);
	if (r)
		return r;
	if (file && (invoker.by_file_caps || allow.rule.n_parents)) {
		log_err("--policy is not for users whose privilege comes with the file, and not "
			"beside --allow-parent");
		return invoker.by_file_caps ? EXIT_REFUSED : EXIT_USAGE_;
	}
	/* A limit that would silently not hold is worse than none. */
	if (!allow.rule.n_parents && (allow.rule.max_links || allow.rule.max_links_per_netns))
		return command_usage_error("--max-links and --max-links-per-netns go with "
					   "--allow-parent; rules of a policy file have their own",
					   NULL);
	if (!allow_policy(&allow, /* init_netns= */ invoker.uid == 0, &policy)) {
		r = command_load_policy(file, &policy);
		if (r)
			return r;
	} else if (invoker.by_file_caps) {
		log_err("--allow-parent is not for users whose privilege comes with the file");
		return EXIT_REFUSED;
	}
	return spawn(&invoker, &policy, argv + optind);
}
