/* The command line of the worker, for all of its commands. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker/attach_spec.h"
#include "worker/externals.h"
#include "worker/skip_kinds.h"
#include "worker/target_args.h"

struct report;

struct options {
	const char *images; /* -D; NULL: not given */
	struct target_args target;
	uint32_t ns_id;             /* 0: not given */
	struct externals externals; /* owned */
	const char *broker;         /* NULL: not given */
	const char *outside_netns;  /* NULL: not given */
	bool dry_run, json, dot;
	bool of_criu;  /* set by criu-action: one namespace, locked, with netcr.options */
	bool verifies; /* likewise: look whether all is there, and unlock */
	struct skip_kinds skip;
	struct attach_spec attach;
};

/* Which options a command takes. */
enum option_set {
	OPTION_IMAGES = 1 << 0, /* and it must be given */
	OPTION_TARGET = 1 << 1,
	OPTION_NS_ID = 1 << 2,
	OPTION_EXTERNAL = 1 << 3,
	OPTION_BROKER = 1 << 4,
	OPTION_DRY_RUN = 1 << 5,
	OPTION_JSON = 1 << 6,
	OPTION_DOT = 1 << 7,
	OPTION_SKIP_KIND = 1 << 8,
	OPTION_OUTSIDE = 1 << 9,
	OPTION_SPACES = 1 << 10, /* of OPTION_TARGET, ID=PATH */
	OPTION_ATTACH = 1 << 12, /* the keys of attach_spec_set() but for name */
	OPTION_NAME = 1 << 13,   /* of a link, into attach.name */
};

/* @argv[0] is the command. Whether --json is there is found out first, so that errors of the
 * command line can be reported as JSON, too: report is initialised here. Returns 0 or an exit
 * status; options_fini() and report_fini() are due in any case. */
int options_parse(int argc, char *argv[], unsigned int takes, struct options *ret,
		  struct report *report);

void options_fini(struct options *options);
