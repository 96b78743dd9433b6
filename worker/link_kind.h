/* The kinds of link that the images know: one row a kind, and one file for each that netcr
 * restores. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "criu/netdev.pb-c.h"

struct dump_link;
struct externals;
struct plan_link;
struct report;

/* Where an entry stands, for messages. */
struct entry_place {
	const char *file;
	size_t record; /* from 1 */
};

enum {
	LINK_DETAIL_MAX = 160
};

struct link_kind {
	Img__LinkType type;
	const char *name;
	/* Check what is the kind's own in @dev: what every link has was checked. Returns 0, or
	 * EXIT_IMAGE with place and name of the link. */
	int (*check)(const Img__NetDevice *dev, const struct entry_place *at,
		     struct report *report);
	/* Say how the link comes about: fill in link->maker, and for the broker parent and spec.
	 * Returns 0 or an exit status. NULL: this version cannot restore the kind. */
	int (*plan)(struct plan_link *link, struct externals *externals, struct report *report);
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
extern const struct link_kind link_kind_macvlan;

/* The row for a link of ARPHRD type @arphrd whose IFLA_INFO_KIND is @kind (""), or NULL. A row is
 * found by its name, which is the kernel's, too, but for loopback and venet. */
const struct link_kind *link_kind_of_kernel(unsigned int arphrd, const char *kind);

/* The row of @type, or NULL. */
const struct link_kind *link_kind_find(Img__LinkType type);
