/*
 * What the sections and keys of a policy file mean. A condition is never dropped: what is not
 * understood is an error.
 *
 * May: ask NSS for users and groups. Must not: run after the lock-down.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/caller.h"
#include "broker/policy_load.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/link_msg.h"
#include "common/log.h"
#include "common/number.h"

enum {
	LIST_MAX = 128,
	RULE_NAME_MAX = 32, /* with its NUL */
	LIMIT_MAX = 1000000,
	NOBODY = 65534
};

int policy_find_id(const char *name, bool is_group, uint32_t *ret)
{
	const struct passwd *user = NULL;
	const struct group *group = NULL;

	if (*name >= '0' && *name <= '9')
		return number_parse_u32(name, ret) ? 0 : -ENOENT;
	errno = 0;
	if (is_group)
		group = getgrnam(name);
	else
		user = getpwnam(name);
	if (!user && !group)
		return caller_nss_error();
	*ret = user ? user->pw_uid : group->gr_gid;
	return 0;
}

static bool set_user(struct policy_loader *l, char *list)
{
	struct policy_id ids[LIST_MAX] = { 0 }, *kept;
	struct policy_rule *rule = &l->draft->rule;
	size_t n = 0;

	for (char *name = policy_next_element(&list); name; name = policy_next_element(&list)) {
		const bool is_group = *name == '@';
		int r;

		if (n == LIST_MAX)
			return policy_fail(l, l->line, "more than %d users", LIST_MAX);
		ids[n].is_group = is_group;
		r = policy_find_id(name + is_group, is_group, &ids[n].id);
		if (r == -ENOENT)
			return policy_fail(l, l->line, "there is no %s '%s'",
					   is_group ? "group" : "user", name + is_group);
		if (r < 0)
			return policy_fail(l, l->line, "cannot look up '%s': %s", name,
					   log_errname(-r));
		if (ids[n].id == NOBODY || ids[n].id == UINT32_MAX)
			return policy_fail(l, l->line, "'%s' stands for nobody", name);
		n++;
	}
	kept = policy_alloc(l, n * sizeof(*kept));
	if (!kept)
		return false;
	memcpy(kept, ids, n * sizeof(*kept));
	rule->users = kept;
	rule->n_users = n;
	return true;
}

/* Returns its number, or 0. Where it is, its own section says, before or behind. */
static uint16_t netns_of(struct policy_loader *l, const char *name)
{
	uint16_t i = 0;

	while (i < l->policy.n_netns && strcmp(l->netns[i].name, name) != 0)
		i++;
	if (i == POLICY_NETNS_MAX)
		return 0;
	if (i == l->policy.n_netns) {
		(void)snprintf(l->netns[i].name, sizeof(l->netns[i].name), "%s", name);
		l->netns_line[i] = l->line;
		l->policy.n_netns++;
	}
	return (uint16_t)(i + 1);
}

static bool find_parent(struct policy_loader *l, char *text, uint16_t *ret)
{
	char *slash = strchr(text, '/');
	const char *name = slash ? slash + 1 : text;
	uint16_t netns = 0;
	size_t i;

	if (check_parent(text) < 0)
		return policy_fail(l, l->line, "'%s' is not a name of an interface", text);
	if (slash) {
		*slash = '\0';
		netns = netns_of(l, text);
		if (!netns)
			return policy_fail(l, l->line, "more than %d namespaces", POLICY_NETNS_MAX);
	}
	for (i = 0; i < l->policy.n_parents; i++) {
		if (l->parents[i].netns == netns && strcmp(l->parents[i].name, name) == 0)
			break;
	}
	if (i == POLICY_PARENTS_MAX)
		return policy_fail(l, l->line, "more than %d parents", POLICY_PARENTS_MAX);
	if (i == l->policy.n_parents) {
		(void)snprintf(l->parents[i].name, sizeof(l->parents[i].name), "%s", name);
		l->parents[i].netns = netns;
		l->policy.n_parents++;
	}
	*ret = (uint16_t)i;
	return true;
}

