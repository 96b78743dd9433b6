/*
 * Rules go back to what they were by what the kernel said to each that was sent: what is new and
 * not of this restore is somebody else's. There may be several that are the same, so they are
 * counted.
 *
 * May: rtnetlink over the socket it is given.
 */
#include "worker/undo_rule.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "worker/msg_list.h"
#include "worker/report.h"
#include "worker/state_rule.h"
#include "worker/state_text.h"

/* A list of which each message is taken once. */
struct pool {
	const struct msg_list *list;
	size_t *order; /* owned; by content */
	size_t *taken; /* owned; at the first of those that are the same: how many */
};

static int pool_init(struct pool *pool, const struct msg_list *list)
{
	*pool = (struct pool){ .list = list,
			       .order = msg_list_by_content(list),
			       .taken = calloc(list->n + 1, sizeof(*pool->taken)) };
	return pool->order && pool->taken ? 0 : -ENOMEM;
}

static void pool_fini(struct pool *pool)
{
	free(pool->order);
	free(pool->taken);
}

/* Take one that is as message @i of @other, if there is one left. */
static bool pool_take(struct pool *pool, const struct msg_list *other, size_t i)
{
	const size_t first = msg_list_find(pool->list, pool->order, other, i);
	size_t at;

	if (first == pool->list->n)
		return false;
	at = first + pool->taken[first];
	if (at == pool->list->n || msg_compare(pool->list, pool->order[at], other, i) != 0)
		return false;
	pool->taken[first]++;
	return true;
}

static int add_rest(const struct msg_list *list, struct pool *was, struct pool *ours,
		    struct msg_list *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		if (!pool_take(was, list, i) && !pool_take(ours, list, i))
			r = msg_list_copy(ret, list, i);
	}
	return r;
}

/* Behind @ret: what somebody else made, which is what there is and what was deleted, less what there
 * was and what was made. */
static int add_others(const struct msg_list *now, const struct msg_list *before,
		      const struct rule_changes *changes, struct msg_list *ret)
{
	struct pool was = { 0 }, ours = { 0 };
	int r;

	r = pool_init(&was, before);
	if (r == 0)
		r = pool_init(&ours, &changes->made);
	if (r == 0)
		r = add_rest(now, &was, &ours, ret);
	if (r == 0)
		r = add_rest(&changes->deleted, &was, &ours, ret);
	pool_fini(&was);
	pool_fini(&ours);
	return r;
}

int rule_list_keep(struct nl_sock *nl, const struct msg_list *before,
		   const struct rule_changes *changes, struct msg_list *ret)
{
	struct msg_list now = { 0 };
	int r;

	*ret = (struct msg_list){ 0 };
	r = rule_list_get(nl, &now);
	for (size_t i = 0; r == 0 && i < before->n; i++)
		r = msg_list_copy(ret, before, i);
	if (r == 0)
		r = add_others(&now, before, changes, ret);
	msg_list_fini(&now);
	return r;
}

static bool say(const struct msg_list *list, size_t i, const char *how, struct report *report)
{
	char text[STATE_TEXT_MAX];

	rule_text(msg_list_get(list, i), text);
	report_add(report, "rule %s %s", text, how);
	return false;
}

/* Name the first of @made that @now has beyond those that are @wanted. */
static bool check_gone(const struct msg_list *now, const struct msg_list *wanted,
		       const struct msg_list *made, struct report *report)
{
	struct pool right = { 0 }, ours = { 0 };
	bool clean = true;

	if (pool_init(&right, wanted) == 0 && pool_init(&ours, made) == 0) {
		for (size_t i = 0; clean && i < now->n; i++) {
			if (!pool_take(&right, now, i) && pool_take(&ours, now, i))
				clean = say(now, i, "is left", report);
		}
	}
	pool_fini(&right);
	pool_fini(&ours);
	return clean;
}

bool rule_check_undone(struct nl_sock *nl, const struct msg_list *wanted,
		       const struct rule_changes *changes, struct report *report)
{
	struct msg_list now = { 0 };
	bool clean = false, more;
	long i;

	i = rule_list_get(nl, &now);
	if (i == 0)
		i = rule_first_missing(nl, wanted, /* all= */ true, &more);
	if (i < 0)
		report_add(report, "the rules could not be read back");
	else
		clean = check_gone(&now, wanted, &changes->made, report);
	if (i >= 0 && (size_t)i < wanted->n)
		clean = say(wanted, (size_t)i, "is gone, or in another place", report);
	msg_list_fini(&now);
	return clean;
}
