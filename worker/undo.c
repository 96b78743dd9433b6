/*
 * Undoing. It goes on after an error, as far as it gets, and says what is left by comparing,
 * not by remembering what it tried.
 *
 * May: change the target. Must not: talk to the broker, which has no op that takes back.
 */
#include "worker/undo.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
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
	{ &sysctl_conf4, "ipv4/conf/lo" },  { &sysctl_conf6, "ipv6/conf/lo" },
};
_Static_assert(ARRAY_SIZE(remembered) == UNDO_SETS_MAX, "struct undo holds them all");

int undo_remember(struct undo *ret, struct target *target, struct report *report)
{
	struct link_list links = { 0 };
	const struct link_state *lo;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(remembered); i++) {
		r = sysctl_set_read(target->sysctls, remembered[i].table, remembered[i].dir,
				    &ret->sets[i]);
		if (r == 0)
			ret->n_sets++;
	}
	if (r == 0)
		r = links_get(&target->nl, &links);
	if (r == 0)
		r = netstate_remember(&ret->state, &target->nl);
	if (r < 0)
		return report_fail(report, EXIT_OS_,
				   "cannot read what the target is like, so nothing was done: %s",
				   strerror(-r));
	lo = links_find_index(&links, 1);
	if (lo)
		ret->lo = *lo;
	ret->has_lo = lo != NULL;
	links_fini(&links);
	return 0;
}

static bool undo_links(struct target *target, struct report *report)
{
	struct link_list links = { 0 };
	char text[NL_TEXT_MAX];
	bool clean = true;
	int r;

	r = links_delete_group(&target->nl, PLAN_GROUP, text);
	if (r < 0)
		report_warn(report, "cannot delete the links that were made: %s %s",
			    log_errname(-r), text);
	r = links_get(&target->nl, &links);
	if (r < 0) {
		report_add(report, "which links are left could not be read: %s", strerror(-r));
		return false;
	}
	for (size_t i = 0; i < links.n; i++) {
		if (links.links[i].group != PLAN_GROUP)
			continue;
		report_add(report, "link %s is left", links.links[i].name);
		clean = false;
	}
	links_fini(&links);
	return clean;
}

static bool undo_lo(const struct undo *undo, struct target *target, struct report *report)
{
	const struct link_change change = { .flags = &undo->lo.flags, .mtu = &undo->lo.mtu };
	char text[NL_TEXT_MAX];
	int r;

	if (!undo->has_lo)
		return true;
	r = links_change(&target->nl, 1, &change, text);
	if (r == 0)
		return true;
	report_add(report, "flags and MTU of lo are left changed: %s %s", log_errname(-r), text);
	return false;
}

/* Name the first sysctl of @set that is not what it was. */
static bool check_set(const struct sysctl_set *set, struct target *target, struct report *report)
{
	struct sysctl_set now = { 0 };
	bool clean = true;
	int r;

	r = sysctl_set_read(target->sysctls, set->table, set->dir, &now);
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

	for (size_t i = 0; i < undo->n_sets; i++)
		(void)sysctl_set_write(target->sysctls, &undo->sets[i], /* defaults= */ NULL,
				       &missing, &failure);
	for (size_t i = 0; i < undo->n_sets; i++)
		clean = check_set(&undo->sets[i], target, report) && clean;
	return clean;
}

bool undo_run(const struct undo *undo, struct target *target, struct report *report)
{
	bool clean = undo_links(target, report);

	clean = undo_lo(undo, target, report) && clean;
	clean = undo_sysctls(undo, target, report) && clean;
	if (undo->images)
		clean = netstate_undo(&undo->state, &undo->images->links, &target->nl, report) &&
			clean;
	if (clean)
		report_add(report, "everything is as it was before");
	if (undo->gave_nsids)
		report_add(report, "but for the nsids that were given, which the kernel takes back "
				   "from nobody");
	return clean;
}

void undo_fini(struct undo *undo)
{
	for (size_t i = 0; i < undo->n_sets; i++)
		sysctl_set_fini(&undo->sets[i]);
	undo->n_sets = 0;
	netstate_before_fini(&undo->state);
}
