/*
 * Loading rules, with the way back prepared before.
 *
 * What the target's own tools print is hostile, as its root chose the names in it: it is checked
 * like an image before it is kept to be loaded again.
 *
 * May: have the helper run tools. Must not: change anything before the way back is known.
 */
#include "worker/ruleset_apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/ipt_compare.h"
#include "worker/ipt_text.h"
#include "worker/nft_text.h"
#include "worker/report.h"
#include "worker/ruleset_count.h"

/* With what follows it in one transaction (nft(8), "ruleset"). */
static const char flush[] = "flush ruleset; ";

/* @head and @text in one. The caller owns it. */
static char *join(const char *head, size_t n_head, const char *text, size_t len)
{
	char *joined = malloc(n_head + len + 1);

	if (!joined)
		return NULL;
	memcpy(joined, head, n_head);
	if (len > 0)
		memcpy(joined + n_head, text, len);
	joined[n_head + len] = '\0';
	return joined;
}

static int fail_memory(const struct ruleset_part *part, struct report *report)
{
	return report_fail(report, EXIT_UNDONE, "%s: no memory to load its rules", part->file);
}

static int fail_before(const struct ruleset_part *part, enum tools_job job, const char *why,
		       struct report *report)
{
	return report_fail(report, EXIT_UNDONE,
			   "%s: the rules that the target has cannot be read by %s, to be brought "
			   "back if need be: %s",
			   part->file, tools_name(job), why);
}

/* --- what was there before --- */

static int keep_nft(const struct ruleset_part *part, const struct tools_result *before,
		    struct ruleset_undo *undo, struct report *report)
{
	struct nft_text text;
	const size_t n = sizeof(flush) - 1;

	if (nft_text_check(before->out, before->n_out, &text) < 0)
		return fail_before(part, TOOLS_NFT_LIST, text.why, report);
	undo->parts[RULESET_NFT].text = join(flush, n, before->out, before->n_out);
	if (!undo->parts[RULESET_NFT].text)
		return fail_memory(part, report);
	undo->parts[RULESET_NFT].len = n + before->n_out;
	return 0;
}

/* Tables that the image has are emptied, for those that were not there before; then those that
 * were there are loaded again. A table that was made stays, and does nothing. */
static int keep_ipt(const struct ruleset_part *part, enum ruleset_part_id id,
		    const struct tools_result *before, struct ruleset_undo *undo,
		    struct report *report)
{
	const size_t room = 4 * part->len;
	struct ipt_text text;
	char *empty = malloc(room);
	size_t n;

	if (!empty)
		return fail_memory(part, report);
	n = ipt_text_empty(part->text, part->len, empty);
	if (ipt_text_check(before->out, before->n_out, &text) < 0) {
		free(empty);
		return fail_before(part, ruleset_jobs[id].list, text.why, report);
	}
	undo->parts[id].text = join(empty, n, before->out, before->n_out);
	free(empty);
	if (!undo->parts[id].text)
		return fail_memory(part, report);
	undo->parts[id].len = n + before->n_out;
	return 0;
}

static int list_before(enum ruleset_part_id id, struct tools *tools, struct tools_result *ret)
{
	const enum tools_job list = ruleset_jobs[id].list;
	int r;

	/* To ask the old iptables for a table makes it. */
	if (id != RULESET_NFT && tools->is_legacy[list]) {
		r = tools_has_legacy_tables(tools, list);
		/* Where the kernel does not say, it is taken for none: see ruleset_dump.h. */
		if (r == 0 || r == -EACCES) {
			*ret = (struct tools_result){ 0 };
			return 0;
		}
	}
	return tools_run(tools, list, NULL, 0, ret);
}

static int keep(const struct ruleset_part *part, enum ruleset_part_id id, struct tools *tools,
		struct ruleset_undo *undo, struct report *report)
{
	struct tools_result before;
	int r = list_before(id, tools, &before);
	int status;

	if (r < 0)
		return fail_before(part, ruleset_jobs[id].list, before.text, report);
	status = id == RULESET_NFT ? keep_nft(part, &before, undo, report)
				   : keep_ipt(part, id, &before, undo, report);
	tools_result_fini(&before);
	return status;
}

/* --- loading --- */

static int run_load(const struct ruleset_part *part, enum ruleset_part_id id, struct tools *tools,
		    struct tools_result *ret)
{
	const size_t n = id == RULESET_NFT ? sizeof(flush) - 1 : 0;
	char *text = join(flush, n, part->text, part->len);
	int r;

	if (!text) {
		*ret = (struct tools_result){ .text = "no memory" };
		return -ENOMEM;
	}
	r = tools_run(tools, ruleset_jobs[id].load, text, n + part->len, ret);
	free(text);
	return r;
}

/* One transaction is one datagram, and who has no privilege on the host may make it no larger than
 * that sysctl says (sock_setsockopt() in net/core/sock.c). */
static const char *hint_of(const char *text)
{
	return strstr(text, "Message too long")
		       ? "; they are more than this user may load at once: raise net.core.wmem_max"
		       : "";
}

