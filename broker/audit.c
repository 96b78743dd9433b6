/*
 * What an audit line says: the table of fields, and the kinds of lines. How it is spelled is in
 * audit_spell.c, where it goes in audit_out.c.
 *
 * Constants of ours, numbers, and values that passed decoding. A line that tells of a device
 * which was made is always written; of others, so many a second.
 *
 * May: ask the clock. Must not: print a byte of the peer's that was not decoded.
 */
#include "broker/audit.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "broker/audit_out.h"
#include "broker/session.h"
#include "common/cleanup.h"
#include "common/log.h"

enum kind {
	GRANTED,
	DENIED,
	QUOTA,
	FAILED,
	INVALID,
	VIOLATION,
	LOADED,
	DROPPED,
};

/* clang-format off */
static const struct {
	const char *word;
	struct audit_event event;
} kinds[] = {
	[GRANTED]   = { "granted",   { "6b439c1cf3a44b13b8cf8c40a101bc30", 6 } },
	[DENIED]    = { "denied",    { "cb2880c618474c5faa743489a415e945", 5 } },
	[QUOTA]     = { "quota",     { "b02ee0f631df40788527e2e37d79b277", 5 } },
	[FAILED]    = { "failed",    { "0ed8d1d20d834b0d906f6d5162d4089d", 4 } },
	[INVALID]   = { "invalid",   { "d032536830d34ff585238c7a06ce9a01", 4 } },
	[VIOLATION] = { "violation", { "d032536830d34ff585238c7a06ce9a01", 4 } },
	[LOADED]    = { "loaded",    { "437fd8f9fd2744cd87182983145d5383", 5 } },
	[DROPPED]   = { "dropped",   { "18ccf82caa8f4b799289469526b1e0e9", 4 } },
};
/* clang-format on */

/* All that a line can say, in this order, but for what is missing (audit_out.c). */
enum key {
	TIME,
	SESSION,
	UID,
	PID,
	REQ,
	OP,
	NETNS,
	STAGE,
	VERDICT,
	ERRNO,
	REASON,
	RULE,
	TEXT,
	LINKS,
	MADE,
	PARENT,
	NAME,
	IFINDEX,
	MAC,
	MODE,
	FILE_,
	RULES,
	N_KEYS
};

static void parent_of(const struct link_args *link, struct audit_value *ret)
{
	ret->text = link->parent;
}

/* That granted it, or denied it. */
static void rule_of(const struct link_args *link, struct audit_value *ret)
{
	ret->text = link->rule ? link->rule->name : "-";
}

static void name_of(const struct link_args *link, struct audit_value *ret)
{
	ret->text = link->spec.name;
}

static void ifindex_of(const struct link_args *link, struct audit_value *ret)
{
	ret->number = link->spec.ifindex;
}

static void mac_of(const struct link_args *link, struct audit_value *ret)
{
	const uint8_t *m = link->spec.address;

	ret->text = "any";
	if (!(link->spec.has & LINK_HAS_ADDRESS))
		return;
	(void)snprintf(ret->buf, sizeof(ret->buf), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		       m[2], m[3], m[4], m[5]);
	ret->text = ret->buf;
}

static void mode_of(const struct link_args *link, struct audit_value *ret)
{
	ret->text = link_mode_name(link->spec.mode);
}

/* clang-format off */
static const struct audit_field fields[] = {
	[TIME]    = { .key = "time",    AUDIT_WORD },
	[SESSION] = { .key = "session", AUDIT_WORD },
	[UID]     = { .key = "uid",     AUDIT_NUMBER },
	[PID]     = { .key = "pid",     AUDIT_NUMBER },
	[REQ]     = { .key = "req",     AUDIT_NUMBER },
	[OP]      = { .key = "op",      AUDIT_WORD },
	[NETNS]   = { .key = "netns",   AUDIT_NUMBER },
	[STAGE]   = { .key = "stage",   AUDIT_WORD },
	[VERDICT] = { .key = "verdict", AUDIT_WORD },
	[ERRNO]   = { .key = "errno",   AUDIT_WORD },
	[REASON]  = { .key = "reason",  AUDIT_TEXT },
	[RULE]    = { .key = "rule",    AUDIT_NAME,   .each = rule_of, .folds = true },
	[TEXT]    = { .key = "text",    AUDIT_TEXT },
	[LINKS]   = { .key = "links",   AUDIT_NUMBER },
	[MADE]    = { .key = "made",    AUDIT_NUMBER },
	[PARENT]  = { .key = "parent",  AUDIT_NAME,   .each = parent_of, .folds = true },
	[NAME]    = { .key = "name",    AUDIT_NAME,   .each = name_of },
	[IFINDEX] = { .key = "ifindex", AUDIT_NUMBER, .each = ifindex_of },
	[MAC]     = { .key = "mac",     AUDIT_WORD,   .each = mac_of },
	[MODE]    = { .key = "mode",    AUDIT_WORD,   .each = mode_of, .folds = true },
	[FILE_]   = { .key = "file",    AUDIT_NAME },
	[RULES]   = { .key = "rules",   AUDIT_NUMBER },
};
/* clang-format on */
static_assert(ARRAY_SIZE(fields) == N_KEYS, "every key has a row");

