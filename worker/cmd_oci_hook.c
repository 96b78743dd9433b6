/*
 * netcr-worker oci-hook: an OCI runtime's hook (the runtime specification's config.md, "POSIX-
 * platform Hooks"). The container's state comes as JSON on stdin, and says by its annotations what
 * is wanted:
 *
 *   netcr.macvlan = NAME:PARENT[,KEY=VALUE]...[;NAME:PARENT...]    or with blanks for the commas
 *   netcr.images = DIR               restore the images in DIR instead
 *   netcr.external = KEY[;KEY]...    with what --external says for them
 *
 * When the container is being created, the links are made; what is wrong ends the creation, and
 * the runtime shows what was said on stderr (see crun_log.h). When it has stopped there is nothing to do: its links
 * went with its network namespace, and what the broker counted with them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/attach.h"
#include "worker/attach_act.h"
#include "worker/commands.h"
#include "worker/crun_log.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/restore_act.h"

#define PREFIX "netcr."
#define MACVLAN "netcr.macvlan"
#define IMAGES "netcr.images"
#define EXTERNAL "netcr.external"

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

/* 0 is what crun says in the stage createContainer, where the hook is in the container's namespaces
 * already: they are the target then, as without --pid. */
static int take_pid(struct hook *h)
{
	const json_t *pid = json_object_get(h->state, "pid");
	const json_int_t value = json_integer_value(pid);

	if (!json_is_integer(pid) || value < 0 || value > INT32_MAX)
		return report_fail(&h->report, EXIT_USAGE_,
				   "the container's state names no process (pid)");
	h->options.target.pid = (pid_t)value;
	return 0;
}

/* --- the annotations --- */

static const char *find_annotation(const struct hook *h, const char *name)
{
	return json_string_value(json_object_get(json_object_get(h->state, "annotations"), name));
}

/* Call @take with each part of annotation @name. */
static int take_parts(struct hook *h, const char *name,
		      int (*take)(struct hook *h, const char *part))
{
	_cleanup_free_ char *copy = strdup(find_annotation(h, name));
	char *rest = copy, *part;
	int status = 0;

	if (!copy)
		return report_fail(&h->report, EXIT_OS_, "no memory for an annotation");
	while (!status && (part = strsep(&rest, ";")))
		status = take(h, part);
	if (status)
		report_add(&h->report, "this is from the container's annotation %s", name);
	return status;
}

/* The directory that a runtime runs its hooks in is nobody's choice: paths are absolute. */
static int take_link(struct hook *h, const char *part)
{
	struct attach_spec *link;
	int status;

	if (h->n >= ATTACH_LINKS_MAX)
		return report_fail(&h->report, EXIT_USAGE_, "there are more than %d links",
				   ATTACH_LINKS_MAX);
	link = &h->links[h->n++].spec;
	status = attach_spec_parse(link, part, &h->report);
	if (!status && strncmp(link->mac, "keep:", 5) == 0 && link->mac[5] != '/')
		return report_fail(&h->report, EXIT_USAGE_,
				   "%s: mac %s: a hook needs an absolute path", link->name,
				   link->mac);
	return status;
}

static int take_external(struct hook *h, const char *part)
{
	return externals_add(&h->options.externals, part, &h->report);
}

/* --- what is to be done --- */

static int attach_links(struct hook *h)
{
	int status = take_parts(h, MACVLAN, take_link);

	return status ? status : attach_act(&h->options, h->links, h->n, &h->report);
}

static int restore_images(struct hook *h)
{
	int status = 0;

	h->options.images = find_annotation(h, IMAGES);
	if (*h->options.images != '/')
		return report_fail(&h->report, EXIT_USAGE_,
				   "the container's annotation %s is not an absolute path: %s",
				   IMAGES, h->options.images);
	if (find_annotation(h, EXTERNAL))
		status = take_parts(h, EXTERNAL, take_external);
	return status ? status : restore_act(&h->options, &h->report);
}

/* One with a slip in its name must not end as a container without its network. */
static int check_names(struct hook *h, bool *ret_any)
{
	json_t *value, *all = json_object_get(h->state, "annotations");
	const char *name;

	json_object_foreach (all, name, value) {
		if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		*ret_any = true;
		if (strcmp(name, MACVLAN) != 0 && strcmp(name, IMAGES) != 0 &&
		    strcmp(name, EXTERNAL) != 0)
			return report_fail(&h->report, EXIT_USAGE_,
					   "the container has the annotation %s, which is not one "
					   "of " MACVLAN ", " IMAGES " and " EXTERNAL,
					   name);
		if (!json_is_string(value))
			return report_fail(&h->report, EXIT_USAGE_,
					   "the container's annotation %s is not a string", name);
	}
	return 0;
}

/* Podman before 5.0 cuts --annotation at commas, and the keys get away. */
static int check_cut(struct hook *h)
{
	static const char *const keys[] = { "mode",    "mac",   "mtu",    "address",
					    "gateway", "route", "no-ipv6" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (find_annotation(h, keys[i]))
			return report_fail(
				&h->report, EXIT_USAGE_,
				"the container has an annotation '%s', which was cut off "
				"from %s at a comma: put blanks in the place of commas",
				keys[i], MACVLAN);
	}
	return 0;
}

static int check_annotations(struct hook *h)
{
	const bool macvlan = find_annotation(h, MACVLAN), images = find_annotation(h, IMAGES);

	if (macvlan && images)
		return report_fail(&h->report, EXIT_USAGE_,
				   "the container has the annotations " MACVLAN " and " IMAGES
				   ": one of them");
	if (!macvlan && !images)
		return report_fail(&h->report, EXIT_USAGE_,
				   "the container has the annotation " EXTERNAL " without " IMAGES);
	return macvlan ? check_cut(h) : 0;
}

static bool is_stopped(const struct hook *h)
{
	const char *status = json_string_value(json_object_get(h->state, "status"));

	return status && strcmp(status, "stopped") == 0;
}

static int say_nothing_left(const struct hook *h)
{
	if (!h->options.json)
		(void)printf("nothing is left to do: links go with their network namespace\n");
	return 0;
}

static int run(struct hook *h)
{
	bool any = false;
	int status = read_state(h);

	if (status)
		return status;
	if (is_stopped(h))
		return say_nothing_left(h);
	status = check_names(h, &any);
	if (!status && any)
		status = check_annotations(h);
	if (!status && any)
		status = take_pid(h);
	if (status || !any)
		return status;
	return find_annotation(h, IMAGES) ? restore_images(h) : attach_links(h);
}

int cmd_oci_hook(int argc, char *argv[])
{
	static struct hook h;
	struct crun_log crun;
	int status;

	crun_log_open(&crun);
	status = options_parse(argc, argv, OPTION_BROKER | OPTION_JSON, &h.options, &h.report);
	if (!status)
		(void)run(&h);
	status = report_finish(&h.report);
	if (status)
		crun_log_write(&crun, "netcr-worker", h.report.text);
	crun_log_close(&crun);
	json_decref(h.state);
	options_fini(&h.options);
	report_fini(&h.report);
	return status;
}
