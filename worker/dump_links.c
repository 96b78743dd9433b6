/*
 * The links of the namespace to entries of netdev-ID.img, in the order in which the kernel tells
 * of them.
 *
 * May: read, by rtnetlink and below /proc/sys/net. Must not: know what is a kind's own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "worker/dump.h"
#include "worker/dump_conf.h"
#include "worker/dump_losses.h"
#include "worker/dump_msgs.h"
#include "worker/externals.h"
#include "worker/image.h"
#include "worker/link_kind.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/skip_kinds.h"
#include "worker/state_sysctl.h"

/* --- which links, and as what --- */

/* Devices that modules of the kernel make in every netns. Who restores has them as well. */
static bool is_fallback(const struct dump_link *link)
{
	static const struct {
		const char *name, *kind;
	} fallbacks[] = {
		{ "tunl0", "ipip" },     { "gre0", "gre" },       { "gretap0", "gretap" },
		{ "erspan0", "erspan" }, { "ip_vti0", "vti" },    { "ip6_vti0", "vti6" },
		{ "sit0", "sit" },       { "ip6tnl0", "ip6tnl" }, { "ip6gre0", "ip6gre" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fallbacks); i++) {
		if (strcmp(link->name, fallbacks[i].name) == 0 &&
		    strcmp(link->kind, fallbacks[i].kind) == 0)
			return !(link->ifi->ifi_flags & IFF_UP);
	}
	return false;
}

static int skip(struct dump *d, const struct dump_link *link)
{
	uint32_t *more = reallocarray(d->skipped, d->n_skipped + 1, sizeof(*more));

	if (!more)
		return report_fail(d->report, EXIT_OS_, "no memory for link %s", link->name);
	d->skipped = more;
	d->skipped[d->n_skipped++] = (uint32_t)link->ifi->ifi_index;
	return 0;
}

bool dump_is_skipped(const struct dump *d, uint32_t ifindex)
{
	for (size_t i = 0; i < d->n_skipped; i++) {
		if (d->skipped[i] == ifindex)
			return true;
	}
	return false;
}

/* How @link is saved: *ret is NULL for one that is left out. */
static int choose(struct dump *d, const struct dump_link *link, const struct link_kind **ret)
{
	const struct link_kind *kind = link_kind_of_kernel(link->ifi->ifi_type, link->kind);
	const char *name = *link->kind ? link->kind : SKIP_KIND_NONE;

	*ret = NULL;
	if (kind && kind->type != IMG__LINK_TYPE__LOOPBACK)
		(void)externals_find(d->externals, kind->name, link->name);
	if (kind && kind->dump && !is_fallback(link) &&
	    (kind->type == IMG__LINK_TYPE__LOOPBACK || !skip_kinds_has(d->skip, name))) {
		*ret = kind;
		return 0;
	}
	/* Somebody else will make it: only its parameters are saved. */
	if (externals_find(d->externals, "netdev", link->name)) {
		*ret = &link_kind_extlink;
		return 0;
	}
	if (skip_kinds_has(d->skip, name)) {
		report_warn(d->report,
			    "link %s of kind %s is left out, as --skip-kind says, with "
			    "its addresses and routes",
			    link->name, name);
		return skip(d, link);
	}
	if (is_fallback(link))
		return skip(d, link);
	return report_fail(d->report, EXIT_IMAGE,
			   "link %s is of kind %s, which %s; nothing was done: remove the link, "
			   "leave it out by --skip-kind %s, or declare that it is made elsewhere "
			   "by --external 'netdev[%s]:NAME'",
			   link->name, name,
			   kind ? "this version cannot save" : "the images cannot hold", name,
			   link->name);
}

