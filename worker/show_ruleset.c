/*
 * Rules of the packet filter, as show has them: without CRIU's lock, as a restore loads them.
 *
 * May: print. Must not: print what the images' authors wrote but as JSON, where it is escaped.
 */
#include "worker/show_ruleset.h"

#include <stdio.h>

#include "worker/ruleset.h"
#include "worker/ruleset_count.h"

static void count(const struct ruleset_part *part, int id, struct ruleset_counts *ret)
{
	if (id == RULESET_NFT)
		ruleset_count_nft(part->text, part->len, ret);
	else
		ruleset_count_ipt(part->text, part->len, ret);
}

void show_ruleset_print(const struct ruleset *ruleset)
{
	for (int i = 0; i < RULESET_PARTS; i++) {
		const struct ruleset_part *part = &ruleset->parts[i];
		struct ruleset_counts counts;

		if (part->len == 0)
			continue;
		count(part, i, &counts);
		(void)printf(
			"%-9s%zu tables, %zu chains, %zu rules, %zu other objects, %zu bytes\n",
			ruleset_jobs[i].name, counts.tables, counts.chains, counts.rules,
			counts.others, part->len);
	}
}

void show_ruleset_json(const struct ruleset *ruleset, json_t *to)
{
	json_t *rulesets = json_object();

	for (int i = 0; i < RULESET_PARTS; i++) {
		const struct ruleset_part *part = &ruleset->parts[i];
		struct ruleset_counts counts;
		json_t *one;

		if (part->len == 0)
			continue;
		count(part, i, &counts);
		one = json_pack("{s:I, s:I, s:I, s:I, s:I}", "tables", (json_int_t)counts.tables,
				"chains", (json_int_t)counts.chains, "rules",
				(json_int_t)counts.rules, "others", (json_int_t)counts.others,
				"bytes", (json_int_t)part->len);
		/* A text that is no UTF-8 is left out. */
		(void)json_object_set_new(one, "text", json_stringn(part->text, part->len));
		(void)json_object_set_new(rulesets, ruleset_jobs[i].name, one);
	}
	(void)json_object_set_new(to, "rulesets", rulesets);
}
