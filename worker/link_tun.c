/*
 * tun and tap: made by ioctls of /dev/net/tun in the target (drivers/net/tun.c). A device that
 * is not persistent is gone when its descriptor is closed; so it is put into the group of
 * unfinished links first and made persistent last, and there is no moment in which it could be
 * left over and not be known.
 *
 * All are made persistent, also those that were not: the process that had such a device open
 * opens it again later.
 *
 * A dump asks rtnetlink, and attaches to no device: that would bring it a carrier, and could change
 * its flags (tun_set_iff()).
 */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/if_link.h>
#include <linux/if_tun.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/id_map.h"
#include "worker/link_ether.h"
#include "worker/link_kind.h"
#include "worker/links.h"
#include "worker/plan_input.h"
#include "worker/report.h"
#include "worker/target.h"

enum {
	VNETHDR_MIN = 10, /* bytes: struct virtio_net_hdr */
	VNETHDR_MAX = 65535,
	QUEUE_TUN = 500, /* packets; TUN_READQ_SIZE in drivers/net/tun.c */
	QUEUE_TAP = 1000,
	SNDBUF_DEFAULT = INT_MAX, /* bytes; in tun_chr_open() */
	TUN_TYPES = IFF_TUN | IFF_TAP,
	/* What can be asked for, and what is only told: tun_flags() in drivers/net/tun.c. */
	TUN_SETTABLE = IFF_NAPI | IFF_NAPI_FRAGS | IFF_NO_CARRIER | IFF_MULTI_QUEUE | IFF_NO_PI |
		       IFF_ONE_QUEUE | IFF_VNET_HDR,
	TUN_TOLD = IFF_PERSIST | IFF_TUN_EXCL | IFF_ATTACH_QUEUE | IFF_DETACH_QUEUE,
};

static int check_tun(const Img__NetDevice *dev, const struct entry_place *at, struct report *report)
{
	const Img__Tun *tun = dev->tun;
	unsigned int type = tun ? tun->flags & TUN_TYPES : 0;

	if (!tun)
		return report_fail(report, EXIT_IMAGE, "%s: record %zu: tun %s has no tun part",
				   at->file, at->record, dev->name);
	if (type != IFF_TUN && type != IFF_TAP)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: %s is to be neither a tun nor a tap, or both",
				   at->file, at->record, dev->name);
	if (tun->flags & ~(uint32_t)(TUN_TYPES | TUN_SETTABLE | TUN_TOLD))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: tun %s has flags %#x, which are not known",
				   at->file, at->record, dev->name, tun->flags);
	if (!check_u32_range(tun->vnethdr, VNETHDR_MIN, VNETHDR_MAX))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: tun %s has a header of %u bytes, which is not "
				   "within %d..%d",
				   at->file, at->record, dev->name, tun->vnethdr, VNETHDR_MIN,
				   VNETHDR_MAX);
	if (!check_u32_range(tun->sndbuf, 1, INT_MAX))
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: tun %s has a send buffer of %u bytes, which is "
				   "not within 1..%d",
				   at->file, at->record, dev->name, tun->sndbuf, INT_MAX);
	if (type == IFF_TAP)
		return link_ether_check(dev, "tap", /* needed= */ false, at, report);
	return 0;
}

/* --- planning --- */

static int map_id(const struct plan_link *link, const char *what, int32_t id,
		  const struct id_map *map, uint32_t *ret, struct report *report)
{
	*ret = PLAN_NO_ID;
	if (id == -1)
		return 0;
	if (id_map_inside(map, (uint32_t)id, ret) == 0)
		return 0;
	return report_fail(report, EXIT_IMAGE,
			   "%s: record %zu: %s %u of tun %s has no id in the target's user "
			   "namespace; nothing was done",
			   link->at.file, link->at.record, what, (uint32_t)id, link->dev->name);
}

static int plan_tun(struct plan_link *link, struct plan_input *in, struct report *report)
{
	const Img__Tun *tun = link->dev->tun;
	int status;

	link->maker = MAKER_WORKER;
	status = map_id(link, "owner", tun->owner, in->uids, &link->owner, report);
	return status ? status : map_id(link, "group", tun->group, in->gids, &link->group, report);
}

