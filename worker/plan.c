/*
 * From images to steps. Order: sysctls of the namespace (all, default) before any link, since
 * links inherit them; nsids before the first macvlan, since the kernel gives the parent's netns
 * an id of its own choice then; links, and which is whose port; what is set on links; reading back; and last the release
 * from the group by which all could be undone.
 *
 * May: compute. Must not: call the system.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/broker_client.h"
#include "worker/externals.h"
#include "worker/image.h"
#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/plan_input.h"
#include "worker/report.h"
#include "worker/stable_secret.h"

void plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_links; i++) {
		sysctl_set_fini(&plan->links[i].conf4);
		sysctl_set_fini(&plan->links[i].conf6);
	}
	for (size_t i = 0; i < plan->n_sets; i++)
		sysctl_set_fini(&plan->sets[i]);
	free(plan->links);
	free(plan->by_index);
	free(plan->nsids);
	free(plan->steps);
	*plan = (struct plan){ 0 };
}

/* --- sysctls of the namespace --- */

static int add_set(struct plan *plan, const struct sysctl_table *table, const char *dir,
		   Img__Sysctl *const *entries, size_t n, const int32_t *old, size_t n_old,
		   const struct sysctl_source *source, struct report *report)
{
	int status = sysctl_set_decode(&plan->sets[plan->n_sets], table, dir, entries, n, old,
				       n_old, source, report);

	if (!status)
		plan->n_sets++;
	return status;
}

/* These lists have one entry, where they are there: more is not from CRIU. */
static int check_single(size_t n, const struct sysctl_source *source, struct report *report)
{
	if (n > 1)
		return report_fail(report, EXIT_IMAGE, "%s: record 1: %s has %zu entries, not one",
				   source->file, source->field, n);
	return 0;
}

static int plan_sets(const struct image_netns *image, struct plan *plan, struct report *report)
{
	const Img__Netns *ns = image->netns;
	const char *file = image->netns_name;
	struct sysctl_source at = { .file = file, .record = 1 };
	int s;

	at.field = "all_conf4";
	s = add_set(plan, &sysctl_conf4, "ipv4/conf/all", ns->all_conf4, ns->n_all_conf4,
		    ns->all_conf, ns->n_all_conf, &at, report);
	at.field = "def_conf4";
	s = s ? s
	      : add_set(plan, &sysctl_conf4, "ipv4/conf/default", ns->def_conf4, ns->n_def_conf4,
			ns->def_conf, ns->n_def_conf, &at, report);
	at.field = "all_conf6";
	s = s ? s
	      : add_set(plan, &sysctl_conf6, "ipv6/conf/all", ns->all_conf6, ns->n_all_conf6, NULL,
			0, &at, report);
	at.field = "def_conf6";
	s = s ? s
	      : add_set(plan, &sysctl_conf6, "ipv6/conf/default", ns->def_conf6, ns->n_def_conf6,
			NULL, 0, &at, report);
	at.field = "unix_conf";
	s = s ? s : check_single(ns->n_unix_conf, &at, report);
	s = s ? s
	      : add_set(plan, &sysctl_unix, "unix", ns->unix_conf, ns->n_unix_conf, NULL, 0, &at,
			report);
	at.field = "ipv4_sysctl";
	s = s ? s : check_single(ns->n_ipv4_sysctl, &at, report);
	s = s ? s
	      : add_set(plan, &sysctl_ipv4, "ipv4", ns->ipv4_sysctl, ns->n_ipv4_sysctl, NULL, 0,
			&at, report);
	if (s)
		return s;
	plan->default4 = &plan->sets[1];
	plan->default6 = &plan->sets[3];
	return 0;
}

/* --- steps --- */

static void add_step(struct plan *plan, enum step_type type, size_t first, size_t n)
{
	plan->steps[plan->n_steps++] = (struct step){ .type = type, .first = first, .n = n };
}

static bool is_own(const struct plan_link *link, bool is_master, bool is_above)
{
	return (link->maker == MAKER_WORKER || link->maker == MAKER_OUTSIDE) &&
	       link->kind->is_master == is_master && (link->below != NULL) == is_above;
}

static void add_own_makes(struct plan *plan, bool is_master, bool is_above)
{
	for (size_t i = 0; i < plan->n_links; i++) {
		if (is_own(&plan->links[i], is_master, is_above))
			add_step(plan, STEP_MAKE_OWN, i, 1);
	}
}

