/*
 * Helpers of the tests of the kinds.
 *
 * May: allocate. Must not: decide what is right.
 */
#include "tests/unit/kinds/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>

#include "worker/image_check.h"
#include "worker/plan_input.h"

int kinds_setup(void **state)
{
	struct kinds *k = calloc(1, sizeof(*k));

	if (!k)
		return -1;
	img__netns__init(&k->netns);
	k->image = (struct image_netns){ .id = KINDS_NS, .links = k->list, .netns = &k->netns };
	(void)snprintf(k->image.netdev_name, sizeof(k->image.netdev_name), "netdev-10.img");
	(void)snprintf(k->image.netns_name, sizeof(k->image.netns_name), "netns-10.img");
	k->uids = (struct id_map){ .ranges = { { 0, 100000, 65536 } }, .n = 1 };
	k->gids = k->uids;
	k->links.links = k->there;
	(void)kinds_there(k, "lo", 1, "");
	*state = k;
	/* As JSON, so that nothing is printed. */
	return report_init(&k->report, "test", /* json= */ true);
}

int kinds_teardown(void **state)
{
	struct kinds *k = *state;

	plan_fini(&k->plan);
	report_fini(&k->report);
	externals_fini(&k->externals);
	free(k);
	return 0;
}

Img__NetDevice *kinds_add(struct kinds *k, Img__LinkType type, const char *name, uint32_t ifindex)
{
	size_t i = k->image.n_links++;
	Img__NetDevice *dev = &k->devs[i];
	const uint8_t address[6] = { 2, 0, 0, 0xcc, 0, (uint8_t)ifindex };

	assert_in_range(i, 0, KINDS_LINKS_MAX - 1);
	img__net_device__init(dev);
	dev->type = type;
	dev->name = (char *)(uintptr_t)name;
	dev->ifindex = ifindex;
	dev->mtu = 1500;
	memcpy(k->addresses[i], address, sizeof(address));
	dev->has_address = type == IMG__LINK_TYPE__BRIDGE || type == IMG__LINK_TYPE__VETH ||
			   type == IMG__LINK_TYPE__MACVLAN;
	dev->address.data = k->addresses[i];
	dev->address.len = sizeof(address);
	k->list[i] = dev;
	return dev;
}

static void set_peer(Img__NetDevice *dev, uint32_t peer)
{
	dev->has_peer_ifindex = 1;
	dev->peer_ifindex = peer;
	dev->has_peer_nsid = 1;
	dev->peer_nsid = KINDS_NS;
}

void kinds_pair(struct kinds *k, const char *one, uint32_t i, const char *other, uint32_t j)
{
	set_peer(kinds_add(k, IMG__LINK_TYPE__VETH, one, i), j);
	set_peer(kinds_add(k, IMG__LINK_TYPE__VETH, other, j), i);
}

Img__NetDevice *kinds_macvlan(struct kinds *k, const char *name, uint32_t ifindex, uint32_t parent)
{
	Img__NetDevice *dev = kinds_add(k, IMG__LINK_TYPE__MACVLAN, name, ifindex);

	set_peer(dev, parent);
	dev->macvlan = &k->macvlans[k->image.n_links - 1];
	img__macvlan__init(dev->macvlan);
	dev->macvlan->mode = MACVLAN_MODE_BRIDGE;
	return dev;
}

struct link_state *kinds_there(struct kinds *k, const char *name, uint32_t ifindex,
			       const char *rtnl)
{
	struct link_state *link = &k->there[k->links.n++];

	assert_in_range(k->links.n, 1, KINDS_LINKS_MAX);
	link->ifindex = ifindex;
	(void)snprintf(link->name, sizeof(link->name), "%s", name);
	(void)snprintf(link->kind, sizeof(link->kind), "%s", rtnl);
	return link;
}

int kinds_plan(struct kinds *k)
{
	struct plan_input in = { .image = &k->image,
				 .externals = &k->externals,
				 .links = &k->links,
				 .uids = &k->uids,
				 .gids = &k->gids,
				 .plan = &k->plan };
	int status;

	plan_fini(&k->plan);
	k->report.status = 0;
	k->report.text[0] = '\0';
	status = image_check(&k->image, &k->report);
	if (!status)
		status = plan_make(&in, 1, &k->report);
	assert_int_equal(status, k->report.status);
	return status;
}

void kinds_refused(struct kinds *k, int status, const char *text)
{
	assert_int_equal(kinds_plan(k), status);
	if (!strstr(k->report.text, text))
		fail_msg("'%s' is not in '%s'", text, k->report.text);
}

const struct plan_link *kinds_link(const struct kinds *k, const char *name)
{
	for (size_t i = 0; i < k->plan.n_links; i++) {
		if (strcmp(k->plan.links[i].dev->name, name) == 0)
			return &k->plan.links[i];
	}
	fail_msg("no link %s in the plan", name);
	return NULL;
}
