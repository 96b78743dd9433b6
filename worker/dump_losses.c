/*
 * What images cannot hold of a namespace, by a request of each kind for all of its links at once.
 *
 * May: rtnetlink over the socket it is given. Must not: change anything, or fail the dump.
 */
#include "worker/dump_losses.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/neighbour.h>

#include "common/log.h"
#include "worker/dump.h"
#include "worker/dump_msgs.h"
#include "worker/report.h"

/* A kind of thing: which messages tell of one. */
struct kind {
	const char *what;
	uint16_t request, answer;
	uint8_t family;
	size_t header;
	dump_keep keep;
};

static const Img__NetDevice *find(const struct dump *d, int ifindex)
{
	for (size_t i = 0; i < d->n_links; i++) {
		if (d->links[i]->ifindex == (uint32_t)ifindex)
			return d->links[i];
	}
	return NULL;
}

static const struct nlattr *attr_of(const struct nlmsghdr *nlh, size_t header, uint16_t type)
{
	const struct nlattr *attr, *found = NULL;

	nl_attr_each (attr, nlh, header) {
		if (mnl_attr_get_type(attr) == type)
			found = attr;
	}
	return found;
}

static bool keep_neighbour(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

	return (ndm->ndm_family == AF_INET || ndm->ndm_family == AF_INET6) &&
	       ndm->ndm_state & NUD_PERMANENT && find(data, ndm->ndm_ifindex);
}

/* NUD_NOARP: static. NUD_PERMANENT: local, which the bridge makes for its own address and its
 * ports'. Those that a device has without a bridge are not of a bridge. */
static bool keep_forwarding(const struct nlmsghdr *nlh, void *data)
{
	const struct dump *d = data;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *address = attr_of(nlh, sizeof(*ndm), NDA_LLADDR);

	if (!attr_of(nlh, sizeof(*ndm), NDA_MASTER) || !address || !find(d, ndm->ndm_ifindex))
		return false;
	if (ndm->ndm_state & NUD_NOARP)
		return true;
	for (size_t i = 0; i < d->n_links; i++) {
		const ProtobufCBinaryData *own = &d->links[i]->address;

		if (own->len == mnl_attr_get_payload_len(address) &&
		    memcmp(own->data, mnl_attr_get_payload(address), own->len) == 0)
			return false;
	}
	return ndm->ndm_state & NUD_PERMANENT;
}

/* What the kernel gives a link by itself has no handle. */
static bool keep_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);

	return tcm->tcm_handle != 0 && find(data, tcm->tcm_ifindex);
}

static bool keep_vlans(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	return find(data, ifi->ifi_index) && dump_losses_has_vlans(nlh);
}

static const struct kind kinds[] = {
	{ "static neighbours", RTM_GETNEIGH, RTM_NEWNEIGH, AF_UNSPEC, sizeof(struct ndmsg),
	  keep_neighbour },
	{ "static forwarding entries", RTM_GETNEIGH, RTM_NEWNEIGH, AF_BRIDGE, sizeof(struct ndmsg),
	  keep_forwarding },
	{ "VLANs", RTM_GETLINK, RTM_NEWLINK, AF_BRIDGE, sizeof(struct ifinfomsg), keep_vlans },
	{ "queueing disciplines", RTM_GETQDISC, RTM_NEWQDISC, AF_UNSPEC, sizeof(struct tcmsg),
	  keep_qdisc },
};

/* The index is the second word in all three headers. */
static int ifindex_of(const struct nlmsghdr *nlh)
{
	int32_t words[2];

	memcpy(words, mnl_nlmsg_get_payload(nlh), sizeof(words));
	return words[1];
}

static bool is_first(const struct dump_msgs *msgs, const struct nlmsghdr *which)
{
	const struct nlmsghdr *nlh;

	dump_msgs_each(nlh, msgs)
	{
		if (nlh == which)
			return true;
		if (ifindex_of(nlh) == ifindex_of(which))
			return false;
	}
	return true;
}

static void warn(struct dump *d, const struct kind *kind, const struct dump_msgs *msgs)
{
	const struct nlmsghdr *nlh, *other;

	dump_msgs_each(nlh, msgs)
	{
		size_t n = 0;

		if (!is_first(msgs, nlh))
			continue;
		dump_msgs_each(other, msgs) n += ifindex_of(other) == ifindex_of(nlh);
		if (kind->family == AF_BRIDGE && kind->request == RTM_GETLINK)
			report_warn(d->report, "link %s: the images cannot hold its %s: lost",
				    find(d, ifindex_of(nlh))->name, kind->what);
		else
			report_warn(d->report, "link %s: the images cannot hold its %zu %s: lost",
				    find(d, ifindex_of(nlh))->name, n, kind->what);
	}
}

void dump_losses(struct dump *d)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *kind = &kinds[i];
		struct dump_msgs msgs = { 0 };
		char text[NL_TEXT_MAX];
		uint8_t buf[128];
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
		int r;

		nlh->nlmsg_type = kind->request;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		*(uint8_t *)mnl_nlmsg_put_extra_header(nlh, kind->header) = kind->family;
		if (kind->request == RTM_GETLINK)
			mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
		r = dump_msgs_get(d->nl, nlh, kind->answer, kind->header, kind->keep, d, &msgs,
				  text);
		if (r == 0)
			warn(d, kind, &msgs);
		/* A kernel without bridges, or without queueing disciplines to choose. */
		else if (r != -EOPNOTSUPP && r != -EAFNOSUPPORT)
			report_warn(d->report,
				    "whether there are %s, which would be lost, cannot "
				    "be seen: %s %s",
				    kind->what, log_errname(-r), text);
		dump_msgs_fini(&msgs);
	}
}
