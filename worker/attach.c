/*
 * attach: make -> disable IPv6, if asked -> up -> addresses -> routes -> wait for duplicate address
 * detection -> read back -> release from the group -> announce.
 *
 * The links are in the group of unfinished links (plan.h) until all of it is done, so that one
 * RTM_DELLINK takes everything back, addresses and routes with it. They are up before, as a
 * gateway is looked for on links that are up.
 *
 * May: change the target, ask the broker. Must not: touch a link that it did not make.
 */
#include "worker/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/announce.h"
#include "worker/attach_put.h"
#include "worker/broker_client.h"
#include "worker/detour.h"
#include "worker/dying.h"
#include "worker/interrupt.h"
#include "worker/links.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/sync_addr.h"
#include "worker/target.h"

struct attaching {
	const struct attach_to *to;
	struct attach_link *links;
	size_t n;
	struct report *report;
};

static struct nl_sock *nl_of(const struct attaching *a)
{
	return &a->to->target->nl;
}

static int fail_at(const struct attaching *a, const struct attach_link *link, const char *what,
		   int error, const char *text)
{
	return report_fail(a->report, error == -EPERM ? EXIT_REFUSED : EXIT_UNDONE,
			   "%s: cannot %s: %s%s%s%s", link->spec.name, what, log_errname(-error),
			   *text ? " (" : "", text, *text ? ")" : "");
}

/* --- before --- */

/* What a killed run left is in the way, and nobody else's; what else has the name stays. */
static int clear_the_way(const struct attaching *a)
{
	struct link_list list = { 0 };
	char text[NL_TEXT_MAX];
	bool left = false;
	int status = 0, r;

	r = links_get(nl_of(a), &list);
	if (r < 0)
		return report_fail(a->report, EXIT_OS_, "cannot list the target's links: %s",
				   log_errname(-r));
	for (size_t i = 0; i < list.n; i++)
		left |= list.links[i].group == PLAN_GROUP;
	for (size_t i = 0; !status && i < a->n; i++) {
		const struct link_state *taken = links_find_name(&list, a->links[i].spec.name);

		if (taken && taken->group != PLAN_GROUP)
			status = report_fail(a->report, EXIT_UNDONE,
					     "%s: the target has a link of this name, with index "
					     "%u; nothing was done",
					     taken->name, taken->ifindex);
	}
	links_fini(&list);
	if (status || !left)
		return status;
	r = links_delete_group(nl_of(a), PLAN_GROUP, text);
	if (r < 0)
		return report_fail(a->report, EXIT_OS_,
				   "cannot delete the links that an interrupted run left: %s %s",
				   log_errname(-r), text);
	report_warn(a->report, "links that an interrupted run had left were deleted");
	return 0;
}

/* --- making --- */

static struct link_spec request_of(const struct attach_link *link)
{
	struct link_spec spec = {
		.has = LINK_HAS_ADDRESS | LINK_HAS_GROUP | (link->spec.mtu ? LINK_HAS_MTU : 0),
		.group = PLAN_GROUP,
		.mode = link->spec.mode,
		.mtu = link->spec.mtu,
	};

	memcpy(spec.name, link->spec.name, sizeof(spec.name));
	memcpy(spec.address, link->mac, sizeof(spec.address));
	return spec;
}

static int fail_make(const struct attaching *a, const struct make_failure *failure)
{
	const struct attach_link *link = &a->links[failure->i];
	const char *text = *failure->text ? failure->text : broker_make_hint(failure->error);

	if (a->to->broker->ended)
		return report_fail(a->report, EXIT_UNDONE, "while %s was made on %s: %s",
				   link->spec.name, link->spec.parent, text);
	if (failure->error == -EPERM)
		return report_fail(a->report, EXIT_REFUSED,
				   "the broker refuses %s on %s: its policy does not allow it; "
				   "netcr-worker check says which parents are allowed, and the "
				   "broker's audit log has the reason",
				   link->spec.name, link->spec.parent);
	return report_fail(a->report, failure->error == -EDQUOT ? EXIT_REFUSED : EXIT_UNDONE,
			   "cannot make macvlan %s on %s: %s%s%s%s", link->spec.name,
			   link->spec.parent, log_errname(-failure->error), *text ? " (" : "", text,
			   *text ? ")" : "");
}

