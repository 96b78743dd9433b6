/*
 * A list of messages. Pure.
 */
#include "worker/msg_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void msg_list_fini(struct msg_list *list)
{
	free(list->buf);
	free(list->items);
	*list = (struct msg_list){ 0 };
}

void *msg_list_room(struct msg_list *list, size_t size)
{
	if (size > list->room - list->len) {
		size_t room = list->room + list->room / 2 + size + 4096;
		uint8_t *more = realloc(list->buf, room);

		if (!more)
			return NULL;
		list->buf = more;
		list->room = room;
	}
	/* What is compared has no bytes that nobody wrote: padding of attributes. */
	memset(list->buf + list->len, 0, size);
	return list->buf + list->len;
}

int msg_list_add(struct msg_list *list, const struct msg_item *item)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)(list->buf + list->len);

	if (list->n == list->items_room) {
		size_t room = list->items_room ? 2 * list->items_room : 64;
		struct msg_item *more = reallocarray(list->items, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->items = more;
		list->items_room = room;
	}
	list->items[list->n] = *item;
	list->items[list->n++].at = list->len;
	list->len += NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	return 0;
}

int msg_list_reserve(struct msg_list *list, const struct msg_list *more)
{
	struct msg_item *items;

	if (!msg_list_room(list, more->len))
		return -ENOMEM;
	if (list->items_room - list->n >= more->n)
		return 0;
	items = reallocarray(list->items, list->n + more->n, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items_room = list->n + more->n;
	return 0;
}

int msg_list_copy(struct msg_list *list, const struct msg_list *from, size_t i)
{
	const struct nlmsghdr *nlh = msg_list_get(from, i);
	void *room = msg_list_room(list, NLMSG_ALIGN((size_t)nlh->nlmsg_len));

	if (!room)
		return -ENOMEM;
	memcpy(room, nlh, nlh->nlmsg_len);
	return msg_list_add(list, &from->items[i]);
}

struct nlmsghdr *msg_list_get(const struct msg_list *list, size_t i)
{
	return (struct nlmsghdr *)(void *)(list->buf + list->items[i].at);
}

int msg_compare(const struct msg_list *a, size_t i, const struct msg_list *b, size_t j)
{
	const size_t m = a->items[i].same, n = b->items[j].same;
	const uint8_t *l = a->buf + a->items[i].at + sizeof(struct nlmsghdr);
	const uint8_t *r = b->buf + b->items[j].at + sizeof(struct nlmsghdr);
	int order = memcmp(l, r, m < n ? m : n);

	return order ? order : (m > n) - (m < n);
}

static int by_content(const void *a, const void *b, void *arg)
{
	const size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = msg_compare(arg, i, arg, j);

	return order ? order : (i > j) - (i < j);
}

static int by_order(const void *a, const void *b, void *arg)
{
	const struct msg_list *list = arg;
	const size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const uint32_t l = list->items[i].order, r = list->items[j].order;

	return l != r ? (l > r) - (l < r) : (i > j) - (i < j);
}

static size_t *sorted(const struct msg_list *list,
		      int (*compare)(const void *, const void *, void *))
{
	size_t *ret = calloc(list->n + 1, sizeof(*ret));

	if (!ret)
		return NULL;
	for (size_t i = 0; i < list->n; i++)
		ret[i] = i;
	qsort_r(ret, list->n, sizeof(*ret), compare, (void *)(uintptr_t)list);
	return ret;
}

size_t *msg_list_by_content(const struct msg_list *list)
{
	return sorted(list, by_content);
}

size_t *msg_list_by_order(const struct msg_list *list)
{
	return sorted(list, by_order);
}

size_t msg_list_find(const struct msg_list *list, const size_t *sorted_,
		     const struct msg_list *other, size_t j)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (msg_compare(list, sorted_[middle], other, j) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool msg_list_has(const struct msg_list *list, const size_t *sorted_, const struct msg_list *other,
		  size_t j)
{
	const size_t i = msg_list_find(list, sorted_, other, j);

	return i < list->n && msg_compare(list, sorted_[i], other, j) == 0;
}
