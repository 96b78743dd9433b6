/*
 * The steps for addresses, routes and rules. Routes need addresses, and what the rules say is asked
 * when a gateway is looked for: so they come last. Until then those of a new namespace are in force,
 * if all of the target's are to be replaced anyway: they may be what a restore left that was killed,
 * and may forbid everything. Pure.
 */
#include "worker/netstate.h"
#include "worker/plan.h"

/* Then links that are to be up come up before the steps for it: no route is made over one that is
 * down, and what had passed duplicate address detection would begin it again. */
bool netstate_is_there(const struct netstate *state)
{
	bool there = state && state->addrs.n > 0;

	for (size_t i = 0; state && i < NETSTATE_ROUTES_MAX; i++)
		there = there || state->routes[i].n > 0;
	return there;
}

size_t netstate_steps(const struct netstate *state, struct step *ret)
{
	size_t n = 0;

	if (!state)
		return 0;
	if (state->rules.n > 0 && (state->routes[0].n > 0 || state->routes[1].n > 0))
		ret[n++] = (struct step){ .type = STEP_ASIDE };
	if (state->addrs.n > 0)
		ret[n++] = (struct step){ .type = STEP_ADDRS, .n = state->addrs.n };
	for (size_t i = 0; i < NETSTATE_ROUTES_MAX; i++) {
		if (state->routes[i].n > 0)
			ret[n++] = (struct step){ .type = STEP_ROUTES,
						  .first = i,
						  .n = state->routes[i].n };
	}
	if (state->rules.n > 0)
		ret[n++] = (struct step){ .type = STEP_RULES, .n = state->rules.n };
	return n;
}
