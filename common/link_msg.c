/*
 * RTM_NEWLINK of a macvlan. The decoder stands between a hostile worker and the kernel: no byte
 * of the worker's is forwarded, only values that were read into a struct link_spec here and are
 * encoded again.
 *
 * May: compute. Must not: call the system, allocate, log.
 */
#include "common/link_msg.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/check.h"
#include "common/cleanup.h"

/* Newer than the headers of some build hosts; values of include/uapi/linux/if_link.h. */
enum {
	ATTR_GSO_IPV4_MAX_SIZE = 63, /* IFLA_GSO_IPV4_MAX_SIZE, Linux 6.3 */
	ATTR_GRO_IPV4_MAX_SIZE = 64, /* IFLA_GRO_IPV4_MAX_SIZE, Linux 6.3 */
	ATTR_BC_CUTOFF = 9,          /* IFLA_MACVLAN_BC_CUTOFF, Linux 6.4 */
};

#define MACVLAN_KIND "macvlan"
#define ALL_MACVLAN_FLAGS (MACVLAN_FLAG_NOPROMISC | MACVLAN_FLAG_NODST)
#define CREATE_FLAGS (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)

/* A number: which attribute, how wide, where in struct link_spec, and what it may be. */
struct scalar {
	uint16_t type;
	uint16_t size; /* 2 or 4 bytes, in host order */
	uint32_t has;  /* 0: always there */
	size_t offset;
	int64_t low, high; /* a negative low: the attribute is signed */
	const char *name;
};

#define SCALAR(attr, bit, field, low, high)                                 \
	{                                                                   \
		attr, sizeof(((struct link_spec *)0)->field), bit,          \
			offsetof(struct link_spec, field), low, high, #attr \
	}

/* clang-format off */
/* Numbers of the message itself. With IFLA_IFNAME, IFLA_ADDRESS and IFLA_LINKINFO, this is all. */
static const struct scalar link_scalars[] = {
	SCALAR(IFLA_MTU,               LINK_HAS_MTU,               mtu,               68, 65535),
	SCALAR(IFLA_TXQLEN,            LINK_HAS_TXQLEN,            txqlen,            0,  1000000),
	SCALAR(IFLA_GROUP,             LINK_HAS_GROUP,             group,             0,  INT_MAX),
	SCALAR(IFLA_NUM_TX_QUEUES,     LINK_HAS_NUM_TX_QUEUES,     num_tx_queues,     1,  64),
	SCALAR(IFLA_NUM_RX_QUEUES,     LINK_HAS_NUM_RX_QUEUES,     num_rx_queues,     1,  64),
	SCALAR(IFLA_GSO_MAX_SEGS,      LINK_HAS_GSO_MAX_SEGS,      gso_max_segs,      1,  65535),
	SCALAR(IFLA_GSO_MAX_SIZE,      LINK_HAS_GSO_MAX_SIZE,      gso_max_size,      1,  524280),
	SCALAR(IFLA_GRO_MAX_SIZE,      LINK_HAS_GRO_MAX_SIZE,      gro_max_size,      1,  524280),
	SCALAR(ATTR_GSO_IPV4_MAX_SIZE, LINK_HAS_GSO_IPV4_MAX_SIZE, gso_ipv4_max_size, 1,  524280),
	SCALAR(ATTR_GRO_IPV4_MAX_SIZE, LINK_HAS_GRO_IPV4_MAX_SIZE, gro_ipv4_max_size, 1,  524280),
};

/* Numbers in IFLA_LINKINFO's IFLA_INFO_DATA. IFLA_MACVLAN_MACADDR_* is not among them: source
 * lists are the worker's to set, and a failing creation with one has been a use after free in
 * the kernel (CVE-2026-23209). */
static const struct scalar macvlan_scalars[] = {
	SCALAR(IFLA_MACVLAN_MODE,         0,                      mode,          1,  MACVLAN_MODE_SOURCE),
	SCALAR(IFLA_MACVLAN_FLAGS,        LINK_HAS_MACVLAN_FLAGS, macvlan_flags, 0,  ALL_MACVLAN_FLAGS),
	SCALAR(IFLA_MACVLAN_BC_QUEUE_LEN, LINK_HAS_BC_QUEUE_LEN,  bc_queue_len,  0,  10000),
	SCALAR(ATTR_BC_CUTOFF,            LINK_HAS_BC_CUTOFF,     bc_cutoff,     -1, INT_MAX),
};
/* clang-format on */

