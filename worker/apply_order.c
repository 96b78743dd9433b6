/*
 * All steps of all namespaces, and the way back out of all of them.
 *
 * May: change the targets. Must not: go on after a failure.
 */
#include <stdlib.h>

#include "common/cleanup.h"
#include "worker/apply.h"
#include "worker/apply_step.h"
#include "worker/interrupt.h"
#include "worker/plan.h"
#include "worker/plan_order.h"
#include "worker/report.h"

struct running {
	const struct apply_space *spaces; /* borrowed */
	struct applying *list;            /* owned; of each of them */
	size_t n;
	struct report *report;
};

/* From now on the texts are about @i: where there is but one, nobody needs to be told. */
static void about(const struct running *r, size_t i)
{
	r->report->ns_id = r->n > 1 ? r->spaces[i].ns_id : 0;
}

/* Whether the plan's first step is to clear what an interrupted restore left. */
static bool clears(const struct plan *plan)
{
	return plan->n_steps > 0 && plan->steps[0].type == STEP_CLEAR;
}

/* What an interrupted restore left, addresses and all, is nothing to come back to: it goes from all
 * of them before any is remembered. */
static int clear_and_remember(struct running *r)
{
	int status = 0;

	for (size_t i = 0; !status && i < r->n; i++) {
		const struct apply_space *space = &r->spaces[i];

		r->list[i] = (struct applying){ .plan = space->plan,
						.target = space->target,
						.broker = space->broker,
						.report = r->report };
		r->list[i].undo.images = space->plan->state;
		about(r, i);
		if (clears(space->plan))
			status = apply_step(&r->list[i], space->plan->steps);
	}
	for (size_t i = 0; !status && i < r->n; i++) {
		about(r, i);
		status = undo_remember(&r->list[i].undo, r->spaces[i].target, r->report);
	}
	return status;
}

static int take_steps(struct running *r)
{
	const struct plan *plans[TARGETS_MAX];
	struct plan_order order = { 0 };
	const struct step *step;
	int status = 0;
	size_t i;

	for (i = 0; i < r->n; i++) {
		plans[i] = r->spaces[i].plan;
		order.next[i] = clears(plans[i]); /* done */
	}
	while (!status && plan_order_next(&order, plans, r->n, &i, &step)) {
		about(r, i);
		status = interrupt_check(r->report);
		if (!status)
			status = apply_step(&r->list[i], step);
	}
	return status;
}

static bool undo_all(struct running *r)
{
	bool clean = true, gave_nsids = false;

	for (size_t i = 0; i < r->n; i++) {
		about(r, i);
		apply_catch(&r->list[i]);
	}
	for (size_t i = 0; i < r->n; i++) {
		about(r, i);
		clean = undo_run(&r->list[i].undo, r->list[i].target, r->report) && clean;
		gave_nsids = gave_nsids || r->list[i].undo.gave_nsids;
	}
	r->report->ns_id = 0;
	if (clean)
		report_add(r->report, "everything is as it was before");
	if (gave_nsids)
		report_add(r->report,
			   "but for the nsids that were given, which the kernel takes back from "
			   "nobody");
	return clean;
}

static void warn_missing(struct running *r)
{
	for (size_t i = 0; i < r->n; i++) {
		about(r, i);
		if (r->list[i].missing)
			report_warn(r->report, "%zu sysctls of the images are not in this kernel",
				    r->list[i].missing);
	}
}

int apply(const struct apply_space *spaces, size_t n, struct report *report)
{
	_cleanup_free_ struct applying *list = calloc(n, sizeof(*list));
	struct running r = { .spaces = spaces, .list = list, .n = n, .report = report };
	int status;

	if (!list)
		return report_fail(report, EXIT_OS_, "no memory to restore");
	status = clear_and_remember(&r);
	if (!status) {
		/* They stay blocked: after the last step there is nothing to interrupt. */
		interrupt_hold();
		status = take_steps(&r);
		if (status && !undo_all(&r)) {
			report->status = EXIT_LEFT;
			status = EXIT_LEFT;
		}
	}
	if (!status)
		warn_missing(&r);
	report->ns_id = 0;
	for (size_t i = 0; i < n; i++)
		undo_fini(&list[i].undo);
	return status;
}
