/* Requests, encoded by us: a list of netlink messages that can be sent, sorted and compared. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct msg_item {
	size_t at;       /* in the list's buf */
	size_t same;     /* bytes of it that count in a comparison, from behind the header on */
	uint32_t record; /* in the image, from 1; 0: of the kernel */
	uint32_t order;  /* what it is sorted by before it is sent */
};

struct msg_list {
	uint8_t *buf; /* owned */
	size_t len, room;
	struct msg_item *items; /* owned */
	size_t n, items_room;
};

void msg_list_fini(struct msg_list *list);

/* Room for a message of @size bytes behind the last one: NULL without memory. */
void *msg_list_room(struct msg_list *list, size_t size);

/* Take the message that was put there. Returns 0 or -ENOMEM. */
int msg_list_add(struct msg_list *list, const struct msg_item *item);

/* Room for all of @more at once, so that msg_list_copy() of these cannot fail. Returns 0 or -ENOMEM. */
int msg_list_reserve(struct msg_list *list, const struct msg_list *more);

/* Take message @i of @from as well. Returns 0 or -ENOMEM. */
int msg_list_copy(struct msg_list *list, const struct msg_list *from, size_t i);

struct nlmsghdr *msg_list_get(const struct msg_list *list, size_t i);

/* The messages' numbers in the order of what they say, and in that of item.order; those that are
 * equal stay as they are in the list. The caller frees it. NULL without memory. */
size_t *msg_list_by_content(const struct msg_list *list);
size_t *msg_list_by_order(const struct msg_list *list);

/* <0, 0, >0 */
int msg_compare(const struct msg_list *a, size_t i, const struct msg_list *b, size_t j);

/* The place in @sorted, the order of @list by content, of the first that is not before message @j of
 * @other: list->n if there is none. */
size_t msg_list_find(const struct msg_list *list, const size_t *sorted,
		     const struct msg_list *other, size_t j);

/* Whether @list, of which @sorted is the order by content, has what message @j of @other says. */
bool msg_list_has(const struct msg_list *list, const size_t *sorted, const struct msg_list *other,
		  size_t j);
