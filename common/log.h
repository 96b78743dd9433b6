/* Messages for people, on stderr: one line, behind the program's name. No memory is allocated,
 * errno is kept, and a stderr that cannot be written to is not an error. */
#pragma once

#include <stdarg.h>

/* @name must live as long as the program. */
void log_init(const char *name);

/* What failed, why, and what to do about it. */
void log_err(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something a person should know, though the work goes on. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The name of errno value @error (positive), e.g. "EEXIST"; "E?" where libc has none. */
const char *log_errname(int error);
