/*
 * What the process that opens /dev/net/tun for the worker in another namespace may ask of the kernel.
 * It can be reached by one byte, and by nothing that an image says.
 */
#include <seccomp.h>

#include "seccomp/rules.h"

#define NO_VALUE ANY_ARGS, 0

/* clang-format off */
static const struct seccomp_rule rules[] = {
	{ SCMP_SYS(close),           NO_VALUE, "the device, when it was handed over" },
	{ SCMP_SYS(exit_group),      NO_VALUE, "the end" },
	{ SCMP_SYS(openat),          NO_VALUE, "the device; Landlock says that it is no other file" },
	{ SCMP_SYS(recvmsg),         NO_VALUE, "the worker wants one" },
	{ SCMP_SYS(restart_syscall), NO_VALUE, "the kernel: a wait goes on after SIGSTOP and SIGCONT" },
	{ SCMP_SYS(sendmsg),         NO_VALUE, "hand it over" },
};
/* clang-format on */

const struct seccomp_list tun_seccomp = {
	.name = "tun",
	.rules = rules,
	.n = sizeof(rules) / sizeof(rules[0]),
};
