/*
 * Audit lines: key=value, keys and constants of ours, numbers, and values that passed decoding
 * with every byte escaped that could be taken for something else.
 *
 * A line that cannot be written (closed or full stderr) does not end the session; the next one
 * says how many were lost.
 *
 * May: write to stderr. Must not: print a byte of the peer's that was not decoded.
 */
#include "broker/audit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/session.h"
#include "common/cleanup.h"
#include "common/log.h"

/* A link at its longest: parent and name with every byte escaped, address, index and mode, each
 * with the comma behind it. In front of the links there is the head, of which the longest part
 * is the kernel's text. */
enum {
	LINE_LINK_MAX = 2 * (4 * (IFNAMSIZ - 1) + 1) + 18 + 11 + 9,
	LINE_HEAD_MAX = 512 + 4 * NL_TEXT_MAX,
	LINE_MAX_ = LINE_HEAD_MAX + OP_LINKS_MAX * LINE_LINK_MAX,
};

struct line {
	char buf[LINE_MAX_];
	size_t len;
};

static unsigned long lost; /* lines since the last that was written */
static bool torn;          /* the last of them was written in part: it is to be ended first */

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *format, ...)
{
	size_t room = sizeof(l->buf) - 1 - l->len; /* one for the newline */
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->buf + l->len, room, format, args);
	va_end(args);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* A name, with everything but [A-Za-z0-9_.@+-] as \xHH: no blank, no '=', no ','. */
static void add_name(struct line *l, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("_.@+-", c))
			add(l, "%c", c);
		else
			add(l, "\\x%02x", c);
	}
}

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

static void begin(struct line *l, const struct session *s)
{
	struct timespec now = { 0 };
	char date[20];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	audit_format_time(now.tv_sec, date);
	l->len = 0;
	if (torn)
		l->buf[l->len++] = '\n';
	add(l, "netcr-audit time=%s.%03dZ session=%08x uid=%u pid=%d req=%u", date,
	    (int)(now.tv_nsec / 1000000), s->id, s->caller.uid, s->caller.pid, s->last_id);
}

static void end(struct line *l)
{
	size_t done = 0;

	if (lost)
		add(l, " lost=%lu", lost);
	l->buf[l->len++] = '\n';
	while (done < l->len) {
		ssize_t n = write(STDERR_FILENO, l->buf + done, l->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			lost++;
			torn = torn || done > 0;
			return;
		}
		done += (size_t)n;
	}
	lost = 0;
	torn = false;
}

/* A text of ours or of the kernel's, between quotes. */
static void add_text(struct line *l, const char *key, const char *text)
{
	add(l, " %s=\"", key);
	for (; *text; text++) {
		if (*text >= ' ' && *text <= '~' && *text != '"' && *text != '\\')
			add(l, "%c", *text);
		else
			add(l, "\\x%02x", (unsigned char)*text);
	}
	add(l, "\"");
}

static void add_parent_of(struct line *l, const struct link_args *link)
{
	add_name(l, link->parent);
}

static bool same_parent(const struct link_args *a, const struct link_args *b)
{
	return strcmp(a->parent, b->parent) == 0;
}

static void add_name_of(struct line *l, const struct link_args *link)
{
	add_name(l, link->spec.name);
}

static void add_ifindex_of(struct line *l, const struct link_args *link)
{
	add(l, "%u", link->spec.ifindex);
}

static void add_mac_of(struct line *l, const struct link_args *link)
{
	const uint8_t *m = link->spec.address;

	if (link->spec.has & LINK_HAS_ADDRESS)
		add(l, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	else
		add(l, "any");
}

static void add_mode_of(struct line *l, const struct link_args *link)
{
	add(l, "%s", link_mode_name(link->spec.mode));
}

static bool same_mode(const struct link_args *a, const struct link_args *b)
{
	return a->spec.mode == b->spec.mode;
}

struct link_field {
	const char *key;
	void (*add)(struct line *l, const struct link_args *link);
	bool (*same)(const struct link_args *a, const struct link_args *b); /* NULL: never */
};

/* One value for all links where it is the same for all, else one a link. */
static void add_field(struct line *l, const struct link_field *field, const struct link_args *links,
		      size_t n)
{
	bool same = field->same != NULL;

	for (size_t i = 1; same && i < n; i++)
		same = field->same(&links[0], &links[i]);
	add(l, " %s=", field->key);
	for (size_t i = 0; i < (same ? 1 : n); i++) {
		if (i > 0)
			add(l, ",");
		field->add(l, &links[i]);
	}
}

/* The lists are all in the order of the links. */
static void add_links(struct line *l, const struct op_args *args, const struct reply *reply)
{
	static const struct link_field fields[] = {
		{ "parent", add_parent_of, same_parent }, { "name", add_name_of, NULL },
		{ "ifindex", add_ifindex_of, NULL },      { "mac", add_mac_of, NULL },
		{ "mode", add_mode_of, same_mode },
	};
	size_t made = 0;

	for (size_t i = 0; i < reply->n_results; i++)
		made += reply->results[i].error == 0;
	add(l, " links=%zu made=%zu", args->link_create.n, made);
	for (size_t f = 0; f < ARRAY_SIZE(fields); f++)
		add_field(l, &fields[f], args->link_create.links, args->link_create.n);
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

static const char *verdict_of(const struct audit_record *rec)
{
	if (rec->error == 0)
		return "granted";
	if (rec->stage == AUDIT_EXECUTE)
		return "failed";
	return rec->stage == AUDIT_POLICY ? "denied" : "invalid";
}

void audit_request(const struct session *s, const struct audit_record *rec)
{
	static const char *const stages[] = {
		[AUDIT_MESSAGE] = "message",
		[AUDIT_DECODE] = "decode",
		[AUDIT_POLICY] = "policy",
		[AUDIT_EXECUTE] = "execute",
	};
	static struct line l;
	uint64_t target = s->target >= 0 ? s->target_id : rec->args->target_bind.id;

	begin(&l, s);
	add(&l, " op=%s", rec->op);
	if (target)
		add(&l, " netns=%llu", (unsigned long long)target);
	add(&l, " stage=%s verdict=%s errno=%s", stages[rec->stage], verdict_of(rec),
	    rec->error ? log_errname(-rec->error) : "0");
	add_text(&l, "reason", rec->why);
	if (rec->error && *text_of(rec->reply))
		add_text(&l, "text", text_of(rec->reply));
	if (rec->args->link_create.n)
		add_links(&l, rec->args, rec->reply);
	end(&l);
}

void audit_violation(const struct session *s, const char *what)
{
	static struct line l;

	begin(&l, s);
	add(&l, " op=- stage=message verdict=violation errno=EPROTO");
	add_text(&l, "reason", what);
	end(&l);
}
