/* The sockets that `serve` listens on: its own, or those that a service manager handed over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	LISTEN_MAX = 16
};

struct listen_socket {
	int fd;           /* owned; listens and does not block, unless it is the one connection */
	const char *path; /* of one that we made; NULL: not ours */
	uint64_t dev, ino;
};

struct listen {
	struct listen_socket sockets[LISTEN_MAX];
	size_t n;
	bool connection; /* there is one, and it does not listen: it is a session to be served */
};

/* Take the descriptors that LISTEN_PID and LISTEN_FDS speak of (sd_listen_fds(3)), close every
 * other from 3 on, and take the variables out of the environment. Without the variables @ret has
 * none. Returns 0, or an exit status if they make no sense or a descriptor is not what it must
 * be; what it is has been printed then. */
int listen_take(struct listen *ret);

/* Where the default socket and the ledger are: make it for @uid, if it is missing and can be made.
 * Returns 0 or an exit status, likewise. */
int listen_make_directory(const char *path, uid_t uid, gid_t gid);

/* Add a socket at @path, which is kept, for everybody to connect to. One that a broker left
 * behind is replaced, and nothing else is. Returns 0 or an exit status, likewise. */
int listen_open(struct listen *l, const char *path);

/* Close all, and remove those that are ours and still there. */
void listen_close(struct listen *l);
