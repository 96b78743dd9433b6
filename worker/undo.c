/*
 * Undoing. It goes on after an error, as far as it gets, and says what is left by comparing,
 * not by remembering what it tried.
 *
 * May: change the target. Must not: talk to the broker, which has no op that takes back.
 */
#include "worker/undo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/ping_range.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/target.h"

/* What writing one of the "all" changes elsewhere is in the ones that follow it. */
static const struct {
	const struct sysctl_table *table;
	const char *dir;
} remembered[] = {
	{ &sysctl_conf4, "ipv4/conf/all" }, { &sysctl_conf4, "ipv4/conf/default" },
	{ &sysctl_conf6, "ipv6/conf/all" }, { &sysctl_conf6, "ipv6/conf/default" },
	{ &sysctl_unix, "unix" },           { &sysctl_ipv4, "ipv4" },
};

static int remember_set(struct undo *undo, struct target *target, const struct sysctl_table *table,
			const char *dir)
{
	int r = sysctl_set_read(&target->net, table, dir, /* known= */ NULL,
				&undo->sets[undo->n_sets]);

	if (r == 0)
		undo->n_sets++;
	return r;
}

static int remember_sets(struct undo *undo, struct target *target)
{
	char dir[SYSCTL_DIR_MAX];
	int r = 0;

	undo->sets = calloc(ARRAY_SIZE(remembered) + 2 * undo->links.n, sizeof(*undo->sets));
	if (!undo->sets)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(remembered); i++)
		r = remember_set(undo, target, remembered[i].table, remembered[i].dir);
	for (size_t i = 0; r == 0 && i < undo->links.n; i++) {
		(void)snprintf(dir, sizeof(dir), "ipv4/conf/%s", undo->links.links[i].name);
		r = remember_set(undo, target, &sysctl_conf4, dir);
		(void)snprintf(dir, sizeof(dir), "ipv6/conf/%s", undo->links.links[i].name);
		if (r == 0)
			r = remember_set(undo, target, &sysctl_conf6, dir);
	}
	return r;
}

/* Those that are to be deleted are not to be put back, nor to be a master again. */
static void drop_leftovers(struct link_list *links)
{
	size_t n = 0;

	for (size_t i = 0; i < links->n; i++) {
		const struct link_state *master = links_find_index(links, links->links[i].master);

		if (master && master->group == PLAN_GROUP)
			links->links[i].master = 0;
	}
	for (size_t i = 0; i < links->n; i++) {
		if (links->links[i].group != PLAN_GROUP)
			links->links[n++] = links->links[i];
	}
	links->n = n;
}

int undo_remember(struct undo *ret, struct target *target, struct report *report)
{
	int r = links_get(&target->nl, &ret->links);

	if (r == 0) {
		drop_leftovers(&ret->links);
		r = remember_sets(ret, target);
	}
	if (r == 0)
		r = netstate_remember(&ret->state, &target->nl);
	if (r < 0)
		return report_fail(report, EXIT_OS_,
				   "cannot read what the target is like, so nothing was done: %s",
				   strerror(-r));
	if (ret->images)
		netstate_warn_foreign(&ret->state, &ret->images->links, report);
	return 0;
}

/* Delete what was made. Returns 0 with the links that are there now, or an error of reading. */
static int delete_links(struct target *target, struct link_list *ret, struct report *report)
{
	char text[NL_TEXT_MAX];
	int r;

	r = links_delete_group(&target->nl, PLAN_GROUP, text);
	if (r < 0)
		report_warn(report, "cannot delete the links that were made: %s %s",
			    log_errname(-r), text);
	r = links_get(&target->nl, ret);
	if (r < 0)
		report_add(report, "which links are left could not be read: %s", strerror(-r));
	return r;
}

/* Bring a link that was there before to what it was. */
static bool undo_link(const struct link_state *before, const struct link_state *now,
		      struct target *target, struct report *report)
{
	struct link_change change = { 0 };
	char text[NL_TEXT_MAX];
	int r;

