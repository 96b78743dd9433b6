/*
 * What the worker may ask of the kernel while it saves a namespace. As in a restore, it has joined
 * its target and opened its sockets by then. A list of its own: a restore makes no file, and a
 * dump lists no directory and speaks to no broker.
 */
#include <seccomp.h>
#include <sys/ioctl.h>

#include "seccomp/rules.h"

#define NO_VALUE ANY_ARGS, 0

/* clang-format off */
static const struct seccomp_rule rules[] = {
	{ SCMP_SYS(brk),             NO_VALUE,  "libc: memory" },
	{ SCMP_SYS(clock_gettime),   NO_VALUE,  "nl: time limits, where the vDSO has no clock" },
	{ SCMP_SYS(close),           NO_VALUE,  "images and sysctls" },
	{ SCMP_SYS(exit_group),      NO_VALUE,  "the end" },
	{ SCMP_SYS(faccessat),       NO_VALUE,  "image_write: whether an image is there already" },
	{ SCMP_SYS(faccessat2),      NO_VALUE,  "image_write: whether an image is there already" },
	{ SCMP_SYS(fstat),           NO_VALUE,  "image: whether ids-1.img is a regular file" },
	{ SCMP_SYS(fsync),           NO_VALUE,  "image_write: that images are on the disk" },
	{ SCMP_SYS(getpid),          NO_VALUE,  "image_write: names of unfinished files; seeds" },
	{ SCMP_SYS(getrandom),       NO_VALUE,  "libc and jansson: seeds" },
	{ SCMP_SYS(ioctl),           1, TCGETS, "libc: whether stdout is a terminal, if it is a device" },
	{ SCMP_SYS(lseek),           NO_VALUE,  "libc: the end of stdout" },
	{ SCMP_SYS(mmap),            2, 0x1,    "libc: memory, for reading" },
	{ SCMP_SYS(mmap),            2, 0x3,    "libc: memory, never for execution" },
	{ SCMP_SYS(mremap),          NO_VALUE,  "libc: memory" },
	{ SCMP_SYS(munmap),          NO_VALUE,  "libc: memory" },
	{ SCMP_SYS(newfstatat),      NO_VALUE,  "libc: fstat" },
	{ SCMP_SYS(openat),          NO_VALUE,  "images and sysctls; Landlock says where" },
	{ SCMP_SYS(ppoll),           NO_VALUE,  "nl: wait" },
	{ SCMP_SYS(read),            NO_VALUE,  "sysctls, and ids-1.img" },
	{ SCMP_SYS(recvmsg),         NO_VALUE,  "nl: answers of the kernel" },
	{ SCMP_SYS(renameat),        NO_VALUE,  "image_write: a finished file gets its name" },
	{ SCMP_SYS(renameat2),       NO_VALUE,  "image_write: likewise, where none is of that name" },
	{ SCMP_SYS(restart_syscall), NO_VALUE,  "the kernel: a wait goes on after SIGSTOP and SIGCONT" },
	{ SCMP_SYS(rt_sigpending),   NO_VALUE,  "image_write: whether it was told to stop" },
	{ SCMP_SYS(rt_sigprocmask),  NO_VALUE,  "image_write: not to be stopped half-way" },
	{ SCMP_SYS(sendmsg),         NO_VALUE,  "nl: requests" },
	{ SCMP_SYS(unlinkat),        NO_VALUE,  "image_write: files of a dump that failed" },
	{ SCMP_SYS(write),           NO_VALUE,  "images, stdout and stderr" },
};
/* clang-format on */

const struct seccomp_list worker_dump_seccomp = {
	.name = "worker-dump",
	.rules = rules,
	.n = sizeof(rules) / sizeof(rules[0]),
};