/* --- making --- */

/* @opener is of the namespace that the tun will be in. */
static int open_tun(const struct tun_opener *opener, int *ret_fd, char ret_text[NL_TEXT_MAX])
{
	int r = tun_opener_open(opener, ret_fd);

	if (r < 0)
		(void)snprintf(ret_text, NL_TEXT_MAX,
			       r == -EPIPE ? "the process that opens /dev/net/tun is gone"
					   : "/dev/net/tun cannot be opened; it comes with the "
					     "module tun, and has to be there for this user");
	return r;
}

static int probe_tun(char ret_text[NL_TEXT_MAX])
{
	_cleanup_fd_ int fd = -1;

	return open_tun(&TUN_OPENER_NONE, &fd, ret_text);
}

/* One ioctl, with what it was in @ret_text if it fails. */
static int set(int fd, unsigned long request, unsigned long arg, const char *name,
	       char ret_text[NL_TEXT_MAX])
{
	if (ioctl(fd, request, arg) == 0)
		return 0;
	(void)snprintf(ret_text, NL_TEXT_MAX, "at %s", name);
	return -errno;
}

static int create(int fd, const struct plan_link *link, char ret_text[NL_TEXT_MAX])
{
	const Img__Tun *tun = link->dev->tun;
	unsigned int ifindex = link->ifindex;
	struct ifreq ifr = { 0 };
	int r;

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", link->dev->name);
	ifr.ifr_flags = (short)((tun->flags & (TUN_TYPES | TUN_SETTABLE)) | IFF_TUN_EXCL);
	r = set(fd, TUNSETIFINDEX, (unsigned long)&ifindex, "TUNSETIFINDEX", ret_text);
	return r < 0 ? r : set(fd, TUNSETIFF, (unsigned long)&ifr, "TUNSETIFF", ret_text);
}

static int set_parts(int fd, const struct plan_link *link, char ret_text[NL_TEXT_MAX])
{
	int vnethdr = (int)link->dev->tun->vnethdr, sndbuf = (int)link->dev->tun->sndbuf;
	int r = 0;

	if (link->owner != PLAN_NO_ID)
		r = set(fd, TUNSETOWNER, link->owner, "TUNSETOWNER", ret_text);
	if (r == 0 && link->group != PLAN_NO_ID)
		r = set(fd, TUNSETGROUP, link->group, "TUNSETGROUP", ret_text);
	if (r == 0)
		r = set(fd, TUNSETVNETHDRSZ, (unsigned long)&vnethdr, "TUNSETVNETHDRSZ", ret_text);
	if (r == 0)
		r = set(fd, TUNSETSNDBUF, (unsigned long)&sndbuf, "TUNSETSNDBUF", ret_text);
	return r;
}

/* These two are told by ioctl only, which needs the device to be open. */
static int read_back(int fd, const struct plan_link *link, char ret_text[NL_TEXT_MAX])
{
	int vnethdr = 0, sndbuf = 0, r;

	r = set(fd, TUNGETVNETHDRSZ, (unsigned long)&vnethdr, "TUNGETVNETHDRSZ", ret_text);
	if (r == 0)
		r = set(fd, TUNGETSNDBUF, (unsigned long)&sndbuf, "TUNGETSNDBUF", ret_text);
	if (r == 0 && ((uint32_t)vnethdr != link->dev->tun->vnethdr ||
		       (uint32_t)sndbuf != link->dev->tun->sndbuf)) {
		(void)snprintf(ret_text, NL_TEXT_MAX,
			       "it came out with a header of %d and a send buffer of %d bytes",
			       vnethdr, sndbuf);
		return -EIO;
	}
	return r;
}

static int make_tun(const struct plan_link *link, struct target *target, char ret_text[NL_TEXT_MAX])
{
	const Img__NetDevice *dev = link->dev;
	const uint32_t group = PLAN_GROUP;
	struct link_change change = { .group = &group, .mtu = &dev->mtu };
	_cleanup_fd_ int fd = -1;
	int r;

	if (dev->tun->flags & IFF_TAP && dev->has_address)
		change.address = dev->address.data;
	r = open_tun(&target->tuns, &fd, ret_text);
	if (r == 0)
		r = create(fd, link, ret_text);
	if (r == 0)
		r = links_change(&target->nl, link->ifindex, &change, ret_text);
	if (r == 0)
		r = set_parts(fd, link, ret_text);
	if (r == 0)
		r = read_back(fd, link, ret_text);
	return r < 0 ? r : set(fd, TUNSETPERSIST, 1, "TUNSETPERSIST", ret_text);
}

