/*
 * The way out of an audit line: to stderr, or to the journal's socket by its native protocol
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL).
 *
 * A line that cannot be written (closed or full stderr) does not end the session; the next one
 * says how many were lost. One that the journal does not take goes to stderr instead.
 *
 * May: connect to the journal's socket before the lock-down; write to it and to stderr.
 * Must not: wait for a process that can be asked for anything.
 */
#include "broker/audit_out.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Lines that tell of no device: that many at once, and then one for each interval. */
enum {
	LIMIT_BURST = 1000,
	LIMIT_INTERVAL_MS = 100,
	END_TRIES = 50 /* to have a last line; then the user's next one tells of it */
};

struct limit {
	_Atomic uint64_t due_ms; /* when all that was admitted would have come at an even pace */
	atomic_uint dropped;     /* since the last line */
};

static enum audit_spelling format = AUDIT_AS_TEXT;
static bool to_journal;
static int journal = -1;
static struct limit own_limit, *limit = &own_limit;
static struct limit *shared; /* of serve: one for each user, whose sessions have it in common */
static unsigned int lost;    /* lines since the last that was written */
static bool torn;            /* the last of them was written in part: it is to be ended first */

int audit_out_choose(const char *sink)
{
	to_journal = strcmp(sink, "journal") == 0;
	return to_journal || strcmp(sink, "stderr") == 0 ? 0 : -EINVAL;
}

int audit_out_choose_format(const char *name)
{
	format = strcmp(name, "json") == 0 ? AUDIT_AS_JSON : AUDIT_AS_TEXT;
	return format == AUDIT_AS_JSON || strcmp(name, "text") == 0 ? 0 : -EINVAL;
}

int audit_out_open(void)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX,
						    .sun_path = JOURNAL_SOCKET };
	_cleanup_fd_ int fd = -1;

	if (!to_journal)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	journal = fd_take(&fd);
	return 0;
}

int audit_out_share(size_t users)
{
	void *memory = mmap(NULL, users * sizeof(*shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	shared = memory;
	return 0;
}

uint64_t audit_out_due(size_t user)
{
	return atomic_load(&shared[user].due_ms);
}

void audit_out_forget(size_t user)
{
	atomic_store(&shared[user].due_ms, 0);
	atomic_store(&shared[user].dropped, 0);
}

void audit_out_use(size_t user)
{
	limit = &shared[user];
}

/* May a line be written that need not be there? */
static bool admit(void)
{
	struct timespec now = { 0 };
	uint64_t now_ms, next, due = atomic_load(&limit->due_ms);

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	do {
		next = (due > now_ms ? due : now_ms) + LIMIT_INTERVAL_MS;
		if (next - now_ms > LIMIT_BURST * LIMIT_INTERVAL_MS)
			return false;
	} while (!atomic_compare_exchange_weak(&limit->due_ms, &due, next));
	return true;
}

static bool is_complete(void)
{
	return atomic_load(&limit->dropped) == 0 && lost == 0;
}

bool audit_out_may_end(void)
{
	static const struct timespec pause = { .tv_nsec = LIMIT_INTERVAL_MS * 1000000L };

	for (int i = 0; i < END_TRIES && !is_complete(); i++) {
		if (admit())
			return true;
		(void)ppoll(NULL, 0, &pause, NULL);
	}
	return false;
}

static bool write_stderr(const char *text, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(STDERR_FILENO, text + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			torn = torn || done > 0;
			return false;
		}
		done += (size_t)n;
	}
	torn = false;
	return true;
}

static bool send_journal(const struct audit_line *l)
{
	struct iovec iov = { .iov_base = (void *)l->buf, .iov_len = l->len };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = sendmsg(journal, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* The text of @l is what lies between the two; the rest is for the journal. */
static bool write_line(struct audit_line *l, size_t text, size_t end)
{
	if (journal >= 0 && send_journal(l))
		return true;
	l->buf[text - 1] = '\n';
	return write_stderr(l->buf + text - torn, end - text + torn);
}

/* In front of the text there is a byte in any case, for the newline that ends a torn line. */
static void add_front(struct audit_line *l, const struct audit_event *event)
{
	char header[160] = "\n";

	if (journal >= 0)
		(void)snprintf(header, sizeof(header),
			       "PRIORITY=%d\nSYSLOG_IDENTIFIER=netcr-broker\nMESSAGE_ID=%s\n"
			       "MESSAGE=",
			       event->priority, event->message_id);
	audit_add(l, header);
}

static void add_fields(struct audit_line *l, enum audit_spelling how, const struct audit_entry *e,
		       const struct audit_value missing[2])
{
	static const struct audit_field fields[] = { { .key = "dropped", AUDIT_NUMBER },
						     { .key = "lost", AUDIT_NUMBER } };

	for (size_t i = 0; i < e->n; i++)
		audit_spell(l, how, &e->fields[i], &e->values[i], e->links, e->n_links);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		audit_spell(l, how, &fields[i], &missing[i], NULL, 0);
}

void audit_out_write(const struct audit_event *event, const struct audit_entry *e, bool always)
{
	static struct audit_line l;
	const bool json = format == AUDIT_AS_JSON;
	struct audit_value missing[2];
	unsigned int dropped;
	size_t text, end;

	if (!always && !admit()) {
		(void)atomic_fetch_add(&limit->dropped, 1);
		return;
	}
	dropped = atomic_exchange(&limit->dropped, 0);
	missing[0] = (struct audit_value){ .set = dropped != 0, .number = dropped };
	missing[1] = (struct audit_value){ .set = lost != 0, .number = lost };
	l.len = 0;
	add_front(&l, event);
	text = l.len;
	audit_add(&l, json ? "{\"schema\":1,\"log\":\"netcr-audit\"" : "netcr-audit");
	add_fields(&l, format, e, missing);
	audit_add(&l, json ? "}\n" : "\n");
	end = l.len;
	if (journal >= 0)
		add_fields(&l, AUDIT_AS_JOURNAL, e, missing);
	if (write_line(&l, text, end)) {
		lost = 0;
	} else {
		lost++;
		(void)atomic_fetch_add(&limit->dropped, dropped);
	}
}
