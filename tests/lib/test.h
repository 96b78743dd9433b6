/* What the unit tests share: cmocka, children, skipping, and a look at stderr.
 *
 * cmocka leaves a failed test by longjmp(), which in a forked child would go on as a second run
 * of all the tests. So what runs in a child returns CHILD_FAILED (by CHECK) and never asserts. */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdbool.h>

#include "common/cleanup.h"

enum {
	CHILD_OK = 0,
	CHILD_FAILED = 1,
	CHILD_SKIP = 77, /* the system does not allow what the test needs */
};

typedef int (*child_fn)(void *arg);

/* In a child: end it as failed, and say where. */
#define CHECK(condition)                                                      \
	do {                                                                  \
		if (!(condition)) {                                           \
			child_say(__FILE__, __LINE__, "failed: " #condition); \
			return CHILD_FAILED;                                  \
		}                                                             \
	} while (0)

/* In a child: end it as one that cannot be run here. */
#define NEED(condition)                                                       \
	do {                                                                  \
		if (!(condition)) {                                           \
			child_say(__FILE__, __LINE__, "needed: " #condition); \
			return CHILD_SKIP;                                    \
		}                                                             \
	} while (0)

void child_say(const char *file, int line, const char *what);

/* Run @fn in a child with default signals and a time limit. Returns its wait status. */
int child_run(child_fn fn, void *arg);

/* Likewise, and it must return CHILD_OK; CHILD_SKIP skips the test. */
void child_must_pass(child_fn fn, void *arg);

/* Skip this test, or fail it where NETCR_TESTS_MUST_RUN=1 is set. */
void skip_because(const char *why);

/* How many descriptors are open. */
size_t count_fds(void);

/* Become root of a fresh netns: as root by itself, else within a user namespace of its own.
 * For children. Returns 0 or -errno. */
int enter_netns(void);

/* Map one id of each kind in the user namespace that was just entered. Returns 0 or -errno. */
int map_self(unsigned int inside_uid, unsigned int outside_uid, unsigned int inside_gid,
	     unsigned int outside_gid);

/* Write @text to the file @path. Returns 0 or -errno. */
int write_file(const char *path, const char *text);

/* Everything written to fd 2 between begin and end goes to a file in memory. */
struct capture {
	int stderr_fd; /* the real one */
	int file;
};

void capture_begin(struct capture *c);

/* Returns what was written, with a NUL behind it. The caller frees it. */
char *capture_end(struct capture *c);

/* How often @c is in @text. */
size_t count_char(const char *text, char c);
