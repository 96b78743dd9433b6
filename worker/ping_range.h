/* net/ipv4/ping_group_range, whose default a user namespace sees as something else. */
#pragma once

#include <stdbool.h>

struct sysctl_net;
struct sysctl_set;

/* Whether @text is the default, by which no group may ping: an empty range ("1 0"), or as a
 * container sees it. */
bool ping_range_is_default(const char *text);

/* Make the range the default again, if @before, a set of sysctl_ipv4 that was read below @net
 * (/proc/sys/net), says that it was and it is not now. Where the user namespace has no groups 0
 * and 1, the kernel refuses, and the range stays as it is. */
void ping_range_undo(const struct sysctl_net *net, const struct sysctl_set *before);
