/*
 * What the subcommands say alike.
 *
 * May: print. Must not: decide.
 */
#include "broker/commands.h"

#include <errno.h>

#include "broker/audit.h"
#include "broker/policy.h"
#include "broker/policy_file.h"
#include "common/exit.h"
#include "common/log.h"

int command_usage_error(const char *what, const char *about)
{
	log_err("%s%s%s; see netcr-broker --help", what, about ? " " : "", about ? about : "");
	return EXIT_USAGE_;
}

int command_load_policy(const char *file, bool in_force, struct policy *ret)
{
	char text[POLICY_TEXT_MAX];
	const char *path = file ? file : NETCR_CONF;
	int r = policy_file_load(path, ret, text);

	if (r == -ENOENT && !file) {
		log_warn("nothing is allowed: there is no --allow-parent, and no " NETCR_CONF);
		return 0;
	}
	if (r < 0) {
		log_err("%s", text);
		return EXIT_CONFIG_;
	}
	if (in_force)
		audit_policy_loaded(path, ret->n_rules);
	return 0;
}
