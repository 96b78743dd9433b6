/*
 * What a session process of the broker may ask of the kernel, once it is locked down.
 * A change here changes SECURITY.md in the same commit.
 */
#include <fcntl.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/nsfs.h>
#include <linux/sockios.h>

#include "seccomp/rules.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif
#define NSFS_GET_ID _IOR(NSIO, 13, uint64_t) /* NS_GET_ID, Linux 6.18 */
#define NO_VALUE ANY_ARGS, 0

/* clang-format off */
static const struct seccomp_rule rules[] = {
	{ SCMP_SYS(clock_gettime), 0, CLOCK_REALTIME,      "audit: the time of a line, where the vDSO has no clock" },
	{ SCMP_SYS(clock_gettime), 0, CLOCK_MONOTONIC,     "nl_talk, audit_out: until when to wait, and how many lines there were, likewise" },
	{ SCMP_SYS(close),         NO_VALUE,               "wire_msg_fini: what a message left behind" },
	{ SCMP_SYS(exit_group),    NO_VALUE,               "the end of the session" },
	{ SCMP_SYS(fcntl),         1, F_GETFL,             "nsfd_inspect: how a descriptor was opened" },
	{ SCMP_SYS(fcntl),         0, SECCOMP_LEDGER_FD,   "ledger_lock: one session of a user at a time" },
	{ SCMP_SYS(fstat),         NO_VALUE,               "fd_identity: which namespace it is" },
	{ SCMP_SYS(fstatfs),       NO_VALUE,               "nsfd_inspect: whether it is a namespace" },
	{ SCMP_SYS(getsockopt),    2, SO_DOMAIN,           "nsfd_check_rtnl: whether it is a netlink socket" },
	{ SCMP_SYS(getsockopt),    2, SO_PROTOCOL,         "nsfd_check_rtnl: whether it is an rtnetlink socket" },
	{ SCMP_SYS(ioctl),         1, NS_GET_NSTYPE,       "nsfd_inspect: whether it is a netns" },
	{ SCMP_SYS(ioctl),         1, NS_GET_USERNS,       "nsfd_inspect: which user namespace owns it" },
	{ SCMP_SYS(ioctl),         1, NS_GET_OWNER_UID,    "find_owner: whose user namespace that is" },
	{ SCMP_SYS(ioctl),         1, NS_GET_PARENT,       "find_owner: the user namespace above it" },
	{ SCMP_SYS(ioctl),         1, NSFS_GET_ID,         "nsfd_inspect: an id for the records" },
	{ SCMP_SYS(ioctl),         1, SIOCGSKNS,           "nsfd_check_rtnl: which netns a socket is of" },
	{ SCMP_SYS(ppoll),         NO_VALUE,               "wire_recv, wire_send, nl_talk, ledger_lock: wait" },
	{ SCMP_SYS(pread64),       0, SECCOMP_LEDGER_FD,   "ledger_read, ledger_put: records" },
	{ SCMP_SYS(prctl),         0, PR_GET_SECCOMP,      "lockdown: that the filter is in force" },
	{ SCMP_SYS(pwrite64),      0, SECCOMP_LEDGER_FD,   "ledger_put: a record" },
	{ SCMP_SYS(recvmsg),       NO_VALUE,               "wire_recv, nl_talk: requests, and the kernel's answers" },
	{ SCMP_SYS(restart_syscall), NO_VALUE,             "the kernel: a wait goes on after SIGSTOP and SIGCONT" },
	{ SCMP_SYS(sendmsg),       NO_VALUE,               "wire_send, nl_talk, audit_out: replies, requests to the kernel, lines to the journal" },
	{ SCMP_SYS(write),         0, 2,                   "audit and log: lines on stderr, and nowhere else" },
};
/* clang-format on */

const struct seccomp_list broker_seccomp = {
	.name = "broker",
	.rules = rules,
	.n = sizeof(rules) / sizeof(rules[0]),
};
