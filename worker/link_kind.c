/*
 * The table of kinds.
 */
#include "worker/link_kind.h"

#include <net/if_arp.h>
#include <string.h>

#include "common/cleanup.h"

static const struct link_kind *const kinds[] = {
	&link_kind_loopback, &link_kind_veth,   &link_kind_tun,     &link_kind_extlink,
	&link_kind_venet,    &link_kind_bridge, &link_kind_macvlan, &link_kind_sit,
};

const struct link_kind *link_kind_of(const Img__NetDevice *dev)
{
	if ((dev->type == IMG__LINK_TYPE__SIT || dev->type == IMG__LINK_TYPE__EXTLINK) &&
	    link_fallback_rtnl(dev->name))
		return &link_kind_fallback;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i]->type == dev->type)
			return kinds[i];
	}
	return NULL;
}

const struct link_kind *link_kind_of_kernel(unsigned int arphrd, const char *kind)
{
	if (arphrd == ARPHRD_LOOPBACK)
		return &link_kind_loopback;
	if (arphrd == ARPHRD_VOID && !*kind)
		return &link_kind_venet;
	for (size_t i = 0; *kind && i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i]->rtnl && strcmp(kinds[i]->rtnl, kind) == 0)
			return kinds[i];
	}
	return NULL;
}

bool link_kind_is_made(const char *rtnl)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i]->rtnl && strcmp(kinds[i]->rtnl, rtnl) == 0)
			return true;
	}
	return false;
}
