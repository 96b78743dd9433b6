/* Running plans: all of all of them, or nothing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct broker;
struct plan;
struct report;
struct step;
struct target;

/* One network namespace of those that are restored together. All is borrowed. */
struct apply_space {
	uint32_t ns_id; /* of the images */
	const struct plan *plan;
	struct target *target;
	struct broker *broker; /* greeted and bound, or absent where the plan needs none */
};

/* Take the steps of the plans of @n spaces, which are up to TARGETS_MAX, phase by phase over all. If
 * one fails, everything that was done is undone in all of them and the report says so, or names what
 * is left. SIGINT, SIGTERM and SIGHUP are heeded between steps and undo what was done, too. Returns 0
 * or an exit status. */
int apply(const struct apply_space *spaces, size_t n, struct report *report);
