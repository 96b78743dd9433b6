/* The way back of routes. */
#pragma once

#include <stdbool.h>

struct addr_links;
struct msg_list;
struct nl_sock;
struct report;

/* Delete those of @made that are not in @before, and make what is missing of @before. Those that
 * somebody else made meanwhile stay. Returns 0 or -errno. */
int route_undo(struct nl_sock *nl, const struct msg_list *before, const struct msg_list *made);

/* Look for what is left of @made, and what is missing of @before, and of @foreign: routes that
 * this version cannot make. Names the first of each behind the report's error. Returns true if
 * there is none. */
bool route_check_undone(struct nl_sock *nl, const struct msg_list *before,
			const struct msg_list *foreign, const struct msg_list *made,
			const struct addr_links *links, struct report *report);