/* --- encoding --- */

static bool put_scalars(struct nlmsghdr *nlh, size_t size, const struct scalar *table, size_t n,
			const struct link_spec *spec)
{
	for (size_t i = 0; i < n; i++) {
		const struct scalar *s = &table[i];

		if (s->has && !(spec->has & s->has))
			continue;
		if (!mnl_attr_put_check(nlh, size, s->type, s->size,
					(const uint8_t *)spec + s->offset))
			return false;
	}
	return true;
}

static bool put_link(struct nlmsghdr *nlh, size_t size, const struct link_spec *spec)
{
	return mnl_attr_put_strz_check(nlh, size, IFLA_IFNAME, spec->name) &&
	       (!(spec->has & LINK_HAS_ADDRESS) ||
		mnl_attr_put_check(nlh, size, IFLA_ADDRESS, sizeof(spec->address),
				   spec->address)) &&
	       put_scalars(nlh, size, link_scalars, ARRAY_SIZE(link_scalars), spec);
}

static bool put_place(struct nlmsghdr *nlh, size_t size, const struct link_place *place)
{
	return mnl_attr_put_u32_check(nlh, size, IFLA_LINK, place->parent) &&
	       (!place->elsewhere ||
		mnl_attr_put_u32_check(nlh, size, IFLA_LINK_NETNSID, (uint32_t)place->link_nsid)) &&
	       (place->netns_fd < 0 ||
		mnl_attr_put_u32_check(nlh, size, IFLA_NET_NS_FD, (uint32_t)place->netns_fd));
}

static bool put_linkinfo(struct nlmsghdr *nlh, size_t size, const struct link_spec *spec)
{
	struct nlattr *info, *data;

	info = mnl_attr_nest_start_check(nlh, size, IFLA_LINKINFO);
	if (!info || !mnl_attr_put_strz_check(nlh, size, IFLA_INFO_KIND, MACVLAN_KIND))
		return false;
	data = mnl_attr_nest_start_check(nlh, size, IFLA_INFO_DATA);
	if (!data || !put_scalars(nlh, size, macvlan_scalars, ARRAY_SIZE(macvlan_scalars), spec))
		return false;
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return true;
}

int link_msg_encode(const struct link_spec *spec, const struct link_place *place, void *buf,
		    size_t size)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	if (size < sizeof(*nlh) + sizeof(*ifi))
		return -EMSGSIZE;
	/* libmnl leaves the padding behind an attribute as it is. */
	memset(buf, 0, size);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = RTM_NEWLINK;
	/* Without NLM_F_EXCL a macvlan that has the index already would be renamed and moved
	 * into the target, and the kernel would call it success. */
	nlh->nlmsg_flags = CREATE_FLAGS;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)spec->ifindex;
	ifi->ifi_flags = spec->flags;
	ifi->ifi_change = spec->change;
	if (!put_link(nlh, size, spec) || (place && !put_place(nlh, size, place)) ||
	    !put_linkinfo(nlh, size, spec))
		return -EMSGSIZE;
	return (int)nlh->nlmsg_len;
}

/* --- decoding --- */

struct reader {
	const uint8_t *pos;
	size_t left;
};

struct attr {
	uint16_t type; /* with its flag bits */
	uint16_t len;  /* of the payload */
	const uint8_t *payload;
};

struct decoder {
	struct link_spec spec; /* what is set in it also tells what came twice */
	char *why;             /* LINK_TEXT_MAX bytes */
};

static int refuse(struct decoder *d, const char *what, unsigned int number)
{
	(void)snprintf(d->why, LINK_TEXT_MAX, "%s (attribute %u)", what, number);
	return -EINVAL;
}

static int refuse_plain(struct decoder *d, const char *what)
{
	(void)snprintf(d->why, LINK_TEXT_MAX, "%s", what);
	return -EINVAL;
}

