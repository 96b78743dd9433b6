/*
 * Whose a network namespace is, and what is none: descriptors of every kind.
 *
 * 'init' is, for nsfd_self, the user namespace that this runs in; so most of it can be tried
 * without root in a user namespace of one's own. Other owners take root.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/nsfd.h"
#include "common/nl.h"
#include "tests/lib/holder.h"
#include "tests/lib/test.h"

#define ALICE 1000U
#define BOB 1001U
#define ALICES_SUB 100001U
#define NOBODY 65534U

static struct nsfd_self self = { .netns = -1 };
static size_t fds_before;

static int setup(void **state)
{
	(void)state;
	fds_before = count_fds();
	return nsfd_self_open(&self);
}

/* Nothing of a walk is left open. */
static int teardown(void **state)
{
	(void)state;
	fd_closep(&self.netns);
	return count_fds() == fds_before ? 0 : -1;
}

/* The namespaces that @want asks for, or no test. */
static struct holder make(const struct holder_want *want)
{
	struct holder h = HOLDER_INIT;
	int r = holder_make(want, &h);

	if (r < 0) {
		fd_closep(&self.netns);
		print_message("namespaces: %s\n", strerror(-r));
		skip_because("namespaces of that kind cannot be made");
	}
	return h;
}

static enum nsfd_owner owner_for(int netns, uid_t caller)
{
	struct nsfd_facts facts = { .owner = (enum nsfd_owner)99 };
	struct verdict v = nsfd_inspect(netns, &self, caller, &facts);

	if (!v.allow)
		fail_msg("%s", v.why);
	assert_true(facts.id != 0);
	return facts.owner;
}

static bool is_refused(int fd)
{
	struct nsfd_facts facts, before;
	struct verdict v;

	memset(&facts, 0x5a, sizeof(facts));
	before = facts;
	v = nsfd_inspect(fd, &self, geteuid(), &facts);
	assert_non_null(v.why);
	if (v.allow)
		return false;
	assert_memory_equal(&facts, &before, sizeof(facts));
	return true;
}

/* --- owners --- */

static void N3_netns_of_one_user(void **state)
{
	struct holder h = make(&(struct holder_want){ .uid = ALICE, .levels = 1 });

	(void)state;
	assert_int_equal(owner_for(h.netns, ALICE), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, BOB), NSFD_OWNER_OTHER);
	assert_int_equal(owner_for(h.netns, 0), NSFD_OWNER_OTHER);
	assert_int_equal(owner_for(h.netns, NOBODY), NSFD_OWNER_OTHER);
	assert_int_equal(owner_for(h.netns, UINT32_MAX), NSFD_OWNER_OTHER);
	holder_fini(&h);
}

/* Works without privilege. */
static void netns_of_oneself(void **state)
{
	struct holder h = make(&(struct holder_want){ .uid = geteuid(), .levels = 1 });

	(void)state;
	assert_int_equal(owner_for(h.netns, geteuid()), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, geteuid() + 1), NSFD_OWNER_OTHER);
	holder_fini(&h);
}

static void N4_N5_nested_by_a_sub_uid(void **state)
{
	struct holder h =
		make(&(struct holder_want){ .uid = ALICE, .levels = 2, .sub_uid = ALICES_SUB });

	(void)state;
	assert_int_equal(owner_for(h.netns, ALICES_SUB), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, ALICE), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, BOB), NSFD_OWNER_OTHER);
	assert_int_equal(owner_for(h.netns, 0), NSFD_OWNER_OTHER);
	holder_fini(&h);
}

/* The kernel allows 33 levels below init (create_user_ns() in kernel/user_namespace.c); where
 * this runs in a user namespace itself there are fewer left. */
static void N6_deepest(void **state)
{
	struct holder_want want = { .uid = ALICE, .levels = 34, .sub_uid = ALICES_SUB };
	struct holder h = HOLDER_INIT;
	int r;

	(void)state;
	do
		r = holder_make(&want, &h);
	while (r < 0 && --want.levels > 0);
	if (r < 0) {
		fd_closep(&self.netns);
		skip_because("user namespaces cannot be made");
	}
	print_message("%u levels\n", want.levels);
	assert_true(want.levels >= 2 && want.levels <= 33);
	/* Only the uppermost is alice's. */
	assert_int_equal(owner_for(h.netns, ALICE), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, ALICES_SUB), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, BOB), NSFD_OWNER_OTHER);
	holder_fini(&h);
}

