/* What processes have in common that are forked from the worker before it confines itself. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Fork a process with a socket to it, *ret_sock, of AF_UNIX and @type; it is owned. What is sent or
 * received there by the worker fails after @seconds (EAGAIN). Nobody waits for the process: after the
 * worker is confined, it cannot. Returns its pid; 0 in the process itself, with its own end; or
 * -errno. */
pid_t helper_fork(int type, int seconds, int *ret_sock);

/* Become a process that has of the worker's descriptors only the @n in @fds, at most eight, which
 * become 3 and up, in their order; *fds[i] is changed. A negative one is passed over, and stays so.
 * Its working directory is /, its name @name, and what a terminal sends to all is for the worker
 * alone. Ends the process if it cannot. */
void helper_leave(int *const fds[], size_t n, const char *name);
