/* SIGINT, SIGTERM and SIGHUP while something is done that must not stop half-way. */
#pragma once

struct report;

/* From here on they wait, for good. */
void interrupt_hold(void);

/* Whether one has come. Returns 0, or EXIT_UNDONE with the signal named. */
int interrupt_check(struct report *report);