/* The next attribute of @r. Returns 1, 0 at the end, or -EINVAL. */
static int attr_next(struct reader *r, struct attr *ret)
{
	struct nlattr head;
	size_t step;

	if (r->left == 0)
		return 0;
	if (r->left < sizeof(head))
		return -EINVAL;
	memcpy(&head, r->pos, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > r->left)
		return -EINVAL;
	*ret = (struct attr){ .type = head.nla_type,
			      .len = (uint16_t)(head.nla_len - sizeof(head)),
			      .payload = r->pos + sizeof(head) };
	step = MNL_ALIGN(head.nla_len);
	if (step > r->left)
		return -EINVAL;
	r->pos += step;
	r->left -= step;
	return 1;
}

static int decode_scalar(struct decoder *d, const struct scalar *s, const struct attr *a)
{
	int64_t value;

	/* The mode has no presence bit: it is always there, and never 0. */
	if (s->has ? (d->spec.has & s->has) != 0 : d->spec.mode != 0)
		return refuse(d, "twice", s->type);
	if (a->len != s->size)
		return refuse(d, "wrong length", s->type);
	if (s->size == sizeof(uint16_t)) {
		uint16_t v;

		memcpy(&v, a->payload, sizeof(v));
		value = v;
	} else {
		uint32_t v;

		memcpy(&v, a->payload, sizeof(v));
		value = s->low < 0 ? (int32_t)v : (int64_t)v;
	}
	if (value < s->low || value > s->high) {
		(void)snprintf(d->why, LINK_TEXT_MAX, "%s is not within %lld..%lld", s->name,
			       (long long)s->low, (long long)s->high);
		return -EINVAL;
	}
	memcpy((uint8_t *)&d->spec + s->offset, a->payload, s->size);
	d->spec.has |= s->has;
	return 0;
}

/* A table's number. Flag bits (NLA_F_NESTED, NLA_F_NET_BYTEORDER) make a type that is in no
 * table, so they are refused as unknown. */
static int decode_from(struct decoder *d, const struct scalar *table, size_t n,
		       const struct attr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (table[i].type == a->type)
			return decode_scalar(d, &table[i], a);
	}
	return refuse(d, "not allowed", a->type);
}

static int decode_name(struct decoder *d, const struct attr *a)
{
	if (d->spec.name[0])
		return refuse(d, "twice", IFLA_IFNAME);
	if (a->len < 2 || a->len > sizeof(d->spec.name))
		return refuse(d, "the name is empty or too long", IFLA_IFNAME);
	if (memchr(a->payload, '\0', a->len) != a->payload + a->len - 1)
		return refuse(d, "the name does not end where it says", IFLA_IFNAME);
	memcpy(d->spec.name, a->payload, a->len);
	if (check_ifname(d->spec.name) < 0)
		return refuse(d, "the name has a byte or a form that is not allowed", IFLA_IFNAME);
	return 0;
}

static int decode_address(struct decoder *d, const struct attr *a)
{
	if (d->spec.has & LINK_HAS_ADDRESS)
		return refuse(d, "twice", IFLA_ADDRESS);
	if (a->len != sizeof(d->spec.address))
		return refuse(d, "wrong length", IFLA_ADDRESS);
	memcpy(d->spec.address, a->payload, sizeof(d->spec.address));
	d->spec.has |= LINK_HAS_ADDRESS;
	if (check_mac(d->spec.address) < 0) {
		(void)refuse(d, "not a unicast address", IFLA_ADDRESS);
		return -EADDRNOTAVAIL;
	}
	return 0;
}

static int decode_data(struct decoder *d, const struct attr *data)
{
	struct reader r = { data->payload, data->len };
	struct attr a;
	int n;

	while ((n = attr_next(&r, &a)) > 0) {
		n = decode_from(d, macvlan_scalars, ARRAY_SIZE(macvlan_scalars), &a);
		if (n < 0)
			return n;
	}
	if (n < 0)
		return refuse_plain(d, "IFLA_INFO_DATA is cut off or misnested");
	if (!link_mode_name(d->spec.mode))
		return refuse_plain(d, "IFLA_MACVLAN_MODE is missing or no mode");
	return 0;
}

