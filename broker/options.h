/* The options of all subcommands. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "broker/allow.h"
#include "broker/listen.h"

/* Which subcommand's. */
enum {
	OPTIONS_SPAWN = 1 << 0,
	OPTIONS_SERVE = 1 << 1,
	OPTIONS_CHECK = 1 << 2,
};

struct options {
	struct allow allow;
	const char *policy; /* NULL: not given */
	const char *sockets[LISTEN_MAX];
	size_t n_sockets;
	uint32_t max_per_user, idle_s;
	const char *user, *parent, *mode, *mac; /* NULL: not given */
};

/* Read argv into @ret, which has the defaults. What follows the options is at argv[optind] then.
 * Returns 0, or an exit status with what is wrong printed. */
int options_parse(int argc, char *argv[], unsigned int command, struct options *ret);
