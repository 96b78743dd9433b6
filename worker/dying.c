/*
 * Waiting for a network namespace to go. Its processes have ended, and what it had is taken for a while
 * still: mostly up to a third of a second, and longer where many are dying, as one worker of the
 * kernel's takes all down (cleanup_net() in net/core/net_namespace.c).
 */
#include "worker/dying.h"

#include <stddef.h>
#include <time.h>

bool dying_wait(unsigned int *tries)
{
	enum {
		TRIES_MAX = 125
	};
	static const struct timespec pause = { .tv_nsec = 40 * 1000000L };

	if (++*tries >= TRIES_MAX)
		return false;
	(void)nanosleep(&pause, NULL);
	return true;
}