static int check(struct dump *d, const struct dump_link *link)
{
	if (dump_attr_u32(link->attrs[IFLA_GROUP], 0) == PLAN_GROUP)
		return report_fail(d->report, EXIT_UNDONE,
				   "link %s is of a restore that did not finish; nothing was done: "
				   "restore again, or give it another group",
				   link->name);
	if (link->ifi->ifi_index != 1 && check_ifname(link->name) < 0)
		return report_fail(d->report, EXIT_IMAGE,
				   "link '%s' has a name that no restore takes; nothing was done: "
				   "rename it",
				   link->name);
	return 0;
}

/* --- what every link has --- */

static size_t count_names(const struct nlattr *list)
{
	const struct nlattr *attr;
	size_t n = 0;

	nl_attr_each_nested (attr, list)
		n++;
	return n;
}

static void find_lost(struct dump_link *link)
{
	const struct nlattr *names = link->attrs[IFLA_PROP_LIST];
	const uint32_t group = dump_attr_u32(link->attrs[IFLA_GROUP], 0);

	if (link->attrs[IFLA_IFALIAS])
		dump_lost(link, "its alias");
	if (names && count_names(names) > 0)
		dump_lost(link, "its %zu alternative names", count_names(names));
	if (group != 0)
		dump_lost(link, "its group %u", group);
}

static uint32_t ns_id_of(const struct dump *d, const struct nlattr *nsid)
{
	const int32_t value = (int32_t)dump_attr_u32(nsid, UINT32_MAX);

	if (!nsid)
		return d->ns_id;
	for (size_t i = 0; value >= 0 && i < d->n_saved; i++) {
		if (d->nsids[i] == value)
			return d->saved[i].ns_id;
	}
	return 0;
}

static int fill(const struct dump_link *link, Img__NetDevice *dev)
{
	const struct nlattr *address = link->attrs[IFLA_ADDRESS];
	const struct nlattr *master = link->attrs[IFLA_MASTER];

	dev->ifindex = (uint32_t)link->ifi->ifi_index;
	dev->mtu = dump_attr_u32(link->attrs[IFLA_MTU], 0);
	dev->flags = link->ifi->ifi_flags;
	dev->name = strdup(link->name);
	if (!dev->name)
		return -ENOMEM;
	if (address && mnl_attr_get_payload_len(address) > 0) {
		dev->address.len = mnl_attr_get_payload_len(address);
		dev->address.data = malloc(dev->address.len);
		if (!dev->address.data)
			return -ENOMEM;
		memcpy(dev->address.data, mnl_attr_get_payload(address), dev->address.len);
		dev->has_address = 1;
	}
	dev->has_peer_ifindex = 1;
	dev->peer_ifindex = dump_attr_u32(link->attrs[IFLA_LINK], dev->ifindex);
	dev->has_peer_nsid = link->link_ns_id != 0;
	dev->peer_nsid = link->link_ns_id;
	dev->has_master = master != NULL;
	dev->master = dump_attr_u32(master, 0);
	return 0;
}

static int fill_sysctls(const struct dump_link *link, Img__NetDevice *dev)
{
	const struct nlattr *families = link->attrs[IFLA_AF_SPEC];
	struct sysctl_value known[DUMP_CONF_MAX];
	const struct dump *d = link->d;
	char dir[64];
	int status;

	(void)snprintf(dir, sizeof(dir), "ipv4/conf/%s", dev->name);
	dump_conf_get(d, &sysctl_conf4, families, known);
	status = dump_sysctls(d, &sysctl_conf4, dir, known, &dev->conf4, &dev->n_conf4);
	if (status)
		return status;
	(void)snprintf(dir, sizeof(dir), "ipv6/conf/%s", dev->name);
	dump_conf_get(d, &sysctl_conf6, families, known);
	return dump_sysctls(d, &sysctl_conf6, dir, known, &dev->conf6, &dev->n_conf6);
}

/* --- one, and all --- */

