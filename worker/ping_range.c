/*
 * The range of groups that may ping. Its default is empty. A group that the reader's user namespace
 * does not have reads as 65534, so both ends do, and what was read cannot be written back: it would
 * be refused, or be group 65534 of the container.
 *
 * May: read and write this one sysctl. Must not: report.
 */
#include "worker/ping_range.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/state_sysctl.h"
#include "worker/sysctl_net.h"

enum {
	OVERFLOW_GID = 65534
};

/* Where the range was set outside to groups that the container does not have, it reads so, too:
 * there it is the default as well, and a container could not set anything else. */
bool ping_range_is_default(const char *text)
{
	unsigned long low, high;
	char *end;

	low = strtoul(text, &end, 10);
	high = strtoul(end, &end, 10);
	return low > high || (low == OVERFLOW_GID && high == OVERFLOW_GID);
}

void ping_range_undo(const struct sysctl_net *net, const struct sysctl_set *before)
{
	/* One after the other and not in order: the kernel takes it for its own empty range
	 * (ipv4_ping_group_range() in net/ipv4/sysctl_net_ipv4.c). */
	static const char empty[] = "1\t0\n";
	_cleanup_fd_ int fd = -1;
	char now[SYSCTL_TEXT_MAX];
	ssize_t n;

	if (before->values[0].type != SYSCTL_TEXT || !ping_range_is_default(before->values[0].text))
		return;
	fd = sysctl_net_openat(net, "ipv4/ping_group_range", O_RDWR);
	if (fd < 0)
		return;
	n = read(fd, now, sizeof(now) - 1);
	if (n <= 0)
		return;
	now[n] = '\0';
	if (ping_range_is_default(now))
		return;
	/* The kernel takes a value at the beginning of the file only. */
	if (lseek(fd, 0, SEEK_SET) == 0)
		(void)!write(fd, empty, sizeof(empty) - 1);
}
