/*
 * The links of a plan: how each comes about, and what it is tied to.
 *
 * May: compute. Must not: call the system.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_tun.h>

#include "common/cleanup.h"
#include "worker/image.h"
#include "worker/links.h"
#include "worker/plan_input.h"
#include "worker/report.h"

bool plan_is_made(const struct plan_link *link)
{
	return link->maker != MAKER_THERE && link->maker != MAKER_NONE;
}

bool plan_is_ethernet(const struct plan_link *link)
{
	return link->dev->type == IMG__LINK_TYPE__TUN ? link->dev->tun->flags & IFF_TAP
						      : link->kind->ethernet;
}

/* --- all of them, without anything of their kinds --- */

static int by_index(const void *a, const void *b)
{
	const struct plan_link *l = *(struct plan_link *const *)a;
	const struct plan_link *r = *(struct plan_link *const *)b;

	return (l->dev->ifindex > r->dev->ifindex) - (l->dev->ifindex < r->dev->ifindex);
}

int plan_list_links(struct plan_input *in, struct report *report)
{
	const struct image_netns *image = in->image;
	struct plan *plan = in->plan;

	plan->links = calloc(image->n_links + 1, sizeof(*plan->links));
	plan->by_index = calloc(image->n_links + 1, sizeof(struct plan_link *));
	if (!plan->links || !plan->by_index) {
		(void)report_fail(report, EXIT_OS_, "no memory for %zu links", image->n_links);
		return EXIT_OS_;
	}
	for (size_t i = 0; i < image->n_links; i++) {
		plan->links[i] = (struct plan_link){
			.dev = image->links[i],
			.kind = link_kind_of(image->links[i]),
			.at = { .file = image->netdev_name, .record = i + 1 },
			.ns_id = image->id,
			.target = in->target,
			.ifindex = image->links[i]->ifindex,
			.owner = PLAN_NO_ID,
			.group = PLAN_NO_ID,
		};
		plan->by_index[i] = &plan->links[i];
	}
	plan->n_links = image->n_links;
	qsort(plan->by_index, plan->n_links, sizeof(struct plan_link *), by_index);
	return 0;
}

struct plan_link *plan_find(const struct plan_input *in, uint32_t ifindex)
{
	const Img__NetDevice dev = { .ifindex = ifindex };
	const struct plan_link key = { .dev = &dev };
	const struct plan_link *const at = &key;
	struct plan_link **found;

	found = bsearch(&at, in->plan->by_index, in->plan->n_links, sizeof(struct plan_link *),
			by_index);
	return found ? *found : NULL;
}

/* --- each --- */

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
	link->conf6.own = !plan_is_ethernet(link);
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

static int plan_one_link(struct plan_input *in, struct plan_link *link, struct report *report)
{
	int status;

	if (!link->kind->plan)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: link %s is of kind %s, which this version "
				   "cannot restore; nothing was done",
				   link->at.file, link->at.record, link->dev->name,
				   link->kind->name);
	status = link->kind->plan(link, in, report);
	if (!status)
		status = plan_link_sysctls(link, report);
	if (status || !plan_is_made(link))
		return status;
	in->plan->needs_broker |= link->maker == MAKER_BROKER;
	return check_free(link, in->links, report);
}

/* --- masters --- */

/* Whether the way up from @link comes back to it. */
static bool is_in_circle(const struct plan_input *in, const struct plan_link *link)
{
	const struct plan_link *at = link;

	for (size_t i = 0; at && at->dev->has_master && i <= in->plan->n_links; i++) {
		at = plan_find(in, at->dev->master);
		if (at == link)
			return true;
	}
	return false;
}

static int fail_master(const struct plan_link *link, const char *what, struct report *report)
{
	return report_fail(report, EXIT_IMAGE,
			   "%s: record %zu: link %s has the link with index %u as its master, %s",
			   link->at.file, link->at.record, link->dev->name, link->dev->master,
			   what);
}

static int plan_master(const struct plan_input *in, struct plan_link *link, struct report *report)
{
	const struct plan_link *master;

	if (!link->dev->has_master || link->dev->master == 0)
		return 0;
	master = plan_find(in, link->dev->master);
	if (!master)
		return fail_master(link, "and no link of the image has this index", report);
	if (!master->kind->is_master)
		return fail_master(link, "which is no bridge", report);
	if (link->kind->is_master && is_in_circle(in, link))
		return fail_master(link, "which leads back to itself", report);
	if (link->kind->is_master)
		return fail_master(link, "but is a bridge itself", report);
	if (!plan_is_ethernet(link))
		return fail_master(link, "but is no Ethernet device", report);
	link->master = master;
	return 0;
}

/* --- macvlans that cannot all be up --- */

/* Links by parent and address, so that two that cannot both be up are neighbours. */
static int by_address(const void *a, const void *b)
{
	const struct plan_link *l = *(struct plan_link *const *)a;
	const struct plan_link *r = *(struct plan_link *const *)b;
	int order = (l->maker > r->maker) - (l->maker < r->maker);

	if (!order)
		order = strcmp(l->parent, r->parent);
	if (!order && l->below && r->below)
		order = (l->below->ns_id > r->below->ns_id) - (l->below->ns_id < r->below->ns_id);
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
		if (plan->links[i].parent[0] && plan->links[i].dev->flags & IFF_UP)
			up[n++] = &plan->links[i];
	}
	qsort(up, n, sizeof(struct plan_link *), by_address);
	for (size_t i = 1; i < n; i++) {
		if (up[i - 1]->maker == up[i]->maker &&
		    strcmp(up[i - 1]->parent, up[i]->parent) == 0 &&
		    up[i - 1]->below == up[i]->below &&
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

int plan_links(struct plan_input *in, struct report *report)
{
	struct plan *plan = in->plan;
	int status = 0;

	for (size_t i = 0; !status && i < plan->n_links; i++)
		status = plan_one_link(in, &plan->links[i], report);
	for (size_t i = 0; !status && i < plan->n_links; i++)
		status = plan_master(in, &plan->links[i], report);
	return status ? status : check_addresses(plan, report);
}
