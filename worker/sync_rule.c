/*
 * Rules: the list of a family becomes that of the images. They are compared priority by
 * priority, as the kernel keeps them, and in one priority in their order.
 *
 * May: rtnetlink over the socket it is given. Must not: log.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "worker/image_raw.h"
#include "worker/msg_list.h"
#include "worker/nl_batch.h"
#include "worker/state_rule.h"

static const uint8_t families[] = { AF_INET, AF_INET6 };

int rule_list_get(struct nl_sock *nl, struct msg_list *ret)
{
	int r = 0;

	*ret = (struct msg_list){ 0 };
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		struct image_raw raw = { 0 };

		r = nl_dump(nl, RTM_GETRULE, sizeof(struct fib_rule_hdr), families[i], &raw);
		if (r == 0 &&
		    rule_list_decode(&raw, /* of_kernel= */ true, /* report= */ NULL, ret))
			r = -ENOMEM;
		/* A kernel without this family, or without rules. */
		if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT)
			r = 0;
		image_raw_fini(&raw);
	}
	return r;
}

/* The rules of one family, by priority. */
struct side {
	const struct msg_list *list;
	size_t *order; /* owned; of all of them */
	size_t n;      /* of this family */
};

static int side_init(struct side *side, const struct msg_list *list, uint8_t family)
{
	*side = (struct side){ .list = list, .order = msg_list_by_order(list) };
	if (!side->order)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		if (rule_family(list, side->order[i]) == family)
			side->order[side->n++] = side->order[i];
	}
	return 0;
}

static uint32_t priority_of(const struct side *side, size_t i)
{
	return side->list->items[side->order[i]].order;
}

/* Where the rules of the priority that begins at @first end. */
static size_t group_end(const struct side *side, size_t first, uint32_t priority)
{
	while (first < side->n && priority_of(side, first) == priority)
		first++;
	return first;
}

/* What is done with a priority of which the target has @has from i to i_end, and the images have
 * @wants from j to j_end, which is something else. */
typedef int (*on_difference)(const struct side *has, size_t i, size_t i_end,
			     const struct side *wants, size_t j, size_t j_end, void *data);

static int each_difference(const struct side *has, const struct side *wants, on_difference act,
			   void *data)
{
	size_t i = 0, j = 0;
	int r = 0;

	while (r == 0 && (i < has->n || j < wants->n)) {
		uint32_t priority = i < has->n ? priority_of(has, i) : UINT32_MAX;
		size_t i_end, j_end, k;

		if (j < wants->n && priority_of(wants, j) < priority)
			priority = priority_of(wants, j);
		i_end = group_end(has, i, priority);
		j_end = group_end(wants, j, priority);
		k = 0;
		while (i + k < i_end && j + k < j_end &&
		       msg_compare(has->list, has->order[i + k], wants->list,
				   wants->order[j + k]) == 0)
			k++;
		if (i + k < i_end || j + k < j_end)
			r = act(has, i, i_end, wants, j, j_end, data);
		i = i_end;
		j = j_end;
	}
	return r;
}

struct replacing {
	struct nl_batch batch;
	uint8_t *deleted, *made; /* owned; by number: of what there was, and of what is wanted */
};

static int replacing_init(struct replacing *replacing, struct nl_sock *nl,
			  const struct msg_list *has, const struct msg_list *wanted)
{
	replacing->deleted = calloc(has->n + 1, 1);
	replacing->made = calloc(wanted->n + 1, 1);
	if (!replacing->deleted || !replacing->made)
		return -ENOMEM;
	return nl_batch_init(&replacing->batch, nl);
}

static void replacing_fini(struct replacing *replacing)
{
	nl_batch_fini(&replacing->batch);
	free(replacing->deleted);
	free(replacing->made);
}

/* A request to delete takes the first rule that has all that it says, and more than it says
 * (fib_nl_delrule()): in the order of the list, that is the one that is meant. So a priority is
 * deleted whole. */
