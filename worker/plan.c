/*
 * From images to steps. Order: sysctls of the namespace (all, default) before any link, since
 * links inherit them; nsids before the first macvlan, since the kernel gives the parent's netns
 * an id of its own choice then; links; what is set on links; reading back; and last the release
 * from the group by which all could be undone.
 *
 * May: compute. Must not: call the system.
 */
#include "worker/plan.h"

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
#include "worker/report.h"

void plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_links; i++) {
		sysctl_set_fini(&plan->links[i].conf4);
		sysctl_set_fini(&plan->links[i].conf6);
	}
	for (size_t i = 0; i < plan->n_sets; i++)
		sysctl_set_fini(&plan->sets[i]);
	free(plan->links);
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

/* --- nsids --- */

static int plan_nsids(const struct image_netns *image, struct plan *plan, struct report *report)
{
	const Img__Netns *ns = image->netns;

	if (ns->n_nsids == 0)
		return 0;
	if (ns->n_nsids > PLAN_NSIDS_MAX)
		return report_fail(report, EXIT_IMAGE, "%s: record 1: %zu nsids, more than %d",
				   image->netns_name, ns->n_nsids, PLAN_NSIDS_MAX);
	plan->nsids = calloc(ns->n_nsids, sizeof(*plan->nsids));
	if (!plan->nsids)
		return report_fail(report, EXIT_OS_, "no memory for %zu nsids", ns->n_nsids);
	for (size_t i = 0; i < ns->n_nsids; i++) {
		const Img__NetnsId *id = ns->nsids[i];
		bool of_host = image->host_id && id->target_ns_id == image->host_id;

		if (id->netnsid_value < 0)
			return report_fail(report, EXIT_IMAGE, "%s: record 1: nsid %d is negative",
					   image->netns_name, id->netnsid_value);
		for (size_t j = 0; j < i; j++) {
			if (ns->nsids[j]->netnsid_value == id->netnsid_value ||
			    ns->nsids[j]->target_ns_id == id->target_ns_id)
				return report_fail(report, EXIT_IMAGE,
						   "%s: record 1: nsid %d or the namespace %u has "
						   "two entries",
						   image->netns_name, id->netnsid_value,
						   id->target_ns_id);
		}
		if (!of_host && id->target_ns_id != image->id)
			return report_fail(report, EXIT_IMAGE,
					   "%s: record 1: nsid %d stands for namespace %u of the "
					   "images; this version restores one namespace by itself",
					   image->netns_name, id->netnsid_value, id->target_ns_id);
		plan->nsids[plan->n_nsids++] =
			(struct plan_nsid){ .nsid = id->netnsid_value, .of_host = of_host };
		plan->needs_broker |= of_host;
	}
	return 0;
}

/* --- links --- */

static int plan_link_sysctls(struct plan_link *link, struct report *report)
{
	const Img__NetDevice *dev = link->dev;
	struct sysctl_source at = { .file = link->at.file, .record = link->at.record };
	char dir[SYSCTL_DIR_MAX];
	int status;

	at.field = "conf4";
	(void)snprintf(dir, sizeof(dir), "ipv4/conf/%s", dev->name);
	status = sysctl_set_decode(&link->conf4, &sysctl_conf4, dir, dev->conf4, dev->n_conf4,
				   dev->conf, dev->n_conf, &at, report);
	if (status)
		return status;
	at.field = "conf6";
	(void)snprintf(dir, sizeof(dir), "ipv6/conf/%s", dev->name);
	status = sysctl_set_decode(&link->conf6, &sysctl_conf6, dir, dev->conf6, dev->n_conf6, NULL,
				   0, &at, report);
	/* A link's IPv6 begins with the link's MTU (ipv6_add_dev() in net/ipv6/addrconf.c). */
	link->conf6.derived = (int32_t)dev->mtu;
	return status;
}

static int check_free(const struct plan_link *link, const struct link_list *links,
		      struct report *report)
{
	const struct link_state *taken = links_find_name(links, link->dev->name);

	if (taken && taken->group != PLAN_GROUP)
		return report_fail(report, EXIT_UNDONE,
				   "%s %s: the target has a link of this name, with index %u; "
				   "nothing was done",
				   link->kind->name, link->dev->name, taken->ifindex);
	taken = links_find_index(links, link->dev->ifindex);
	if (taken && taken->group != PLAN_GROUP)
		return report_fail(report, EXIT_UNDONE,
				   "%s %s: its index %u is that of link %s in the target; nothing "
				   "was done",
				   link->kind->name, link->dev->name, link->dev->ifindex,
				   taken->name);
	return 0;
}

static int plan_one_link(const struct image_netns *image, size_t i, struct externals *externals,
			 const struct link_list *links, struct plan *plan, struct report *report)
{
	struct plan_link *link = &plan->links[i];
	int status;

	*link = (struct plan_link){
		.dev = image->links[i],
		.kind = link_kind_find(image->links[i]->type),
		.at = { .file = image->netdev_name, .record = i + 1 },
	};
	plan->n_links = i + 1;
	if (!link->kind->plan)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: link %s is of kind %s, which this version "
				   "cannot restore; nothing was done",
				   link->at.file, link->at.record, link->dev->name,
				   link->kind->name);
	if (link->dev->has_master)
		return report_fail(
			report, EXIT_IMAGE,
			"%s: record %zu: link %s has a master, which this version cannot "
			"restore; nothing was done",
			link->at.file, link->at.record, link->dev->name);
	status = link->kind->plan(link, externals, report);
	if (!status)
		status = plan_link_sysctls(link, report);
	if (status || link->maker == MAKER_THERE)
		return status;
	plan->needs_broker = true;
	return check_free(link, links, report);
}

