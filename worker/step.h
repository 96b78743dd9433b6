/* The steps of a plan: what there is to do, and which of the plan's things it is done to. */
#pragma once

#include <stddef.h>

enum step_type {
	STEP_CLEAR,        /* delete what an interrupted restore left */
	STEP_SYSCTLS,      /* sets[first] */
	STEP_NSID,         /* nsids[first] */
	STEP_MAKE,         /* links[first] to links[first + n - 1], by the broker */
	STEP_MAKE_OWN,     /* links[first], and its other end, by the worker */
	STEP_MASTER,       /* links[first] becomes a port of its master */
	STEP_SETTLE,       /* flags and MTU of links[first], where they are not right yet */
	STEP_LINK_SYSCTLS, /* of links[first] */
	STEP_RULESET,      /* part first of the images' ruleset */
	STEP_ASIDE,        /* the target's rules, while routes are made */
	STEP_ADDRS,        /* of state */
	STEP_ROUTES,       /* state->routes[first] */
	STEP_RULES,        /* of state */
	STEP_VERIFY,       /* all that was asked for, read back */
	STEP_RELEASE,      /* take all links out of PLAN_GROUP, and bring them up */
};

struct step {
	enum step_type type;
	size_t first, n;
};
