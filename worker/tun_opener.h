/* Opening /dev/net/tun in a namespace that the worker is not in. What is made through such a
 * descriptor is in the namespace of who opened it (tun_chr_open() in drivers/net/tun.c), so where there
 * are several, a process in each opens it. */
#pragma once

struct report;

struct tun_opener {
	int sock; /* owned; to the process; -1: there is none */
};
#define TUN_OPENER_NONE ((const struct tun_opener){ .sock = -1 })

/* Start one in the namespaces that the caller is in, which has not confined itself. @device is an
 * O_PATH of /dev/net/tun. It ends when @ret is closed. Returns 0 or an exit status. */
int tun_opener_start(struct tun_opener *ret, int device, struct report *report);
void tun_opener_fini(struct tun_opener *opener);

/* A new descriptor of the device, for the caller to own; by the caller itself, if there is no process.
 * Returns 0 or -errno: that of open(), or -EPIPE where the process is gone or does not answer. */
int tun_opener_open(const struct tun_opener *opener, int *ret_fd);
