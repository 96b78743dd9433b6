/*
 * dump_ruleset PART: what a dump writes of the rules of the namespace it is started in, on stdout.
 * PART is 0 to 2. It is confined as the worker is, after the helper was started.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/confine.h"
#include "worker/report.h"
#include "worker/ruleset_dump.h"

static int write_all(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n <= 0)
			return EXIT_OS_;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	const struct confine_args bounds = { .image_dir = -1, .sysctls = -1 };
	struct report report;
	struct tools tools;
	char *text = NULL;
	size_t len = 0;
	int status;

	if (argc != 2 || report_init(&report, "dump", /* json= */ false))
		return EXIT_USAGE_;
	tools_init(&tools);
	status = tools_start(&tools, &report);
	if (!status)
		status = confine(&bounds, &report);
	if (!status)
		status = ruleset_dump((enum ruleset_part_id)(argv[1][0] - '0'), &tools, &text, &len,
				      &report);
	if (!status)
		status = write_all(text, len);
	free(text);
	tools_fini(&tools);
	status = report_finish(&report) ? report.status : status;
	report_fini(&report);
	return status;
}
