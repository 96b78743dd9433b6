/* A namespace that says nothing while its network comes up. Between the action setup-namespaces,
 * where links come up, and the end of post-setup-namespaces, by which CRIU has its own lock in place,
 * there are addresses and no sockets: a peer that sends would be answered by a reset, and the
 * connection that is to be restored would be gone. */
#pragma once

struct report;
struct ruleset;
struct tools;

/* Drop all packets in the target, by a table of nftables; and have @ruleset, which takes the place of
 * all tables, keep it. Where that cannot be, a warning says what may happen. */
void criu_lock_on(struct tools *tools, struct ruleset *ruleset, struct report *report);

/* End it. That there is no lock is success. Returns 0, or EXIT_UNDONE. */
int criu_lock_off(struct tools *tools, struct report *report);
