/*
 * LD_PRELOAD: a session of the broker takes no memory from the heap once it is locked down.
 *
 * Counts allocations, says how many there were when seccomp_load() returns, and from then on
 * ends the process at the first. Only for a process that calls seccomp_load() itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static unsigned long allocations;
static int locked;

static void note(void)
{
	allocations++;
	/* abort() would need calls that the filter does not allow. */
	if (locked)
		__builtin_trap();
}

void *malloc(size_t size)
{
	note();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	note();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	note();
	return __libc_realloc(p, size);
}

int seccomp_load(void *ctx)
{
	int (*real)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");
	char line[64];
	int n, r;

	r = real(ctx);
	n = snprintf(line, sizeof(line), "malloc-spy: %lu before the lock-down\n", allocations);
	(void)!write(STDERR_FILENO, line, (size_t)n);
	locked = 1;
	return r;
}
