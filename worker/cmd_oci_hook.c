/*
 * netcr-worker oci-hook: an OCI runtime's hook (the runtime specification's config.md, "POSIX-
 * platform Hooks"). The container's state comes as JSON on stdin, and says by its annotations what
 * is wanted:
 *
 *   netcr.macvlan = NAME:PARENT[,KEY=VALUE]...[;NAME:PARENT...]
 *
 * When the container is being created, the links are made; what is wrong ends the creation, and
 * the runtime shows what was said on stderr. When it has stopped there is nothing to do: its links
 * went with its network namespace, and what the broker counted with them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/attach.h"
#include "worker/attach_act.h"
#include "worker/commands.h"
#include "worker/options.h"
#include "worker/report.h"

#define ANNOTATION "netcr.macvlan"

enum {
	STATE_MAX = 1024 * 1024 /* bytes: annotations may be many */
};

struct hook {
	struct options options;
	struct report report;
	json_t *state; /* owned */
	struct attach_link links[ATTACH_LINKS_MAX];
	size_t n;
};

/* --- the state --- */

static int read_state(struct hook *h)
{
	_cleanup_free_ char *text = malloc(STATE_MAX);
	json_error_t error;
	size_t len = 0;
	ssize_t n = 1;

	if (!text)
		return report_fail(&h->report, EXIT_OS_, "no memory for the container's state");
	while (n > 0 && len < STATE_MAX) {
		n = read(STDIN_FILENO, text + len, STATE_MAX - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0)
		return report_fail(&h->report, EXIT_OS_,
				   "cannot read the container's state from stdin: %s",
				   strerror(errno));
	if (len == STATE_MAX)
		return report_fail(&h->report, EXIT_USAGE_,
				   "the container's state on stdin has more than %d bytes",
				   STATE_MAX - 1);
	h->state = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(h->state))
		return report_fail(&h->report, EXIT_USAGE_,
				   "stdin is not the JSON of a container's state%s%s",
				   h->state ? "" : ": ", h->state ? "" : error.text);
	return 0;
}

static int take_pid(struct hook *h)
{
	const json_t *pid = json_object_get(h->state, "pid");
	const json_int_t value = json_integer_value(pid);

	if (!json_is_integer(pid) || value < 1 || value > INT32_MAX)
		return report_fail(&h->report, EXIT_USAGE_,
				   "the container's state names no process (pid)");
	h->options.target.pid = (pid_t)value;
	return 0;
}

/* --- the annotation --- */

static const char *find_annotation(const struct hook *h, const char *name)
{
	return json_string_value(json_object_get(json_object_get(h->state, "annotations"), name));
}

static int parse_links(struct hook *h, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *part;
	int status = 0;

	if (!copy)
		return report_fail(&h->report, EXIT_OS_, "no memory for an annotation");
	while (!status && (part = strsep(&rest, ";"))) {
		if (h->n >= ATTACH_LINKS_MAX)
			return report_fail(&h->report, EXIT_USAGE_, "%s has more than %d links",
					   ANNOTATION, ATTACH_LINKS_MAX);
		status = attach_spec_parse(&h->links[h->n++].spec, part, &h->report);
	}
	if (status)
		report_add(&h->report, "this is from the container's annotation %s", ANNOTATION);
	return status;
}

/* --- what is to be done --- */

static int run(struct hook *h)
{
	const char *status_of, *wanted;
	int status = read_state(h);

	if (status)
		return status;
	wanted = find_annotation(h, ANNOTATION);
	if (!wanted)
		return 0;
	status_of = json_string_value(json_object_get(h->state, "status"));
	if (status_of && strcmp(status_of, "stopped") == 0) {
		if (!h->options.json)
			(void)printf("nothing is left to do: the links went with the container's "
				     "network namespace\n");
		return 0;
	}
	status = parse_links(h, wanted);
	if (!status)
		status = take_pid(h);
	return status ? status : attach_act(&h->options, h->links, h->n, &h->report);
}

int cmd_oci_hook(int argc, char *argv[])
{
	static struct hook h;
	int status;

	status = options_parse(argc, argv, OPTION_BROKER | OPTION_JSON, &h.options, &h.report);
	if (!status)
		(void)run(&h);
	status = report_finish(&h.report);
	json_decref(h.state);
	options_fini(&h.options);
	report_fini(&h.report);
	return status;
}
