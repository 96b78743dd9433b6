/* criu-action at post-resume: the network is told where the container's addresses are now. */
#pragma once

struct report;
struct target_args;

/* Announce all addresses of the target's links that are up. Returns 0 or an exit status. */
int criu_announce(const struct target_args *args, struct report *report);
