/*
 * Addresses: what differs is made. With a link that comes up the kernel makes addresses by
 * itself: 127.0.0.1 and ::1 on lo, a link-local one elsewhere, which it begins to probe
 * (net/ipv6/addrconf.c: addrconf_notify()). They are looked for, and looked for again, until
 * there is nothing to do.
 *
 * May: rtnetlink over the socket it is given. Must not: log.
 */
#include "worker/sync_addr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "worker/image_raw.h"
#include "worker/nl_batch.h"

enum {
	ROUNDS = 4
};

static int by_ifindex(const void *a, const void *b)
{
	const struct addr_link *l = a, *r = b;

	return (l->ifindex > r->ifindex) - (l->ifindex < r->ifindex);
}

const struct addr_link *addr_links_find(const struct addr_links *links, uint32_t ifindex)
{
	const struct addr_link key = { .ifindex = ifindex };

	if (links->n == 0)
		return NULL;
	return bsearch(&key, links->links, links->n, sizeof(key), by_ifindex);
}

int addr_list_get(struct nl_sock *nl, struct addr_list *ret)
{
	struct image_raw raw = { 0 };
	int r;

	*ret = (struct addr_list){ 0 };
	r = nl_dump(nl, RTM_GETADDR, sizeof(struct ifaddrmsg), AF_UNSPEC, &raw);
	if (r == 0 && addr_list_decode(&raw, /* of_kernel= */ true, /* report= */ NULL, ret))
		r = -ENOMEM;
	image_raw_fini(&raw);
	if (r == 0)
		addr_list_sort(ret);
	return r;
}

/* --- which are to go --- */

static bool is_link_local(const struct addr *addr)
{
	return addr->family == AF_INET6 && addr->local[0] == 0xfe &&
	       (addr->local[1] & 0xc0) == 0x80;
}

static bool is_loopback(const struct addr *addr)
{
	static const uint8_t v4[4] = { 127, 0, 0, 1 };
	static const uint8_t v6[16] = { [15] = 1 };

	return addr->family == AF_INET ? memcmp(addr->local, v4, sizeof(v4)) == 0
				       : memcmp(addr->local, v6, sizeof(v6)) == 0;
}

/* Made by the kernel with the link, which had none when it was saved, although it was running:
 * so somebody had deleted it. */
static bool is_extra(const struct addr *addr, const struct addr_links *links)
{
	const struct addr_link *link = addr_links_find(links, addr->ifindex);

	if (!link || !link->running || !(addr->flags & IFA_F_PERMANENT))
		return false;
	return link->loopback ? is_loopback(addr) : link->made && is_link_local(addr);
}

static int delete_one(struct nl_batch *batch, const struct addr *addr, size_t number)
{
	union {
		struct nlmsghdr align;
		uint8_t bytes[ADDR_MSG_MAX];
	} buf;

	return nl_batch_add(batch, addr_encode(addr, RTM_DELADDR, 0, buf.bytes), RTM_DELADDR, 0,
			    number);
}

/* Returns how many were deleted, or -errno. */
static int delete_others(struct nl_batch *batch, const struct addr_list *has,
			 const struct addr_list *wanted, const struct addr_links *links)
{
	int n = 0, r = 0;

	for (size_t i = 0; r == 0 && i < has->n; i++) {
		const struct addr *want = addr_find(wanted, &has->addrs[i]);

		if (want ? addr_is_as(&has->addrs[i], want) : !is_extra(&has->addrs[i], links))
			continue;
		r = delete_one(batch, &has->addrs[i], want ? want->record - 1 : 0);
		n++;
	}
	if (r == 0)
		r = nl_batch_flush(batch);
	return r < 0 ? r : n;
}

/* --- which are missing --- */

static int add_one(struct nl_batch *batch, const struct addr *addr, size_t number)
{
	const bool v6 = addr->family == AF_INET6, passed = addr_has_passed(addr);
	const uint32_t flags = addr->flags & (v6 ? ADDR_FLAGS6 : ADDR_FLAGS4);
	union {
		struct nlmsghdr align;
		uint8_t bytes[ADDR_MSG_MAX];
	} buf;
	const struct nlmsghdr *nlh;
	int r;

	nlh = addr_encode(addr, RTM_NEWADDR, v6 && passed ? flags | IFA_F_NODAD : flags, buf.bytes);
	r = nl_batch_add(batch, nlh, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, number);
	if (r < 0 || !v6 || !passed || flags & IFA_F_NODAD)
		return r;
	/* It is made without probing; then it becomes one like any other. */
	nlh = addr_encode(addr, RTM_NEWADDR, flags, buf.bytes);
	return nl_batch_add(batch, nlh, RTM_NEWADDR, NLM_F_REPLACE, number);
}

/* IPv4 addresses are listed in the order in which they were made, and IPv6 ones the other way
 * round (ipv6_link_dev_addr()). Returns how many were missing, or -errno. */