/* --- reading back --- */

static int differs(const struct plan_link *link, const char *what, uint32_t is, uint32_t should,
		   struct report *report)
{
	return report_fail(report, EXIT_UNDONE,
			   "%s: record %zu: tun %s came out with %s %d in place of %d",
			   link->at.file, link->at.record, link->dev->name, what, (int32_t)is,
			   (int32_t)should);
}

static int verify_id(const struct plan_link *link, const struct link_state *state, uint16_t type,
		     uint32_t should, const char *what, struct report *report)
{
	const uint32_t *id = links_data(state, type, sizeof(*id));
	uint32_t is = id ? *id : PLAN_NO_ID;

	return is == should ? 0 : differs(link, what, is, should, report);
}

/* A yes or no that the kernel tells, against a flag of the image. */
static int verify_bit(const struct plan_link *link, const struct link_state *state, uint16_t type,
		      bool should, const char *what, struct report *report)
{
	const uint8_t *bit = links_data(state, type, sizeof(*bit));

	return !bit || (*bit != 0) == should ? 0 : differs(link, what, *bit, should, report);
}

static int verify_tun(const struct plan_link *link, const struct link_state *state,
		      struct report *report)
{
	const uint32_t flags = link->dev->tun->flags;
	const uint8_t *type = links_data(state, IFLA_TUN_TYPE, sizeof(*type));
	int status = 0;

	/* Before Linux 4.17 none of this is told. */
	if (!type)
		return 0;
	if (*type != (flags & TUN_TYPES))
		return differs(link, "type", *type, flags & TUN_TYPES, report);
	status = verify_id(link, state, IFLA_TUN_OWNER, link->owner, "owner", report);
	if (!status)
		status = verify_id(link, state, IFLA_TUN_GROUP, link->group, "group", report);
	if (!status)
		status = verify_bit(link, state, IFLA_TUN_PERSIST, true, "persistence", report);
	if (!status)
		status = verify_bit(link, state, IFLA_TUN_PI, !(flags & IFF_NO_PI),
				    "packet information", report);
	if (!status)
		status = verify_bit(link, state, IFLA_TUN_VNET_HDR, flags & IFF_VNET_HDR,
				    "virtio header", report);
	if (!status)
		status = verify_bit(link, state, IFLA_TUN_MULTI_QUEUE, flags & IFF_MULTI_QUEUE,
				    "several queues", report);
	return status;
}

/* --- showing --- */

static void show_tun(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX])
{
	const Img__Tun *tun = dev->tun;
	char owner[32] = "", group[32] = "";

	if (tun->owner != -1)
		(void)snprintf(owner, sizeof(owner), " owner %u", (uint32_t)tun->owner);
	if (tun->group != -1)
		(void)snprintf(group, sizeof(group), " group %u", (uint32_t)tun->group);
	(void)snprintf(ret, LINK_DETAIL_MAX, "%s%s%s%s%s%s%s", tun->flags & IFF_TUN ? "tun" : "tap",
		       tun->flags & IFF_PERSIST ? " persistent" : "",
		       tun->flags & IFF_NO_PI ? "" : " pi",
		       tun->flags & IFF_VNET_HDR ? " vnet_hdr" : "",
		       tun->flags & IFF_MULTI_QUEUE ? " multi_queue" : "", owner, group);
}

static int json_tun(const Img__NetDevice *dev, json_t *object)
{
	const Img__Tun *tun = dev->tun;
	json_t *part =
		json_pack("{s:s, s:I, s:I, s:I}", "type", tun->flags & IFF_TUN ? "tun" : "tap",
			  "flags", (json_int_t)tun->flags, "header_bytes", (json_int_t)tun->vnethdr,
			  "sndbuf_bytes", (json_int_t)tun->sndbuf);

	/* As the dumper saw them, which was outside of the container. */
	(void)json_object_set_new(
		part, "owner", tun->owner == -1 ? json_null() : json_integer((uint32_t)tun->owner));
	(void)json_object_set_new(
		part, "group", tun->group == -1 ? json_null() : json_integer((uint32_t)tun->group));
	return json_object_set_new(object, "tun", part);
}

