/* The sysctls of one network namespace, to be read and written from any other. */
#pragma once

enum {
	SYSCTL_NET_MAX = 4
};

/* /proc/sys/net shows that of whoever looks, but a directory right below it stays that of the
 * namespace in which it was opened (net/sysctl_net.c). */
struct sysctl_net {
	int dirs[SYSCTL_NET_MAX]; /* owned; O_PATH of ipv4, ipv6, unix and core; -1: not there */
	int other;                /* borrowed; where all else is looked for; -1: nowhere */
};
#define SYSCTL_NET_NONE ((struct sysctl_net){ .dirs = { -1, -1, -1, -1 }, .other = -1 })

/* Open those of the namespace that the process is in. Returns 0 or -errno. */
int sysctl_net_open(struct sysctl_net *ret);
void sysctl_net_fini(struct sysctl_net *net);

/* Open @path, "ipv4/conf/all/tag". Returns a descriptor or -errno. */
int sysctl_net_openat(const struct sysctl_net *net, const char *path, int flags);
