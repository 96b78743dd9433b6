/*
 * Judging descriptors that a worker handed over. Every check is on the descriptor itself, in
 * the order that design and safety want: what it is before anything is asked of it.
 *
 * May: fcntl(F_GETFL), fstatfs, fstat, NS_GET_*, getsockopt, SIOCGSKNS; before the lock-down, open
 * the namespaces that it is in. Must not: trust a number that the worker sent.
 *
 * Facts of ioctl_nsfs(2) (fs/nsfs.c): none of these calls needs a capability. NS_GET_OWNER_UID
 * is for user namespaces only. NS_GET_PARENT of the init user namespace is EPERM.
 */
#include "broker/nsfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>

#include "common/cleanup.h"

#ifndef NS_GET_ID
#define NS_GET_ID _IOR(NSIO, 13, uint64_t) /* Linux 6.18 */
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

/* create_user_ns() in kernel/user_namespace.c allows no more levels below init. */
enum {
	USERNS_LEVELS_MAX = 33
};

static struct verdict refuse(const char *why)
{
	return (struct verdict){ .allow = false, .why = why };
}

static const struct verdict fine = { .allow = true, .why = "allowed" };

int nsfd_self_open(struct nsfd_self *ret)
{
	_cleanup_fd_ int net = -1, user = -1;
	uint64_t id;
	int r;

	net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (net < 0)
		return -errno;
	user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (user < 0)
		return -errno;
	r = fd_identity(net, &ret->net_dev, &ret->net_ino);
	if (r == 0)
		r = fd_identity(user, &ret->user_dev, &ret->user_ino);
	if (r < 0)
		return r;
	ret->has_ns_id = ioctl(net, NS_GET_ID, &id) == 0;
	ret->net_id = ret->has_ns_id ? id : ret->net_ino;
	ret->netns = fd_take(&net);
	return 0;
}

int nsfd_open(const char *path, const struct nsfd_self *self, int *ret_fd)
{
	/* O_NONBLOCK: whatever it is, it is not waited for. No link is followed: a name such as
	 * /proc/PID/ns/net is another namespace's by tomorrow. */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct statfs fs;
	uint64_t dev, ino;
	int r;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return -ENOTTY;
	r = fd_identity(fd, &dev, &ino);
	if (r < 0)
		return r;
	if (dev == self->net_dev && ino == self->net_ino)
		return -EBUSY;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* Walk from @userns (consumed) to the init user namespace, looking for one of @caller's. */
static enum nsfd_owner find_owner(int take_userns, const struct nsfd_self *self, uid_t caller)
{
	_cleanup_fd_ int userns = take_userns;

	for (int level = 0; level < USERNS_LEVELS_MAX; level++) {
		uint64_t dev, ino;
		uid_t owner;
		int parent;

		if (fd_identity(userns, &dev, &ino) < 0)
			return NSFD_OWNER_OTHER;
		/* The broker does not start but in init, so this is it, and nobody's own. */
		if (dev == self->user_dev && ino == self->user_ino)
			return level == 0 ? NSFD_OWNER_INIT : NSFD_OWNER_OTHER;
		if (ioctl(userns, NS_GET_OWNER_UID, &owner) < 0)
			return NSFD_OWNER_OTHER;
		if (owner == caller)
			return NSFD_OWNER_CALLER;
		parent = ioctl(userns, NS_GET_PARENT);
		if (parent < 0)
			return NSFD_OWNER_OTHER;
		fd_closep(&userns);
		userns = parent;
	}
	return NSFD_OWNER_OTHER;
}

static bool has_safe_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & (O_ACCMODE | O_PATH)) == O_RDONLY;
}

struct verdict nsfd_inspect(int fd, const struct nsfd_self *self, uid_t caller,
			    struct nsfd_facts *ret)
{
	struct statfs fs;
	uint64_t dev, ino, id;
	int userns;

	if (!has_safe_flags(fd))
		return refuse("the target's descriptor is O_PATH or not for reading");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return refuse("the target is not a namespace");
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return refuse("the target is not a network namespace");
	if (fd_identity(fd, &dev, &ino) < 0)
		return refuse("the target cannot be identified");
	if (dev == self->net_dev && ino == self->net_ino)
		return refuse("the target is the broker's own namespace");
	id = ino;
	if (self->has_ns_id && ioctl(fd, NS_GET_ID, &id) < 0)
		return refuse("the target has no id");
	userns = ioctl(fd, NS_GET_USERNS);
	if (userns < 0)
		return refuse("the target's user namespace cannot be seen");

	*ret = (struct nsfd_facts){ .id = id, .owner = find_owner(userns, self, caller) };
	return fine;
}

static bool is_option(int sock, int option, int wanted)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(sock, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

struct verdict nsfd_check_rtnl(int sock, int netns)
{
	_cleanup_fd_ int of_sock = -1;
	uint64_t dev, ino, sock_dev, sock_ino;

	if (!is_option(sock, SO_DOMAIN, AF_NETLINK) || !is_option(sock, SO_PROTOCOL, NETLINK_ROUTE))
		return refuse("the second descriptor is not an rtnetlink socket");
	of_sock = ioctl(sock, SIOCGSKNS);
	if (of_sock < 0)
		return refuse("the socket's namespace cannot be seen");
	if (fd_identity(netns, &dev, &ino) < 0 || fd_identity(of_sock, &sock_dev, &sock_ino) < 0 ||
	    dev != sock_dev || ino != sock_ino)
		return refuse("the socket is of another namespace than the target");
	return fine;
}
