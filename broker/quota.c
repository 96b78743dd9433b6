/*
 * Quotas. The ledger says where the user's links are, the kernel how many; nothing here is a
 * count that could be wrong after somebody died. What has to hold:
 *
 * - From counting to the last creation no other session makes links for this user, or in this
 *   target.
 * - The target is on record before its first link is made.
 * - What cannot be counted is not allowed.
 *
 * May: ask the kernel (rtnl_count.c) and the ledger. Must not: make a link.
 */
#include "broker/quota.h"

#include <errno.h>
#include <stdio.h>

#include "broker/ledger.h"
#include "broker/ops.h"
#include "broker/rtnl.h"
#include "broker/rtnl_count.h"
#include "broker/session.h"

_Static_assert((int)OP_LINKS_MAX <= (int)RTNL_USES_MAX, "each link may have a parent of its own");

static bool has_limits(const struct policy *policy)
{
	for (const struct policy_rule *rule = policy->rules; rule; rule = rule->next) {
		if (rule->max_links || rule->max_links_per_netns)
			return true;
	}
	return false;
}

int quota_open(struct session *s)
{
	const struct ledger_place place = {
		.dir = NETCR_RUN_DIR, .inode = s->self.net_ino, .uid = s->run_uid, .gid = s->run_gid
	};
	int r;

	if (!has_limits(&s->policy))
		return 0;
	s->ledger.netns = s->self.net_id;
	r = ledger_open(&s->ledger, &place);
	if (r == -EUCLEAN) {
		/* Nothing is forgotten, if nothing is there that it could have told of. */
		r = rtnl_has_targets(&s->rtnl);
		if (r == 0)
			r = ledger_clear(&s->ledger);
		else if (r > 0)
			r = -EUCLEAN;
	}
	return r < 0 ? r : ledger_ready(&s->ledger);
}

/* What one message asks for, and what there is. */
struct counting {
	struct session *s;
	struct rtnl_uses uses;
	uint32_t asked[RTNL_USES_MAX]; /* of uses.use, in the same order */
	uint32_t asked_in_all;
	bool per_user; /* a rule has max-links */
};

static int32_t nsid_of(const struct counting *c, const struct link_args *link)
{
	return link->parent_netns ? link->parent_nsid : c->s->self_nsid;
}

static size_t use_of(const struct counting *c, const struct link_args *link)
{
	size_t i = 0;

	while (i < c->uses.n && (c->uses.use[i].ifindex != link->parent_ifindex ||
				 c->uses.use[i].nsid != nsid_of(c, link)))
		i++;
	return i;
}

/* Returns whether there is anything to count. */
static bool add_links(struct counting *c, const struct link_args *links, size_t n)
{
	bool limited = false;

	for (size_t i = 0; i < n; i++) {
		size_t use = use_of(c, &links[i]);

		if (!links[i].rule)
			continue;
		if (use == c->uses.n) {
			c->uses.use[use].ifindex = links[i].parent_ifindex;
			c->uses.use[use].nsid = nsid_of(c, &links[i]);
			c->uses.n++;
		}
		c->asked[use]++;
		c->asked_in_all++;
		c->per_user = c->per_user || links[i].rule->max_links;
		limited = limited || links[i].rule->max_links || links[i].rule->max_links_per_netns;
	}
	return limited;
}

int quota_find_nsids(struct session *s)
{
	/* NS_GET_ID is never used again, so this is an id that no other target ever had. */
	uint32_t low =
		(s->self.has_ns_id ? (uint32_t)s->target_id : s->id) & (RTNL_TARGET_NSID_FIRST - 1);
	char text[NL_TEXT_MAX];
	int r;

	if (s->target_nsid >= 0)
		return 0;
	r = rtnl_nsid_alloc(&s->rtnl, s->self.netns, -1, &s->self_nsid, text);
	if (r == 0)
		r = rtnl_target_nsid(&s->rtnl, s->target, RTNL_TARGET_NSID_FIRST + (int32_t)low,
				     &s->target_nsid);
	return r;
}

