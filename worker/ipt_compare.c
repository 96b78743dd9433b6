/*
 * Comparing two lists of iptables-save, in one pass over each: a table is counted, and its lines are
 * summed up. The kernel has five tables with five chains of its own at most, so more than there is room
 * for cannot have been loaded.
 *
 * May: compute. Must not: allocate, or call the system.
 */
#include "worker/ipt_compare.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	TABLES_MAX = 8,
	BASES_MAX = 8,
	NAME_MAX_ = 31 /* bytes of a name that are shown */
};

struct text {
	const char *at;
	size_t len;
};

/* A chain of the kernel's own. */
struct base {
	struct text name, policy;
};

struct table {
	struct text name;
	struct base bases[BASES_MAX];
	size_t n_bases, n_chains, n_rules;
	uint64_t chains, rules; /* sums over lines, in which only the order within a chain counts */
	struct text last;       /* the chain of the last rule */
	uint64_t place;         /* of that rule in it */
};

struct tables {
	struct table list[TABLES_MAX];
	size_t n;
	bool full;
};

static bool same(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static bool is(struct text text, const char *word)
{
	return same(text, (struct text){ .at = word, .len = strlen(word) });
}

/* FNV-1a. */
static uint64_t hash(struct text text, uint64_t seed)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (uint8_t)text.at[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Cut the first word off @rest, with the blank behind it. */
static struct text next_word(struct text *rest)
{
	const char *blank = memchr(rest->at, ' ', rest->len);
	const struct text word = { .at = rest->at,
				   .len = blank ? (size_t)(blank - rest->at) : rest->len };
	const size_t cut = word.len + (blank != NULL);

	rest->at += cut;
	rest->len -= cut;
	return word;
}

static struct text next_line(struct text *rest)
{
	const char *end = memchr(rest->at, '\n', rest->len);
	const struct text line = { .at = rest->at,
				   .len = end ? (size_t)(end - rest->at) : rest->len };
	const size_t cut = line.len + (end != NULL);

	rest->at += cut;
	rest->len -= cut;
	return line;
}

static struct table *find(const struct tables *tables, struct text name)
{
	for (size_t i = 0; i < tables->n; i++) {
		if (same(tables->list[i].name, name))
			return (struct table *)(uintptr_t)&tables->list[i];
	}
	return NULL;
}

/* One that comes twice replaces what it was. */
static struct table *begin(struct tables *tables, struct text name)
{
	struct table *table = find(tables, name);

	if (!table && tables->n == TABLES_MAX) {
		tables->full = true;
		return NULL;
	}
	if (!table)
		table = &tables->list[tables->n++];
	*table = (struct table){ .name = name, .last = { .at = "" } };
	return table;
}

static void take_chain(struct table *table, struct text line)
{
	const struct text name = next_word(&line), policy = next_word(&line);

	if (is(policy, "-")) {
		table->n_chains++;
		table->chains += hash(name, 0);
	} else if (table->n_bases < BASES_MAX) {
		table->bases[table->n_bases++] = (struct base){ .name = name, .policy = policy };
	}
}

static void take_rule(struct table *table, struct text line)
{
	struct text rest = line;
	const struct text chain = next_word(&rest);

	table->place = same(chain, table->last) ? table->place + 1 : 0;
	table->last = chain;
	table->n_rules++;
	table->rules += hash(line, table->place << 32);
}

static void read_tables(struct text rest, struct tables *ret)
{
	struct table *table = NULL;

	*ret = (struct tables){ 0 };
	while (rest.len > 0) {
		struct text line = next_line(&rest);

		if (line.len < 2)
			continue;
		if (line.at[0] == '*') {
			table = begin(ret, (struct text){ line.at + 1, line.len - 1 });
		} else if (table && line.at[0] == ':') {
			take_chain(table, (struct text){ line.at + 1, line.len - 1 });
		} else if (table && line.len > 3 && memcmp(line.at, "-A ", 3) == 0) {
			take_rule(table, (struct text){ line.at + 3, line.len - 3 });
		}
	}
}

static const struct base *find_base(const struct table *table, struct text name)
{
	for (size_t i = 0; i < table->n_bases; i++) {
		if (same(table->bases[i].name, name))
			return &table->bases[i];
	}
	return NULL;
}

/* How many chains have another policy. One that is in one of them alone accepts in the other. */
static size_t count_policies(const struct table *wants, const struct table *has)
{
	size_t n = 0;

	for (size_t i = 0; i < wants->n_bases; i++) {
		const struct base *base = find_base(has, wants->bases[i].name);

		n += base ? !same(base->policy, wants->bases[i].policy)
			  : !is(wants->bases[i].policy, "ACCEPT");
	}
	for (size_t i = 0; i < has->n_bases; i++)
		n += !find_base(wants, has->bases[i].name) && !is(has->bases[i].policy, "ACCEPT");
	return n;
}

static enum ipt_compared differ(const struct table *wants, const char *what, size_t is_,
				size_t should, struct ipt_difference *ret)
{
	const size_t n = wants->name.len;

	*ret = (struct ipt_difference){ .what = what, .is = is_, .should = should };
	(void)snprintf(ret->table, sizeof(ret->table), "%.*s", (int)(n < NAME_MAX_ ? n : NAME_MAX_),
		       wants->name.at);
	return IPT_DIFFERS;
}

static enum ipt_compared compare(const struct table *wants, const struct table *has,
				 struct ipt_difference *ret)
{
	const size_t n = count_policies(wants, has);

	if (has->n_chains != wants->n_chains)
		return differ(wants, "chains of its own", has->n_chains, wants->n_chains, ret);
	if (has->chains != wants->chains)
		return differ(wants, "chains of these names", 0, wants->n_chains, ret);
	if (has->n_rules != wants->n_rules)
		return differ(wants, "rules", has->n_rules, wants->n_rules, ret);
	if (n > 0)
		return differ(wants, "chains with another policy", n, 0, ret);
	return has->rules == wants->rules ? IPT_SAME : IPT_OTHER_WORDS;
}

enum ipt_compared ipt_compare(const char *wants, size_t n_wants, const char *has, size_t n_has,
			      struct ipt_difference *ret)
{
	const struct table none = { .name = { .at = "" } };
	enum ipt_compared worst = IPT_SAME;
	struct tables a, b;

	read_tables((struct text){ wants, n_wants }, &a);
	read_tables((struct text){ has, n_has }, &b);
	if (a.full)
		return differ(&none, "tables", TABLES_MAX, TABLES_MAX + 1, ret);
	for (size_t i = 0; i < a.n; i++) {
		const struct table *table = find(&b, a.list[i].name);
		enum ipt_compared one = compare(&a.list[i], table ? table : &none, ret);

		if (one == IPT_DIFFERS)
			return one;
		worst = one > worst ? one : worst;
	}
	return worst;
}
