/*
 * The way back of addresses, routes and rules. It goes on after an error, and says what is left by
 * comparing.
 *
 * May: change the target over the socket it is given.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/netstate.h"
#include "worker/nl_batch.h"
#include "worker/report.h"
#include "worker/state_route.h"
#include "worker/state_rule.h"
#include "worker/state_text.h"
#include "worker/sync_route.h"
#include "worker/undo_route.h"
#include "worker/undo_rule.h"

int netstate_remember(struct netstate_before *ret, struct nl_sock *nl)
{
	int r;

	*ret = (struct netstate_before){ 0 };
	r = addr_list_get(nl, &ret->addrs);
	if (r == 0)
		r = route_list_get(nl, &ret->routes, &ret->foreign);
	if (r == 0)
		r = rule_list_get(nl, &ret->rules);
	ret->there = r == 0;
	return r;
}

void netstate_warn_foreign(const struct netstate_before *before, const struct addr_links *links,
			   struct report *report)
{
	char text[STATE_TEXT_MAX];

	if (before->foreign.n == 0)
		return;
	route_text(msg_list_get(&before->foreign, 0), links, text);
	report_warn(report,
		    "the target has %zu routes with an encapsulation, which stay as they are: "
		    "%s%s",
		    before->foreign.n, text, before->foreign.n > 1 ? ", and others" : "");
}

void netstate_before_fini(struct netstate_before *before)
{
	addr_list_fini(&before->addrs);
	msg_list_fini(&before->routes);
	msg_list_fini(&before->rules);
	msg_list_fini(&before->foreign);
}

void netstate_made_fini(struct netstate_made *made)
{
	msg_list_fini(&made->routes);
	msg_list_fini(&made->rules.made);
	msg_list_fini(&made->rules.deleted);
}

static bool say(struct report *report, const char *what, const char *text, const char *how)
{
	report_add(report, "%s %s %s", what, text, how);
	return false;
}

/* Name the first address of @a on links of @state that @b does not have so; with @ours, only of
 * those that may be of this restore. */
static bool check_addrs(const struct addr_list *a, const struct addr_list *b,
			const struct netstate *state, const struct addr_list *ours, const char *how,
			struct report *report)
{
	char text[STATE_TEXT_MAX];

	for (size_t i = 0; i < a->n; i++) {
		const struct addr *addr = &a->addrs[i], *other = addr_find(b, addr);
		/* One that was being probed may have passed since. */
		const bool same =
			other && (ours ? addr_is_as(addr, other) : addr_is_as(other, addr));

		if (!addr_links_find(&state->links, addr->ifindex) || same ||
		    (ours && !other && !addr_is_ours(addr, ours)))
			continue;
		addr_text(addr, &state->links, text);
		return say(report, "address", text, how);
	}
	return true;
}

static bool undo_addrs(const struct netstate_before *before, const struct netstate *state,
		       const struct addr_list *ours, struct nl_sock *nl, struct report *report)
{
	struct addr_list now = { 0 };
	bool clean;

	(void)addr_undo(nl, &before->addrs, ours, &state->links);
	if (addr_list_get(nl, &now) < 0) {
		clean = say(report, "the", "addresses", "could not be read back");
	} else {
		clean = check_addrs(&now, &before->addrs, state, ours, "is left", report);
		clean = check_addrs(&before->addrs, &now, state, /* ours= */ NULL, "is gone",
				    report) &&
			clean;
	}
	addr_list_fini(&now);
	return clean;
}

/* A gateway is looked for by the rules: by those of a new namespace, if it cannot be found by what
 * is in force. */
static void undo_routes(const struct netstate_before *before, const struct netstate_made *made,
			struct nl_sock *nl)
{
	struct msg_list usual = { 0 };
	struct nl_failure failure;

	(void)route_undo(nl, &before->routes, &made->routes);
	if (route_first_missing(nl, &before->routes) == (long)before->routes.n)
		return;
	if (rule_list_usual(&before->rules, &usual) == 0 &&
	    rule_sync(nl, &usual, /* all= */ false, /* changes= */ NULL, &failure) == 0)
		(void)route_undo(nl, &before->routes, &made->routes);
	msg_list_fini(&usual);
}

bool netstate_undo(const struct netstate_before *before, const struct netstate *state,
		   const struct netstate_made *made, struct nl_sock *nl, struct report *report)
{
	struct addr_list ours = { 0 };
	struct msg_list rules = { 0 };
	struct nl_failure failure;
	bool clean;

	if (!before->there)
		return true;
	if (addr_list_copy_sorted(&state->addrs, &ours) < 0)
		return say(report, "there", "is no memory",
			   "to bring back addresses, routes and rules");
	clean = undo_addrs(before, state, &ours, nl, report);
	addr_list_fini(&ours);
	if (rule_list_keep(nl, &before->rules, &made->rules, &rules) < 0) {
		clean = say(report, "the", "rules", "could not be read back");
		(void)route_undo(nl, &before->routes, &made->routes);
	} else {
		undo_routes(before, made, nl);
		(void)rule_sync(nl, &rules, /* all= */ true, /* changes= */ NULL, &failure);
		clean = rule_check_undone(nl, &rules, &made->rules, report) && clean;
	}
	msg_list_fini(&rules);
	return route_check_undone(nl, &before->routes, &before->foreign, &made->routes,
				  &state->links, report) &&
	       clean;
}