static int replace_group(const struct side *has, size_t i, size_t i_end, const struct side *wants,
			 size_t j, size_t j_end, void *data)
{
	struct replacing *replacing = data;
	struct nl_batch *batch = &replacing->batch;
	int r = 0;

	for (; r == 0 && i < i_end; i++) {
		batch->mark = &replacing->deleted[has->order[i]];
		r = nl_batch_add(batch, msg_list_get(has->list, has->order[i]), RTM_DELRULE, 0,
				 j < j_end ? wants->order[j] : wants->list->n);
	}
	/* Without NLM_F_EXCL: there may be two that are the same. */
	for (; r == 0 && j < j_end; j++) {
		batch->mark = &replacing->made[wants->order[j]];
		r = nl_batch_add(batch, msg_list_get(wants->list, wants->order[j]), RTM_NEWRULE,
				 NLM_F_CREATE, wants->order[j]);
	}
	return r;
}

struct missing {
	long first;
	bool more;
};

static int note_missing(const struct side *has, size_t i, size_t i_end, const struct side *wants,
			size_t j, size_t j_end, void *data)
{
	struct missing *missing = data;

	while (i < i_end && j < j_end &&
	       msg_compare(has->list, has->order[i], wants->list, wants->order[j]) == 0) {
		i++;
		j++;
	}
	if (j < j_end)
		missing->first = (long)wants->order[j];
	else
		missing->more = true;
	return 1;
}

static int for_families(const struct msg_list *has, const struct msg_list *wanted, bool all,
			on_difference act, void *data)
{
	int r = 0;

	for (size_t f = 0; r == 0 && f < ARRAY_SIZE(families); f++) {
		struct side there = { 0 }, wants = { 0 };

		r = side_init(&there, has, families[f]);
		if (r == 0)
			r = side_init(&wants, wanted, families[f]);
		if (r == 0 && (all || wants.n > 0))
			r = each_difference(&there, &wants, act, data);
		free(there.order);
		free(wants.order);
	}
	return r;
}

static void copy_marked(const struct msg_list *from, const uint8_t *marks, struct msg_list *to)
{
	for (size_t i = 0; i < from->n; i++) {
		if (marks[i])
			(void)msg_list_copy(to, from, i); /* there is room */
	}
}

int rule_sync(struct nl_sock *nl, const struct msg_list *wanted, bool all,
	      struct rule_changes *changes, struct nl_failure *ret_failure)
{
	struct msg_list has = { 0 };
	struct replacing replacing = { 0 };
	int r;

	*ret_failure = (struct nl_failure){ 0 };
	r = rule_list_get(nl, &has);
	if (r == 0)
		r = replacing_init(&replacing, nl, &has, wanted);
	if (r == 0 && changes &&
	    (msg_list_reserve(&changes->made, wanted) < 0 ||
	     msg_list_reserve(&changes->deleted, &has) < 0))
		r = -ENOMEM;
	if (r == 0)
		r = for_families(&has, wanted, all, replace_group, &replacing);
	if (r == 0)
		r = nl_batch_flush(&replacing.batch);
	if (changes && replacing.made && replacing.deleted) {
		copy_marked(wanted, replacing.made, &changes->made);
		copy_marked(&has, replacing.deleted, &changes->deleted);
	}
	*ret_failure = replacing.batch.failure;
	msg_list_fini(&has);
	replacing_fini(&replacing);
	return r;
}

long rule_first_missing(struct nl_sock *nl, const struct msg_list *wanted, bool all, bool *ret_more)
{
	struct missing missing = { .first = (long)wanted->n };
	struct msg_list has = { 0 };
	int r;

	r = rule_list_get(nl, &has);
	if (r == 0)
		r = for_families(&has, wanted, all, note_missing, &missing);
	msg_list_fini(&has);
	*ret_more = missing.more;
	return r < 0 ? r : missing.first;
}