static bool set_parent(struct policy_loader *l, char *list)
{
	struct policy_rule *rule = &l->draft->rule;
	uint16_t found[LIST_MAX], *kept;
	size_t n = 0;

	for (char *text = policy_next_element(&list); text; text = policy_next_element(&list)) {
		if (n == LIST_MAX)
			return policy_fail(l, l->line, "more than %d parents", LIST_MAX);
		if (!find_parent(l, text, &found[n++]))
			return false;
	}
	kept = policy_alloc(l, n * sizeof(*kept));
	if (!kept)
		return false;
	memcpy(kept, found, n * sizeof(*kept));
	rule->parents = kept;
	rule->n_parents = n;
	return true;
}

static bool set_mode(struct policy_loader *l, char *list)
{
	for (char *name = policy_next_element(&list); name; name = policy_next_element(&list)) {
		const uint32_t mode = link_mode_parse(name);

		if (!mode)
			return policy_fail(l, l->line, "there is no mode '%s'", name);
		l->draft->rule.modes |= mode;
	}
	return true;
}

static bool set_mac(struct policy_loader *l, char *list)
{
	struct policy_rule *rule = &l->draft->rule;
	struct policy_mac macs[LIST_MAX], *kept;
	size_t n = 0;

	for (char *text = policy_next_element(&list); text; text = policy_next_element(&list)) {
		if (strcmp(text, "any") == 0)
			rule->mac_any = true;
		else if (strcmp(text, "keep") == 0)
			rule->mac_keep = true;
		else if (n == LIST_MAX || !policy_parse_mac(text, &macs[n++]))
			return policy_fail(l, l->line,
					   "'%s' is not keep, any, or a unicast address like "
					   "02:00:00:*",
					   text);
	}
	kept = policy_alloc(l, n * sizeof(*kept));
	if (!kept)
		return false;
	memcpy(kept, macs, n * sizeof(*kept));
	rule->macs = kept;
	rule->n_macs = n;
	return true;
}

static bool set_limit(struct policy_loader *l, const char *value, uint32_t *ret)
{
	if (!number_parse_u32(value, ret) || *ret == 0 || *ret > LIMIT_MAX)
		return policy_fail(l, l->line, "'%s' is not a number from 1 to %d", value,
				   LIMIT_MAX);
	return true;
}

static bool set_max_links(struct policy_loader *l, char *value)
{
	return set_limit(l, value, &l->draft->rule.max_links);
}

static bool set_max_per_netns(struct policy_loader *l, char *value)
{
	return set_limit(l, value, &l->draft->rule.max_links_per_netns);
}

static bool set_flag(struct policy_loader *l, const char *value, bool *ret)
{
	*ret = strcmp(value, "yes") == 0;
	if (!*ret && strcmp(value, "no") != 0)
		return policy_fail(l, l->line, "'%s' is neither yes nor no", value);
	return true;
}

static bool set_deny(struct policy_loader *l, char *value)
{
	return set_flag(l, value, &l->draft->rule.deny);
}

static bool set_init_netns(struct policy_loader *l, char *value)
{
	return set_flag(l, value, &l->draft->rule.init_netns);
}

static bool keep_text(struct policy_loader *l, const char *value, const char **ret)
{
	char *kept = policy_alloc(l, strlen(value) + 1);

	if (!kept)
		return false;
	if (*value != '/')
		return policy_fail(l, l->line, "'%s' is not an absolute path", value);
	memcpy(kept, value, strlen(value) + 1);
	*ret = kept;
	return true;
}

static bool set_path(struct policy_loader *l, char *value)
{
	return keep_text(l, value, &l->netns[l->netns_nr - 1].path);
}

static bool set_include(struct policy_loader *l, char *value)
{
	if (l->include)
		return policy_fail(l, l->line, "there is an 'include' already");
	l->include_line = l->line;
	return keep_text(l, value, &l->include);
}

enum {
	IN_FILE,
	IN_RULE,
	IN_NETNS
};

static const struct {
	int where;
	const char *name;
	bool (*set)(struct policy_loader *l, char *value);
} keys[] = {
	{ IN_FILE, "include", set_include },
	{ IN_RULE, "user", set_user },
	{ IN_RULE, "parent", set_parent },
	{ IN_RULE, "mode", set_mode },
	{ IN_RULE, "mac", set_mac },
	{ IN_RULE, "max-links", set_max_links },
	{ IN_RULE, "max-links-per-netns", set_max_per_netns },
	{ IN_RULE, "deny", set_deny },
	{ IN_RULE, "init-netns", set_init_netns },
	{ IN_NETNS, "path", set_path },
};

