/* Telling a service manager how it goes: the protocol of sd_notify(3). */
#pragma once

/* Take $NOTIFY_SOCKET out of the environment and connect to what it names. *ret_fd is -1 if there
 * is none, and notify_send() does nothing then. Returns 0 or -errno. */
int notify_open(int *ret_fd);

/* One datagram, e.g. "READY=1\nSTATUS=…". What does not take it is not waited for. */
void notify_send(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
