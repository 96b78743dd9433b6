/* netcr-broker spawn: one confined session for one command. */
#pragma once

struct invoker;
struct policy;

/* Start a session process that acts for @invoker under @policy, then become @argv (execvp) as
 * @invoker, with NETCR_BROKER=fd:N. Returns only if that failed: the exit status, when the
 * reason has been printed. */
int spawn(const struct invoker *invoker, const struct policy *policy, char *const argv[]);
