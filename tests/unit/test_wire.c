/*
 * One datagram with its descriptors, and a peer that does everything else.
 *
 * What should be refused is sent by sendmsg() itself. After each refusal as many descriptors are
 * open as before: what arrived in spite of all was closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/wire.h"
#include "tests/lib/test.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5 */
#endif

enum {
	SCM_MAX = 253, /* SCM_MAX_FD of include/net/scm.h */
	SHORT_MS = 50,
};

static int ours = -1, peer = -1;
static struct wire_msg msg;
static size_t fds_before;

static int setup(void **state)
{
	int sock[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		return -1;
	ours = sock[0];
	peer = sock[1];
	wire_msg_init(&msg);
	fds_before = count_fds();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wire_msg_fini(&msg);
	fd_closep(&ours);
	fd_closep(&peer);
	return 0;
}

/* @n descriptors in one control message, or one in each of @n. Returns 0 or -errno. */
static int send_raw(size_t n, bool each_alone)
{
	static union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(300 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf };
	size_t in_each = each_alone ? 1 : n, at = 0;

	for (size_t done = 0; done < n; done += in_each) {
		struct cmsghdr head = { .cmsg_len = CMSG_LEN(in_each * sizeof(int)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS };

		memcpy(control.buf + at, &head, sizeof(head));
		for (size_t i = 0; i < in_each; i++)
			memcpy(control.buf + at + CMSG_LEN(i * sizeof(int)), &peer, sizeof(int));
		at += CMSG_SPACE(in_each * sizeof(int));
	}
	hdr.msg_controllen = at;
	return sendmsg(peer, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void must_refuse(void)
{
	assert_int_equal(wire_recv(ours, &msg, 0), -EBADMSG);
	assert_int_equal(msg.len, 0);
	assert_int_equal(msg.n_fds, 0);
	for (size_t i = 0; i < WIRE_MAX_FDS; i++)
		assert_int_equal(msg.fds[i], -1);
	assert_int_equal(count_fds(), fds_before);
}

/* --- what works --- */

static void round_trip_with_descriptors(void **state)
{
	const int fds[WIRE_MAX_FDS] = { ours, peer };

	(void)state;
	for (size_t n = 0; n <= WIRE_MAX_FDS; n++) {
		assert_int_equal(wire_send(peer, "hello", 5, fds, n, 0), 0);
		assert_int_equal(wire_recv(ours, &msg, 0), 1);
		assert_int_equal(msg.len, 5);
		assert_memory_equal(msg.buf, "hello", 5);
		assert_int_equal(msg.n_fds, n);
		assert_int_equal(count_fds(), fds_before + n);
		for (size_t i = 0; i < WIRE_MAX_FDS; i++) {
			uint64_t dev, ino, want_dev, want_ino;

			if (i >= n) {
				assert_int_equal(msg.fds[i], -1);
				continue;
			}
			assert_int_equal(fcntl(msg.fds[i], F_GETFD), FD_CLOEXEC);
			assert_int_equal(fd_identity(msg.fds[i], &dev, &ino), 0);
			assert_int_equal(fd_identity(fds[i], &want_dev, &want_ino), 0);
			assert_int_equal(dev, want_dev);
			assert_int_equal(ino, want_ino);
		}
		wire_msg_fini(&msg);
		assert_int_equal(count_fds(), fds_before);
	}
}

static void take_moves_a_descriptor(void **state)
{
	const int fds[] = { ours, peer };
	int taken;

	(void)state;
	assert_int_equal(wire_send(peer, "x", 1, fds, 2, 0), 0);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
	taken = wire_take_fd(&msg, 1);
	assert_true(taken >= 0);
	assert_int_equal(wire_take_fd(&msg, 1), -1);
	wire_msg_fini(&msg);
	assert_int_equal(count_fds(), fds_before + 1);
	assert_true(fcntl(taken, F_GETFD) >= 0);
	fd_closep(&taken);
	wire_msg_fini(&msg);
	assert_int_equal(count_fds(), fds_before);
}

static void boundaries_of_datagrams_are_kept(void **state)
{
	(void)state;
	assert_int_equal(wire_send(peer, "one", 3, NULL, 0, 0), 0);
	assert_int_equal(wire_send(peer, "three", 5, NULL, 0, 0), 0);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
	assert_int_equal(msg.len, 3);
	wire_msg_fini(&msg);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
	assert_int_equal(msg.len, 5);
}

/* --- lengths --- */

static void F2_largest_and_one_more(void **state)
{
	static uint8_t big[WIRE_MAX + 1];

	(void)state;
	big[WIRE_MAX - 1] = 7;
	assert_int_equal(wire_send(peer, big, WIRE_MAX, NULL, 0, 0), 0);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
	assert_int_equal(msg.len, WIRE_MAX);
	assert_int_equal(msg.buf[WIRE_MAX - 1], 7);
	wire_msg_fini(&msg);

	assert_int_equal(wire_send(peer, big, WIRE_MAX + 1, NULL, 0, 0), -EMSGSIZE);
	assert_int_equal(send(peer, big, WIRE_MAX + 1, 0), WIRE_MAX + 1);
	must_refuse();
	/* The rest of it is not the next datagram. */
	assert_int_equal(wire_recv(ours, &msg, 0), -ETIMEDOUT);
}

static void F3_largest_that_the_kernel_sends(void **state)
{
	static uint8_t big[200000];

	(void)state;
	assert_int_equal(send(peer, big, sizeof(big), 0), sizeof(big));
	must_refuse();
}

static void F1_empty_datagram_is_no_end(void **state)
{
	(void)state;
	assert_int_equal(wire_send(peer, "", 0, NULL, 0, 0), -EMSGSIZE);
	assert_int_equal(send(peer, "", 0, 0), 0);
	must_refuse();
}

static void F1_empty_datagram_with_descriptor(void **state)
{
	union {
		struct cmsghdr head;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct msghdr hdr = { .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };

	(void)state;
	memcpy(CMSG_DATA(&control.head), &peer, sizeof(int));
	assert_int_equal(sendmsg(peer, &hdr, 0), 0);
	must_refuse();
}

/* --- descriptors --- */

static void D1_too_many_descriptors(void **state)
{
	static const size_t numbers[] = { 3, 4, 5, 100, SCM_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(send_raw(numbers[i], /* each_alone= */ false), 0);
		must_refuse();
	}
	/* One more, and the kernel does not send it. */
	assert_int_equal(send_raw(SCM_MAX + 1, false), -EINVAL);
	assert_int_equal(wire_send(peer, "x", 1, NULL, WIRE_MAX_FDS + 1, 0), -EMSGSIZE);
}

/* The kernel makes one control message of them at the receiver (scm_fp_copy() in
 * net/core/scm.c adds to what it has), so two of one are what one of two is. */
static void D2_several_control_messages(void **state)
{
	(void)state;
	assert_int_equal(send_raw(2, /* each_alone= */ true), 0);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
	assert_int_equal(msg.n_fds, 2);
	wire_msg_fini(&msg);
	for (size_t n = 3; n < 10; n++) {
		assert_int_equal(send_raw(n, true), 0);
		must_refuse();
	}
}

static void D3_descriptor_limit(void **state)
{
	struct rlimit limit, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (size_t n = 1; n <= WIRE_MAX_FDS; n++) {
		int hole = dup(ours), r;

		/* Room for n - 1: below the limit everything but the lowest numbers is taken. */
		assert_true(hole >= 0);
		low = limit;
		low.rlim_cur = (rlim_t)hole + n - 1;
		fd_closep(&hole);
		assert_int_equal(send_raw(n, false), 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		r = wire_recv(ours, &msg, 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(r, -EBADMSG);
		assert_int_equal(msg.n_fds, 0);
		assert_int_equal(count_fds(), fds_before);
	}
}

/* --- other control messages --- */

static void F13_credentials(void **state)
{
	int on = 1;

	(void)state;
	assert_int_equal(setsockopt(ours, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(wire_send(peer, "x", 1, NULL, 0, 0), 0);
	must_refuse();
	assert_int_equal(send_raw(1, false), 0);
	must_refuse();
	assert_int_equal(send_raw(2, false), 0);
	must_refuse();
	on = 0;
	assert_int_equal(setsockopt(ours, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(wire_send(peer, "x", 1, NULL, 0, 0), 0);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
}

/* A descriptor that is not among those of SCM_RIGHTS. */
static void F13_pidfd(void **state)
{
	int on = 1;

	(void)state;
	/* Before Linux 6.5 there is no such option, and nothing to refuse. */
	if (setsockopt(ours, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)) < 0) {
		assert_int_equal(errno, ENOPROTOOPT);
		return;
	}
	for (size_t n = 0; n <= WIRE_MAX_FDS; n++) {
		assert_int_equal(wire_send(peer, "x", 1, (int[]){ peer, peer }, n, 0), 0);
		must_refuse();
	}
}

/* What the peer sets on its own end is of no effect on ours. */
static void F13_options_of_the_peer(void **state)
{
	int on = 1;

	(void)state;
	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	(void)setsockopt(peer, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on));
	assert_int_equal(wire_send(peer, "x", 1, NULL, 0, 0), 0);
	assert_int_equal(wire_recv(ours, &msg, 0), 1);
	assert_int_equal(count_fds(), fds_before);
}

/* --- ends --- */

static void end_is_zero(void **state)
{
	(void)state;
	fd_closep(&peer);
	assert_int_equal(wire_recv(ours, &msg, -1), 0);
	assert_int_equal(wire_recv(ours, &msg, -1), 0);
}

static void F8_half_close_is_an_end_of_requests(void **state)
{
	static struct wire_msg answer;

	(void)state;
	wire_msg_init(&answer);
	assert_int_equal(wire_send(peer, "x", 1, NULL, 0, 0), 0);
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	assert_int_equal(wire_recv(ours, &msg, -1), 1);
	assert_int_equal(wire_recv(ours, &msg, -1), 0);
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, 0), 0);
	assert_int_equal(wire_recv(peer, &answer, 0), 1);
}

static void requests_before_the_end_are_read(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire_send(peer, "x", 1, NULL, 0, 0), 0);
	fd_closep(&peer);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wire_recv(ours, &msg, -1), 1);
		wire_msg_fini(&msg);
	}
	assert_int_equal(wire_recv(ours, &msg, -1), 0);
}

/* No SIGPIPE, whose default action would end this program. */
static void F9_peer_closed_before_the_reply(void **state)
{
	(void)state;
	fd_closep(&peer);
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, -1), -EPIPE);
}

static void F9_peer_closed_with_the_reply_unread(void **state)
{
	(void)state;
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, 0), 0);
	fd_closep(&peer);
	/* ECONNRESET to recvmsg(): an end like another. */
	assert_int_equal(wire_recv(ours, &msg, -1), 0);
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, 0), -EPIPE);
	assert_int_equal(wire_recv(ours, &msg, -1), 0);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static void nothing_comes(void **state)
{
	struct timespec start;

	(void)state;
	assert_int_equal(wire_recv(ours, &msg, 0), -ETIMEDOUT);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(wire_recv(ours, &msg, SHORT_MS), -ETIMEDOUT);
	assert_true(elapsed_ms(&start) >= SHORT_MS - 1);
}