static int make(struct attaching *a)
{
	struct link_spec specs[ATTACH_LINKS_MAX];
	struct broker_link wanted[ATTACH_LINKS_MAX];
	struct make_failure failure;

	for (size_t i = 0; i < a->n; i++) {
		specs[i] = request_of(&a->links[i]);
		wanted[i] = (struct broker_link){ a->links[i].spec.parent, &specs[i] };
	}
	if (detour_make_all(a->to->target, a->to->broker, wanted, a->n, &failure) < 0)
		return fail_make(a, &failure);
	return 0;
}

/* Which index each got, by its name and the group that nobody else uses. */
static int find_made(struct attaching *a)
{
	struct link_list list = { 0 };
	int status = 0, r;

	r = links_get(nl_of(a), &list);
	if (r < 0)
		return report_fail(a->report, EXIT_UNDONE, "cannot read the links back: %s",
				   log_errname(-r));
	for (size_t i = 0; !status && i < a->n; i++) {
		struct attach_link *link = &a->links[i];
		const struct link_state *is = links_find_name(&list, link->spec.name);

		if (!is || is->group != PLAN_GROUP || strcmp(is->kind, "macvlan") != 0 ||
		    is->macvlan_mode != link->spec.mode) {
			status = report_fail(a->report, EXIT_UNDONE,
					     "%s is not there, or came out otherwise",
					     link->spec.name);
			break;
		}
		link->ifindex = is->ifindex;
		link->mtu = is->mtu;
		/* In mode passthru, it has its parent's. */
		memcpy(link->mac, is->address, sizeof(link->mac));
	}
	links_fini(&list);
	return status;
}

/* --- setting up --- */

static int disable_ipv6(const struct attaching *a, const struct attach_link *link)
{
	_cleanup_fd_ int fd = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "ipv6/conf/%s/disable_ipv6", link->spec.name);
	fd = openat(a->to->target->sysctls, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0; /* a kernel without IPv6 */
	if (fd < 0 || write(fd, "1", 1) != 1)
		return fail_at(a, link, "disable IPv6", -errno, "");
	return 0;
}

static int bring_up(const struct attaching *a, const struct attach_link *link)
{
	const uint32_t flags = IFF_UP | IFF_MULTICAST;
	const struct link_change change = { .flags = &flags };
	char text[NL_TEXT_MAX];
	unsigned int tries = 0;
	int r;

	/* The MAC address of a container that has just ended is taken until its namespace is gone. */
	do {
		r = links_change(nl_of(a), link->ifindex, &change, text);
	} while (r == -EADDRINUSE && dying_wait(&tries));
	if (r == -EADDRINUSE)
		(void)snprintf(text, sizeof(text), "%s",
			       "the parent or another macvlan on it has this MAC address, and is "
			       "up");
	return r < 0 ? fail_at(a, link, "bring it up", r, text) : 0;
}

static int set_up(const struct attaching *a, const struct attach_link *link)
{
	char text[NL_TEXT_MAX], what[ATTACH_WHAT_MAX];
	int status = link->spec.no_ipv6 ? disable_ipv6(a, link) : 0, r;

	if (!status)
		status = bring_up(a, link);
	for (size_t i = 0; !status && i < link->spec.n_addresses; i++) {
		r = attach_put_address(nl_of(a), link->ifindex, &link->spec.addresses[i], text);
		if (r == 0)
			continue;
		attach_address_what(&link->spec.addresses[i], what);
		status = fail_at(a, link, what, r, text);
	}
	for (size_t i = 0; !status && i < link->spec.n_routes; i++) {
		r = attach_put_route(nl_of(a), link->ifindex, &link->spec.routes[i], text);
		if (r == 0)
			continue;
		attach_route_what(&link->spec.routes[i], what);
		status = fail_at(a, link, what, r, text);
	}
	return status;
}

/* --- duplicate addresses --- */

static const struct attach_link *link_of(const struct attaching *a, uint32_t ifindex)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->links[i].ifindex == ifindex)
			return &a->links[i];
	}
	return NULL;
}

