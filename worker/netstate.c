/*
 * Files to state, and state to the target.
 *
 * May: read images, change the target over the socket it is given.
 */
#include "worker/netstate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/image_raw.h"
#include "worker/link_kind.h"
#include "worker/nl_batch.h"
#include "worker/report.h"
#include "worker/state_route.h"
#include "worker/state_rule.h"
#include "worker/state_text.h"
#include "worker/sync_route.h"

/* --- from the images --- */

static int by_ifindex(const void *a, const void *b)
{
	const struct addr_link *l = a, *r = b;

	return (l->ifindex > r->ifindex) - (l->ifindex < r->ifindex);
}

static int take_links(const struct image_netns *image, struct addr_links *ret,
		      struct report *report)
{
	ret->links = calloc(image->n_links + 1, sizeof(*ret->links));
	if (!ret->links)
		return report_fail(report, EXIT_OS_, "no memory for %zu links", image->n_links);
	for (size_t i = 0; i < image->n_links; i++) {
		const Img__NetDevice *dev = image->links[i];

		ret->links[ret->n++] = (struct addr_link){
			.ifindex = dev->ifindex,
			.name = dev->name,
			.loopback = dev->type == IMG__LINK_TYPE__LOOPBACK,
			.made = dev->type != IMG__LINK_TYPE__LOOPBACK &&
				dev->type != IMG__LINK_TYPE__EXTLINK,
			.running = dev->flags & IFF_RUNNING,
		};
	}
	qsort(ret->links, ret->n, sizeof(*ret->links), by_ifindex);
	return 0;
}

static bool knows_link(uint32_t ifindex, const void *data)
{
	return addr_links_find(data, ifindex) != NULL;
}

/* Where record @record of a decoded file stands, for messages: only file and record. */
static int fail_at(const char *file, size_t record, const char *text, struct report *report)
{
	return report_fail(report, EXIT_IMAGE, "%s: record %zu: %s", file, record, text);
}

static int load_addrs(int dir, struct netstate *state, struct report *report)
{
	struct image_raw raw;
	size_t temporary = 0;
	int status;

	status = image_raw_load(dir, state->addrs_name, RAW_MAGIC_ADDRS, &raw, report);
	if (!status)
		status = addr_list_decode(&raw, /* of_kernel= */ false, report, &state->addrs);
	image_raw_fini(&raw);
	for (size_t i = 0; !status && i < state->addrs.n; i++) {
		const struct addr *addr = &state->addrs.addrs[i];
		char text[STATE_TEXT_MAX + 64], what[STATE_TEXT_MAX];

		temporary += addr->family == AF_INET6 && addr->flags & IFA_F_TEMPORARY;
		if (addr_links_find(&state->links, addr->ifindex))
			continue;
		addr_text(addr, &state->links, what);
		(void)snprintf(text, sizeof(text),
			       "address %s is on a link that is not in the images", what);
		status = fail_at(state->addrs_name, addr->record, text, report);
	}
	if (!status && temporary)
		report_warn(
			report,
			"%s: %zu temporary addresses become ordinary ones with the lifetimes that "
			"are left: the kernel lets nobody else make temporary ones",
			state->addrs_name, temporary);
	return status;
}

static int load_routes(int dir, struct netstate *state, size_t which, struct report *report)
{
	const struct route_source source = { .knows = knows_link, .data = &state->links };
	struct image_raw raw;
	size_t merged = 0;
	int status;

	status = image_raw_load(dir, state->routes_name[which], RAW_MAGIC_ROUTES, &raw, report);
	if (!status)
		status = route_list_decode(&raw, &source, report, &state->routes[which]);
	image_raw_fini(&raw);
	if (!status && route_merge(&state->routes[which], &merged) < 0)
		status = report_fail(report, EXIT_OS_, "no memory for the routes");
	if (!status && merged)
		report_warn(report,
			    "%s: %zu routes become nexthops of others to the same destination with "
			    "the same metric: apart from these the kernel has only those that it "
			    "makes itself, of router advertisements",
			    state->routes_name[which], merged);
	return status;
}

