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

static size_t find_use(struct counting *c, uint32_t ifindex, int32_t nsid)
{
	size_t i = 0;

	while (i < c->uses.n && (c->uses.use[i].ifindex != ifindex || c->uses.use[i].nsid != nsid))
		i++;
	/* The one behind the last, to be added. */
	if (i == c->uses.n && i < RTNL_USES_MAX)
		c->uses.use[i] = (struct rtnl_use){ .ifindex = ifindex, .nsid = nsid };
	return i;
}

static size_t use_of(struct counting *c, const struct link_args *link)
{
	return find_use(c, link->parent_ifindex,
			link->parent_netns ? link->parent_nsid : c->s->self_nsid);
}

/* Returns whether there is anything to count. */
static bool add_links(struct counting *c, const struct link_args *links, size_t n)
{
	bool limited = false;

	for (size_t i = 0; i < n; i++) {
		size_t use = use_of(c, &links[i]);

		if (!links[i].rule)
			continue;
		c->uses.n += use == c->uses.n;
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
	if (r == 0 && s->target >= 0)
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

/* With the user's lock taken. */
static int count_targets(struct counting *c, uint32_t *ret_in_target)
{
	struct session *s = c->s;
	int r = s->target >= 0 ? rtnl_count(&s->rtnl, s->target_nsid, &c->uses) : 0;

	*ret_in_target = c->uses.outside;
	if (r == 0 && c->per_user)
		r = ledger_read(&s->ledger, s->caller.uid, count_record, c);
	return r;
}

/* With both locks taken. */
static int count(struct counting *c, const struct link_args *links, size_t n,
		 char ret_text[NL_TEXT_MAX])
{
	struct session *s = c->s;
	const struct ledger_record rec = { .uid = s->caller.uid,
					   .nsid = s->target_nsid,
					   .netns = s->target_id };
	uint32_t in_target;
	int r = count_targets(c, &in_target);

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

/* What is said of some errors of the ledger. */
static void explain(int error, char ret_text[NL_TEXT_MAX])
{
	if (error == -EBUSY)
		(void)snprintf(ret_text, NL_TEXT_MAX,
			       "another session of the user is making macvlans and does not end");
	if (error == -EUCLEAN)
		(void)snprintf(ret_text, NL_TEXT_MAX, "the broker's ledger is damaged");
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
	if (r == 0)
		r = count(&c, links, n, ret_text);
	explain(r, ret_text);
	if (r < 0)
		quota_end(s);
	return r;
}

void quota_end(struct session *s)
{
	if (s->ledger.fd >= 0)
		ledger_unlock(&s->ledger);
}

/* Of the first parents that rules about the user speak of, those that are there and allowed. */
static int find_parents(struct counting *c, struct reply *reply)
{
	struct session *s = c->s;
	size_t looked = 0;

	for (size_t i = 0; i < s->policy.n_parents; i++) {
		const struct policy_parent *parent = &s->policy.parents[i];
		struct parent_use *use = &reply->uses[reply->n_uses];
		const struct policy_rule *rule;
		struct parent_facts facts;
		size_t nr;
		int r;

		if (!parent_set_has(&s->parents.wanted, i))
			continue;
		reply->more = looked++ == OP_USES_MAX;
		if (reply->more)
			break;
		r = parents_find(&s->parents, &s->policy, &s->rtnl, parent->netns, parent->name,
				 &facts);
		if (r < 0)
			return r;
		rule = policy_find_grant(&s->policy, &s->caller, &facts);
		nr = find_use(c, facts.ifindex, parent->netns ? facts.nsid : s->self_nsid);
		if (!rule || nr < c->uses.n)
			continue;
		c->uses.n++;
		c->per_user = c->per_user || rule->max_links;
		use->limit = rule->max_links;
		use->limit_per_netns = rule->max_links_per_netns;
		(void)snprintf(use->parent, sizeof(use->parent), "%s%s%s",
			       parent->netns ? s->policy.netns[parent->netns - 1].name : "",
			       parent->netns ? "/" : "", parent->name);
		reply->n_uses++;
	}
	return 0;
}

int quota_tell(struct session *s, struct reply *reply)
{
	struct counting c = { .s = s };
	uint32_t in_target;
	int r = s->ledger.fd >= 0 ? quota_find_nsids(s) : 0;

	if (r == 0)
		r = find_parents(&c, reply);
	if (r < 0 || !c.per_user)
		return r;
	r = ledger_lock_uid(&s->ledger, s->caller.uid);
	if (r == 0)
		r = count_targets(&c, &in_target);
	quota_end(s);
	explain(r, reply->text);
	for (size_t i = 0; i < reply->n_uses; i++)
		reply->uses[i].used = reply->uses[i].limit ? c.uses.use[i].in_total : 0;
	return r;
}
