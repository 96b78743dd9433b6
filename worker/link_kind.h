/* The kinds of link that the images know: one row a kind, and one file for each that netcr
 * restores. */
#pragma once

#include <jansson.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/nl.h"
#include "criu/netdev.pb-c.h"

struct dump_link;
struct externals;
struct link_state;
struct plan_input;
struct plan_link;
struct report;
struct target;

/* Where an entry stands, for messages. */
struct entry_place {
	const char *file;
	size_t record; /* from 1 */
};

enum {
	LINK_DETAIL_MAX = 320
};

struct link_kind {
	Img__LinkType type;
	const char *name;
	/* What the kernel calls it (IFLA_INFO_KIND); NULL: links of this kind are not made. */
	const char *rtnl;
	const char *einval; /* what this error mostly means when one is made; or NULL */
	bool ethernet;      /* has an address of six bytes; a tun may have one */
	bool is_master;     /* can have ports */
	/* Check what is the kind's own in @dev: what every link has was checked. Returns 0, or
	 * EXIT_IMAGE with place and name of the link. */
	int (*check)(const Img__NetDevice *dev, const struct entry_place *at,
		     struct report *report);
	/* Say how the link comes about: fill in link->maker, and what goes with it. All links of
	 * the image are in the plan by then, those that come later without a maker. Returns 0 or
	 * an exit status. NULL: this version cannot restore the kind. */
	int (*plan)(struct plan_link *link, struct plan_input *in, struct report *report);

	/* The rest is for links with MAKER_WORKER. */

	/* Whether this kernel has the kind: 0 or -errno with a text. NULL: by its name in rtnl. */
	int (*probe)(char ret_text[NL_TEXT_MAX]);
	/* Make it, in PLAN_GROUP. Returns 0 or -errno with a text. NULL: by link_make_encode(). */
	int (*make)(const struct plan_link *link, struct target *target,
		    char ret_text[NL_TEXT_MAX]);
	/* Its IFLA_INFO_DATA. Returns false where @size does not do. NULL: it has none. */
	bool (*put_data)(struct nlmsghdr *nlh, size_t size, const struct plan_link *link);
	/* Compare what is the kind's own with what the kernel has. Returns 0 or EXIT_UNDONE. */
	int (*verify)(const struct plan_link *link, const struct link_state *state,
		      struct report *report);

	/* What is the kind's own, for people and as JSON members. Either may be NULL. */
	void (*show)(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX]);
	int (*json)(const Img__NetDevice *dev, json_t *object);
	/* Save: put into @dev what is the kind's own, by what the kernel says of @link (dump.h).
	 * The fields that every link has are there already: type, ifindex, mtu, flags, name,
	 * address, conf4, conf6, peer_ifindex, peer_nsid and master; a kind may change them.
	 * Everything in @dev is malloc()ed: it is freed by img__net_device__free_unpacked(), also
	 * after an error. Values that CRIU leaves out at their default stay out. What the images
	 * have no field for is said by dump_lost(), which makes a warning. Nothing is changed, and
	 * only what seccomp/worker_dump_rules.c lists can be asked. Returns 0, or an exit status
	 * with the link's name noted. NULL: this version cannot save the kind. */
	int (*dump)(struct dump_link *link, Img__NetDevice *dev, struct report *report);
};

extern const struct link_kind link_kind_loopback;
extern const struct link_kind link_kind_veth;
extern const struct link_kind link_kind_tun;
extern const struct link_kind link_kind_extlink;
extern const struct link_kind link_kind_venet;
extern const struct link_kind link_kind_bridge;
extern const struct link_kind link_kind_macvlan;
extern const struct link_kind link_kind_sit;
extern const struct link_kind link_kind_fallback; /* by name, not by type */

/* The row for a link of ARPHRD type @arphrd whose IFLA_INFO_KIND is @kind (""), or NULL. */
const struct link_kind *link_kind_of_kernel(unsigned int arphrd, const char *kind);

/* The row for @dev, or NULL. */
const struct link_kind *link_kind_of(const Img__NetDevice *dev);

/* Whether a restore makes links that the kernel calls @rtnl. */
bool link_kind_is_made(const char *rtnl);

/* Whether @name is one that the kernel itself gives to a device of every netns, once the module
 * of its kind is loaded. Returns that kind as the kernel calls it, or NULL. */
const char *link_fallback_rtnl(const char *name);
