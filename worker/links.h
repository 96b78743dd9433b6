/* The links of the target as its kernel has them, and the changes that are made to links that
 * exist: all over the worker's own socket in the target, in its own right. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nl.h"

enum {
	LINKS_DATA_MAX = 256
}; /* bytes of IFLA_INFO_DATA that are kept of a link */

struct link_state {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	char kind[16]; /* "" for a device that is no rtnl link kind, such as lo */
	uint32_t flags, mtu, group;
	uint8_t address[6];
	bool has_address; /* of six bytes */
	uint32_t macvlan_mode;
	uint16_t macvlan_flags;
	uint32_t link;       /* index of what it is tied to: a parent, or the other end; 0: none */
	bool link_elsewhere; /* in another netns */
	int32_t link_nsid;   /* which one: its id in that of the link; where link_elsewhere */
	uint32_t master;     /* 0: none */
	size_t data_len;     /* of data; 0 where there is more than fits */
	_Alignas(uint32_t) uint8_t data[LINKS_DATA_MAX]; /* the payload of IFLA_INFO_DATA */
};

struct link_list {
	struct link_state *links; /* owned; in the order of their indexes */
	size_t n;
};

/* IFF_* that can be set from user space (dev_change_flags() in net/core/dev.c). */
#define LINKS_SETTABLE                                                              \
	((uint32_t)(IFF_UP | IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_DYNAMIC | \
		    IFF_MULTICAST | IFF_PORTSEL | IFF_AUTOMEDIA | IFF_ALLMULTI | IFF_PROMISC))

void links_fini(struct link_list *list);

/* All links of the netns of @nl. Returns 0 or -errno. */
int links_get(struct nl_sock *nl, struct link_list *ret);

/* NULL where there is none. Borrowed from @list. */
const struct link_state *links_find_name(const struct link_list *list, const char *name);
const struct link_state *links_find_index(const struct link_list *list, uint32_t ifindex);

/* Of these, what a macvlan is not told when it is made: promiscuity and all-multicast reach its
 * parent, and the broker's policy does not grant them; the rest is rare. */
#define LINKS_LATE (LINKS_SETTABLE & ~(uint32_t)(IFF_UP | IFF_NOARP | IFF_MULTICAST))

/* The @size bytes of attribute @type in the link's IFLA_INFO_DATA, or NULL where it is not there
 * or of another size. Borrowed from @state. */
const void *links_data(const struct link_state *state, uint16_t type, size_t size);

/* What is changed of link @ifindex; a NULL is left as it is. */
struct link_change {
	const uint32_t *flags; /* within LINKS_SETTABLE: all of them, set or cleared */
	const uint32_t *mtu;
	const uint32_t *group;
	const uint32_t *master;
	const uint8_t *address; /* six bytes */
};

/* Returns 0 or the kernel's -errno with its text. */
int links_change(struct nl_sock *nl, uint32_t ifindex, const struct link_change *change,
		 char ret_text[NL_TEXT_MAX]);

/* Where a link goes, and what it is there. */
struct link_move {
	int netns;        /* borrowed; -1: it stays where it is */
	uint32_t ifindex; /* there; 0: as it is, or what the kernel chooses */
	const char *name; /* NULL: as it is */
};

/* Move link @ifindex, which is down. Returns 0 or the kernel's -errno with its text. */
int links_move(struct nl_sock *nl, uint32_t ifindex, const struct link_move *move,
	       char ret_text[NL_TEXT_MAX]);

struct link_release {
	uint32_t ifindex;
	bool up; /* bring it up */
};

/* Take the @n links out of their group and bring them up, so that a signal finds all or none of
 * them changed (nl_talk_many()). A link leaves the group before it comes up: of a link that is
 * up, every change of the group is told to all of IPv6 (do_setlink() in net/core/rtnetlink.c).
 * Returns 0, or -errno with the number of the link in *ret_failed; the others may have been
 * changed then. */
int links_release(struct nl_sock *nl, const struct link_release *links, size_t n,
		  size_t *ret_failed, char ret_text[NL_TEXT_MAX]);

/* Put the @n links back into @group. */
int links_catch(struct nl_sock *nl, const struct link_release *links, size_t n, uint32_t group);

/* Delete link @ifindex. Returns 0 or the kernel's -errno with its text. */
int links_delete(struct nl_sock *nl, uint32_t ifindex, char ret_text[NL_TEXT_MAX]);

/* Delete every link of @group at once, which must not be 0. None being there is success. */
int links_delete_group(struct nl_sock *nl, uint32_t group, char ret_text[NL_TEXT_MAX]);

/* Give the netns behind @netns_fd (borrowed) the id @nsid in the netns of @nl. That it has this
 * id already is success. Returns 0 or -errno. */
int links_set_nsid(struct nl_sock *nl, int netns_fd, int32_t nsid, char ret_text[NL_TEXT_MAX]);

/* The id that the netns of @nl gives to the one behind @netns_fd (borrowed), or -1 where it has
 * given none. Returns 0 or -errno. */
int links_get_nsid(struct nl_sock *nl, int netns_fd, int32_t *ret);
