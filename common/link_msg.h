/* RTM_NEWLINK <-> struct link_spec: what netcr asks a macvlan to be.
 *
 * One encoder for both sides, and the strict decoder with which the broker reads what a worker
 * proposes. The allow-list is the pair of tables in link_msg.c. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINK_MSG_MAX = 1024, /* bytes of one encoded link */
	LINK_TEXT_MAX = 96,  /* bytes of a decoder's explanation, with the NUL */
};

/* Which of the optional fields of a link_spec are set. */
enum link_has {
	LINK_HAS_ADDRESS = 1 << 0,
	LINK_HAS_MTU = 1 << 1,
	LINK_HAS_TXQLEN = 1 << 2,
	LINK_HAS_GROUP = 1 << 3,
	LINK_HAS_NUM_TX_QUEUES = 1 << 4,
	LINK_HAS_NUM_RX_QUEUES = 1 << 5,
	LINK_HAS_GSO_MAX_SEGS = 1 << 6,
	LINK_HAS_GSO_MAX_SIZE = 1 << 7,
	LINK_HAS_GRO_MAX_SIZE = 1 << 8,
	LINK_HAS_GSO_IPV4_MAX_SIZE = 1 << 9,
	LINK_HAS_GRO_IPV4_MAX_SIZE = 1 << 10,
	LINK_HAS_MACVLAN_FLAGS = 1 << 11,
	LINK_HAS_BC_QUEUE_LEN = 1 << 12,
	LINK_HAS_BC_CUTOFF = 1 << 13,
};

/* The ranges are those that the decoder enforces. */
struct link_spec {
	uint32_t has;           /* enum link_has */
	char name[IFNAMSIZ];    /* check_ifname() */
	uint32_t ifindex;       /* 2..INT_MAX, or 0: the kernel chooses */
	uint32_t flags;         /* IFF_*, within change */
	uint32_t change;        /* IFF_* that are set or cleared; within LINK_FLAGS */
	uint8_t address[6];     /* check_mac() */
	uint32_t mtu;           /* bytes, 68..65535 */
	uint32_t txqlen;        /* packets, up to 1000000 */
	uint32_t group;         /* up to INT_MAX */
	uint32_t num_tx_queues; /* 1..64 */
	uint32_t num_rx_queues; /* 1..64 */
	uint32_t gso_max_segs;  /* 1..65535 */
	uint32_t gso_max_size;  /* bytes, 1..524280, as the three that follow */
	uint32_t gro_max_size;
	uint32_t gso_ipv4_max_size;
	uint32_t gro_ipv4_max_size;
	uint32_t mode;          /* one of MACVLAN_MODE_*; always set */
	uint16_t macvlan_flags; /* MACVLAN_FLAG_NOPROMISC, MACVLAN_FLAG_NODST */
	uint32_t bc_queue_len;  /* packets, up to 10000 */
	int32_t bc_cutoff;      /* -1..INT_MAX */
};

/* All interface flags that a proposal may speak of; policy may allow fewer. */
#define LINK_FLAGS ((uint32_t)(IFF_UP | IFF_NOARP | IFF_MULTICAST | IFF_ALLMULTI | IFF_PROMISC))

/* Where a link is made. A proposal has no place. */
struct link_place {
	uint32_t parent;   /* ifindex in the netns of the socket, or see link_nsid */
	int netns_fd;      /* borrowed: the netns to make it in, or -1: that of the socket */
	bool elsewhere;    /* the parent is in neither, but where link_nsid says */
	int32_t link_nsid; /* of the parent's netns, in the netns to make it in */
};

/* Encode the creation of @spec (NLM_F_CREATE and NLM_F_EXCL, always) into @buf; @place is NULL
 * for a proposal. Returns the length, or -EMSGSIZE. @buf must be aligned for a struct nlmsghdr. */
int link_msg_encode(const struct link_spec *spec, const struct link_place *place, void *buf,
		    size_t size);

/* Decode a proposal of @len bytes. Accepts what link_msg_encode() without a place writes, and
 * of other bytes only those that mean the same, whole, once each, and within the ranges.
 * Returns 0, or -EINVAL or -EADDRNOTAVAIL with an explanation in @ret_why; *ret is untouched
 * then. @buf needs no alignment. */
int link_msg_decode(const void *buf, size_t len, struct link_spec *ret,
		    char ret_why[LINK_TEXT_MAX]);

/* The name of a MACVLAN_MODE_* value as ip(8) has it, or NULL. */
const char *link_mode_name(uint32_t mode);

/* The MACVLAN_MODE_* value of @name, or 0. */
uint32_t link_mode_parse(const char *name);
