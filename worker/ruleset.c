/*
 * Rules from image files.
 *
 * May: read below the image directory. Must not: run anything.
 */
#include "worker/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/image_file.h"
#include "worker/ipt_text.h"
#include "worker/nft_text.h"
#include "worker/report.h"

const struct ruleset_jobs ruleset_jobs[RULESET_PARTS] = {
	[RULESET_NFT] = { TOOLS_NFT_LOAD, TOOLS_NFT_LIST, "nftables" },
	[RULESET_IPTABLES] = { TOOLS_IPTABLES_LOAD, TOOLS_IPTABLES_LIST, "iptables" },
	[RULESET_IP6TABLES] = { TOOLS_IP6TABLES_LOAD, TOOLS_IP6TABLES_LIST, "ip6tables" },
};

static int read_to_end(struct image_file *r, struct ruleset_part *ret)
{
	/* One more byte than there may be, by which it is seen that there are too many. */
	const size_t room = RULESET_IMAGE_MAX + 1;
	char *text;

	text = malloc(room);
	if (!text)
		return image_file_fail(r, "get memory for it");
	ret->text = text;
	while (ret->len < room) {
		ssize_t n = read(r->fd, text + ret->len, room - ret->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return image_file_fail(r, "read it");
		if (n == 0)
			break;
		ret->len += (size_t)n;
	}
	if (ret->len == room)
		return report_fail(r->report, EXIT_IMAGE, "%s: more than %d bytes of rules",
				   r->name, RULESET_IMAGE_MAX);
	/* It is kept until the end, and mostly small. */
	text = realloc(text, ret->len + 1);
	if (text)
		ret->text = text;
	return 0;
}

static int load_text(int dir, struct ruleset_part *ret, struct report *report)
{
	struct image_file r;
	int status;

	if (faccessat(dir, ret->file, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	status = image_file_open(&r, dir, ret->file, report);
	if (!status)
		status = read_to_end(&r, ret);
	image_file_close(&r);
	return status;
}

static int fail_text(const struct ruleset_part *part, size_t line, const char *why,
		     struct report *report)
{
	return report_fail(report, EXIT_IMAGE, "%s: line %zu: %s", part->file, line, why);
}

static int strip_nft(struct ruleset_part *part, const char *run_id, struct report *report)
{
	struct nft_text text;

	if (nft_text_strip(part->text, part->len, run_id, &text) < 0)
		return fail_text(part, text.line, text.why, report);
	part->len = text.len;
	part->n_tables = text.n_tables;
	return 0;
}

static int strip_ipt(struct ruleset_part *part, struct report *report)
{
	struct ipt_text text;

	if (ipt_text_strip(part->text, part->len, &text) < 0)
		return fail_text(part, text.line, text.why, report);
	part->len = text.len;
	part->n_tables = text.n_tables;
	return 0;
}

int ruleset_load(int dir, uint32_t id, const char *run_id, struct ruleset *ret,
		 struct report *report)
{
	int status = 0;

	*ret = (struct ruleset){ 0 };
	for (size_t i = 0; !status && i < RULESET_PARTS; i++) {
		struct ruleset_part *part = &ret->parts[i];

		(void)snprintf(part->file, sizeof(part->file), "%s-%u.img", ruleset_jobs[i].name,
			       id);
		status = load_text(dir, part, report);
		if (!status && part->len > 0)
			status = i == RULESET_NFT ? strip_nft(part, run_id, report)
						  : strip_ipt(part, report);
	}
	return status;
}

void ruleset_fini(struct ruleset *ruleset)
{
	for (size_t i = 0; i < RULESET_PARTS; i++)
		free(ruleset->parts[i].text);
	*ruleset = (struct ruleset){ 0 };
}

bool ruleset_has(const struct ruleset *ruleset, enum ruleset_part_id part)
{
	return ruleset->parts[part].len > 0;
}

int ruleset_check_tools(const struct ruleset *ruleset, const struct tools *tools,
			struct report *report)
{
	for (size_t i = 0; i < RULESET_PARTS; i++) {
		const struct ruleset_jobs *jobs = &ruleset_jobs[i];
		enum tools_job missing = jobs->load;

		if (!ruleset_has(ruleset, (enum ruleset_part_id)i))
			continue;
		if (tools_has(tools, missing))
			missing = jobs->list;
		if (tools_has(tools, missing))
			continue;
		return report_fail(report, EXIT_OS_,
				   "%s has rules, and there is no %s in /usr/sbin, /sbin and "
				   "/usr/bin to load them with; nothing was done",
				   ruleset->parts[i].file, tools_name(missing));
	}
	return 0;
}
