/*
 * What the worker's helper for links outside may ask of the kernel once it has its sockets: to talk
 * to the worker and to rtnetlink. It opens, makes and runs nothing.
 */
#include <seccomp.h>

#include "seccomp/rules.h"

#define NO_VALUE ANY_ARGS, 0

/* clang-format off */
static const struct seccomp_rule rules[] = {
	{ SCMP_SYS(brk),             NO_VALUE, "libc: memory, for the list of links" },
	{ SCMP_SYS(clock_gettime),   NO_VALUE, "nl: time limits, where the vDSO has no clock" },
	{ SCMP_SYS(exit_group),      NO_VALUE, "the end" },
	{ SCMP_SYS(mmap),            2, 0x3,   "libc: memory, never for execution" },
	{ SCMP_SYS(mremap),          NO_VALUE, "libc: memory" },
	{ SCMP_SYS(munmap),          NO_VALUE, "libc: memory" },
	{ SCMP_SYS(ppoll),           NO_VALUE, "nl: wait" },
	{ SCMP_SYS(recvmsg),         NO_VALUE, "requests of the worker, answers of the kernel" },
	{ SCMP_SYS(restart_syscall), NO_VALUE, "the kernel: a wait goes on after SIGSTOP and SIGCONT" },
	{ SCMP_SYS(sendmsg),         NO_VALUE, "answers to the worker, requests to the kernel" },
	{ SCMP_SYS(sysinfo),         NO_VALUE, "libc: qsort() asks how much memory there is" },
};
/* clang-format on */

const struct seccomp_list outside_seccomp = {
	.name = "outside",
	.rules = rules,
	.n = sizeof(rules) / sizeof(rules[0]),
};
