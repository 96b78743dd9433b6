/*
 * What the subcommands say alike.
 *
 * May: print. Must not: decide.
 */
#include "broker/commands.h"

#include "common/exit.h"
#include "common/log.h"

int command_usage_error(const char *what, const char *about)
{
	log_err("%s%s%s; see netcr-broker --help", what, about ? " " : "", about ? about : "");
	return EXIT_USAGE_;
}
