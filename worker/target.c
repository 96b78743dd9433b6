/*
 * Finding and joining the container's namespaces.
 *
 * May: open namespaces, setns, open a netlink socket. Must not: change anything there.
 */
#include "worker/target.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "common/cleanup.h"
#include "worker/id_map.h"
#include "worker/report.h"
#include "worker/target_args.h"

/* Inode of the init user namespace: PROC_USER_INIT_INO in include/linux/proc_ns.h. */
#define USER_INIT_INO 0xEFFFFFFDU

void target_init(struct target *target)
{
	*target = (struct target){ .netns = -1,
				   .userns = -1,
				   .sysctls = -1,
				   .tun = -1,
				   .lock = -1,
				   .handover = -1,
				   .nl = { .fd = -1 },
				   .outside = { .sock = -1 },
				   .detour = DETOUR_NONE,
				   .net = SYSCTL_NET_NONE,
				   .tuns = TUN_OPENER_NONE,
				   .tools = { .sock = -1 } };
}

void target_fini(struct target *target)
{
	fd_closep(&target->netns);
	fd_closep(&target->userns);
	fd_closep(&target->sysctls);
	sysctl_net_fini(&target->net);
	fd_closep(&target->tun);
	free(target->uids);
	free(target->gids);
	target->uids = NULL;
	target->gids = NULL;
	fd_closep(&target->lock);
	fd_closep(&target->handover);
	fd_closep(&target->nl.fd);
	outside_fini(&target->outside);
	detour_fini(&target->detour);
	tun_opener_fini(&target->tuns);
	tools_fini(&target->tools);
	free(target->nl.buf);
	target->nl.buf = NULL;
}

static int fail_open(const char *path, int error, struct report *report)
{
	const bool refused = error == EACCES || error == EPERM;

	return report_fail(report, refused ? EXIT_REFUSED : EXIT_OS_,
			   "cannot open the namespace %s: %s%s", path, strerror(error),
			   refused ? "; it has to be of a container of this user's" : "");
}

static int open_ns(const char *path, int *ret_fd, struct report *report)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*ret_fd < 0)
		return fail_open(path, errno, report);
	return 0;
}

static int check_type(int fd, int type, const char *what, struct report *report)
{
	if (ioctl(fd, NS_GET_NSTYPE) != type)
		return report_fail(report, EXIT_USAGE_, "%s is not a %s namespace", what,
				   type == CLONE_NEWNET ? "network" : "user");
	return 0;
}

/* The namespaces of the very process that the pidfd is of. Any failure leaves it to /proc, which
 * has the words for it. */
static bool open_of_pidfd(int pidfd, struct target *ret)
{
	ret->netns = ioctl(pidfd, TARGET_PIDFD_GET_NET, 0);
	ret->userns = ret->netns < 0 ? -1 : ioctl(pidfd, TARGET_PIDFD_GET_USER, 0);
	if (ret->userns < 0)
		fd_closep(&ret->netns);
	return ret->userns >= 0;
}

static int open_of_pid(pid_t pid, struct target *ret, struct report *report)
{
	_cleanup_fd_ int pidfd = -1;
	char path[64];
	int status;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0U);
	if (pidfd < 0)
		return report_fail(report, EXIT_OS_, "cannot open process %d: %s", pid,
				   strerror(errno));
	if (open_of_pidfd(pidfd, ret))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	status = open_ns(path, &ret->netns, report);
	if (status)
		return status;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	status = open_ns(path, &ret->userns, report);
	if (status)
		return status;
	/* If the process of the pidfd is there still, no other had its pid in between. */
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0U) < 0 && errno == ESRCH)
		return report_fail(report, EXIT_OS_,
				   "process %d ended while its namespaces were opened", pid);
	return 0;
}

static int open_netns(const char *path, struct target *ret, struct report *report)
{
	int status = open_ns(path, &ret->netns, report);

	return status ? status : check_type(ret->netns, CLONE_NEWNET, path, report);
}

static int open_by_path(const struct target_args *args, struct target *ret, struct report *report)
{
	int status = open_netns(args->netns, ret, report);

	if (status)
		return status;
	if (args->userns) {
		status = open_ns(args->userns, &ret->userns, report);
		return status ? status
			      : check_type(ret->userns, CLONE_NEWUSER, args->userns, report);
	}
	ret->userns = ioctl(ret->netns, NS_GET_USERNS);
	if (ret->userns < 0)
		return report_fail(report, EXIT_REFUSED,
				   "the user namespace that owns %s is above or beside ours: "
				   "there is no right to it (%s)",
				   args->netns, strerror(errno));
	return 0;
}

/* No target was named: take what we are in, but never the host's by oversight. */
static int open_own(struct target *ret, struct report *report)
{
	_cleanup_fd_ int user = -1;
	uint64_t dev, ino;
	int status;

	status = open_ns("/proc/self/ns/user", &user, report);
	if (status)
		return status;
	if (fd_identity(user, &dev, &ino) < 0 || ino == USER_INIT_INO)
		return report_fail(report, EXIT_USAGE_,
				   "no target: name one by --pid or --netns, or start in the "
				   "container's user namespace");
	return open_ns("/proc/self/ns/net", &ret->netns, report);
}