/* Exactly the kind, and then its data: what the encoder writes, and what ip(8) writes. */
static int decode_linkinfo(struct decoder *d, const struct attr *info)
{
	struct reader r = { info->payload, info->len };
	struct attr kind, data;

	if (d->spec.mode)
		return refuse(d, "twice", IFLA_LINKINFO);
	if (attr_next(&r, &kind) != 1 || kind.type != IFLA_INFO_KIND)
		return refuse_plain(d, "IFLA_LINKINFO does not begin with IFLA_INFO_KIND");
	if (kind.len != sizeof(MACVLAN_KIND) ||
	    memcmp(kind.payload, MACVLAN_KIND, sizeof(MACVLAN_KIND)) != 0)
		return refuse_plain(d, "the kind is not macvlan");
	if (attr_next(&r, &data) != 1 || data.type != (IFLA_INFO_DATA | NLA_F_NESTED))
		return refuse_plain(d, "IFLA_INFO_DATA does not follow IFLA_INFO_KIND");
	if (r.left != 0)
		return refuse_plain(d, "something follows IFLA_INFO_DATA");
	return decode_data(d, &data);
}

static int decode_attr(struct decoder *d, const struct attr *a)
{
	switch (a->type) {
	case IFLA_IFNAME:
		return decode_name(d, a);
	case IFLA_ADDRESS:
		return decode_address(d, a);
	case IFLA_LINKINFO | NLA_F_NESTED:
		return decode_linkinfo(d, a);
	default:
		return decode_from(d, link_scalars, ARRAY_SIZE(link_scalars), a);
	}
}

static int decode_header(struct decoder *d, const void *buf, size_t len)
{
	struct {
		struct nlmsghdr nlh;
		struct ifinfomsg ifi;
	} head;

	if (len < sizeof(head) || len > LINK_MSG_MAX)
		return refuse_plain(d, "the message is shorter than its header, or too long");
	memcpy(&head, buf, sizeof(head));
	if (head.nlh.nlmsg_len != len)
		return refuse_plain(d, "the length in the header is not that of the message");
	if (head.nlh.nlmsg_type != RTM_NEWLINK)
		return refuse_plain(d, "the message is not an RTM_NEWLINK");
	if (head.nlh.nlmsg_flags != CREATE_FLAGS || head.nlh.nlmsg_pid || head.nlh.nlmsg_seq)
		return refuse_plain(d, "the header's flags, sequence number or port are not those "
				       "of a proposal");
	if (head.ifi.ifi_family != AF_UNSPEC || head.ifi.__ifi_pad || head.ifi.ifi_type)
		return refuse_plain(d, "the link's family or type is set");
	if (head.ifi.ifi_index < 0 || head.ifi.ifi_index == 1)
		return refuse_plain(d, "the index is not 0 and not within 2..2147483647");
	if ((head.ifi.ifi_change & ~LINK_FLAGS) || (head.ifi.ifi_flags & ~head.ifi.ifi_change))
		return refuse_plain(d, "a flag is not allowed, or not within ifi_change");
	d->spec.ifindex = (uint32_t)head.ifi.ifi_index;
	d->spec.flags = head.ifi.ifi_flags;
	d->spec.change = head.ifi.ifi_change;
	return 0;
}

int link_msg_decode(const void *buf, size_t len, struct link_spec *ret, char ret_why[LINK_TEXT_MAX])
{
	const size_t head = sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg);
	struct decoder d = { .why = ret_why };
	struct reader r;
	struct attr a;
	int n;

	ret_why[0] = '\0';
	n = decode_header(&d, buf, len);
	if (n < 0)
		return n;
	r = (struct reader){ (const uint8_t *)buf + head, len - head };
	while ((n = attr_next(&r, &a)) > 0) {
		n = decode_attr(&d, &a);
		if (n < 0)
			return n;
	}
	if (n < 0)
		return refuse_plain(&d, "an attribute is cut off or longer than the message");
	if (d.spec.name[0] == '\0' || d.spec.mode == 0)
		return refuse_plain(&d, "IFLA_IFNAME or IFLA_LINKINFO is missing");
	*ret = d.spec;
	return 0;
}
