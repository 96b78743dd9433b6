/* The order of the steps of several plans, which are taken as one: phase by phase over all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "worker/target_args.h"

struct plan;
struct step;

/* All-zero: before the first step. */
struct plan_order {
	size_t next[TARGETS_MAX]; /* of each plan's steps */
};

/* The step that comes next, as number @ret_step of the steps of @plans[*ret_plan]. Returns false
 * when all were taken. @n is up to TARGETS_MAX. */
bool plan_order_next(struct plan_order *order, const struct plan *const *plans, size_t n,
		     size_t *ret_plan, const struct step **ret_step);