static void F10_queue_is_full(void **state)
{
	struct timespec start;
	int n = 0, r;

	(void)state;
	while ((r = wire_send(ours, "y", 1, NULL, 0, 0)) == 0)
		n++;
	assert_int_equal(r, -ETIMEDOUT);
	assert_true(n > 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, SHORT_MS), -ETIMEDOUT);
	assert_true(elapsed_ms(&start) >= SHORT_MS - 1);
	/* It goes on as soon as there is room. */
	for (int i = 0; i < n; i++) {
		assert_int_equal(wire_recv(peer, &msg, 0), 1);
		wire_msg_fini(&msg);
	}
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, 0), 0);
}

/* Nobody reads, and then nobody is there: not a wait without end. */
static void F10_peer_leaves_a_full_queue(void **state)
{
	(void)state;
	while (wire_send(ours, "y", 1, NULL, 0, 0) == 0)
		;
	fd_closep(&peer);
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, -1), -ECONNRESET);
	assert_int_equal(wire_send(ours, "y", 1, NULL, 0, -1), -EPIPE);
}

static void not_a_descriptor(void **state)
{
	(void)state;
	assert_int_equal(wire_recv(-1, &msg, 0), -ETIMEDOUT); /* ppoll() passes over it */
	assert_int_equal(wire_send(-1, "x", 1, NULL, 0, 0), -EBADF);
	assert_int_equal(wire_send(peer, "x", 1, (int[]){ -1 }, 1, 0), -EBADF);
	assert_int_equal(wire_check_socket(-1), -ENOTSOCK);
}

