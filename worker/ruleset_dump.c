/*
 * Rules out of the target.
 *
 * May: have the helper run the tools that list. Must not: change anything; above all not make a
 * table by asking for it.
 */
#include "worker/ruleset_dump.h"

#include <errno.h>
#include <string.h>

#include "worker/report.h"

/* Rules of an iptables that is built on nftables are in nft's list: what is asked here is
 * whether there are any of the old one. Returns 1 or 0, or -1 with *ret_status set. */
static int has_tables(enum ruleset_part_id part, struct tools *tools, int *ret_status,
		      struct report *report)
{
	const struct ruleset_jobs *jobs = &ruleset_jobs[part];
	int r = tools_has_legacy_tables(tools, jobs->list);

	if (r == -EACCES) {
		report_warn(report,
			    "this kernel does not let us see whether %s has tables in the target; "
			    "it is taken for having none",
			    jobs->name);
		return 0;
	}
	if (r < 0) {
		*ret_status = report_fail(report, EXIT_OS_,
					  "cannot see whether %s has tables in the target: %s",
					  jobs->name, strerror(-r));
		return -1;
	}
	if (r > 0 && !tools->is_legacy[jobs->list]) {
		*ret_status = report_fail(report, EXIT_OS_,
					  "%s has tables in the target, and there is no "
					  "%s-legacy-save to read them with",
					  jobs->name, jobs->name);
		return -1;
	}
	return r;
}

int ruleset_dump(enum ruleset_part_id part, struct tools *tools, char **ret_text, size_t *ret_len,
		 struct report *report)
{
	const enum tools_job list = ruleset_jobs[part].list;
	struct tools_result result;
	int status = 0, r;

	if (part != RULESET_NFT && has_tables(part, tools, &status, report) <= 0) {
		if (!status) {
			*ret_text = NULL;
			*ret_len = 0;
		}
		return status;
	}
	if (!tools_has(tools, list))
		return report_fail(report, EXIT_OS_,
				   "there is no %s in /usr/sbin, /sbin and /usr/bin to read the "
				   "target's rules with",
				   tools_name(list));
	r = tools_run(tools, list, NULL, 0, &result);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "%s cannot read the target's rules: %s",
				   tools_name(list), result.text);
	*ret_text = result.out;
	*ret_len = result.n_out;
	return 0;
}