bool policy_key(struct policy_loader *l, const char *key, const char *value)
{
	const int where = l->draft ? IN_RULE : l->netns_nr ? IN_NETNS : IN_FILE;
	char copy[256];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].where != where || strcmp(keys[i].name, key) != 0)
			continue;
		if (l->keys & (UINT32_C(1) << i))
			return policy_fail(l, l->line, "a second '%s'", key);
		l->keys |= UINT32_C(1) << i;
		if (*value == '\0' || strlen(value) >= sizeof(copy))
			return policy_fail(l, l->line, "'%s' is empty or too long", key);
		(void)snprintf(copy, sizeof(copy), "%s", value);
		return keys[i].set(l, copy);
	}
	return policy_fail(l, l->line, "unknown key '%s'", key);
}

static bool open_rule(struct policy_loader *l, const char *name)
{
	struct policy_draft *draft, **bucket;
	uint32_t hash = 5381;
	char *kept;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	bucket = &l->buckets[hash % POLICY_BUCKETS];
	for (draft = *bucket; draft; draft = draft->same_bucket) {
		if (strcmp(draft->rule.name, name) == 0)
			return policy_fail(l, l->line, "a second rule '%s'; the first is in %s:%u",
					   name, draft->rule.file, draft->rule.line);
	}
	if (l->policy.n_rules == POLICY_RULES_MAX)
		return policy_fail(l, l->line, "more than %d rules", POLICY_RULES_MAX);
	draft = policy_alloc(l, sizeof(*draft));
	kept = policy_alloc(l, strlen(name) + 1);
	if (!draft || !kept)
		return false;
	memcpy(kept, name, strlen(name) + 1);
	draft->rule.name = kept;
	draft->rule.file = l->file;
	draft->rule.line = l->line;
	draft->same_bucket = *bucket;
	*bucket = draft;
	*l->tail = &draft->rule;
	l->tail = &draft->rule.next;
	l->policy.n_rules++;
	l->draft = draft;
	return true;
}

static bool is_rule_name(const char *name)
{
	return *name && strlen(name) < RULE_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       strlen(name);
}

bool policy_section_open(struct policy_loader *l, const char *title)
{
	l->section_line = l->line;
	l->keys = 0;
	if (strncmp(title, "rule ", 5) == 0 && is_rule_name(title + 5))
		return open_rule(l, title + 5);
	if (strncmp(title, "netns ", 6) == 0 && check_netns_name(title + 6) == 0) {
		l->netns_nr = netns_of(l, title + 6);
		if (!l->netns_nr)
			return policy_fail(l, l->line, "more than %d namespaces", POLICY_NETNS_MAX);
		if (l->netns[l->netns_nr - 1].path)
			return policy_fail(l, l->line, "a second namespace '%s'", title + 6);
		return true;
	}
	return policy_fail(l, l->line, "a section is [rule NAME] or [netns NAME]");
}

bool policy_section_close(struct policy_loader *l)
{
	struct policy_rule *rule = l->draft ? &l->draft->rule : NULL;
	const uint16_t netns = l->netns_nr;

	l->draft = NULL;
	l->netns_nr = 0;
	if (netns && !l->netns[netns - 1].path)
		return policy_fail(l, l->section_line, "the namespace has no 'path'");
	if (!rule)
		return true;
	if (!rule->n_users || !rule->n_parents)
		return policy_fail(l, l->section_line, "the rule has no '%s'",
				   rule->n_users ? "parent" : "user");
	if (rule->deny && (rule->max_links || rule->max_links_per_netns || rule->init_netns))
		return policy_fail(l, l->section_line,
				   "a rule that denies has no limits, and no init-netns");
	if (!rule->modes)
		rule->modes = rule->deny ? POLICY_ALL_MODES : POLICY_DEFAULT_MODES;
	if (!rule->mac_any && !rule->mac_keep && !rule->n_macs) {
		rule->mac_any = rule->deny;
		rule->mac_keep = !rule->deny;
	}
	return true;
}
