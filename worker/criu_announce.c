/*
 * What is announced is what the target has, not what the images say: the container may be running.
 *
 * May: join the target, send over a packet socket. Must not: change anything.
 */
#include "worker/criu_announce.h"

#include <stdio.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/announce.h"
#include "worker/confine.h"
#include "worker/links.h"
#include "worker/report.h"
#include "worker/sync_addr.h"
#include "worker/target.h"

static const struct link_state *link_of(const struct link_list *links, const struct addr *addr)
{
	const struct link_state *link = links_find_index(links, addr->ifindex);

	if (!link || !link->has_address || !(link->flags & IFF_UP) ||
	    link->flags & (IFF_LOOPBACK | IFF_NOARP))
		return NULL;
	/* One that was not found to be free is not ours to tell of. */
	return addr->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) ? NULL : link;
}

static int announce_all(int packets, const struct link_list *links, const struct addr_list *addrs,
			struct report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < addrs->n; i++) {
		const struct addr *addr = &addrs->addrs[i];
		const struct link_state *link = link_of(links, addr);
		int r;

		if (!link)
			continue;
		r = announce(packets, link->ifindex, link->address, addr);
		if (r < 0)
			return report_fail(report, EXIT_UNDONE,
					   "cannot announce an address of %s: %s", link->name,
					   log_errname(-r));
		n++;
	}
	(void)printf("announced %zu addresses\n", n);
	return 0;
}

static int look_and_announce(struct target *target, int packets, struct report *report)
{
	struct link_list links = { 0 };
	struct addr_list addrs = { 0 };
	int status, r;

	r = links_get(&target->nl, &links);
	if (r == 0)
		r = addr_list_get(&target->nl, &addrs);
	status = r < 0 ? report_fail(report, EXIT_UNDONE,
				     "cannot list the target's links and addresses: %s",
				     log_errname(-r))
		       : announce_all(packets, &links, &addrs, report);
	addr_list_fini(&addrs);
	links_fini(&links);
	return status;
}

int criu_announce(const struct target_args *args, struct report *report)
{
	const struct confine_args bounds = { .image_dir = -1, .sysctls = -1, .device = -1 };
	_cleanup_fd_ int packets = -1;
	struct target target;
	int status, r;

	target_init(&target);
	status = target_open(args, &target, report);
	if (!status)
		status = target_join(&target, report);
	if (!status) {
		r = announce_open(&packets);
		if (r < 0)
			status =
				report_fail(report, EXIT_OS_,
					    "cannot open a packet socket to announce addresses: %s",
					    log_errname(-r));
	}
	if (!status)
		status = confine(&bounds, report);
	if (!status)
		status = look_and_announce(&target, packets, report);
	target_fini(&target);
	return status;
}
