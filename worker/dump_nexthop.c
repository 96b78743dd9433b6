/*
 * Routes by nexthop objects. The images have no objects, so such a route is saved as an ordinary
 * one, by the gateways and links that the kernel tells beside the object's id.
 *
 * May: change the messages it is given. Must not: ask the kernel.
 */
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/dump_msgs.h"
#include "worker/dump_raw.h"
#include "worker/report.h"
#include "worker/state_text.h"
#include "worker/sync_addr.h"

/* Whether @type is left out of a route by an object. An IPv4 route that leads nowhere names lo,
 * which is the object's; the kernel takes none that is ordinary and names a link. */
static bool is_of_object(const struct rtmsg *rtm, uint16_t type)
{
	return type == RTA_NH_ID ||
	       (type == RTA_OIF && rtm->rtm_family == AF_INET && rtm->rtm_type == RTN_BLACKHOLE);
}

static bool is_way(uint16_t type)
{
	return type == RTA_OIF || type == RTA_GATEWAY || type == RTA_VIA || type == RTA_MULTIPATH;
}

struct found {
	uint32_t id; /* 0: by none */
	bool way;    /* where it leads is told, too */
};

static struct found look(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct found found = { .way = rtm->rtm_type == RTN_BLACKHOLE };
	const struct nlattr *attr;

	nl_attr_each (attr, nlh, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_NH_ID)
			found.id = dump_attr_u32(attr, 0);
		found.way |= is_way(mnl_attr_get_type(attr));
	}
	return found;
}

/* Copy @nlh to @to, which is not behind it and may overlap it, without what is the object's.
 * Returns the bytes that were written. */
static size_t put_ordinary(const struct nlmsghdr *nlh, uint8_t *to)
{
	const size_t head = sizeof(*nlh) + sizeof(struct rtmsg);
	const uint8_t *end = (const uint8_t *)nlh + nlh->nlmsg_len;
	const uint8_t *at = (const uint8_t *)nlh + head;
	const struct rtmsg rtm = *(const struct rtmsg *)mnl_nlmsg_get_payload(nlh);
	struct nlmsghdr header = *nlh;
	size_t len = head;

	memmove(to, nlh, head);
	while ((size_t)(end - at) >= sizeof(struct nlattr)) {
		const struct nlattr attr = *(const struct nlattr *)(const void *)at;
		size_t size = NLMSG_ALIGN((size_t)attr.nla_len);

		if (size == 0 || size > (size_t)(end - at))
			size = (size_t)(end - at);
		if (!is_of_object(&rtm, mnl_attr_get_type(&attr))) {
			memmove(to + len, at, size);
			len += size;
		}
		at += size;
	}
	header.nlmsg_len = (uint32_t)len;
	memcpy(to, &header, sizeof(header));
	return NLMSG_ALIGN(len);
}

static void refuse(struct dump *d, const struct nlmsghdr *nlh, uint32_t id)
{
	const struct addr_links none = { 0 };
	char text[STATE_TEXT_MAX];

	route_text(nlh, &none, text);
	(void)report_fail(d->report, EXIT_IMAGE,
			  "route %s goes by nexthop object %u, and the kernel does not say where "
			  "that leads, as net.ipv4.nexthop_compat_mode is 0 in the target; nothing "
			  "was done: set it to 1, or remove the route",
			  text, id);
}

int dump_nexthops(struct dump *d, struct dump_msgs *msgs)
{
	const struct nlmsghdr *nlh;
	size_t objects = 0, len = 0;
	int status = 0;

	for (size_t at = 0; at < msgs->len;) {
		struct found found;
		size_t size;

		nlh = (const struct nlmsghdr *)(const void *)(msgs->data + at);
		size = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
		found = look(nlh);
		if (found.id && !found.way) {
			refuse(d, nlh, found.id);
			status = EXIT_IMAGE;
		}
		objects += found.id != 0;
		if (found.id) {
			len += put_ordinary(nlh, msgs->data + len);
		} else {
			memmove(msgs->data + len, nlh, size);
			len += size;
		}
		at += size;
	}
	msgs->len = len;
	if (!status && objects > 0)
		report_warn(d->report,
			    "%zu routes go by nexthop objects, which the images cannot hold: they "
			    "are saved as ordinary routes",
			    objects);
	return status;
}
