/*
 * netcr-worker criu-action: what `criu --action-script` runs, at many points of a dump or a restore.
 * At some of them there is something to do for the network:
 *
 *   setup-namespaces         of a restore: the images into the namespaces that were made
 *   post-setup-namespaces    is all of it there, before sockets are restored
 *   post-resume              announce the addresses
 *   post-dump                with NETCR_DUMP=yes: write the images, of tasks that are stopped
 *
 * CRIU gives its log as stdout and stderr, and gives up a restore when this fails.
 */
#include <stddef.h>

#include "worker/commands.h"
#include "worker/criu_announce.h"
#include "worker/criu_env.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/restore_act.h"

static int act_restore(struct criu_args *args, bool verifies, struct report *report)
{
	static struct options options;
	int status;

	report_fini(report);
	status = options_parse(args->argc, args->argv,
			       OPTION_IMAGES | OPTION_TARGET | OPTION_NS_ID | OPTION_EXTERNAL |
				       OPTION_OUTSIDE,
			       &options, report);
	options.of_criu = true;
	options.verifies = verifies;
	if (!status)
		status = restore_act(&options, report);
	options_fini(&options);
	return status;
}

static int act_announce(struct criu_args *args, struct report *report)
{
	static struct options options;
	int status;

	report_fini(report);
	status = options_parse(args->argc, args->argv, OPTION_TARGET, &options, report);
	if (!status)
		status = criu_announce(&options.target, report);
	options_fini(&options);
	return status;
}

int cmd_criu_action(int argc, char *argv[])
{
	static struct criu_args args;
	enum criu_action action = CRIU_NOTHING;
	struct report report;
	int status;

	(void)argv;
	status = report_init(&report, "criu-action", /* json= */ false);
	if (!status && argc > 1)
		status = report_fail(&report, EXIT_USAGE_,
				     "criu-action takes no arguments: its options are environment "
				     "variables");
	if (!status)
		status = criu_env_read(&args, &action, &report);
	if (!status && (action == CRIU_RESTORE || action == CRIU_VERIFY))
		(void)act_restore(&args, action == CRIU_VERIFY, &report);
	if (!status && action == CRIU_ANNOUNCE)
		(void)act_announce(&args, &report);
	if (!status && action == CRIU_DUMP)
		status = cmd_dump(args.argc, args.argv);
	else
		status = report_finish(&report);
	report_fini(&report);
	criu_args_fini(&args);
	return status;
}