/* One look: whether an address of ours is in doubt still, or is somebody else's. */
static int look_at_addresses(const struct attaching *a, bool *ret_waiting)
{
	struct addr_list list = { 0 };
	char what[ATTACH_WHAT_MAX];
	int status = 0, r;

	*ret_waiting = false;
	r = addr_list_get(nl_of(a), &list);
	if (r < 0)
		return report_fail(a->report, EXIT_UNDONE, "cannot read the addresses back: %s",
				   log_errname(-r));
	for (size_t i = 0; !status && i < list.n; i++) {
		const struct addr *addr = &list.addrs[i];
		const struct attach_link *link = link_of(a, addr->ifindex);

		if (!link)
			continue;
		*ret_waiting |= (addr->flags & IFA_F_TENTATIVE) != 0;
		if (!(addr->flags & IFA_F_DADFAILED))
			continue;
		attach_address_what(addr, what);
		status = fail_at(a, link, what, -EADDRINUSE, "somebody on the network has it");
	}
	addr_list_fini(&list);
	return status;
}

static bool has_ipv6(const struct attaching *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct attach_spec *spec = &a->links[i].spec;

		for (size_t j = 0; j < spec->n_addresses; j++) {
			if (spec->addresses[j].family == AF_INET6)
				return true;
		}
	}
	return false;
}

/* Who is told that all is done should be able to use the addresses that were asked for; for the
 * kernel's own alone nobody waits, which is a second or two. Without a carrier the kernel does not
 * begin, so the wait has an end. */
static int wait_for_addresses(const struct attaching *a)
{
	enum {
		TRIES = 250
	};
	static const struct timespec pause = { .tv_nsec = 20 * 1000000L };
	bool waiting = has_ipv6(a);
	int status = 0;

	for (int i = 0; !status && waiting && i < TRIES; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		status = interrupt_check(a->report);
		if (!status)
			status = look_at_addresses(a, &waiting);
	}
	if (!status && waiting)
		report_warn(a->report, "duplicate address detection goes on still: perhaps a "
				       "parent has no carrier");
	return status;
}

/* --- the end --- */

static int release(const struct attaching *a)
{
	struct link_release links[ATTACH_LINKS_MAX];
	char text[NL_TEXT_MAX];
	size_t failed = 0;
	int r;

	for (size_t i = 0; i < a->n; i++)
		links[i] = (struct link_release){ .ifindex = a->links[i].ifindex };
	r = links_release(nl_of(a), links, a->n, &failed, text);
	if (r == 0)
		return 0;
	(void)links_catch(nl_of(a), links, a->n, PLAN_GROUP);
	return fail_at(a, &a->links[failed], "finish it", r, text);
}

/* All addresses that the links have by now, those that the kernel made by itself included. What
 * cannot be sent is no reason to take a working link away. */
static void announce_all(const struct attaching *a)
{
	struct addr_list list = { 0 };
	int r = a->to->packets < 0 ? -EPERM : addr_list_get(nl_of(a), &list);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const struct attach_link *link = link_of(a, list.addrs[i].ifindex);

		if (link && !(list.addrs[i].flags & IFA_F_TENTATIVE))
			r = announce(a->to->packets, link->ifindex, link->mac, &list.addrs[i]);
	}
	addr_list_fini(&list);
	if (r < 0)
		report_warn(a->report, "the addresses could not be announced: %s", log_errname(-r));
}

static int take_steps(struct attaching *a)
{
	int status = make(a);

	if (!status)
		status = find_made(a);
	for (size_t i = 0; !status && i < a->n; i++) {
		status = interrupt_check(a->report);
		if (!status)
			status = set_up(a, &a->links[i]);
	}
	if (!status)
		status = wait_for_addresses(a);
	return status ? status : release(a);
}

int attach(const struct attach_to *to, struct attach_link *links, size_t n, struct report *report)
{
	struct attaching a = { .to = to, .links = links, .n = n, .report = report };
	char text[NL_TEXT_MAX];
	int status, r;

	status = clear_the_way(&a);
	if (status)
		return status;
	interrupt_hold();
	status = take_steps(&a);
	if (!status) {
		announce_all(&a);
		return 0;
	}
	r = links_delete_group(nl_of(&a), PLAN_GROUP, text);
	if (r == 0) {
		report_add(report, "everything is as it was");
		return status;
	}
	report_add(report, "the links of group %u could not be deleted: %s %s", PLAN_GROUP,
		   log_errname(-r), text);
	report->status = EXIT_LEFT;
	return EXIT_LEFT;
}
