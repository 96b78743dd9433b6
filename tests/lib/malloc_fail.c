/*
 * LD_PRELOAD: the allocation with the number $MALLOC_FAIL_AT fails, and all after it with
 * $MALLOC_FAIL_ON set. Says so, once. Not counted are those of the C library and its NSS modules (of
 * glibc 2.36, which then ends the process), nor those in seccomp_load() (of libseccomp 2.5.4,
 * which then goes round for ever).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static unsigned long at, so_far;
static int on;

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("MALLOC_FAIL_AT");

	on = getenv("MALLOC_FAIL_ON") != NULL;
	at = number ? strtoul(number, NULL, 10) : 0;
	so_far = 0;
	/* What the broker runs is not what is tested. */
	unsetenv("LD_PRELOAD");
}

static int fails(const void *caller)
{
	static const char said[] = "malloc-fail: now\n";
	Dl_info of;

	if (!dladdr(caller, &of) || strstr(of.dli_fname, "/libc.so") ||
	    strstr(of.dli_fname, "/ld-") || strstr(of.dli_fname, "/libnss_"))
		return 0;
	so_far++;
	if (at == 0 || so_far < at || (so_far > at && !on))
		return 0;
	if (so_far == at)
		(void)!write(STDERR_FILENO, said, sizeof(said) - 1);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

int seccomp_load(void *ctx)
{
	int (*real)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");

	at = 0;
	return real(ctx);
}
