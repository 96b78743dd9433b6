/*
 * What the worker may ask of the kernel from the moment it starts to read images. It has joined
 * its target and opened its sockets by then: it makes none, joins nothing, runs nothing.
 */
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#include "seccomp/rules.h"

#define NO_VALUE ANY_ARGS, 0

/* clang-format off */
static const struct seccomp_rule rules[] = {
	{ SCMP_SYS(brk),             NO_VALUE,      "libc: memory" },
	{ SCMP_SYS(clock_gettime),   NO_VALUE,      "time limits, where the vDSO has no clock" },
	{ SCMP_SYS(clock_nanosleep), NO_VALUE,      "apply: the pause before an nsid is tried again" },
	{ SCMP_SYS(close),           NO_VALUE,      "images and sysctls" },
	{ SCMP_SYS(exit_group),      NO_VALUE,      "the end" },
	{ SCMP_SYS(faccessat),       NO_VALUE,      "image: which of those are there that may be missing" },
	{ SCMP_SYS(faccessat2),      NO_VALUE,      "image: which of those are there that may be missing" },
	{ SCMP_SYS(fcntl),           1, F_GETFL,    "image: fdopendir" },
	{ SCMP_SYS(fcntl),           1, F_SETFD,    "image: fdopendir" },
	{ SCMP_SYS(fstat),           NO_VALUE,      "image: whether it is a regular file" },
	{ SCMP_SYS(getdents64),      NO_VALUE,      "image: which there are" },
	{ SCMP_SYS(getpid),          NO_VALUE,      "libc and jansson: seeds" },
	{ SCMP_SYS(getrandom),       NO_VALUE,      "libc and jansson: seeds" },
	{ SCMP_SYS(ioctl),           1, TUNGETSNDBUF,    "tun: what came of it" },
	{ SCMP_SYS(ioctl),           1, TUNGETVNETHDRSZ, "tun: what came of it" },
	{ SCMP_SYS(ioctl),           1, TUNSETGROUP,     "tun: who may open it" },
	{ SCMP_SYS(ioctl),           1, TUNSETIFF,       "tun: make it" },
	{ SCMP_SYS(ioctl),           1, TUNSETIFINDEX,   "tun: its index, before it is made" },
	{ SCMP_SYS(ioctl),           1, TUNSETOWNER,     "tun: who may open it" },
	{ SCMP_SYS(ioctl),           1, TUNSETPERSIST,   "tun: it stays when we are gone" },
	{ SCMP_SYS(ioctl),           1, TUNSETSNDBUF,    "tun: its send buffer" },
	{ SCMP_SYS(ioctl),           1, TUNSETVNETHDRSZ, "tun: the size of its header" },
	{ SCMP_SYS(ioctl),           1, TCGETS,     "libc: whether stdout is a terminal, if it is a device" },
	{ SCMP_SYS(lseek),           NO_VALUE,      "libc: the end of stdout" },
	{ SCMP_SYS(mmap),            2, 0x1,        "libc: memory, for reading" },
	{ SCMP_SYS(mmap),            2, 0x3,        "libc: memory, never for execution" },
	{ SCMP_SYS(mremap),          NO_VALUE,      "libc: memory" },
	{ SCMP_SYS(munmap),          NO_VALUE,      "libc: memory" },
	{ SCMP_SYS(newfstatat),      NO_VALUE,      "libc: fstat" },
	{ SCMP_SYS(openat),          NO_VALUE,      "images and sysctls; Landlock says where" },
	{ SCMP_SYS(ppoll),           NO_VALUE,      "wire, nl: wait" },
	{ SCMP_SYS(read),            NO_VALUE,      "images and sysctls" },
	{ SCMP_SYS(recvmsg),         NO_VALUE,      "wire, nl: answers of the broker and the kernel" },
	{ SCMP_SYS(restart_syscall), NO_VALUE,      "the kernel: a wait goes on after SIGSTOP and SIGCONT" },
	{ SCMP_SYS(rt_sigpending),   NO_VALUE,      "apply: whether it was told to stop" },
	{ SCMP_SYS(rt_sigprocmask),  NO_VALUE,      "apply: not to be stopped half-way" },
	{ SCMP_SYS(sendmsg),         NO_VALUE,      "wire, nl: requests" },
	{ SCMP_SYS(sysinfo),         NO_VALUE,      "libc: qsort() asks how much memory there is" },
	{ SCMP_SYS(write),           NO_VALUE,      "sysctls, stdout and stderr" },
};
/* clang-format on */

const struct seccomp_list worker_seccomp = {
	.name = "worker",
	.rules = rules,
	.n = sizeof(rules) / sizeof(rules[0]),
};