/* Links by parent and address, so that two that cannot both be up are neighbours. */
static int by_address(const void *a, const void *b)
{
	const struct plan_link *l = *(struct plan_link *const *)a;
	const struct plan_link *r = *(struct plan_link *const *)b;
	int order = strcmp(l->parent, r->parent);

	if (!order)
		order = memcmp(l->spec.address, r->spec.address, sizeof(l->spec.address));
	return order ? order : (l->at.record > r->at.record) - (l->at.record < r->at.record);
}

/* The kernel would say EADDRINUSE at the second, which would be late (macvlan_open()). */
static int check_addresses(struct plan *plan, struct report *report)
{
	_cleanup_free_ struct plan_link **up = calloc(plan->n_links + 1, sizeof(*up));
	size_t n = 0;

	if (!up)
		return report_fail(report, EXIT_OS_, "no memory to plan");
	for (size_t i = 0; i < plan->n_links; i++) {
		if (plan->links[i].maker == MAKER_BROKER && plan->links[i].dev->flags & IFF_UP)
			up[n++] = &plan->links[i];
	}
	qsort(up, n, sizeof(struct plan_link *), by_address);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(up[i - 1]->parent, up[i]->parent) == 0 &&
		    memcmp(up[i - 1]->spec.address, up[i]->spec.address,
			   sizeof(up[i]->spec.address)) == 0)
			return report_fail(report, EXIT_IMAGE,
					   "%s: record %zu: macvlan %s has the address of %s "
					   "(record %zu), and both are up on parent %s",
					   up[i]->at.file, up[i]->at.record, up[i]->dev->name,
					   up[i - 1]->dev->name, up[i - 1]->at.record,
					   up[i]->parent);
	}
	return 0;
}

static int plan_links(const struct image_netns *image, struct externals *externals,
		      const struct link_list *links, struct plan *plan, struct report *report)
{
	plan->links = calloc(image->n_links + 1, sizeof(*plan->links));
	if (!plan->links)
		return report_fail(report, EXIT_OS_, "no memory for %zu links", image->n_links);
	for (size_t i = 0; i < image->n_links; i++) {
		int status = plan_one_link(image, i, externals, links, plan, report);

		if (status)
			return status;
	}
	return check_addresses(plan, report);
}

/* --- steps --- */

static void add_step(struct plan *plan, enum step_type type, size_t first, size_t n)
{
	plan->steps[plan->n_steps++] = (struct step){ .type = type, .first = first, .n = n };
}

/* Runs of links that the broker makes, as many as fit into one request. */
static void add_makes(struct plan *plan)
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

static int plan_steps(struct plan *plan, bool clear, struct report *report)
{
	/* A make, a settle and a sysctl step a link at most, four of the state, and the kinds
	 * around them. */
	plan->steps = calloc(3 * plan->n_links + plan->n_sets + plan->n_nsids + 4 + 3,
			     sizeof(*plan->steps));
	if (!plan->steps)
		return report_fail(report, EXIT_OS_, "no memory for the steps");
	if (clear)
		add_step(plan, STEP_CLEAR, 0, 0);
	for (size_t i = 0; i < plan->n_sets; i++) {
		if (has_due(&plan->sets[i], NULL))
			add_step(plan, STEP_SYSCTLS, i, 1);
	}
	for (size_t i = 0; i < plan->n_nsids; i++)
		add_step(plan, STEP_NSID, i, 1);
	add_makes(plan);
	for (size_t i = 0; i < plan->n_links; i++) {
		struct plan_link *link = &plan->links[i];
		bool made = link->maker != MAKER_THERE;

		link->up_early = made && (is_mtu_due(link) || (netstate_is_there(plan->state) &&
							       link->dev->flags & IFF_UP));
		if (!made || link->up_early || link->dev->flags & LINKS_LATE)
			add_step(plan, STEP_SETTLE, i, 1);
		if (has_due(&link->conf4, made ? plan->default4 : NULL) ||
		    has_due(&link->conf6, made ? plan->default6 : NULL))
			add_step(plan, STEP_LINK_SYSCTLS, i, 1);
	}
	plan->n_steps += netstate_steps(plan->state, &plan->steps[plan->n_steps]);
	add_step(plan, STEP_VERIFY, 0, 0);
	if (plan->needs_broker)
		add_step(plan, STEP_RELEASE, 0, 0);
	return 0;
}

/* What an interrupted restore left behind is macvlans in our group. Anything else with that
 * group is somebody's who chose the same number. */
static int find_leftovers(const struct link_list *links, bool *ret, struct report *report)
{
	*ret = false;
	for (size_t i = 0; i < links->n; i++) {
		const struct link_state *link = &links->links[i];

		if (link->group != PLAN_GROUP)
			continue;
		if (strcmp(link->kind, "macvlan") != 0)
			return report_fail(report, EXIT_UNDONE,
					   "link %s of the target is in group %u, which netcr "
					   "uses for links that are being restored; give it "
					   "another group",
					   link->name, PLAN_GROUP);
		*ret = true;
	}
	return 0;
}

int plan_make(const struct image_netns *image, struct externals *externals,
	      const struct link_list *links, struct plan *ret, struct report *report)
{
	bool clear = false;
	int status;

	if (image->netns->ext_key)
		return report_fail(report, EXIT_IMAGE,
				   "%s: the namespace was external to the checkpoint ('%s'), so "
				   "its images hold nothing to restore",
				   image->netns_name, image->netns->ext_key);
	ret->state = image->state;
	status = find_leftovers(links, &clear, report);
	if (!status)
		status = plan_sets(image, ret, report);
	if (!status)
		status = plan_nsids(image, ret, report);
	if (!status)
		status = plan_links(image, externals, links, ret, report);
	if (!status)
		status = plan_steps(ret, clear, report);
	return status;
}
