/*
 * Checks of Ethernet devices. Pure but for the report.
 */
#include "worker/link_ether.h"

#include <linux/if_ether.h>

#include "common/check.h"
#include "worker/report.h"

int link_ether_check(const Img__NetDevice *dev, const char *kind, bool needed,
		     const struct entry_place *at, struct report *report)
{
	if ((needed || dev->has_address) &&
	    (!dev->has_address || dev->address.len != ETH_ALEN || check_mac(dev->address.data) < 0))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: %s %s has no unicast address of 6 bytes",
				   at->file, at->record, kind, dev->name);
	if (!check_u32_range(dev->mtu, ETH_MIN_MTU, ETH_MAX_MTU))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: %s %s has an MTU of %u, which is not within "
				   "68..65535",
				   at->file, at->record, kind, dev->name, dev->mtu);
	return 0;
}
