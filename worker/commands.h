/* The commands of the worker. Each gets its argv, of which argv[0] is its name, and returns the
 * exit status of the program. */
#pragma once

int cmd_restore(int argc, char *argv[]);
int cmd_dump(int argc, char *argv[]);
int cmd_show(int argc, char *argv[]);
int cmd_check(int argc, char *argv[]);
int cmd_attach(int argc, char *argv[]);
int cmd_detach(int argc, char *argv[]);
int cmd_oci_hook(int argc, char *argv[]);
int cmd_criu_action(int argc, char *argv[]);
