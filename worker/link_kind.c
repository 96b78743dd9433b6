/*
 * The table of kinds, and the rows of those that can be shown, but not restored yet.
 */
#include "worker/link_kind.h"

#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

static void show_peer(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX])
{
	if (dev->has_peer_nsid)
		(void)snprintf(ret, LINK_DETAIL_MAX, "peer index %u in namespace %u",
			       dev->peer_ifindex, dev->peer_nsid);
	else
		(void)snprintf(ret, LINK_DETAIL_MAX, "peer index %u outside", dev->peer_ifindex);
}

static void show_tun(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX])
{
	if (dev->tun)
		(void)snprintf(ret, LINK_DETAIL_MAX, "%s owner %d group %d",
			       dev->tun->flags & 1 ? "tun" : "tap", dev->tun->owner,
			       dev->tun->group);
}

static const struct link_kind veth = {
	.type = IMG__LINK_TYPE__VETH,
	.name = "veth",
	.show = show_peer,
};
static const struct link_kind tun = {
	.type = IMG__LINK_TYPE__TUN,
	.name = "tun",
	.show = show_tun,
};
static const struct link_kind extlink = { .type = IMG__LINK_TYPE__EXTLINK, .name = "extlink" };
static const struct link_kind venet = { .type = IMG__LINK_TYPE__VENET, .name = "venet" };
static const struct link_kind bridge = { .type = IMG__LINK_TYPE__BRIDGE, .name = "bridge" };
static const struct link_kind sit = { .type = IMG__LINK_TYPE__SIT, .name = "sit" };

static const struct link_kind *const kinds[] = {
	&link_kind_loopback, &veth, &tun, &extlink, &venet, &bridge, &sit, &link_kind_macvlan,
};

const struct link_kind *link_kind_find(Img__LinkType type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i]->type == type)
			return kinds[i];
	}
	return NULL;
}

const struct link_kind *link_kind_of_kernel(unsigned int arphrd, const char *kind)
{
	if (arphrd == ARPHRD_LOOPBACK)
		return &link_kind_loopback;
	if (arphrd == ARPHRD_VOID && !*kind)
		return &venet;
	for (size_t i = 0; *kind && i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i] != &extlink && strcmp(kinds[i]->name, kind) == 0)
			return kinds[i];
	}
	return NULL;
}