static void N2_owned_by_init(void **state)
{
	struct holder h = make(&(struct holder_want){ .uid = geteuid(), .levels = 0 });

	(void)state;
	assert_int_equal(owner_for(h.netns, 0), NSFD_OWNER_INIT);
	assert_int_equal(owner_for(h.netns, ALICE), NSFD_OWNER_INIT);
	holder_fini(&h);
}

static void N7_userns_made_by_root(void **state)
{
	struct holder h = make(&(struct holder_want){ .uid = 0, .levels = 1 });

	(void)state;
	assert_int_equal(owner_for(h.netns, 0), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, ALICE), NSFD_OWNER_OTHER);
	holder_fini(&h);
}

static void N9_uids_are_unsigned(void **state)
{
	static const uid_t uids[] = { (1U << 31) - 1, 1U << 31, (1U << 31) + 1, UINT32_MAX - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
		struct holder h = make(&(struct holder_want){ .uid = uids[i], .levels = 1 });

		assert_int_equal(owner_for(h.netns, uids[i]), NSFD_OWNER_CALLER);
		assert_int_equal(owner_for(h.netns, uids[i] & INT32_MAX),
				 uids[i] <= INT32_MAX ? NSFD_OWNER_CALLER : NSFD_OWNER_OTHER);
		assert_int_equal(owner_for(h.netns, 0), NSFD_OWNER_OTHER);
		holder_fini(&h);
	}
}

/* A walk that does not come by init ends with nobody's, and not with an error. */
static void walk_that_never_meets_init(void **state)
{
	struct holder h = make(&(struct holder_want){ .uid = geteuid(), .levels = 1 });
	const uid_t other = geteuid() + 1;

	(void)state;
	self.user_ino ^= 1;
	assert_int_equal(owner_for(h.netns, geteuid()), NSFD_OWNER_CALLER);
	assert_int_equal(owner_for(h.netns, other), NSFD_OWNER_OTHER);
	holder_fini(&h);
}

/* --- ids --- */

static uint64_t id_of(int netns)
{
	struct nsfd_facts facts;

	assert_true(nsfd_inspect(netns, &self, 0, &facts).allow);
	return facts.id;
}

static void ids_tell_namespaces_apart(void **state)
{
	const struct holder_want want = { .uid = geteuid(), .levels = 1 };
	struct holder a = make(&want), b = make(&want);
	int again = dup(a.netns);
	struct stat st;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(id_of(a.netns), id_of(again));
		assert_int_not_equal(id_of(a.netns), id_of(b.netns));
		self.has_ns_id = false;
	}
	assert_int_equal(fstat(a.netns, &st), 0);
	assert_int_equal(id_of(a.netns), st.st_ino);
	fd_closep(&again);
	holder_fini(&a);
	holder_fini(&b);
}

/* --- what is none --- */

static void N1_own_netns(void **state)
{
	int again = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(is_refused(self.netns));
	assert_true(is_refused(again));
	/* It is this that refuses it, and nothing else. */
	self.net_ino ^= 1;
	assert_false(is_refused(again));
	fd_closep(&again);
}

static void D5_netns_by_o_path(void **state)
{
	struct holder h = make(&(struct holder_want){ .uid = geteuid(), .levels = 1 });
	char path[64];
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", h.netns);
	fd = open(path, O_PATH | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(is_refused(fd));
	fd_closep(&fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_false(is_refused(fd));
	fd_closep(&fd);
	holder_fini(&h);
}

static void D4_other_namespaces(void **state)
{
	static const char *const names[] = { "user", "mnt",  "pid",    "uts",
					     "ipc",  "time", "cgroup", "pid_for_children" };
	struct holder h = make(&(struct holder_want){ .uid = geteuid(), .levels = 1 });

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && !is_refused(fd))
			fail_msg("%s", names[i]);
		fd_closep(&fd);
	}
	assert_true(is_refused(h.userns));
	assert_true(is_refused(h.mntns));
	holder_fini(&h);
}

