/* One attachment from the namespaces' paths to the report, for the commands that attach. */
#pragma once

#include <stddef.h>

struct options;
struct attach_link;
struct report;

/* Open the target and the broker that @options name, join, confine this process, and attach the
 * @n links. What was made is put into the report, as "links". Returns 0 or an exit status. */
int attach_act(const struct options *options, struct attach_link *links, size_t n,
	       struct report *report);
