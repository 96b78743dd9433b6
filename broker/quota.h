/* How many links a user may have: counted when links are asked for, with the user's other
 * sessions locked out. */
#pragma once

#include "common/nl.h"

struct link_args;
struct reply;
struct session;

/* Open the ledger, if a rule has a limit. For the lock-down. Returns 0; -EUCLEAN if the ledger is
 * lost or damaged while targets live that it told of; or what ledger_open() says. */
int quota_open(struct session *s);

/* May all of @links be made? Where their rules have limits, this locks, counts, and records the
 * target: quota_end() is due when the links are made. Returns 0, or an error that is the answer,
 * with a text: -EDQUOT if they are too many; -EBUSY if another session of the user makes links for
 * too long; -EUCLEAN if the ledger is damaged; or what the kernel says. */
int quota_begin(struct session *s, const struct link_args *links, size_t n,
		char ret_text[NL_TEXT_MAX]);
void quota_end(struct session *s);

/* Fill in reply->uses, and on an error the text. It is counted as links are that are asked for.
 * Returns 0 or such an error. */
int quota_tell(struct session *s, struct reply *reply);

/* Find s->self_nsid and s->target_nsid, the ids of the broker's netns and of the target if there is
 * one, in the former. They do not change. Returns 0 or -errno. */
int quota_find_nsids(struct session *s);
