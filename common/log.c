/*
 * Messages for people. Used by the edges of both programs (main, commands); everything below
 * them returns its errors.
 *
 * May: write to stderr. Must not: allocate, or touch errno.
 */
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_name = "netcr";

void log_init(const char *name)
{
	log_name = name;
}

static void __attribute__((format(printf, 2, 0)))
log_line(const char *level, const char *format, va_list args)
{
	char line[2048];
	int saved = errno;
	int head, body;
	size_t len;

	head = snprintf(line, sizeof(line), "%s: %s", log_name, level);
	if (head < 0 || (size_t)head >= sizeof(line))
		head = 0;
	body = vsnprintf(line + head, sizeof(line) - (size_t)head, format, args);
	if (body < 0)
		body = 0;
	len = (size_t)head + (size_t)body;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
	errno = saved;
}

void log_err(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("", format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("warning: ", format, args);
	va_end(args);
}

const char *log_errname(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "E?";
}
