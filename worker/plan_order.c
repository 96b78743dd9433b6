/*
 * Which step comes next. What is tied to something of another namespace comes after it, and nothing
 * is released before all was read back. Pure.
 */
#include "worker/plan_order.h"

#include <stdint.h>

#include "worker/plan.h"

/* Within a plan the steps are in this order already. */
static const unsigned int phases[] = {
	[STEP_CLEAR] = 0,        [STEP_SYSCTLS] = 1,  [STEP_NSID] = 2,    [STEP_MAKE] = 3,
	[STEP_MAKE_OWN] = 3,                        /* and 4 on top of another link */
	[STEP_MASTER] = 5,       [STEP_SETTLE] = 6, /* to 8, from below upwards */
	[STEP_LINK_SYSCTLS] = 9, [STEP_ASIDE] = 10,   [STEP_ADDRS] = 11,  [STEP_ROUTES] = 12,
	[STEP_RULES] = 13,       [STEP_RULESET] = 14, [STEP_VERIFY] = 15, [STEP_RELEASE] = 16,
};

static unsigned int phase_of(const struct plan *plan, const struct step *step)
{
	if (step->type == STEP_MAKE_OWN)
		return phases[step->type] + (plan->links[step->first].below != NULL);
	if (step->type == STEP_SETTLE)
		return phases[step->type] + (unsigned int)plan_level(&plan->links[step->first]);
	/* Of the default, when the links are there. */
	if (step->type == STEP_SYSCTLS && plan->late == &plan->sets[step->first])
		return phases[STEP_LINK_SYSCTLS];
	return phases[step->type];
}

bool plan_order_next(struct plan_order *order, const struct plan *const *plans, size_t n,
		     size_t *ret_plan, const struct step **ret_step)
{
	unsigned int first = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		const struct step *step = &plans[i]->steps[order->next[i]];

		if (order->next[i] == plans[i]->n_steps || phase_of(plans[i], step) >= first)
			continue;
		first = phase_of(plans[i], step);
		*ret_plan = i;
		*ret_step = step;
	}
	if (first == UINT32_MAX)
		return false;
	order->next[*ret_plan]++;
	return true;
}