/* A record of the user. This target is counted without one; another that has its nsid is gone. */
static int count_record(const struct ledger_record *rec, void *data)
{
	struct counting *c = data;

	if (rec->nsid == c->s->target_nsid)
		return 0;
	return rtnl_count(&c->s->rtnl, rec->nsid, &c->uses);
}

static int is_dead(int32_t nsid, void *data)
{
	struct session *s = data;
	int r = rtnl_nsid_is_alive(&s->rtnl, nsid);

	return r < 0 ? r : !r;
}

/* @have + @more is at most @limit; else the text says how it is. */
static bool fits(uint32_t limit, uint32_t have, uint32_t more, const char *what, const char *where,
		 char ret_text[NL_TEXT_MAX])
{
	if (!limit || (have <= limit && more <= limit - have))
		return true;
	(void)snprintf(ret_text, NL_TEXT_MAX,
		       "%u macvlans are allowed %s%s: there are %u, and %u more were asked for",
		       limit, what, where, have, more);
	return false;
}

static int compare(struct counting *c, const struct link_args *links, size_t n, uint32_t in_target,
		   char ret_text[NL_TEXT_MAX])
{
	for (size_t i = 0; i < n; i++) {
		const struct policy_rule *rule = links[i].rule;
		size_t use = use_of(c, &links[i]);

		if (!rule)
			continue;
		if (!fits(rule->max_links, c->uses.use[use].in_total, c->asked[use],
			  "to a user on ", links[i].parent, ret_text) ||
		    !fits(rule->max_links_per_netns, in_target, c->asked_in_all,
			  "in a network namespace", "", ret_text))
			return -EDQUOT;
	}
	return 0;
}

/* With the locks taken. */
static int count(struct counting *c, const struct link_args *links, size_t n,
		 char ret_text[NL_TEXT_MAX])
{
	struct session *s = c->s;
	const struct ledger_record rec = { .uid = s->caller.uid,
					   .nsid = s->target_nsid,
					   .netns = s->target_id };
	uint32_t in_target;
	int r;

	r = rtnl_count(&s->rtnl, s->target_nsid, &c->uses);
	in_target = c->uses.outside;
	if (r == 0 && c->per_user)
		r = ledger_read(&s->ledger, s->caller.uid, count_record, c);
	if (r == 0)
		r = compare(c, links, n, in_target, ret_text);
	if (r < 0 || !c->per_user)
		return r;
	r = ledger_put(&s->ledger, &rec, is_dead, s);
	if (r == -EDQUOT)
		(void)snprintf(ret_text, NL_TEXT_MAX,
			       "the user has macvlans in %d network namespaces, the most that are "
			       "counted",
			       LEDGER_PER_UID_MAX);
	if (r == -ENOSPC) {
		(void)snprintf(ret_text, NL_TEXT_MAX, "the broker's ledger is full");
		return -EDQUOT;
	}
	return r;
}

int quota_begin(struct session *s, const struct link_args *links, size_t n,
		char ret_text[NL_TEXT_MAX])
{
	struct counting c = { .s = s };
	int r;

	if (!add_links(&c, links, n))
		return 0;
	r = s->ledger.fd < 0 ? -EUCLEAN : quota_find_nsids(s);
	for (size_t i = 0; i < c.uses.n; i++) {
		if (c.uses.use[i].nsid < 0)
			c.uses.use[i].nsid = s->self_nsid;
	}
	if (r == 0)
		r = ledger_lock_uid(&s->ledger, s->caller.uid);
	if (r == 0)
		r = ledger_lock_target(&s->ledger, s->target_nsid);
	if (r == -EBUSY)
		(void)snprintf(ret_text, NL_TEXT_MAX,
			       "another session of the user is making macvlans and does not end");
	if (r == 0)
		r = count(&c, links, n, ret_text);
	if (r == -EUCLEAN)
		(void)snprintf(ret_text, NL_TEXT_MAX, "the broker's ledger is damaged");
	if (r < 0)
		quota_end(s);
	return r;
}

void quota_end(struct session *s)
{
	if (s->ledger.fd >= 0)
		ledger_unlock(&s->ledger);
}
