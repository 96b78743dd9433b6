/*
 * netcr-broker: argv, and the order of the start.
 *
 * May: read argv, and say what is wrong with it. Must not: touch netlink.
 */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/caller.h"
#include "broker/policy.h"
#include "broker/spawn.h"
#include "common/exit.h"
#include "common/fd.h"
#include "common/link_msg.h"
#include "common/log.h"

static const char usage_text[] =
	"Usage: netcr-broker spawn [OPTION]... -- COMMAND [ARGUMENT]...\n"
	"       netcr-broker --help | --version\n"
	"\n"
	"Runs COMMAND as the invoking user, with none of this program's privilege, and with a\n"
	"session of the broker that it can ask for macvlans on the parents that are allowed\n"
	"($NETCR_BROKER names it).\n"
	"\n"
	"  --allow-parent IF   allow macvlans on interface IF; without one everything is refused\n"
	"  --allow-mode MODE   allow this mode, and no longer the default ones (bridge, private,\n"
	"                      vepa); may be given more than once: also passthru and source,\n"
	"                      which are for parents that one user has alone\n"
	"  --help, --version\n"
	"\n"
	"Exit status: that of COMMAND; 127 if it was not found, 126 if it cannot be run; else 64\n"
	"usage, 71 system error, 77 no privilege, 78 what is to be allowed makes no sense.\n"
	"\n"
	"Whoever may attach to a parent has its network, with any MAC address and any number of\n"
	"macvlans: see SECURITY.md.\n";

static int usage_error(const char *what, const char *about)
{
	log_err("%s%s%s; see netcr-broker --help", what, about ? " " : "", about ? about : "");
	return EXIT_USAGE_;
}

static int allow_parent(struct policy *policy, const char *name)
{
	int r = policy_add_parent(policy, name);

	if (r == -E2BIG) {
		log_err("--allow-parent %s: more than %d parents", name, POLICY_PARENTS_MAX);
		return EXIT_CONFIG_;
	}
	if (r == -EINVAL) {
		log_err("--allow-parent %s: not a name of an interface that can be a parent", name);
		return EXIT_CONFIG_;
	}
	if (r == 0 && if_nametoindex(name) == 0) {
		log_err("--allow-parent %s: no such interface in this network namespace", name);
		return EXIT_CONFIG_;
	}
	return 0;
}

static int allow_mode(struct policy *policy, uint32_t *modes, const char *name)
{
	uint32_t mode = link_mode_parse(name);

	if (!mode) {
		log_err("--allow-mode %s: no such mode; there are bridge, private, vepa, passthru "
			"and source",
			name);
		return EXIT_CONFIG_;
	}
	*modes |= mode;
	policy->modes = *modes;
	return 0;
}

/* Returns 0 with the command at argv[optind], or an exit status. */
static int parse_spawn(int argc, char *argv[], struct policy *policy)
{
	static const struct option options[] = {
		{ "allow-parent", required_argument, NULL, 'p' },
		{ "allow-mode", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	uint32_t modes = 0;
	int c, r;

	opterr = 0;
	/* '+': what follows the command is the command's. */
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			r = allow_parent(policy, optarg);
			break;
		case 'm':
			r = allow_mode(policy, &modes, optarg);
			break;
		case ':':
			r = usage_error("an argument is missing after", argv[optind - 1]);
			break;
		default:
			r = usage_error("unknown option", argv[optind - 1]);
			break;
		}
		if (r)
			return r;
	}
	if (optind >= argc)
		return usage_error("a command to run is missing", NULL);
	return 0;
}

static int run_spawn(int argc, char *argv[])
{
	struct policy policy;
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
			"uid "
			"is one that stands for nobody");
		return EXIT_REFUSED;
	}
	policy_init(&policy);
	r = parse_spawn(argc, argv, &policy);
	if (r)
		return r;
	if (policy.n_parents && invoker.by_file_caps) {
		log_err("--allow-parent is not for users whose privilege comes with the file");
		return EXIT_REFUSED;
	}
	if (!policy.n_parents)
		log_warn("nothing is allowed: there is no --allow-parent");
	policy.init_netns = policy.n_parents && invoker.uid == 0;
	return spawn(&invoker, &policy, argv + optind);
}

int main(int argc, char *argv[])
{
	log_init("netcr-broker");
	if (fd_open_std() < 0 || fd_close_all() < 0)
		return EXIT_OS_;
	if (argc >= 2 && strcmp(argv[1], "spawn") == 0)
		return run_spawn(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage_text, stdout) < 0 ? EXIT_OS_ : 0;
	if (argc >= 2 && strcmp(argv[1], "--version") == 0)
		return puts("netcr-broker " NETCR_VERSION) < 0 ? EXIT_OS_ : 0;
	return usage_error(argc < 2 ? "a command is missing" : "unknown command", argv[1]);
}