/* Runs of links that the broker makes, as many as fit into one request. */
static void add_broker_makes(struct plan *plan)
{
	size_t i = 0;

	while (i < plan->n_links) {
		size_t first = i;

		while (i < plan->n_links && plan->links[i].maker == MAKER_BROKER &&
		       i - first < BROKER_LINKS_MAX)
			i++;
		if (i > first)
			add_step(plan, STEP_MAKE, first, i - first);
		else
			i++;
	}
}

/* Masters first, and what lies on another link last. */
static void add_makes(struct plan *plan)
{
	add_own_makes(plan, /* is_master= */ true, /* is_above= */ false);
	add_own_makes(plan, /* is_master= */ false, /* is_above= */ false);
	add_broker_makes(plan);
	add_own_makes(plan, /* is_master= */ false, /* is_above= */ true);
	for (size_t i = 0; i < plan->n_links; i++) {
		if (plan->links[i].master)
			add_step(plan, STEP_MASTER, i, 1);
	}
}

/* A bridge takes the least MTU of its ports until its own is set, and what lies on a link may not
 * have more than it. So the links settle from below upwards. */
enum {
	LEVELS = 3
};

size_t plan_level(const struct plan_link *link)
{
	if (link->below)
		return 2;
	return link->kind->is_master ? 1 : 0;
}

static bool has_due(const struct sysctl_set *set, const struct sysctl_set *defaults)
{
	for (size_t i = 0; i < set->table->n; i++) {
		if (sysctl_is_due(set, defaults, i))
			return true;
	}
	return false;
}

/* Coming up sets IPv6's MTU to the link's (addrconf_notify()), so a link where it is another one
 * has to be up when it is written. */
static bool is_mtu_due(const struct plan_link *link)
{
	const struct sysctl_set *set = &link->conf6;

	for (size_t i = 0; i < set->table->n; i++) {
		if (strcmp(set->table->names[i], set->table->derived) == 0)
			return link->dev->flags & IFF_UP && set->values[i].type == SYSCTL_NUMBER &&
			       set->values[i].number != set->derived;
	}
	return false;
}

/* The broker makes a link with all but what is rare; lo and the like are as they are, and the MTU
 * of what the worker makes may have followed another link's. */
static bool is_settled(const struct plan_link *link)
{
	return link->maker == MAKER_BROKER && !link->up_early && !(link->dev->flags & LINKS_LATE);
}

/* Addresses and routes want the link up. */
static bool has_state(const struct plan *plan, const struct plan_link *link)
{
	return plan->comes_up && link->dev->flags & IFF_UP;
}

static void add_settles(struct plan *plan, size_t level)
{
	for (size_t i = 0; i < plan->n_links; i++) {
		struct plan_link *link = &plan->links[i];

		if (link->maker == MAKER_NONE || plan_level(link) != level)
			continue;
		link->up_early = plan_is_made(link) && (is_mtu_due(link) || has_state(plan, link));
		if (!is_settled(link))
			add_step(plan, STEP_SETTLE, i, 1);
	}
}

const struct sysctl_set *plan_inherited4(const struct plan *plan, const struct plan_link *link)
{
	return plan_is_made(link) ? plan->default4 : NULL;
}

/* What has NOARP when it comes into a namespace gets another accept_dad there (ipv6_add_dev() in
 * net/ipv6/addrconf.c), and kernels before 6.15 make some links elsewhere and move them. */
const struct sysctl_set *plan_inherited6(const struct plan *plan, const struct plan_link *link)
{
	return plan_is_made(link) && !(link->dev->flags & IFF_NOARP) ? plan->default6 : NULL;
}

static void add_link_sysctls(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_links; i++) {
		const struct plan_link *link = &plan->links[i];

		if (link->maker != MAKER_NONE &&
		    (has_due(&link->conf4, plan_inherited4(plan, link)) ||
		     has_due(&link->conf6, plan_inherited6(plan, link))))
			add_step(plan, STEP_LINK_SYSCTLS, i, 1);
	}
}

