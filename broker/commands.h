/* The subcommands: argv in, exit status out. What is wrong has been printed by then. */
#pragma once

/* argv[0] is the subcommand's name, as main() was given it. */
int cmd_spawn(int argc, char *argv[]);

/* Print what is wrong with the command line. @about may be NULL. Returns EXIT_USAGE_. */
int command_usage_error(const char *what, const char *about);
