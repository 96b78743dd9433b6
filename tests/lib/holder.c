/*
 * Namespaces by request: a child makes them and opens sockets in them, the test opens the
 * namespaces by /proc, and the child goes.
 */
#include "tests/lib/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "common/wire.h"
#include "tests/lib/test.h"

enum {
	ASK_TO_MAP = 'm',
	READY = 'r',
	TIMEOUT_MS = 20000,
	SUB_INSIDE = 1,
};

struct note {
	char what;
	int error;
};

static int send_note(int sock, char what, int error, const int *fds, size_t n_fds)
{
	const struct note note = { .what = what, .error = error };

	return wire_send(sock, &note, sizeof(note), fds, n_fds, TIMEOUT_MS);
}

static int become(uid_t uid)
{
	if (uid != geteuid()) {
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			return -errno;
	}
	/* Else /proc/self is root's, and the maps cannot be written. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int enter_level(const struct holder_want *want, unsigned int level, int sock)
{
	static struct wire_msg answer;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	if (level > 0 || !want->sub_uid)
		return map_self(0, uid, 0, gid);
	/* Two ids in one map are for a process with privilege outside. */
	r = send_note(sock, ASK_TO_MAP, 0, NULL, 0);
	if (r < 0)
		return r;
	wire_msg_init(&answer);
	if (wire_recv(sock, &answer, TIMEOUT_MS) != 1)
		return -EIO;
	return become(SUB_INSIDE);
}

static int make_all(const struct holder_want *want, int sock, struct holder *ret)
{
	int r = become(want->uid);

	for (unsigned int level = 0; r == 0 && level < want->levels; level++)
		r = enter_level(want, level, sock);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return -errno;
	ret->rtnl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ret->genl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	ret->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return ret->rtnl < 0 || ret->genl < 0 || ret->udp < 0 ? -errno : 0;
}

static void __attribute__((noreturn)) holder_main(const struct holder_want *want, int sock)
{
	struct holder h = HOLDER_INIT;
	int r;

	(void)alarm(TIMEOUT_MS / 1000);
	r = make_all(want, sock, &h);
	if (r == 0) {
		(void)send_note(sock, READY, 0, (int[]){ h.rtnl, h.genl }, 2);
		(void)send_note(sock, READY, 0, &h.udp, 1);
	} else {
		(void)send_note(sock, READY, r, NULL, 0);
	}
	for (;;)
		(void)pause();
}

static int open_ns(pid_t pid, const char *name, int *ret)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	*ret = open(path, O_RDONLY | O_CLOEXEC);
	return *ret < 0 ? -errno : 0;
}

static int write_maps(const struct holder_want *want, pid_t pid)
{
	char path[64], map[64];
	int r;

	(void)snprintf(map, sizeof(map), "0 %u 1\n%d %u 1", want->uid, SUB_INSIDE, want->sub_uid);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	r = write_file(path, map);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	return write_file(path, map);
}

static int receive(int sock, const struct holder_want *want, pid_t pid, struct holder *ret)
{
	static struct wire_msg msg;
	struct note note;
	bool first = true;
	int r;

	for (;;) {
		wire_msg_init(&msg);
		r = wire_recv(sock, &msg, TIMEOUT_MS);
		if (r != 1)
			return r < 0 ? r : -EPIPE;
		memcpy(&note, msg.buf, sizeof(note));
		if (note.what == ASK_TO_MAP) {
			r = write_maps(want, pid);
			if (r == 0)
				r = send_note(sock, READY, 0, NULL, 0);
			if (r < 0)
				return r;
			continue;
		}
		if (note.error)
			return note.error;
		if (!first) {
			ret->udp = wire_take_fd(&msg, 0);
			return 0;
		}
		ret->rtnl = wire_take_fd(&msg, 0);
		ret->genl = wire_take_fd(&msg, 1);
		first = false;
	}
}

int holder_make(const struct holder_want *want, struct holder *ret)
{
	int sock[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)close(sock[0]);
		holder_main(want, sock[1]);
	}
	fd_closep(&sock[1]);
	r = pid < 0 ? -errno : receive(sock[0], want, pid, ret);
	if (r == 0)
		r = open_ns(pid, "net", &ret->netns);
	if (r == 0)
		r = open_ns(pid, "user", &ret->userns);
	if (r == 0)
		r = open_ns(pid, "mnt", &ret->mntns);
	fd_closep(&sock[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (r < 0)
		holder_fini(ret);
	return r;
}

void holder_fini(struct holder *h)
{
	int *fds[] = { &h->netns, &h->userns, &h->mntns, &h->rtnl, &h->genl, &h->udp };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fd_closep(fds[i]);
}
