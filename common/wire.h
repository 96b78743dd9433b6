/* One datagram with its descriptors over a SOCK_SEQPACKET socket (unix(7), cmsg(3)).
 *
 * A datagram is the unit of everything: its bytes are one message, its descriptors belong to
 * that message, and whatever does not fit ends the session. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_MAX = 65536, /* bytes in a datagram, at most */
	WIRE_MAX_FDS = 2, /* descriptors with it, at most */
};

struct wire_msg {
	size_t len;
	size_t n_fds;
	int fds[WIRE_MAX_FDS]; /* owned; -1 where there is none */
	uint8_t buf[WIRE_MAX];
};

/* Make @msg empty. It owns nothing then. */
void wire_msg_init(struct wire_msg *msg);

/* Close the descriptors that @msg still owns, and make it empty. */
void wire_msg_fini(struct wire_msg *msg);

/* Move descriptor @i out of @msg: the caller owns it from here on. */
int wire_take_fd(struct wire_msg *msg, size_t i);

/* @fd is an AF_UNIX SOCK_SEQPACKET socket that is connected. Returns 0, or -ENOTSOCK,
 * -EPROTOTYPE, -ENOTCONN. */
int wire_check_socket(int fd);

/* Wait up to @timeout_ms (-1: for ever) for one datagram and receive it into @msg, which must
 * be empty. Returns 1 on success and 0 at the end of the session. Errors, with nothing left
 * open in @msg:
 *   -EBADMSG    empty, longer than WIRE_MAX, too many descriptors, descriptors in more than
 *               one control message, another kind of control message, or descriptors that the
 *               kernel could not deliver (descriptor limit)
 *   -ETIMEDOUT  nothing came
 *   -errno      of ppoll or recvmsg */
int wire_recv(int sock, struct wire_msg *msg, int timeout_ms);

/* The peer has closed its end wholly: nobody will read a reply. (A peer that only has stopped to
 * send still reads.) */
bool wire_is_closed(int sock);

/* Send @len bytes and borrow @n_fds descriptors for it, waiting up to @timeout_ms for room.
 * Returns 0, -EMSGSIZE, -ETIMEDOUT, -EPIPE (never SIGPIPE), or -errno of ppoll or sendmsg. */
int wire_send(int sock, const void *buf, size_t len, const int *fds, size_t n_fds, int timeout_ms);
