/*
 * What the run-time of AddressSanitizer and UndefinedBehaviorSanitizer asks of the kernel on its
 * own account. Only in a build with b_sanitize, which is for tests; such a build also turns the
 * leak check at exit off, as that forks and traces.
 */
#include <seccomp.h>

#include "seccomp/rules.h"

#define NO_VALUE ANY_ARGS, 0

static const struct seccomp_rule rules[] = {
	{ SCMP_SYS(futex), NO_VALUE, "run-time: locks" },
	{ SCMP_SYS(getpid), NO_VALUE, "run-time: the head of a report" },
	{ SCMP_SYS(gettid), NO_VALUE, "run-time: the head of a report" },
	{ SCMP_SYS(madvise), NO_VALUE, "run-time: shadow memory" },
	{ SCMP_SYS(mmap), NO_VALUE, "run-time: shadow memory" },
	{ SCMP_SYS(munmap), NO_VALUE, "run-time: shadow memory" },
	{ SCMP_SYS(rt_sigprocmask), NO_VALUE, "run-time: abort" },
	{ SCMP_SYS(sigaltstack), NO_VALUE, "run-time: stack of its handlers" },
	{ SCMP_SYS(sched_yield), NO_VALUE, "run-time: locks" },
	{ SCMP_SYS(tgkill), NO_VALUE, "run-time: abort" },
	{ SCMP_SYS(write), NO_VALUE, "run-time: reports" },
};

const struct seccomp_list sanitizer_seccomp = {
	.name = "sanitizer",
	.rules = rules,
	.n = sizeof(rules) / sizeof(rules[0]),
};

/* Read by the run-times at start. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:abort_on_error=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0";
}
