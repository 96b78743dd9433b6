/* nft and iptables, run for the worker by a helper: a process that was forked before the worker
 * confined itself, and that did so in its own way. The worker itself can neither fork nor execute
 * by the time it has something to run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report;

enum {
	TOOLS_IN_MAX = 17 * 1024 * 1024,  /* bytes on a tool's stdin */
	TOOLS_OUT_MAX = 16 * 1024 * 1024, /* bytes of its stdout */
	TOOLS_TEXT_MAX = 512,             /* of what it said on stderr, with the NUL */
	TOOLS_PATH_MAX = 64,
};

/* All that can be asked for; each is one command line, in worker/tools.c. */
enum tools_job {
	TOOLS_NFT_LOAD, /* rules on stdin: all of them, or none */
	TOOLS_NFT_LIST,
	TOOLS_IPTABLES_LOAD, /* a table by itself: all of it, or nothing */
	TOOLS_IP6TABLES_LOAD,
	TOOLS_IPTABLES_LIST,
	TOOLS_IP6TABLES_LIST,
	TOOLS_JOBS_
};

struct tools {
	int sock; /* owned; to the helper; -1: there is none */
	/* What each job runs; "" where it is not installed. */
	char paths[TOOLS_JOBS_][TOOLS_PATH_MAX];
	bool is_legacy[TOOLS_JOBS_]; /* it is an iptables that knows nothing of nftables */
};

struct tools_result {
	char *out; /* owned, with a NUL behind it; NULL where there is no output */
	size_t n_out;
	char text[TOOLS_TEXT_MAX]; /* of an error: the tool's own words on one line, or ours */
	bool is_unknown;           /* it may have done its work, in spite of the error */
};

/* Tools that are none, for tools_fini(). */
void tools_init(struct tools *tools);

/* Find the programs, in /usr/sbin, /sbin and /usr/bin, and start the helper, in the namespaces
 * that the caller is in. It ends when @ret is closed, and when the caller dies. From then on the
 * caller ignores SIGCHLD: it cannot wait once it is confined. Returns 0 or an exit status. */
int tools_start(struct tools *ret, struct report *report);

/* Hang up. The helper kills what it runs, and ends. */
void tools_fini(struct tools *tools);

/* What job runs, for messages: "nft". */
const char *tools_name(enum tools_job job);

bool tools_has(const struct tools *tools, enum tools_job job);

/* Run @job with @len bytes of @in as its stdin. It blocks until the tool has ended, or was killed
 * because it took too long (a minute). Returns 0 if it ended with 0; else -ENOENT (not installed),
 * -ECHILD (it failed), -ETIMEDOUT, -EFBIG (too much in or out), -EPIPE (the helper is gone), or
 * -ENOMEM, with ret->text set. ret->out is to be freed by tools_result_fini() if 0 was returned. */
int tools_run(struct tools *tools, enum tools_job job, const char *in, size_t len,
	      struct tools_result *ret);
void tools_result_fini(struct tools_result *result);

/* Whether the namespace has tables of the old iptables or ip6tables: found out without making
 * any, which asking for one would. Returns 1, 0, or -errno where the kernel does not say. */
int tools_has_legacy_tables(struct tools *tools, enum tools_job list);
