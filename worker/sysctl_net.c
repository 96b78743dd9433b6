/*
 * /proc/sys/net of a namespace, wherever the process is by now.
 *
 * May: open what is below it.
 */
#include "worker/sysctl_net.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

static const char *const net_dirs[SYSCTL_NET_MAX] = { "ipv4", "ipv6", "unix", "core" };

int sysctl_net_open(struct sysctl_net *ret)
{
	char path[64];

	*ret = SYSCTL_NET_NONE;
	for (size_t i = 0; i < SYSCTL_NET_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", net_dirs[i]);
		ret->dirs[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (ret->dirs[i] < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

void sysctl_net_fini(struct sysctl_net *net)
{
	for (size_t i = 0; i < SYSCTL_NET_MAX; i++)
		fd_closep(&net->dirs[i]);
}

int sysctl_net_openat(const struct sysctl_net *net, const char *path, int flags)
{
	int dir = net->other, fd;

	for (size_t i = 0; i < SYSCTL_NET_MAX; i++) {
		const size_t len = strlen(net_dirs[i]);

		if (net->dirs[i] < 0 || strncmp(path, net_dirs[i], len) != 0 || path[len] != '/')
			continue;
		dir = net->dirs[i];
		path += len + 1;
		break;
	}
	if (dir < 0)
		return -ENOENT;
	fd = openat(dir, path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
