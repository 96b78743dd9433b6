/* The start of a session process, which spawn and serve have in common. */
#pragma once

#include <sys/types.h>

struct session;

/* Find out what a session becomes: the account NETCR_USER, or where there is none, an id that no
 * account has. Asks NSS: not after a lock-down. Returns 0, or an exit status with what is wrong
 * printed. */
int start_find_run_id(struct session *s);

/* Become the session process that serves @s on @sock, with nothing else of the process that it
 * was. @ready is told when the lock-down is complete; -1: nobody waits. Both are borrowed. Does
 * not return: the exit status is 0 at the end of the session, EXIT_OS_ if there was none. */
void __attribute__((noreturn)) start_session(struct session *s, int sock, int ready);

/* The same for whoever connected @sock: @uid, from process @pid. Asks NSS for their groups. */
void __attribute__((noreturn)) start_session_for(struct session *s, int sock, uid_t uid, pid_t pid);
