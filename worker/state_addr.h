/* Addresses: RTM_NEWADDR of an image or a dump, and back. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/if_addr.h>

struct image_raw;
struct nlmsghdr;
struct raw_at;
struct report;

enum {
	ADDR_MSG_MAX = 256, /* bytes of one request */
	ADDR_LIST_MAX = 65536,
};

#define ADDR_FOREVER UINT32_MAX

struct addr {
	uint32_t record; /* in the image, from 1; 0: of the kernel */
	uint32_t ifindex;
	uint8_t family, prefixlen, scope;
	uint8_t proto;        /* who made it, IFAPROT_*; 0: not said */
	uint32_t flags;       /* IFA_F_*, as read */
	uint8_t local[16];    /* the address */
	uint8_t peer[16];     /* the other end's, or the same */
	uint8_t broadcast[4]; /* IPv4; all zero: none */
	char label[IFNAMSIZ]; /* IPv4; "" where there is none */
	uint32_t preferred;   /* seconds that are left, or ADDR_FOREVER */
	uint32_t valid;       /* likewise */
	uint32_t metric;      /* of its prefix route; 0: the usual one */
};

struct addr_list {
	struct addr *addrs; /* owned */
	size_t n;
};

/* IFA_F_* that can be asked for (inet_rtm_newaddr() and inet6_rtm_newaddr()). */
#define ADDR_FLAGS4 ((uint32_t)(IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN))
#define ADDR_FLAGS6 \
	((uint32_t)(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | ADDR_FLAGS4))

/* Decode one message. @of_kernel: see raw_attrs(). Returns 0 or EXIT_IMAGE. */
int addr_decode(const struct nlmsghdr *nlh, bool of_kernel, const struct raw_at *at,
		struct addr *ret);

/* Decode all of @raw. Returns 0 or an exit status; *ret is to be freed in any case. */
int addr_list_decode(const struct image_raw *raw, bool of_kernel, struct report *report,
		     struct addr_list *ret);
void addr_list_fini(struct addr_list *list);

/* Encode the request of @type (RTM_NEWADDR, RTM_DELADDR) with IFA_FLAGS @flags into @buf, of
 * ADDR_MSG_MAX bytes. */
struct nlmsghdr *addr_encode(const struct addr *addr, uint16_t type, uint32_t flags, void *buf);

/* Whether it passed duplicate address detection, or needs none. */
bool addr_has_passed(const struct addr *addr);

/* The order by what the kernel takes for one and the same address. <0, 0, >0 */
int addr_compare(const void *a, const void *b);
void addr_list_sort(struct addr_list *list);

/* The one in @sorted that is the same as @addr, or NULL. */
const struct addr *addr_find(const struct addr_list *sorted, const struct addr *addr);

/* Whether @is, of the kernel, is all that @wanted asks for. Lifetimes run, so of those only
 * whether there is an end. */
bool addr_is_as(const struct addr *is, const struct addr *wanted);