static int add_missing(struct nl_batch *batch, const struct addr_list *has,
		       const struct addr_list *wanted)
{
	int n = 0, r = 0;

	for (size_t i = 0; r == 0 && i < 2 * wanted->n; i++) {
		const bool back = i >= wanted->n;
		const size_t number = back ? 2 * wanted->n - 1 - i : i;
		const struct addr *addr = &wanted->addrs[number];

		if ((addr->family == AF_INET6) != back || addr->valid == 0 || addr_find(has, addr))
			continue;
		r = add_one(batch, addr, number);
		n++;
	}
	if (r == 0)
		r = nl_batch_flush(batch);
	return r < 0 ? r : n;
}

/* @wanted in the order of the image, @sorted the same by addr_compare(). Returns how much was
 * done, or -errno. */
static int sync_once(struct nl_batch *batch, const struct addr_list *wanted,
		     const struct addr_list *sorted, const struct addr_links *links)
{
	struct addr_list has = { 0 };
	int deleted, added;

	deleted = addr_list_get(batch->nl, &has);
	if (deleted == 0)
		deleted = delete_others(batch, &has, sorted, links);
	/* With a primary address its secondaries may have gone. */
	if (deleted > 0) {
		addr_list_fini(&has);
		added = addr_list_get(batch->nl, &has);
		deleted = added < 0 ? added : deleted;
	}
	added = deleted < 0 ? 0 : add_missing(batch, &has, wanted);
	addr_list_fini(&has);
	if (deleted < 0)
		return deleted;
	return added < 0 ? added : deleted + added;
}

int addr_sync(struct nl_sock *nl, const struct addr_list *wanted, const struct addr_links *links,
	      struct nl_failure *ret_failure)
{
	struct addr_list sorted = { 0 };
	struct nl_batch batch;
	int r;

	*ret_failure = (struct nl_failure){ 0 };
	r = nl_batch_init(&batch, nl);
	/* What came or went since the dump is looked for in the next round. */
	batch.ignored[0] = -EEXIST;
	batch.ignored[1] = -EADDRNOTAVAIL;
	if (r == 0)
		r = addr_list_copy_sorted(wanted, &sorted);
	for (int i = 0; r >= 0 && i < ROUNDS; i++) {
		r = sync_once(&batch, wanted, &sorted, links);
		if (r == 0)
			break;
	}
	*ret_failure = batch.failure;
	nl_batch_fini(&batch);
	addr_list_fini(&sorted);
	return r < 0 ? r : 0;
}

/* --- the way back --- */

int addr_list_copy_sorted(const struct addr_list *list, struct addr_list *ret)
{
	*ret = (struct addr_list){ .addrs = calloc(list->n + 1, sizeof(*ret->addrs)) };
	if (!ret->addrs)
		return -ENOMEM;
	if (list->n > 0)
		memcpy(ret->addrs, list->addrs, list->n * sizeof(*list->addrs));
	ret->n = list->n;
	addr_list_sort(ret);
	return 0;
}

bool addr_is_ours(const struct addr *addr, const struct addr_list *ours)
{
	return addr_find(ours, addr) || is_loopback(addr) || is_link_local(addr);
}

static int delete_new(struct nl_batch *batch, const struct addr_list *now,
		      const struct addr_list *before, const struct addr_list *ours,
		      const struct addr_links *links)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < now->n; i++) {
		const struct addr *was = addr_find(before, &now->addrs[i]);

		if (!addr_links_find(links, now->addrs[i].ifindex))
			continue;
		if (was ? !addr_is_as(&now->addrs[i], was) : addr_is_ours(&now->addrs[i], ours))
			r = delete_one(batch, &now->addrs[i], i);
	}
	return r < 0 ? r : nl_batch_flush(batch);
}

int addr_undo(struct nl_sock *nl, const struct addr_list *before, const struct addr_list *ours,
	      const struct addr_links *links)
{
	struct addr_list now = { 0 };
	struct nl_batch batch;
	int r;

	r = nl_batch_init(&batch, nl);
	batch.ignored[0] = -EEXIST;
	batch.ignored[1] = -EADDRNOTAVAIL;
	if (r == 0)
		r = addr_list_get(nl, &now);
	if (r == 0)
		r = delete_new(&batch, &now, before, ours, links);
	addr_list_fini(&now);
	if (r == 0)
		r = addr_list_get(nl, &now);
	if (r == 0)
		r = add_missing(&batch, &now, before);
	addr_list_fini(&now);
	nl_batch_fini(&batch);
	return r < 0 ? r : 0;
}

const struct addr *addr_first_missing(struct nl_sock *nl, const struct addr_list *wanted,
				      int *ret_error)
{
	enum {
		SHORT = 60
	}; /* seconds after which it may be gone, and nobody is to blame */
	const struct addr *missing = NULL;
	struct addr_list has = { 0 };

	*ret_error = wanted->addrs ? addr_list_get(nl, &has) : 0;
	for (size_t i = 0; *ret_error == 0 && !missing && wanted->addrs && i < wanted->n; i++) {
		const struct addr *want = &wanted->addrs[i];
		const struct addr *is = addr_find(&has, want);

		if (is ? !addr_is_as(is, want) : want->valid > SHORT)
			missing = want;
	}
	addr_list_fini(&has);
	return missing;
}
