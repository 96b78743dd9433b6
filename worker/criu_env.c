/*
 * Environment variables to a command line. Those of CRIU's are in criu(8) and at criu.org, "Action
 * scripts"; CRIU passes on its own environment, which is the way for what is ours.
 *
 * May: read the environment. Must not: open anything, or read the images.
 */
#include "worker/criu_env.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/report.h"

static const struct {
	const char *name;
	enum criu_action action;
} actions[] = {
	{ "setup-namespaces", CRIU_RESTORE },
	{ "post-setup-namespaces", CRIU_VERIFY },
	{ "post-resume", CRIU_ANNOUNCE },
	{ "post-dump", CRIU_DUMP },
};

enum {
	FOR_RESTORE = 1 << CRIU_RESTORE | 1 << CRIU_VERIFY,
	FOR_DUMP = 1 << CRIU_DUMP,
};

/* Variables that are options. A name of an interface has no blanks, so those with many values have
 * them between blanks. */
static const struct {
	const char *name;
	char *option;
	unsigned int actions;
	bool many;
} variables[] = {
	{ "NETCR_EXTERNAL", "--external", FOR_RESTORE | FOR_DUMP, true },
	{ "NETCR_NS_ID", "--ns-id", FOR_RESTORE | FOR_DUMP, false },
	{ "NETCR_OUTSIDE_NETNS", "--outside-netns", FOR_RESTORE, false },
	{ "NETCR_SKIP_KIND", "--skip-kind", FOR_DUMP, true },
};

static enum criu_action action_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return actions[i].action;
	}
	return CRIU_NOTHING;
}

/* netcr's own images are an extra, so they are asked for. Not at network-lock, where they would be
 * written at the same moment as CRIU's: CRIU deletes files of the names of the namespace's images
 * when it comes to them, also if it writes none (--empty-ns net). */
static int check_dump(enum criu_action *action, struct report *report)
{
	const char *wanted = getenv("NETCR_DUMP");

	if (!wanted || strcmp(wanted, "no") == 0)
		*action = CRIU_NOTHING;
	else if (strcmp(wanted, "yes") != 0)
		return report_fail(report, EXIT_USAGE_, "NETCR_DUMP is '%s', and not yes or no",
				   wanted);
	return 0;
}

static int add(struct criu_args *args, char *option, char *value, struct report *report)
{
	if (args->argc + 2 > CRIU_ARGS_MAX)
		return report_fail(report, EXIT_USAGE_, "%s: more than %d of them", option,
				   CRIU_ARGS_MAX / 2);
	args->argv[args->argc++] = option;
	args->argv[args->argc++] = value;
	return 0;
}

static int add_needed(struct criu_args *args, char *option, const char *variable,
		      struct report *report)
{
	char *value = getenv(variable);

	if (!value || !*value)
		return report_fail(report, EXIT_USAGE_,
				   "%s is not set: criu-action is run by `criu --action-script`",
				   variable);
	return add(args, option, value, report);
}

/* @args->text is ours to cut. */
static int add_variable(struct criu_args *args, size_t i, char **text, struct report *report)
{
	const char *value = getenv(variables[i].name);
	char *copy = *text, *part;
	int status = 0;

	if (!value || !*value)
		return 0;
	if (strlen(value) >= CRIU_TEXT_MAX)
		return report_fail(report, EXIT_USAGE_, "%s has more than %d bytes",
				   variables[i].name, CRIU_TEXT_MAX - 1);
	memcpy(copy, value, strlen(value) + 1);
	*text += strlen(value) + 1;
	if (!variables[i].many)
		return add(args, variables[i].option, copy, report);
	while (!status && (part = strsep(&copy, " \t\n"))) {
		if (*part)
			status = add(args, variables[i].option, part, report);
	}
	return status;
}

int criu_env_read(struct criu_args *ret, enum criu_action *ret_action, struct report *report)
{
	const char *name = getenv("CRTOOLS_SCRIPT_ACTION");
	enum criu_action action = name ? action_of(name) : CRIU_NOTHING;
	int status = 0;
	char *text;

	*ret = (struct criu_args){ .argv = { "criu-action" }, .argc = 1 };
	*ret_action = CRIU_NOTHING;
	if (!name)
		return report_fail(report, EXIT_USAGE_,
				   "CRTOOLS_SCRIPT_ACTION is not set: criu-action is run by `criu "
				   "--action-script`");
	if (action == CRIU_DUMP)
		status = check_dump(&action, report);
	if (status || action == CRIU_NOTHING)
		return status;
	text = ret->text = malloc(ARRAY_SIZE(variables) * CRIU_TEXT_MAX);
	if (!text)
		return report_fail(report, EXIT_OS_, "no memory for the environment");
	if (action != CRIU_ANNOUNCE)
		status = add_needed(ret, "-D", "CRTOOLS_IMAGE_DIR", report);
	if (!status)
		status = add_needed(ret, "--pid", "CRTOOLS_INIT_PID", report);
	for (size_t i = 0; !status && i < ARRAY_SIZE(variables); i++) {
		if (variables[i].actions & 1U << action)
			status = add_variable(ret, i, &text, report);
	}
	*ret_action = action;
	return status;
}

void criu_args_fini(struct criu_args *args)
{
	free(args->text);
	args->text = NULL;
}
