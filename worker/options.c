/*
 * argv to struct options. Nothing is opened here.
 */
#include "worker/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/report.h"

static const struct option long_options[] = {
	{ "images-dir", required_argument, NULL, 'D' },
	{ "pid", required_argument, NULL, 'p' },
	{ "netns", required_argument, NULL, 'n' },
	{ "userns", required_argument, NULL, 'u' },
	{ "ns-id", required_argument, NULL, 'i' },
	{ "external", required_argument, NULL, 'e' },
	{ "broker", required_argument, NULL, 'b' },
	{ "dry-run", no_argument, NULL, 'd' },
	{ "json", no_argument, NULL, 'j' },
	{ "dot", no_argument, NULL, 'g' },
	{ "outside-netns", required_argument, NULL, 'o' },
	{ "skip-kind", required_argument, NULL, 's' },
	{ "name", required_argument, NULL, 'N' },
	{ "parent", required_argument, NULL, 'A' },
	{ "mode", required_argument, NULL, 'A' },
	{ "mac", required_argument, NULL, 'A' },
	{ "mtu", required_argument, NULL, 'A' },
	{ "address", required_argument, NULL, 'A' },
	{ "gateway", required_argument, NULL, 'A' },
	{ "route", required_argument, NULL, 'A' },
	{ "no-ipv6", no_argument, NULL, 'A' },
	{ NULL, 0, NULL, 0 },
};

/* Which set an option belongs to. */
static unsigned int set_of(int c)
{
	static const struct {
		int c;
		unsigned int set;
	} sets[] = {
		{ 'D', OPTION_IMAGES }, { 'p', OPTION_TARGET },    { 'n', OPTION_TARGET },
		{ 'u', OPTION_TARGET }, { 'i', OPTION_NS_ID },     { 'e', OPTION_EXTERNAL },
		{ 'b', OPTION_BROKER }, { 'd', OPTION_DRY_RUN },   { 'j', OPTION_JSON },
		{ 'g', OPTION_DOT },    { 's', OPTION_SKIP_KIND }, { 'N', OPTION_NAME },
		{ 'A', OPTION_ATTACH }, { 'o', OPTION_OUTSIDE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (sets[i].c == c)
			return sets[i].set;
	}
	return 0;
}

static int parse_number(const char *what, const char *text, long max, long *ret,
			struct report *report)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || *ret < 1 || *ret > max)
		return report_fail(report, EXIT_USAGE_, "%s %s: not a number within 1..%ld", what,
				   text, max);
	return 0;
}

/* @index is the option's in long_options. */
static int take(int c, int index, struct options *options, struct report *report)
{
	long number;
	int status = 0;

	switch (c) {
	case 'D':
		options->images = optarg;
		break;
	case 'p':
		if (strcmp(optarg, "0") == 0)
			return report_fail(report, EXIT_USAGE_,
					   "--pid 0: not a number within 1..%d: a container "
					   "that does not run has no process",
					   INT32_MAX);
		status = parse_number("--pid", optarg, INT32_MAX, &number, report);
		options->target.pid = status ? 0 : (pid_t)number;
		break;
	case 'n':
		status = target_args_netns(&options->target, optarg, report);
		break;
	case 'u':
		options->target.userns = optarg;
		break;
	case 'i':
		status = parse_number("--ns-id", optarg, UINT32_MAX, &number, report);
		options->ns_id = status ? 0 : (uint32_t)number;
		break;
	case 'e':
		status = externals_add(&options->externals, optarg, report);
		break;
	case 'b':
		options->broker = optarg;
		break;
	case 'd':
		options->dry_run = true;
		break;
	case 's':
		status = skip_kinds_add(&options->skip, optarg, report);
		break;
	case 'o':
		options->outside_netns = optarg;
		break;
	case 'g':
		options->dot = true;
		break;
	case 'N':
	case 'A':
		status = attach_spec_set(&options->attach, long_options[index].name,
					 optarg ? optarg : "yes", report);
		break;
	default:
		break;
	}
	return status;
}

static int check_whole(const struct options *options, unsigned int takes, struct report *report)
{
	if (takes & OPTION_IMAGES && !options->images)
		return report_fail(report, EXIT_USAGE_,
				   "%s: -D DIR is missing: the directory of the images",
				   report->command);
	if (options->dot && options->json)
		return report_fail(report, EXIT_USAGE_, "--dot and --json: one of them");
	if (!(takes & OPTION_SPACES) && options->target.n_named > 0)
		return report_fail(report, EXIT_USAGE_,
				   "%s: --netns %u=%s: it works on one namespace, which has no id",
				   report->command, options->target.named[0].ns_id,
				   options->target.named[0].path);
	return target_args_check(&options->target, options->ns_id, report);
}

static int parse_all(int argc, char *argv[], unsigned int takes, struct options *ret,
		     struct report *report)
{
	int c, index = 0;

	opterr = 0;
	optind = 0; /* and not 1: forget where an earlier call was, within a word */
	while ((c = getopt_long(argc, argv, "+:D:", long_options, &index)) != -1) {
		int status;

		if (c == ':')
			return report_fail(report, EXIT_USAGE_, "%s needs an argument",
					   argv[optind - 1]);
		if (!(set_of(c) & takes))
			return report_fail(report, EXIT_USAGE_,
					   "%s: unknown option %s; see netcr-worker --help",
					   report->command, argv[optind - 1]);
		status = take(c, index, ret, report);
		if (status)
			return status;
	}
	if (optind < argc)
		return report_fail(report, EXIT_USAGE_,
				   "%s: unexpected argument %s; see netcr-worker --help",
				   report->command, argv[optind]);
	return check_whole(ret, takes, report);
}

int options_parse(int argc, char *argv[], unsigned int takes, struct options *ret,
		  struct report *report)
{
	int status;

	*ret = (struct options){ .externals.of_dump = takes & OPTION_SKIP_KIND };
	attach_spec_init(&ret->attach);
	for (int i = 1; i < argc && takes & OPTION_JSON; i++)
		ret->json |= strcmp(argv[i], "--json") == 0;
	status = report_init(report, argv[0], ret->json);
	return status ? status : parse_all(argc, argv, takes, ret, report);
}

void options_fini(struct options *options)
{
	externals_fini(&options->externals);
}