static int plan_steps(struct plan *plan, struct report *report)
{
	/* Four steps a link at most, some of the state, and the kinds around them. */
	plan->steps = calloc(4 * plan->n_links + plan->n_sets + plan->n_nsids + RULESET_PARTS +
				     NETSTATE_STEPS_MAX + 3,
			     sizeof(*plan->steps));
	if (!plan->steps)
		return report_fail(report, EXIT_OS_, "no memory for the steps");
	if (plan->clears)
		add_step(plan, STEP_CLEAR, 0, 0);
	for (size_t i = 0; i < plan->n_sets; i++) {
		if (&plan->sets[i] != plan->late && has_due(&plan->sets[i], NULL))
			add_step(plan, STEP_SYSCTLS, i, 1);
	}
	for (size_t i = 0; i < plan->n_nsids; i++)
		add_step(plan, STEP_NSID, i, 1);
	add_makes(plan);
	for (size_t level = 0; level < LEVELS; level++)
		add_settles(plan, level);
	add_link_sysctls(plan);
	if (plan->late)
		add_step(plan, STEP_SYSCTLS, (size_t)(plan->late - plan->sets), 1);
	plan->n_steps += netstate_steps(plan->state, &plan->steps[plan->n_steps]);
	for (size_t i = 0; i < RULESET_PARTS; i++) {
		if (ruleset_has(plan->ruleset, (enum ruleset_part_id)i))
			add_step(plan, STEP_RULESET, i, 1);
	}
	add_step(plan, STEP_VERIFY, 0, 0);
	for (size_t i = 0; i < plan->n_links; i++) {
		if (!plan_is_made(&plan->links[i]))
			continue;
		add_step(plan, STEP_RELEASE, 0, 0);
		break;
	}
	return 0;
}

/* What an interrupted restore left behind is in our group, and of a kind that we make. Anything
 * else with that group is somebody's who chose the same number. */
static int find_leftovers(const struct link_list *links, bool *ret, struct report *report)
{
	*ret = false;
	for (size_t i = 0; i < links->n; i++) {
		const struct link_state *link = &links->links[i];

		if (link->group != PLAN_GROUP)
			continue;
		if (!link_kind_is_made(link->kind))
			return report_fail(report, EXIT_UNDONE,
					   "link %s of the target is in group %u, which netcr "
					   "uses for links that are being restored; give it "
					   "another group",
					   link->name, PLAN_GROUP);
		*ret = true;
	}
	return 0;
}

struct plan_input *plan_input_of(const struct plan_input *in, uint32_t ns_id)
{
	for (size_t i = 0; i < in->n_all; i++) {
		if (in->all[i].image->id == ns_id)
			return &in->all[i];
	}
	return NULL;
}

static int begin_one(struct plan_input *in, struct report *report)
{
	const struct image_netns *image = in->image;
	int status;

	if (image->netns->ext_key)
		return report_fail(report, EXIT_IMAGE,
				   "%s: the namespace was external to the checkpoint ('%s'), so "
				   "its images hold nothing to restore",
				   image->netns_name, image->netns->ext_key);
	in->plan->ns_id = image->id;
	in->plan->ruleset = &image->ruleset;
	in->plan->state = image->state;
	status = find_leftovers(in->links, &in->plan->clears, report);
	if (!status)
		status = plan_sets(image, in->plan, report);
	return status ? status : plan_list_links(in, report);
}

static int plan_secret(struct plan_input *in, struct report *report)
{
	return stable_secret_plan(in->plan, report);
}

/* One part of the plans of all. */
static int plan_each(struct plan_input *in, size_t n,
		     int (*part)(struct plan_input *in, struct report *report),
		     struct report *report)
{
	int status = 0;

	for (size_t i = 0; !status && i < n; i++) {
		report->ns_id = n > 1 ? in[i].image->id : 0;
		status = part(&in[i], report);
	}
	report->ns_id = 0;
	return status;
}

int plan_make(struct plan_input *in, size_t n, struct report *report)
{
	bool comes_up = false;
	int status;

	for (size_t i = 0; i < n; i++) {
		in[i].all = in;
		in[i].n_all = n;
		comes_up = comes_up || netstate_is_there(in[i].image->state);
	}
	status = plan_each(in, n, begin_one, report);
	/* Links before nsids: that an end of a link lies elsewhere says more than its nsid. */
	if (!status)
		status = plan_each(in, n, plan_links, report);
	if (!status)
		status = plan_each(in, n, plan_nsids, report);
	if (!status)
		status = plan_each(in, n, plan_secret, report);
	for (size_t i = 0; !status && i < n; i++) {
		/* Both ends of a pair, though one be in a namespace without addresses. */
		in[i].plan->comes_up = comes_up;
		status = plan_steps(in[i].plan, report);
	}
	return status;
}
