/*
 * Signals that ask a command to stop. They are not handled but looked at, between steps: a handler
 * would have to stop what cannot be stopped.
 */
#include "worker/interrupt.h"

#include <signal.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/report.h"

static const int heeded[] = { SIGINT, SIGTERM, SIGHUP };

void interrupt_hold(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(heeded); i++)
		(void)sigaddset(&set, heeded[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

int interrupt_check(struct report *report)
{
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(heeded); i++) {
		if (sigismember(&pending, heeded[i]) == 1)
			return report_fail(report, EXIT_UNDONE, "interrupted by SIG%s",
					   sigabbrev_np(heeded[i]));
	}
	return 0;
}
