/*
 * The secrets of which links make their IPv6 addresses.
 *
 * With "default" written before the links are made, as all else of it is, each link would have its
 * secret. One that got it by inheritance gets it as its own then, which comes to the same
 * (addrconf_sysctl_stable_secret() in net/ipv6/addrconf.c).
 *
 * May: read below /proc/sys/net.
 */
#include "worker/stable_secret.h"

#include <errno.h>
#include <string.h>

#include "worker/plan.h"
#include "worker/report.h"
#include "worker/state_sysctl.h"
#include "worker/target.h"

/* Its place in the lists of the images. */
static size_t place(void)
{
	size_t i = 0;

	while (strcmp(sysctl_conf6.names[i], "stable_secret") != 0)
		i++;
	return i;
}

/* An old image says nothing of IPv6. */
static bool lacks_it(const struct plan_link *link)
{
	return link->dev->n_conf6 > place() && link->conf6.values[place()].type == SYSCTL_ABSENT;
}

int stable_secret_plan(struct plan *plan, struct report *report)
{
	struct sysctl_set *defaults = &plan->sets[plan->default6 - plan->sets];
	bool late = false;

	if (defaults->values[place()].type == SYSCTL_ABSENT)
		return 0;
	for (size_t i = 0; !late && i < plan->n_links; i++)
		late = plan_is_made(&plan->links[i]) && lacks_it(&plan->links[i]);
	if (!late)
		return 0;
	if (sysctl_set_split(defaults, place(), &plan->sets[plan->n_sets]) < 0)
		return report_fail(report, EXIT_OS_, "no memory for a sysctl");
	plan->late = &plan->sets[plan->n_sets++];
	return 0;
}

/* "default" has no secret now, so it never had one, and gave none to a link that was made. */
static int nothing_was_inherited(const struct plan *plan, const struct target *target, bool *ret)
{
	struct sysctl_set unset = *plan->default6;
	int r;

	unset.values = NULL;
	r = sysctl_has_value(&target->net, &unset, place(), ret);
	return r == -ENOENT ? 0 : r; /* a kernel without IPv6 */
}

static int cannot_read(const char *dir, int r, struct report *report)
{
	return report_fail(report, EXIT_UNDONE, "cannot read net/%s/stable_secret: %s", dir,
			   strerror(-r));
}

static int verify_one(const struct plan_link *link, const struct target *target,
		      struct report *report)
{
	const struct sysctl_value *value = &link->conf6.values[place()];
	bool right = true;
	int r = sysctl_has_value(&target->net, &link->conf6, place(), &right);

	if (r < 0 && r != -ENOENT)
		return cannot_read(link->conf6.dir, r, report);
	if (right)
		return 0;
	if (value->type != SYSCTL_ABSENT)
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: %s came out with another stable_secret",
				   link->at.file, link->at.record, link->dev->name);
	return report_fail(report, EXIT_UNDONE,
			   "%s: record %zu: %s has no stable_secret, and in the target it has that "
			   "which %s had before: the kernel lets nobody unset it",
			   link->at.file, link->at.record, link->dev->name,
			   link->maker == MAKER_THERE ? "it" : "net/ipv6/conf/default");
}

int stable_secret_verify(const struct plan *plan, const struct target *target,
			 struct report *report)
{
	bool none = true;
	int status = 0, r = nothing_was_inherited(plan, target, &none);

	if (r < 0)
		return cannot_read(plan->default6->dir, r, report);
	for (size_t i = 0; !status && i < plan->n_links; i++) {
		const struct plan_link *link = &plan->links[i];

		/* An old image says nothing of IPv6. */
		if (link->maker == MAKER_NONE || link->dev->n_conf6 <= place())
			continue;
		if (!none || !plan_is_made(link) || !lacks_it(link))
			status = verify_one(link, target, report);
	}
	return status;
}
