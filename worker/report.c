/*
 * The one place where a command's outcome is written.
 *
 * May: print. Must not: decide anything.
 */
#include "worker/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

int report_init(struct report *report, const char *command, bool json)
{
	*report = (struct report){ .command = command, .json = json };
	report->root = json_object();
	report->warnings = json_array();
	if (json_object_set_new(report->root, "schema", json_integer(REPORT_SCHEMA)) < 0 ||
	    json_object_set_new(report->root, "command", json_string(command)) < 0 ||
	    json_object_set_new(report->root, "warnings", report->warnings) < 0) {
		report_fini(report);
		report->json = false;
		return report_fail(report, EXIT_OS_, "no memory");
	}
	return 0;
}

void report_fini(struct report *report)
{
	json_decref(report->root);
	report->root = NULL;
	report->warnings = NULL;
}

/* Text from images may hold what is no UTF-8: it has been checked where it is used, but an
 * error is often about just that. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

static void __attribute__((format(printf, 2, 0)))
make_text(const struct report *report, const char *format, va_list args, char *ret, size_t size)
{
	int n = 0;

	if (report->ns_id)
		n = snprintf(ret, size, "namespace %u: ", report->ns_id);
	if (n >= 0 && (size_t)n < size)
		(void)vsnprintf(ret + n, size - (size_t)n, format, args);
	make_printable(ret);
}

static void warn(struct report *report, const char *text)
{
	if (report->json)
		(void)json_array_append_new(report->warnings, json_string(text));
	else
		log_warn("%s", text);
}

int report_fail(struct report *report, int status, const char *format, ...)
{
	char text[sizeof(report->text)];
	va_list args;

	va_start(args, format);
	make_text(report, format, args, text, sizeof(text));
	va_end(args);
	if (report->status) {
		warn(report, text);
		return status;
	}
	report->status = status;
	memcpy(report->text, text, sizeof(text));
	return status;
}

void report_add(struct report *report, const char *format, ...)
{
	size_t len = strlen(report->text);
	va_list args;
	int n;

	n = snprintf(report->text + len, sizeof(report->text) - len, "; ");
	if (n < 0 || (size_t)n >= sizeof(report->text) - len)
		return;
	len += (size_t)n;
	va_start(args, format);
	make_text(report, format, args, report->text + len, sizeof(report->text) - len);
	va_end(args);
}

void report_warn(struct report *report, const char *format, ...)
{
	char text[sizeof(report->text)];
	va_list args;

	va_start(args, format);
	make_text(report, format, args, text, sizeof(text));
	va_end(args);
	warn(report, text);
}

int report_finish(struct report *report)
{
	if (!report->json) {
		if (report->status)
			log_err("%s", report->text);
		if (fflush(stdout) == 0 && !ferror(stdout))
			return report->status;
		log_err("cannot write to stdout");
		return report->status ? report->status : EXIT_OS_;
	}
	(void)json_object_set_new(report->root, "status", json_integer(report->status));
	if (report->status)
		(void)json_object_set_new(report->root, "error", json_string(report->text));
	if (json_dumpf(report->root, stdout, JSON_INDENT(2)) < 0 || putchar('\n') < 0 ||
	    fflush(stdout) != 0) {
		log_err("cannot write the JSON to stdout");
		return report->status ? report->status : EXIT_OS_;
	}
	return report->status;
}