static int save(struct dump *d, struct dump_link *link, const struct link_kind *kind)
{
	Img__NetDevice *dev = malloc(sizeof(*dev));
	Img__NetDevice **more = reallocarray(d->links, d->n_links + 1, sizeof(*more));
	int status;

	if (more)
		d->links = more;
	if (!dev || !more) {
		free(dev);
		return report_fail(d->report, EXIT_OS_, "no memory for link %s", link->name);
	}
	img__net_device__init(dev);
	d->links[d->n_links++] = dev;
	dev->type = kind->type;
	if (fill(link, dev) < 0)
		return report_fail(d->report, EXIT_OS_, "no memory for link %s", link->name);
	status = fill_sysctls(link, dev);
	find_lost(link);
	dump_losses_of_link(link, dev);
	if (!status && kind->dump)
		status = kind->dump(link, dev, d->report);
	if (!status && *link->lost)
		report_warn(d->report, "link %s: the images cannot hold %s: lost", link->name,
			    link->lost);
	return status;
}

static int dump_one(struct dump *d, const struct nlmsghdr *nlh)
{
	const struct link_kind *kind;
	struct dump_link link;
	int status;

	if (dump_link_parse(nlh, &link) < 0)
		return report_fail(d->report, EXIT_UNDONE, "a link of the target has no name");
	link.d = d;
	link.link_ns_id = ns_id_of(d, link.attrs[IFLA_LINK_NETNSID]);
	status = check(d, &link);
	if (!status)
		status = choose(d, &link, &kind);
	if (status || !kind)
		return status;
	if (d->n_links == IMAGE_LINKS_MAX)
		return report_fail(d->report, EXIT_IMAGE, "the target has more than %d links",
				   IMAGE_LINKS_MAX);
	return save(d, &link, kind);
}

/* A link that is saved may belong to one that is not. */
static void check_skipped(struct dump *d)
{
	for (size_t i = 0; d->n_skipped > 0 && i < d->n_links; i++) {
		Img__NetDevice *dev = d->links[i];

		if (dev->has_master && dump_is_skipped(d, dev->master)) {
			report_warn(d->report, "link %s: its master is left out: lost", dev->name);
			dev->has_master = 0;
			dev->master = 0;
		}
		if (dev->has_peer_nsid && dev->peer_nsid == d->ns_id &&
		    dump_is_skipped(d, dev->peer_ifindex))
			report_warn(d->report,
				    "link %s: what it is on, the link with index %u, is left out: "
				    "it cannot be restored without it",
				    dev->name, dev->peer_ifindex);
	}
}

static int get_links(struct dump *d, struct dump_msgs *ret)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	char text[NL_TEXT_MAX];
	uint8_t buf[128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int r;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(ifi)), &ifi, sizeof(ifi));
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = dump_msgs_get(d->nl, nlh, RTM_NEWLINK, sizeof(ifi), /* keep= */ NULL, /* data= */ NULL,
			  ret, text);
	if (r < 0)
		return report_fail(d->report, EXIT_OS_, "cannot list the target's links: %s %s",
				   log_errname(-r), text);
	return 0;
}

int dump_links(struct dump *d)
{
	struct dump_msgs msgs = { 0 };
	const struct nlmsghdr *nlh;
	int status, first = 0;

	status = dump_conf_open(d);
	if (!status)
		status = get_links(d, &msgs);
	if (!status)
		status = dump_nsids(d);
	if (!status) {
		/* All that are in the way are named, not only the first. */
		dump_msgs_each(nlh, &msgs)
		{
			int r = dump_one(d, nlh);

			first = first ? first : r;
		}
		status = first;
	}
	dump_msgs_fini(&msgs);
	if (!status)
		check_skipped(d);
	return status;
}

void dump_fini(struct dump *d)
{
	for (size_t i = 0; i < d->n_links; i++)
		img__net_device__free_unpacked(d->links[i], NULL);
	free(d->links);
	free(d->skipped);
	sysctl_set_fini(&d->there4);
	sysctl_set_fini(&d->there6);
	fd_closep(&d->nft);
	d->links = NULL;
	d->skipped = NULL;
	d->n_links = 0;
	d->n_skipped = 0;
}
