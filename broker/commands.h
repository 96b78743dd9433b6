/* The subcommands: argv in, exit status out. What is wrong has been printed by then. */
#pragma once

#include <stdbool.h>

struct policy;

/* argv[0] is the subcommand's name, as main() was given it. */
int cmd_check(int argc, char *argv[]);
int cmd_serve(int argc, char *argv[]);
int cmd_spawn(int argc, char *argv[]);

/* Print what is wrong with the command line. @about may be NULL. Returns EXIT_USAGE_. */
int command_usage_error(const char *what, const char *about);

/* Load the policy of @file, or with NULL that of the default path, which may be missing: then
 * nothing is allowed, and a warning says so. @in_force: the audit tells of it. Returns 0, or
 * EXIT_CONFIG_ with what is wrong printed;
 * *ret is policy_file_free()'s then or untouched. */
int command_load_policy(const char *file, bool in_force, struct policy *ret);