/* --- saving --- */

/* The kernel tells ids as this user namespace has them, the images have those of the one above.
 * One that is not in the map reads as 65534. To leave it out would open the device to everyone. */
static int save_id(const struct dump_link *link, uint16_t type, const struct id_map *map,
		   const char *what, int32_t *ret, struct report *report)
{
	const struct nlattr *attr = dump_info(link, type);
	uint32_t outside;

	*ret = -1;
	if (!attr)
		return 0;
	if (id_map_outside(map, dump_attr_u32(attr, PLAN_NO_ID), &outside) < 0)
		return report_fail(report, EXIT_IMAGE,
				   "tun %s has %s that has no id in the target's user namespace, "
				   "so none can be saved; nothing was done: leave it out by "
				   "--skip-kind tun",
				   link->name, what);
	*ret = (int32_t)outside;
	return 0;
}

static uint32_t save_flags(const struct dump_link *link)
{
	uint32_t flags = dump_attr_u8(dump_info(link, IFLA_TUN_TYPE), 0);

	if (!dump_attr_u8(dump_info(link, IFLA_TUN_PI), 1))
		flags |= IFF_NO_PI;
	if (dump_attr_u8(dump_info(link, IFLA_TUN_VNET_HDR), 0))
		flags |= IFF_VNET_HDR;
	if (dump_attr_u8(dump_info(link, IFLA_TUN_PERSIST), 0))
		flags |= IFF_PERSIST;
	if (dump_attr_u8(dump_info(link, IFLA_TUN_MULTI_QUEUE), 0))
		flags |= IFF_MULTI_QUEUE;
	return flags;
}

/* What only who has the device open can ask for. Who opens a device that nobody has open has
 * SNDBUF_DEFAULT, whatever it was made with: CRIU, too. */
static void warn_untold(const struct dump_link *link, uint32_t flags, struct report *report)
{
	if (flags & IFF_VNET_HDR)
		report_warn(report,
			    "tun %s: the kernel tells the size of its packet header only to who "
			    "has it open: %d bytes are saved",
			    link->name, VNETHDR_MIN);
	if (dump_attr_u8(link->attrs[IFLA_CARRIER], 0))
		report_warn(report,
			    "tun %s: it is open, and the kernel tells the size of its send buffer "
			    "only to who has it open: none is saved",
			    link->name);
}

static int dump_tun(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	const struct dump *d = link->d;
	int status;

	dev->tun = malloc(sizeof(*dev->tun));
	if (!dev->tun)
		return report_fail(report, EXIT_OS_, "no memory for tun %s", link->name);
	img__tun__init(dev->tun);
	dev->tun->vnethdr = VNETHDR_MIN;
	dev->tun->sndbuf = SNDBUF_DEFAULT;
	dev->tun->flags = save_flags(link);
	if (!(dev->tun->flags & TUN_TYPES))
		return report_fail(report, EXIT_OS_,
				   "the kernel does not say whether %s is a tun or a tap, as it "
				   "does since Linux 4.17",
				   link->name);
	status = save_id(link, IFLA_TUN_OWNER, d->uids, "an owner", &dev->tun->owner, report);
	if (!status)
		status =
			save_id(link, IFLA_TUN_GROUP, d->gids, "a group", &dev->tun->group, report);
	if (status)
		return status;
	warn_untold(link, dev->tun->flags, report);
	dump_lost_queue(link, dev->tun->flags & IFF_TAP ? QUEUE_TAP : QUEUE_TUN);
	return 0;
}

const struct link_kind link_kind_tun = {
	.type = IMG__LINK_TYPE__TUN,
	.name = "tun",
	.rtnl = "tun",
	.check = check_tun,
	.plan = plan_tun,
	.probe = probe_tun,
	.make = make_tun,
	.verify = verify_tun,
	.show = show_tun,
	.json = json_tun,
	.dump = dump_tun,
};