	if (!now) {
		report_add(report, "link %s is gone", before->name);
		return false;
	}
	if ((now->flags & LINKS_SETTABLE) != (before->flags & LINKS_SETTABLE))
		change.flags = &before->flags;
	if (now->mtu != before->mtu)
		change.mtu = &before->mtu;
	if (now->master != before->master)
		change.master = &before->master;
	if (before->has_address && memcmp(now->address, before->address, sizeof(now->address)) != 0)
		change.address = before->address;
	if (!change.flags && !change.mtu && !change.master && !change.address)
		return true;
	r = links_change(&target->nl, before->ifindex, &change, text);
	if (r == 0)
		return true;
	report_add(report, "flags, MTU, address or master of %s are left changed: %s %s",
		   before->name, log_errname(-r), text);
	return false;
}

static bool undo_links(const struct undo *undo, struct target *target, struct report *report)
{
	struct link_list links = { 0 };
	bool clean = true;

	if (delete_links(target, &links, report) < 0)
		return false;
	for (size_t i = 0; i < links.n; i++) {
		if (links.links[i].group != PLAN_GROUP)
			continue;
		report_add(report, "link %s is left", links.links[i].name);
		clean = false;
	}
	for (size_t i = 0; i < undo->links.n; i++) {
		const struct link_state *before = &undo->links.links[i];

		clean = undo_link(before, links_find_index(&links, before->ifindex), target,
				  report) &&
			clean;
	}
	links_fini(&links);
	return clean;
}

/* Name the first sysctl of @set that is not what it was. */
static bool check_set(const struct sysctl_set *set, struct target *target, struct report *report)
{
	struct sysctl_set now = { 0 };
	bool clean = true;
	int r;

	r = sysctl_set_read(&target->net, set->table, set->dir, /* known= */ NULL, &now);
	if (r < 0) {
		report_add(report, "net/%s could not be read back: %s", set->dir, strerror(-r));
		return false;
	}
	for (size_t i = 0; clean && i < set->table->n; i++) {
		clean = sysctl_value_equal(&set->values[i], &now.values[i]);
		if (!clean)
			report_add(report, "sysctl net/%s/%s is left changed", set->dir,
				   set->table->names[i]);
	}
	sysctl_set_fini(&now);
	return clean;
}

static bool undo_sysctls(const struct undo *undo, struct target *target, struct report *report)
{
	struct sysctl_failure failure;
	size_t missing = 0;
	bool clean = true;

	for (size_t i = 0; i < undo->n_sets; i++) {
		if (undo->sets[i].table == &sysctl_ipv4)
			ping_range_undo(&target->net, &undo->sets[i]);
		(void)sysctl_set_write(&target->net, &undo->sets[i], /* defaults= */ NULL, &missing,
				       &failure);
	}
	for (size_t i = 0; i < undo->n_sets; i++)
		clean = check_set(&undo->sets[i], target, report) && clean;
	return clean;
}

bool undo_run(const struct undo *undo, struct target *target, struct report *report)
{
	bool clean = ruleset_undo_run(&undo->ruleset, &target->tools, report);

	/* Before the group is deleted: what was brought in is not to be. */
	clean = outside_undo(&target->outside, &target->nl, report) && clean;
	clean = undo_links(undo, target, report) && clean;
	clean = undo_sysctls(undo, target, report) && clean;
	if (undo->images)
		clean = netstate_undo(&undo->state, undo->images, &undo->made, &target->nl,
				      report) &&
			clean;
	return clean;
}

void undo_fini(struct undo *undo)
{
	for (size_t i = 0; i < undo->n_sets; i++)
		sysctl_set_fini(&undo->sets[i]);
	free(undo->sets);
	links_fini(&undo->links);
	ruleset_undo_fini(&undo->ruleset);
	netstate_before_fini(&undo->state);
	netstate_made_fini(&undo->made);
	*undo = (struct undo){ 0 };
}