/* Forget a user namespace that we are in already: joining it again is EINVAL. */
static int drop_own_userns(struct target *target)
{
	_cleanup_fd_ int own = -1;
	uint64_t dev, ino, own_dev, own_ino;
	int r;

	if (target->userns < 0)
		return 0;
	own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	r = fd_identity(own, &own_dev, &own_ino);
	if (r == 0)
		r = fd_identity(target->userns, &dev, &ino);
	if (r == 0 && dev == own_dev && ino == own_ino)
		fd_closep(&target->userns);
	return r;
}

int target_open(const struct target_args *args, struct target *ret, struct report *report)
{
	uint64_t dev;
	int status, r;

	if (args->pid)
		status = open_of_pid(args->pid, ret, report);
	else if (args->netns)
		status = open_by_path(args, ret, report);
	else
		status = open_own(ret, report);
	if (status)
		return status;
	r = fd_identity(ret->netns, &dev, &ret->ino);
	if (r == 0)
		r = drop_own_userns(ret);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot look at the target: %s", strerror(-r));
	return 0;
}

int target_open_more(const char *path, struct target *ret, struct report *report)
{
	uint64_t dev;
	int status = open_netns(path, ret, report);
	int r;

	if (status)
		return status;
	r = fd_identity(ret->netns, &dev, &ret->ino);
	return r < 0 ? report_fail(report, EXIT_OS_, "cannot look at %s: %s", path, strerror(-r))
		     : 0;
}

static int join_one(int fd, int type, const char *what, struct report *report)
{
	if (setns(fd, type) == 0)
		return 0;
	return report_fail(report, errno == EPERM ? EXIT_REFUSED : EXIT_OS_,
			   "cannot join the target's %s namespace: %s%s", what, strerror(errno),
			   errno == EPERM ? "; its user namespace has to be this user's" : "");
}

static int is_in(int netns)
{
	_cleanup_fd_ int own = -1;
	uint64_t dev, ino, own_dev, own_ino;

	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return own >= 0 && fd_identity(own, &own_dev, &own_ino) == 0 &&
	       fd_identity(netns, &dev, &ino) == 0 && dev == own_dev && ino == own_ino;
}

/* On an open file of its own: the one that is handed to the broker lives as long as the session,
 * which may be a moment longer than we do. */
static int lock(struct target *target, struct report *report)
{
	int status = open_ns("/proc/self/ns/net", &target->lock, report);

	if (status)
		return status;
	if (flock(target->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return report_fail(report, EXIT_UNDONE,
				   "another restore into this network namespace is going on, or "
				   "a dump of it; nothing was done");
	return report_fail(report, EXIT_OS_, "cannot lock the target: %s", strerror(errno));
}

/* Which ids the joined user namespace has. Within the one above it they are what the dumper saw,
 * unless the container is nested deeper than that. */
static int read_id_maps(struct target *target, struct report *report)
{
	int r = -ENOMEM;

	target->uids = calloc(1, sizeof(*target->uids));
	target->gids = calloc(1, sizeof(*target->gids));
	if (target->uids && target->gids)
		r = id_map_read("/proc/self/uid_map", target->uids);
	if (r == 0)
		r = id_map_read("/proc/self/gid_map", target->gids);
	return r == 0 ? 0
		      : report_fail(report, EXIT_OS_,
				    "cannot read the id maps of the target's user namespace: %s",
				    strerror(-r));
}

int target_join(struct target *target, struct report *report)
{
	const int room = 1024 * 1024;
	int status = 0, r;

	if (target->userns >= 0)
		status = join_one(target->userns, CLONE_NEWUSER, "user", report);
	if (!status && !is_in(target->netns))
		status = join_one(target->netns, CLONE_NEWNET, "network", report);
	if (status)
		return status;
	target->nl.buf = aligned_alloc(NLMSG_ALIGNTO, NL_BUFFER_SIZE);
	if (!target->nl.buf)
		return report_fail(report, EXIT_OS_, "no memory for netlink messages");
	r = nl_open(&target->nl.fd);
	if (r == 0)
		r = nl_open(&target->handover);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot open an rtnetlink socket: %s",
				   strerror(-r));
	target->sysctls = open("/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = target->sysctls < 0 ? -errno : sysctl_net_open(&target->net);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot open /proc/sys/net: %s", strerror(-r));
	/* Where it is missing and the images have a tun, link_make_probe() says so. */
	target->tun = open("/dev/net/tun", O_PATH | O_CLOEXEC);
	status = read_id_maps(target, report);
	if (status)
		return status;
	/* The release of all links of a restore is one datagram (links_set_group()). */
	(void)setsockopt(target->nl.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return lock(target, report);
}

int target_open_tuns(struct target *target, struct report *report)
{
	return target->tun < 0 ? 0 : tun_opener_start(&target->tuns, target->tun, report);
}

int target_open_detour(struct target *target, struct report *report)
{
	int r = detour_is_due() ? detour_open(target->netns, &target->detour) : 0;

	return r < 0 ? report_fail(report, EXIT_OS_,
				   "cannot make the network namespace that this kernel needs for "
				   "exact indexes: %s",
				   strerror(-r))
		     : 0;
}
