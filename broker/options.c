/*
 * The options of all subcommands: one table that says whose each is.
 *
 * May: read argv. Must not: go on where one makes no sense.
 */
#include "broker/options.h"

#include <getopt.h>

#include "broker/audit_out.h"
#include "broker/commands.h"
#include "broker/serve.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/number.h"

enum {
	IDLE_MAX_S = 24 * 60 * 60
};

/* clang-format off */
static const struct row {
	const char *name;
	int letter;
	unsigned int commands;
} rows[] = {
	{ "allow-parent",          'p', OPTIONS_SPAWN | OPTIONS_SERVE },
	{ "allow-mode",            'm', OPTIONS_SPAWN | OPTIONS_SERVE },
	{ "audit",                 'a', OPTIONS_SPAWN | OPTIONS_SERVE },
	{ "audit-format",          'f', OPTIONS_SPAWN | OPTIONS_SERVE },
	{ "policy",                'r', OPTIONS_SPAWN | OPTIONS_SERVE | OPTIONS_CHECK },
	{ "max-links",             'l', OPTIONS_SPAWN },
	{ "max-links-per-netns",   'n', OPTIONS_SPAWN },
	{ "socket",                's', OPTIONS_SERVE },
	{ "max-sessions-per-user", 'u', OPTIONS_SERVE },
	{ "idle-timeout",          'i', OPTIONS_SERVE },
	{ "user",                  'U', OPTIONS_CHECK },
	{ "parent",                'P', OPTIONS_CHECK },
	{ "mode",                  'M', OPTIONS_CHECK },
	{ "mac",                   'A', OPTIONS_CHECK },
};
/* clang-format on */

static int take_number(const char *option, uint32_t max, uint32_t *ret)
{
	if (number_parse_u32(optarg, ret) && *ret >= 1 && *ret <= max)
		return 0;
	log_err("--%s %s: not a number from 1 to %u", option, optarg, max);
	return EXIT_USAGE_;
}

static int take_word(const char *option, int chosen, const char *words)
{
	if (chosen == 0)
		return 0;
	log_err("--%s %s: there are %s", option, optarg, words);
	return EXIT_USAGE_;
}

static int take_socket(struct options *o)
{
	if (o->n_sockets == LISTEN_MAX) {
		log_err("--socket %s: more than %d sockets", optarg, LISTEN_MAX);
		return EXIT_USAGE_;
	}
	o->sockets[o->n_sockets++] = optarg;
	return 0;
}

static int take_text(const char **ret)
{
	*ret = optarg;
	return 0;
}

static int take_option(int letter, const char *name, struct options *o)
{
	switch (letter) {
	case 'p':
		return allow_parent(&o->allow, optarg);
	case 'm':
		return allow_mode(&o->allow, optarg);
	case 'a':
		return take_word(name, audit_out_choose(optarg), "stderr and journal");
	case 'f':
		return take_word(name, audit_out_choose_format(optarg), "text and json");
	case 'r':
		return take_text(&o->policy);
	case 'l':
		return take_number(name, UINT32_MAX, &o->allow.rule.max_links);
	case 'n':
		return take_number(name, UINT32_MAX, &o->allow.rule.max_links_per_netns);
	case 's':
		return take_socket(o);
	case 'u':
		return take_number(name, SERVE_SESSIONS_MAX, &o->max_per_user);
	case 'U':
		return take_text(&o->user);
	case 'P':
		return take_text(&o->parent);
	case 'M':
		return take_text(&o->mode);
	case 'A':
		return take_text(&o->mac);
	default:
		return take_number(name, IDLE_MAX_S, &o->idle_s);
	}
}

int options_parse(int argc, char *argv[], unsigned int command, struct options *ret)
{
	struct option options[ARRAY_SIZE(rows) + 1] = { 0 };
	int c, i, status = 0;
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		if (rows[k].commands & command)
			options[n++] = (struct option){ rows[k].name, required_argument, NULL,
							rows[k].letter };
	}
	opterr = 0;
	/* '+': what follows a command to run is that command's. */
	while (!status && (c = getopt_long(argc, argv, "+:", options, &i)) != -1) {
		if (c == ':')
			status = command_usage_error("an argument is missing after",
						     argv[optind - 1]);
		else if (c == '?')
			status = command_usage_error("unknown option", argv[optind - 1]);
		else
			status = take_option(c, options[i].name, ret);
	}
	return status;
}