static void expect_refused(int take_fd, const char *what)
{
	_cleanup_fd_ int fd = take_fd;

	if (fd < 0)
		fail_msg("%s: %s", what, strerror(errno));
	if (!is_refused(fd))
		fail_msg("%s is not refused", what);
}

static void D4_other_descriptors(void **state)
{
	int pipes[2];

	(void)state;
	expect_refused(open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null");
	expect_refused(open("/dev/null", O_PATH | O_CLOEXEC), "/dev/null by O_PATH");
	expect_refused(open("/proc/self/status", O_RDONLY | O_CLOEXEC), "a file of /proc");
	expect_refused(open("/proc/self/ns", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "a directory");
	expect_refused(open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600), "a file to write");
	expect_refused(memfd_create("x", MFD_CLOEXEC), "memfd");
	expect_refused(epoll_create1(EPOLL_CLOEXEC), "epoll");
	expect_refused(eventfd(0, EFD_CLOEXEC), "eventfd");
	expect_refused((int)syscall(SYS_pidfd_open, getpid(), 0), "pidfd");
	expect_refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "unix socket");
	expect_refused(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), "netlink socket");
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	expect_refused(pipes[0], "a pipe to read");
	expect_refused(pipes[1], "a pipe to write");
	assert_true(is_refused(-1));
	assert_true(is_refused(9999));
}

/* --- sockets --- */

static bool is_of(int sock, int netns)
{
	struct verdict v = nsfd_check_rtnl(sock, netns);

	assert_non_null(v.why);
	return v.allow;
}

static void D10_sockets(void **state)
{
	const struct holder_want want = { .uid = geteuid(), .levels = 1 };
	struct holder a = make(&want), b = make(&want);
	int own = -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC), pair[2];

	(void)state;
	assert_int_equal(nl_open(&own), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(is_of(a.rtnl, a.netns));
	assert_true(is_of(b.rtnl, b.netns));
	assert_false(is_of(b.rtnl, a.netns));
	assert_false(is_of(own, a.netns));
	assert_false(is_of(a.genl, a.netns));
	assert_false(is_of(a.udp, a.netns));
	assert_false(is_of(pair[0], a.netns));
	assert_false(is_of(null, a.netns));
	assert_false(is_of(a.netns, a.netns));
	assert_false(is_of(-1, a.netns));
	assert_false(is_of(a.rtnl, -1));
	assert_false(is_of(a.rtnl, null));
	assert_false(is_of(a.rtnl, a.userns));
	/* Of the broker's own netns it is right, as a socket: that netns is refused before. To
	 * ask takes CAP_NET_ADMIN there. */
	if (geteuid() == 0)
		assert_true(is_of(own, self.netns));
	fd_closep(&own);
	fd_closep(&null);
	fd_closep(&pair[0]);
	fd_closep(&pair[1]);
	holder_fini(&a);
	holder_fini(&b);
}

static void self_is_what_proc_says(void **state)
{
	struct stat net, user;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &net), 0);
	assert_int_equal(stat("/proc/self/ns/user", &user), 0);
	assert_int_equal(self.net_ino, net.st_ino);
	assert_int_equal(self.net_dev, net.st_dev);
	assert_int_equal(self.user_ino, user.st_ino);
	assert_int_equal(self.user_dev, user.st_dev);
	assert_int_equal(fcntl(self.netns, F_GETFD), FD_CLOEXEC);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(self_is_what_proc_says),
		CASE(netns_of_oneself),
		CASE(N1_own_netns),
		CASE(N2_owned_by_init),
		CASE(N3_netns_of_one_user),
		CASE(N4_N5_nested_by_a_sub_uid),
		CASE(N6_deepest),
		CASE(N7_userns_made_by_root),
		CASE(N9_uids_are_unsigned),
		CASE(walk_that_never_meets_init),
		CASE(ids_tell_namespaces_apart),
		CASE(D4_other_namespaces),
		CASE(D4_other_descriptors),
		CASE(D5_netns_by_o_path),
		CASE(D10_sockets),
	};

	return cmocka_run_group_tests_name("nsfd", tests, NULL, NULL);
}