static int load_rules(int dir, struct netstate *state, struct report *report)
{
	struct image_raw raw;
	int status;

	status = image_raw_load(dir, state->rules_name, RAW_MAGIC_RULES, &raw, report);
	if (!status)
		status = rule_list_decode(&raw, /* of_kernel= */ false, report, &state->rules);
	image_raw_fini(&raw);
	return status;
}

int netstate_load(int dir, const struct image_netns *image, struct netstate **ret,
		  struct report *report)
{
	struct netstate *state = calloc(1, sizeof(*state));
	int status;

	*ret = state;
	if (!state)
		return report_fail(report, EXIT_OS_, "no memory for the state of a namespace");
	(void)snprintf(state->addrs_name, IMAGE_NAME_MAX, "ifaddr-%u.img", image->id);
	(void)snprintf(state->rules_name, IMAGE_NAME_MAX, "rule-%u.img", image->id);
	(void)snprintf(state->routes_name[NETSTATE_ROUTES4], IMAGE_NAME_MAX, "route-%u.img",
		       image->id);
	(void)snprintf(state->routes_name[NETSTATE_ROUTES6], IMAGE_NAME_MAX, "route6-%u.img",
		       image->id);
	status = take_links(image, &state->links, report);
	if (!status)
		status = load_addrs(dir, state, report);
	for (size_t i = 0; !status && i < NETSTATE_ROUTES_MAX; i++)
		status = load_routes(dir, state, i, report);
	return status ? status : load_rules(dir, state, report);
}

void netstate_free(struct netstate *state)
{
	if (!state)
		return;
	free(state->links.links);
	addr_list_fini(&state->addrs);
	for (size_t i = 0; i < NETSTATE_ROUTES_MAX; i++)
		msg_list_fini(&state->routes[i]);
	msg_list_fini(&state->rules);
	free(state);
}

/* --- the steps --- */

static int fail_making(const char *file, size_t record, const char *what, const char *which,
		       const struct nl_failure *failure, struct report *report)
{
	const char *text = failure->text;

	return report_fail(report, EXIT_UNDONE, "%s: record %zu: cannot make %s %s: %s%s%s%s", file,
			   record, what, which, log_errname(-failure->error), *text ? " (" : "",
			   text, *text ? ")" : "");
}

static int fail_reading(const char *what, int error, struct report *report)
{
	return report_fail(report, EXIT_UNDONE, "the %s of the target cannot be read: %s", what,
			   strerror(-error));
}

int netstate_make_addrs(const struct netstate *state, struct nl_sock *nl, struct report *report)
{
	struct nl_failure failure;
	char text[STATE_TEXT_MAX];
	int r;

	r = addr_sync(nl, &state->addrs, &state->links, &failure);
	if (r == 0)
		return 0;
	if (!failure.error || failure.i >= state->addrs.n)
		return fail_reading("addresses", r, report);
	addr_text(&state->addrs.addrs[failure.i], &state->links, text);
	return fail_making(state->addrs_name, state->addrs.addrs[failure.i].record, "address", text,
			   &failure, report);
}

int netstate_make_routes(const struct netstate *state, size_t which, struct nl_sock *nl,
			 struct netstate_made *made, struct report *report)
{
	const struct msg_list *routes = &state->routes[which];
	struct nl_failure failure;
	char text[STATE_TEXT_MAX];
	int r;

	r = route_sync(nl, routes, &made->routes, &failure);
	if (r == 0)
		r = route_drop_extra(nl, routes, &state->links);
	if (r == 0)
		return 0;
	if (!failure.error || failure.i >= routes->n)
		return fail_reading("routes", r, report);
	route_text(msg_list_get(routes, failure.i), &state->links, text);
	return fail_making(state->routes_name[which], routes->items[failure.i].record, "route",
			   text, &failure, report);
}

