/* From a process that was just forked to one that can do nothing but serve a session. */
#pragma once

struct session;

/* Take the steps of the lock-down in their order; lockdown.c has them as a table. @s has its
 * socket and its caller; it gets its namespaces and its rtnetlink socket on the way. What the
 * privilege it was started with does not allow, and what the kernel has not, is passed over
 * where SECURITY.md says so. Returns 0, or -errno with the step's name in *ret_step; the process
 * must end then. */
int lockdown(struct session *s, const char **ret_step);

/* The same for the process that accepts connections and forks a session for each: those of the
 * steps that leave it able to. @s is what its sessions begin as; of it, only the ids count. */
int lockdown_acceptor(struct session *s, const char **ret_step);