/* --- which socket --- */

static int check_pair(int type)
{
	int sock[2], r;

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sock), 0);
	r = wire_check_socket(sock[0]);
	fd_closep(&sock[0]);
	fd_closep(&sock[1]);
	return r;
}

static int check_socket(int domain, int type)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, 0), r;

	assert_true(fd >= 0);
	r = wire_check_socket(fd);
	fd_closep(&fd);
	return r;
}

static void F12_kinds_of_sockets(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), pipes[2];

	(void)state;
	assert_int_equal(check_pair(SOCK_SEQPACKET), 0);
	assert_int_equal(check_pair(SOCK_STREAM), -EPROTOTYPE);
	assert_int_equal(check_pair(SOCK_DGRAM), -EPROTOTYPE);
	assert_int_equal(check_socket(AF_UNIX, SOCK_SEQPACKET), -ENOTCONN);
	assert_int_equal(check_socket(AF_INET, SOCK_DGRAM), -EPROTOTYPE);
	assert_int_equal(check_socket(AF_NETLINK, SOCK_RAW), -EPROTOTYPE);
	assert_int_equal(wire_check_socket(null), -ENOTSOCK);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(wire_check_socket(pipes[0]), -ENOTSOCK);
	fd_closep(&pipes[0]);
	fd_closep(&pipes[1]);
	fd_closep(&null);
}

