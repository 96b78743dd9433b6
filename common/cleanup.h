/* Scope-bound release of descriptors and memory. A variable that is moved out of its scope
 * (fd_take, mem_take) is left empty, so that nothing is released twice. */
#pragma once

#include <stdlib.h>

#include "common/fd.h"

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

#define _cleanup_fd_ __attribute__((cleanup(fd_closep)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_freep)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