int netstate_make_rules(const struct netstate *state, struct nl_sock *nl,
			struct netstate_made *made, struct report *report)
{
	struct nl_failure failure;
	char text[STATE_TEXT_MAX];
	int r;

	r = rule_sync(nl, &state->rules, /* all= */ false, &made->rules, &failure);
	if (r == 0)
		return 0;
	if (!failure.error || failure.i >= state->rules.n)
		return report_fail(report, EXIT_UNDONE,
				   "cannot bring the rules of the target to those of %s: %s %s",
				   state->rules_name, log_errname(-r), failure.text);
	rule_text(msg_list_get(&state->rules, failure.i), text);
	return fail_making(state->rules_name, state->rules.items[failure.i].record, "rule", text,
			   &failure, report);
}

int netstate_set_aside(const struct netstate *state, struct nl_sock *nl, struct netstate_made *made,
		       struct report *report)
{
	struct msg_list usual = { 0 };
	struct nl_failure failure;
	int r;

	r = rule_list_usual(&state->rules, &usual);
	if (r == 0)
		r = rule_sync(nl, &usual, /* all= */ false, &made->rules, &failure);
	msg_list_fini(&usual);
	return r < 0 ? report_fail(report, EXIT_UNDONE,
				   "cannot take the rules of the target out of the way: %s",
				   log_errname(-r))
		     : 0;
}

/* --- reading back --- */

static int fail_missing(const char *file, size_t record, const char *what, const char *text,
			struct report *report)
{
	return report_fail(report, EXIT_UNDONE,
			   "%s: record %zu: the target has no %s %s, or it came out otherwise",
			   file, record, what, text);
}

static int verify_addrs(const struct netstate *state, struct nl_sock *nl, struct report *report)
{
	char text[STATE_TEXT_MAX];
	const struct addr *missing;
	int r;

	missing = addr_first_missing(nl, &state->addrs, &r);
	if (r < 0)
		return fail_reading("addresses", r, report);
	if (!missing)
		return 0;
	addr_text(missing, &state->links, text);
	return fail_missing(state->addrs_name, missing->record, "address", text, report);
}

static int verify_routes(const struct netstate *state, size_t which, struct nl_sock *nl,
			 struct report *report)
{
	const struct msg_list *routes = &state->routes[which];
	char text[STATE_TEXT_MAX];
	long i;

	i = route_first_missing(nl, routes);
	if (i < 0)
		return fail_reading("routes", (int)i, report);
	if ((size_t)i == routes->n)
		return 0;
	route_text(msg_list_get(routes, (size_t)i), &state->links, text);
	return fail_missing(state->routes_name[which], routes->items[i].record, "route", text,
			    report);
}

static int verify_rules(const struct netstate *state, struct nl_sock *nl, struct report *report)
{
	char text[STATE_TEXT_MAX];
	bool more;
	long i;

	i = rule_first_missing(nl, &state->rules, /* all= */ false, &more);
	if (i < 0)
		return fail_reading("rules", (int)i, report);
	if (more)
		return report_fail(report, EXIT_UNDONE, "the target has rules that are not in %s",
				   state->rules_name);
	if ((size_t)i == state->rules.n)
		return 0;
	rule_text(msg_list_get(&state->rules, (size_t)i), text);
	return fail_missing(state->rules_name, state->rules.items[i].record, "rule", text, report);
}

int netstate_verify(const struct netstate *state, struct nl_sock *nl, struct report *report)
{
	int status = 0;

	if (state->addrs.n > 0)
		status = verify_addrs(state, nl, report);
	for (size_t i = 0; !status && i < NETSTATE_ROUTES_MAX; i++) {
		if (state->routes[i].n > 0)
			status = verify_routes(state, i, nl, report);
	}
	if (!status && state->rules.n > 0)
		status = verify_rules(state, nl, report);
	return status;
}
