/* Taking one step (apply.c), for whoever knows their order (apply_order.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/undo.h"

struct broker;
struct plan;
struct report;
struct step;
struct target;

/* One namespace. What is not of undo is borrowed. */
struct applying {
	const struct plan *plan;
	struct target *target;
	struct broker *broker;
	struct report *report;
	struct undo undo; /* owned; filled in by undo_remember(), and by the steps */
	size_t missing;   /* sysctls that this kernel does not have */
	bool released;    /* links have left their group, or some of them */
};

/* Returns 0, or an exit status with the error noted. */
int apply_step(struct applying *a, const struct step *step);

/* Put links that were released back into their group, by which all of them are undone. */
void apply_catch(struct applying *a);
