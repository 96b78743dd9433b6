/* What a namespace has and CRIU's images have no field for: warnings name it. None of it fails a
 * dump; where the kernel does not tell, that is said. */
#pragma once

#include <stdbool.h>

#include "criu/netdev.pb-c.h"

struct dump;
struct dump_link;
struct nlmsghdr;

/* Of one link, by its RTM_NEWLINK alone: options of a bridge's port, addr_gen_mode, and sysctls
 * that are not in the images' lists. @dev has its sysctls. */
void dump_losses_of_link(struct dump_link *link, const Img__NetDevice *dev);

/* Whether the port or bridge that @nlh, an RTM_NEWLINK of AF_BRIDGE, tells of is in VLANs that a new
 * one is not in: that is, in others than VLAN 1, untagged. */
bool dump_losses_has_vlans(const struct nlmsghdr *nlh);

/* Of the namespace, one request each: neighbours, forwarding entries and VLANs of bridges, queueing
 * disciplines. dump_links() is due before. */
void dump_losses(struct dump *d);

/* Sysctls of the namespace, of "all" and of "default". */
void dump_losses_of_sysctls(struct dump *d);
