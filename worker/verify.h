/* Reading back: what was asked for against what the target's kernel says. */
#pragma once

struct plan;
struct report;
struct target;

/* Compare every link of @plan with the target: kind, index, name, MTU, flags, address, mode.
 * Sysctls are read back where they are written. Returns 0, or EXIT_UNDONE with the link and
 * what differs. */
int verify(const struct plan *plan, struct target *target, struct report *report);
