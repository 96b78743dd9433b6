/* The way back of policy rules. */
#pragma once

#include <stdbool.h>

struct msg_list;
struct nl_sock;
struct report;
struct rule_changes;

/* What the target's rules are to be: those of @before, and behind them at each priority those that it
 * has now, or would have without @changes, and that are not of @before. Returns 0 or -errno; *ret is
 * to be freed in any case. */
int rule_list_keep(struct nl_sock *nl, const struct msg_list *before,
		   const struct rule_changes *changes, struct msg_list *ret);

/* Look for a rule that was made and is left, and one of @wanted, by rule_list_keep(), that is gone or
 * in another place. Names it behind the report's error. Returns true if there is none. */
bool rule_check_undone(struct nl_sock *nl, const struct msg_list *wanted,
		       const struct rule_changes *changes, struct report *report);
