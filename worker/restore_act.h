/* One restore from the namespaces' paths to the report, for the commands that restore. */
#pragma once

struct options;
struct report;

/* Restore the images of @options into its target by its broker. What was made is put into the
 * report, and told on stdout unless the output is JSON. Once in a process. Returns 0 or an exit
 * status. */
int restore_act(struct options *options, struct report *report);
