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

int stable_secret_verify(const struct plan_link *link, const struct target *target,
			 struct report *report)
{
	const struct sysctl_value *value;
	bool right = true;
	int r;

	if (link->dev->n_conf6 <= place())
		return 0;
	value = &link->conf6.values[place()];
	r = sysctl_has_value(&target->net, &link->conf6, place(), &right);
	/* A kernel without IPv6. */
	if (r < 0 && r != -ENOENT)
		return report_fail(report, EXIT_UNDONE, "cannot read net/%s/stable_secret: %s",
				   link->conf6.dir, strerror(-r));
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
