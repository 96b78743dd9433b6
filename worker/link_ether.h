/* What all kinds of Ethernet device have in common. */
#pragma once

#include "worker/link_kind.h"

/* Check address and MTU of @dev: a unicast address of six bytes, where it has one or @needed says
 * that it must, and an MTU within 68..65535. Returns 0, or EXIT_IMAGE with place and name. */
int link_ether_check(const Img__NetDevice *dev, const char *kind, bool needed,
		     const struct entry_place *at, struct report *report);
