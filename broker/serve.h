/* netcr-broker serve: connections in, a confined session process for each. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listen;
struct session;

enum {
	SERVE_SESSIONS_MAX = 512
};

struct serve {
	struct session *first; /* what each session begins as: policy, ids, time limits */
	struct listen *listen;
	int notify;              /* of notify_open() */
	uint32_t max_per_user;   /* sessions of one uid at a time */
	const char *policy_file; /* that is read; NULL: none, there are options */
	/* Read the policy again into first->policy, or leave it as it is, say why, and return
	 * -errno. */
	int (*reload)(struct serve *s);
};

/* Serve until SIGTERM or SIGINT, and close @s->listen. To be called behind lockdown_acceptor().
 * Returns an exit status. */
int serve(struct serve *s);
