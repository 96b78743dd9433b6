/*
 * Fallback devices: the kernel puts one into every netns when the module of a tunnel's kind is
 * loaded, and takes it away only with the netns. So they are matched by their names and not
 * made. Where this kernel has none, nothing is lost as long as it was down.
 */
#include <net/if.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/link_kind.h"
#include "worker/links.h"
#include "worker/plan_input.h"
#include "worker/report.h"

/* clang-format off */
static const struct {
	const char *name, *rtnl;
} fallbacks[] = {
	{ "sit0",     "sit" },
	{ "tunl0",    "ipip" },
	{ "ip6tnl0",  "ip6tnl" },
	{ "gre0",     "gre" },
	{ "gretap0",  "gretap" },
	{ "erspan0",  "erspan" },
	{ "ip6gre0",  "ip6gre" },
	{ "ip_vti0",  "vti" },
	{ "ip6_vti0", "vti6" },
};
/* clang-format on */

const char *link_fallback_rtnl(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fallbacks); i++) {
		if (strcmp(fallbacks[i].name, name) == 0)
			return fallbacks[i].rtnl;
	}
	return NULL;
}

static int plan_fallback(struct plan_link *link, struct plan_input *in, struct report *report)
{
	const struct link_state *there = links_find_name(in->links, link->dev->name);

	if (!there && link->dev->flags & IFF_UP)
		return report_fail(
			report, EXIT_OS_,
			"%s: record %zu: %s, which the kernel puts into every netns once "
			"the module for it is loaded, was up, and the target has none; "
			"nothing was done",
			link->at.file, link->at.record, link->dev->name);
	if (!there) {
		report_warn(report,
			    "%s: record %zu: the target has no %s, as the module for it is not "
			    "loaded; it was down, so it is passed over",
			    link->at.file, link->at.record, link->dev->name);
		link->maker = MAKER_NONE;
		return 0;
	}
	if (strcmp(there->kind, link_fallback_rtnl(link->dev->name)) != 0)
		return report_fail(report, EXIT_UNDONE,
				   "%s: record %zu: %s of the target is a '%s', and not what the "
				   "kernel puts there under this name; nothing was done",
				   link->at.file, link->at.record, link->dev->name, there->kind);
	link->maker = MAKER_THERE;
	link->ifindex = there->ifindex;
	return 0;
}

const struct link_kind link_kind_fallback = {
	.type = IMG__LINK_TYPE__EXTLINK,
	.name = "fallback",
	.plan = plan_fallback,
};