void audit_format_time(int64_t seconds, char ret[20])
{
	int64_t days = seconds / 86400, rest = seconds % 86400;
	/* Years that begin in March put the leap day at their end. 719468 days lie between
	 * 0000-03-01 and 1970-01-01; 146097 are in 400 years. */
	int64_t era_day = (days + 719468) % 146097;
	int64_t year_of_era = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
	int64_t year = year_of_era + (days + 719468) / 146097 * 400;
	int64_t day = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t march_month = (5 * day + 2) / 153;
	int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
	char buf[64];

	if (month <= 2)
		year++;
	(void)snprintf(buf, sizeof(buf), "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month,
		       (int)(day - (153 * march_month + 2) / 5 + 1), (int)(rest / 3600),
		       (int)(rest / 60 % 60), (int)(rest % 60));
	memcpy(ret, buf, 19);
	ret[19] = '\0';
}

static void set_number(struct audit_value *value, uint64_t number)
{
	value->set = true;
	value->number = number;
}

/* NULL and "" say nothing. */
static void set_text(struct audit_value *value, const char *text)
{
	value->set = text && *text;
	value->text = text;
}

static void begin(struct audit_value *v, const struct session *s, enum kind kind, const char *why)
{
	struct timespec now = { 0 };
	char date[20];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	audit_format_time(now.tv_sec, date);
	(void)snprintf(v[TIME].buf, sizeof(v[TIME].buf), "%s.%03dZ", date,
		       (int)(now.tv_nsec / 1000000));
	set_text(&v[TIME], v[TIME].buf);
	set_text(&v[VERDICT], kinds[kind].word);
	set_text(&v[REASON], why);
	set_text(&v[OP], "-");
	set_text(&v[STAGE], "message");
	set_text(&v[ERRNO], "0");
	if (!s)
		return;
	(void)snprintf(v[SESSION].buf, sizeof(v[SESSION].buf), "%08x", s->id);
	set_text(&v[SESSION], v[SESSION].buf);
	set_number(&v[UID], s->caller.uid);
	set_number(&v[PID], (uint64_t)s->caller.pid);
	set_number(&v[REQ], s->last_id);
}

static void end(struct audit_value *values, enum kind kind, bool always,
		const struct link_args *links, size_t n_links)
{
	const struct audit_entry e = { fields, values, N_KEYS, links, n_links };

	audit_out_write(&kinds[kind].event, &e, always);
}

/* What was said to the worker about the failure, as it is the best that is known of it. */
static const char *text_of(const struct reply *reply)
{
	for (size_t i = 0; i < reply->n_results; i++) {
		if (reply->results[i].text[0])
			return reply->results[i].text;
	}
	return reply->text;
}

static size_t count_made(const struct reply *reply)
{
	size_t made = 0;

	for (size_t i = 0; i < reply->n_results; i++)
		made += reply->results[i].error == 0;
	return made;
}

static enum kind kind_of(const struct audit_record *rec)
{
	if (rec->error == 0)
		return GRANTED;
	if (rec->stage == AUDIT_EXECUTE)
		return FAILED;
	if (rec->stage == AUDIT_POLICY)
		return rec->error == -EDQUOT ? QUOTA : DENIED;
	return INVALID;
}

void audit_request(const struct session *s, const struct audit_record *rec)
{
	static const char *const stages[] = {
		[AUDIT_MESSAGE] = "message",
		[AUDIT_DECODE] = "decode",
		[AUDIT_POLICY] = "policy",
		[AUDIT_EXECUTE] = "execute",
	};
	const enum kind kind = kind_of(rec);
	const uint64_t target = s->target >= 0 ? s->target_id : rec->args->target_bind.id;
	const size_t n_links = rec->args->link_create.n;
	const size_t made = n_links ? count_made(rec->reply) : 0;
	struct audit_value v[N_KEYS] = { 0 };

	begin(v, s, kind, rec->why);
	set_text(&v[OP], rec->op);
	if (target)
		set_number(&v[NETNS], target);
	set_text(&v[STAGE], stages[rec->stage]);
	set_text(&v[RULE], rec->rule && !n_links ? rec->rule->name : NULL);
	if (rec->error) {
		set_text(&v[ERRNO], log_errname(-rec->error));
		set_text(&v[TEXT], text_of(rec->reply));
	}
	if (n_links) {
		set_number(&v[LINKS], n_links);
		set_number(&v[MADE], made);
	}
	end(v, kind, /* always= */ made > 0, rec->args->link_create.links, n_links);
}

void audit_violation(const struct session *s, const char *what)
{
	struct audit_value v[N_KEYS] = { 0 };

	begin(v, s, VIOLATION, what);
	set_text(&v[ERRNO], "EPROTO");
	end(v, VIOLATION, /* always= */ false, NULL, 0);
}

void audit_end(const struct session *s)
{
	struct audit_value v[N_KEYS] = { 0 };

	if (!audit_out_may_end())
		return;
	begin(v, s, DROPPED, "the session ends");
	end(v, DROPPED, /* always= */ true, NULL, 0);
}

void audit_policy_loaded(const char *file, size_t n_rules)
{
	struct audit_value v[N_KEYS] = { 0 };

	begin(v, NULL, LOADED, "the policy is in force");
	set_text(&v[OP], "policy-load");
	set_text(&v[STAGE], "execute");
	set_text(&v[FILE_], file);
	set_number(&v[RULES], n_rules);
	end(v, LOADED, /* always= */ true, NULL, 0);
}
