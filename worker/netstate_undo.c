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

int netstate_remember(struct netstate_before *ret, struct nl_sock *nl)
{
	int r;

	*ret = (struct netstate_before){ 0 };
	r = addr_list_get(nl, &ret->addrs);
	if (r == 0)
		r = route_list_get(nl, &ret->routes);
	if (r == 0)
		r = rule_list_get(nl, &ret->rules);
	ret->there = r == 0;
	return r;
}

void netstate_before_fini(struct netstate_before *before)
{
	addr_list_fini(&before->addrs);
	msg_list_fini(&before->routes);
	msg_list_fini(&before->rules);
}

static bool say(struct report *report, const char *what, const char *text, const char *how)
{
	report_add(report, "%s %s %s", what, text, how);
	return false;
}

/* Name the first address of @a on @links that @b does not have so. */
static bool check_addrs(const struct addr_list *a, const struct addr_list *b,
			const struct addr_links *links, const char *how, struct report *report)
{
	char text[STATE_TEXT_MAX];

	for (size_t i = 0; i < a->n; i++) {
		const struct addr *other = addr_find(b, &a->addrs[i]);

		if (!addr_links_find(links, a->addrs[i].ifindex) ||
		    (other && addr_is_as(other, &a->addrs[i])))
			continue;
		addr_text(&a->addrs[i], links, text);
		return say(report, "address", text, how);
	}
	return true;
}

/* Likewise of routes. */
static bool check_routes(const struct msg_list *a, const struct msg_list *b,
			 const struct addr_links *links, const char *how, struct report *report)
{
	_cleanup_free_ size_t *sorted = msg_list_by_content(b);
	char text[STATE_TEXT_MAX];

	if (!sorted)
		return say(report, "the", "routes", "could not be compared");
	for (size_t i = 0; i < a->n; i++) {
		if (route_is_automatic(msg_list_get(a, i)) || msg_list_has(b, sorted, a, i))
			continue;
		route_text(msg_list_get(a, i), links, text);
		return say(report, "route", text, how);
	}
	return true;
}

static bool check_rules(const struct netstate_before *before, struct nl_sock *nl,
			struct report *report)
{
	char text[STATE_TEXT_MAX];
	bool more = false;
	long i;

	i = rule_first_missing(nl, &before->rules, /* all= */ true, &more);
	if (i < 0)
		return say(report, "the", "rules", "could not be read back");
	if (more)
		return say(report, "a", "rule", "is left");
	if ((size_t)i == before->rules.n)
		return true;
	rule_text(msg_list_get(&before->rules, (size_t)i), text);
	return say(report, "rule", text, "is gone");
}

bool netstate_undo(const struct netstate_before *before, const struct addr_links *links,
		   struct nl_sock *nl, struct report *report)
{
	struct addr_list addrs = { 0 };
	struct msg_list routes = { 0 };
	struct nl_failure failure;
	bool clean = true;

	if (!before->there)
		return true;
	(void)addr_undo(nl, &before->addrs, links);
	(void)rule_sync(nl, &before->rules, /* all= */ true, &failure);
	(void)route_undo(nl, &before->routes);
	if (addr_list_get(nl, &addrs) < 0 || route_list_get(nl, &routes) < 0) {
		clean = say(report, "the", "addresses and routes", "could not be read back");
	} else {
		clean = check_addrs(&addrs, &before->addrs, links, "is left", report);
		clean = check_addrs(&before->addrs, &addrs, links, "is gone", report) && clean;
		clean = check_routes(&routes, &before->routes, links, "is left", report) && clean;
		clean = check_routes(&before->routes, &routes, links, "is gone", report) && clean;
	}
	clean = check_rules(before, nl, report) && clean;
	addr_list_fini(&addrs);
	msg_list_fini(&routes);
	return clean;
}