static void F12_listening_socket(void **state)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)state;
	/* The family alone: an abstract name that the kernel chooses. */
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(wire_check_socket(fd), -ENOTCONN);
	fd_closep(&fd);
}

static void ended_connection_is_still_one(void **state)
{
	(void)state;
	fd_closep(&peer);
	assert_int_equal(wire_check_socket(ours), 0);
}

static void fini_of_an_empty_message_closes_nothing(void **state)
{
	(void)state;
	wire_msg_init(&msg);
	wire_msg_fini(&msg);
	wire_msg_fini(&msg);
	assert_int_equal(count_fds(), fds_before);
	assert_int_equal(msg.fds[0], -1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(round_trip_with_descriptors),
		CASE(take_moves_a_descriptor),
		CASE(boundaries_of_datagrams_are_kept),
		CASE(F2_largest_and_one_more),
		CASE(F3_largest_that_the_kernel_sends),
		CASE(F1_empty_datagram_is_no_end),
		CASE(F1_empty_datagram_with_descriptor),
		CASE(D1_too_many_descriptors),
		CASE(D2_several_control_messages),
		CASE(D3_descriptor_limit),
		CASE(F13_credentials),
		CASE(F13_pidfd),
		CASE(F13_options_of_the_peer),
		CASE(end_is_zero),
		CASE(F8_half_close_is_an_end_of_requests),
		CASE(requests_before_the_end_are_read),
		CASE(F9_peer_closed_before_the_reply),
		CASE(F9_peer_closed_with_the_reply_unread),
		CASE(nothing_comes),
		CASE(F10_queue_is_full),
		CASE(F10_peer_leaves_a_full_queue),
		CASE(not_a_descriptor),
		CASE(F12_kinds_of_sockets),
		CASE(F12_listening_socket),
		CASE(ended_connection_is_still_one),
		CASE(fini_of_an_empty_message_closes_nothing),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
