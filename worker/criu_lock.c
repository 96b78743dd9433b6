/*
 * The lock is a table of its own with two chains whose policy is to drop, at a priority before that
 * of CRIU's and of most rules. Its words are those in which nft lists it: what it loads is compared
 * with what it lists afterwards (ruleset_apply.c).
 *
 * May: have the helper run nft.
 */
#include "worker/criu_lock.h"

#include <stdlib.h>
#include <string.h>

#include "worker/report.h"
#include "worker/ruleset.h"
#include "worker/tools.h"

static const char lock[] =
	"table inet netcr_lock {\n"
	"	chain in {\n		type filter hook input priority raw; policy drop;\n	}\n"
	"	chain out {\n		type filter hook output priority raw; policy drop;\n	}\n"
	"}\n";

/* The first makes it where it is not there, as deleting nothing is an error. */
static const char unlock[] = "add table inet netcr_lock\ndelete table inet netcr_lock\n";

static int load(struct tools *tools, const char *text, char why[TOOLS_TEXT_MAX])
{
	struct tools_result result;
	int r = tools_run(tools, TOOLS_NFT_LOAD, text, strlen(text), &result);

	if (r < 0)
		memcpy(why, result.text, TOOLS_TEXT_MAX);
	else
		tools_result_fini(&result);
	return r;
}

/* Put the lock before the rules of the image. */
static bool put_before(struct ruleset_part *part)
{
	const size_t n = sizeof(lock) - 1;
	char *text = malloc(n + part->len);

	if (!text)
		return false;
	memcpy(text, lock, n);
	memcpy(text + n, part->text, part->len);
	free(part->text);
	part->text = text;
	part->len += n;
	part->n_tables++;
	return true;
}

void criu_lock_on(struct tools *tools, struct ruleset *ruleset, struct report *report)
{
	struct ruleset_part *nft = &ruleset->parts[RULESET_NFT];
	char why[TOOLS_TEXT_MAX] = "no memory";

	if (load(tools, lock, why) == 0 && (nft->len == 0 || put_before(nft)))
		return;
	report_warn(report,
		    "the network is not locked while it comes up: connections whose peers send at "
		    "this moment may be reset: %s",
		    why);
}

int criu_lock_off(struct tools *tools, struct report *report)
{
	char why[TOOLS_TEXT_MAX];
	struct tools_result list;

	if (!tools_has(tools, TOOLS_NFT_LOAD) || load(tools, unlock, why) == 0)
		return 0;
	/* A kernel without nftables has no lock. */
	if (tools_run(tools, TOOLS_NFT_LIST, NULL, 0, &list) < 0)
		return 0;
	tools_result_fini(&list);
	return report_fail(report, EXIT_UNDONE,
			   "the lock of the network, table netcr_lock, cannot be taken away: %s",
			   why);
}