static void warn_words(const struct ruleset_part *part, const char *who, const char *how,
		       struct report *report)
{
	report_warn(
		report,
		"%s: %s lists the rules in other words than the image has: compare them by `%s`",
		part->file, who, how);
}

/* That a tool took it does not say that the kernel has it: all is counted. How a rule is put is up to
 * the version of the tool, so that it is put otherwise is said and is no error. */
static int verify_nft(const struct ruleset_part *part, struct tools *tools, struct report *report)
{
	struct ruleset_counts wants, has;
	struct tools_result now;
	int r;

	r = tools_run(tools, TOOLS_NFT_LIST, NULL, 0, &now);
	if (r < 0)
		return report_fail(report, EXIT_UNDONE, "%s: its rules cannot be read back: %s",
				   part->file, now.text);
	ruleset_count_nft(part->text, part->len, &wants);
	ruleset_count_nft(now.out, now.n_out, &has);
	tools_result_fini(&now);
	if (has.tables != wants.tables || has.chains != wants.chains || has.rules != wants.rules ||
	    has.others != wants.others)
		return report_fail(report, EXIT_UNDONE,
				   "%s: the target has %zu tables, %zu chains, %zu rules and %zu "
				   "other objects in place of %zu, %zu, %zu and %zu",
				   part->file, has.tables, has.chains, has.rules, has.others,
				   wants.tables, wants.chains, wants.rules, wants.others);
	if (has.digest != wants.digest)
		warn_words(part, "nft", "nft list ruleset", report);
	return 0;
}

/* Of each table that the image has. */
static int verify_ipt(const struct ruleset_part *part, enum ruleset_part_id id, struct tools *tools,
		      struct report *report)
{
	const enum tools_job list = ruleset_jobs[id].list;
	struct ipt_difference difference;
	enum ipt_compared compared;
	struct tools_result now;
	int r;

	if (tools->is_legacy[list] && tools_has_legacy_tables(tools, list) == -EACCES) {
		report_warn(report,
			    "%s: this kernel does not let us see the tables of %s in the target: "
			    "its rules were loaded, and not compared",
			    part->file, ruleset_jobs[id].name);
		return 0;
	}
	r = tools_run(tools, list, NULL, 0, &now);
	if (r < 0)
		return report_fail(report, EXIT_UNDONE, "%s: its rules cannot be read back: %s",
				   part->file, now.text);
	compared = ipt_compare(part->text, part->len, now.out, now.n_out, &difference);
	tools_result_fini(&now);
	if (compared == IPT_OTHER_WORDS)
		warn_words(part, tools_name(list), tools_name(list), report);
	if (compared != IPT_DIFFERS)
		return 0;
	return report_fail(report, EXIT_UNDONE,
			   "%s: the target has %zu %s in table %s in place of %zu", part->file,
			   difference.is, difference.what, difference.table, difference.should);
}

int ruleset_apply(const struct ruleset *ruleset, enum ruleset_part_id id, struct tools *tools,
		  struct ruleset_undo *undo, struct report *report)
{
	const struct ruleset_part *part = &ruleset->parts[id];
	const enum tools_job job = ruleset_jobs[id].load;
	struct tools_result result;
	int status, r;

	status = keep(part, id, tools, undo, report);
	if (status)
		return status;
	r = run_load(part, id, tools, &result);
	/* nft loads all or nothing; iptables may have loaded the tables before the bad one. */
	undo->parts[id].touched = r == 0 || result.is_unknown || id != RULESET_NFT;
	undo->parts[id].is_unknown = result.is_unknown;
	tools_result_fini(&result);
	if (r == 0)
		return id == RULESET_NFT ? verify_nft(part, tools, report)
					 : verify_ipt(part, id, tools, report);
	return report_fail(report, EXIT_UNDONE, "%s: %s cannot load its rules: %s%s", part->file,
			   tools_name(job), result.text, hint_of(result.text));
}

/* --- the way back --- */

bool ruleset_undo_run(const struct ruleset_undo *undo, struct tools *tools, struct report *report)
{
	bool clean = true;

	for (size_t i = RULESET_PARTS; i-- > 0;) {
		struct tools_result result;
		int r;

		if (!undo->parts[i].touched)
			continue;
		r = tools_run(tools, ruleset_jobs[i].load, undo->parts[i].text, undo->parts[i].len,
			      &result);
		tools_result_fini(&result);
		/* Where there are no tables, there is nothing to undo: the kernel has none. */
		if (r == 0 || (r == -ECHILD && i != RULESET_NFT &&
			       tools_has_legacy_tables(tools, ruleset_jobs[i].list) == 0))
			continue;
		report_add(report, "the rules of %s %s: %s", ruleset_jobs[i].name,
			   undo->parts[i].is_unknown ? "may be left changed" : "are left changed",
			   result.text);
		clean = false;
	}
	return clean;
}

void ruleset_undo_fini(struct ruleset_undo *undo)
{
	for (size_t i = 0; i < RULESET_PARTS; i++)
		free(undo->parts[i].text);
	*undo = (struct ruleset_undo){ 0 };
}
