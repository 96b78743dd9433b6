/*
 * netcr-worker detach: take a macvlan away again. It needs no broker: what is in the container's
 * namespace is the container's to delete.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "worker/commands.h"
#include "worker/confine.h"
#include "worker/links.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/target.h"

/* Only what attach makes: a macvlan whose parent is outside. */
static int find(struct target *target, const char *name, uint32_t *ret, struct report *report)
{
	const struct link_state *link;
	struct link_list list = { 0 };
	int status = 0, r;

	r = links_get(&target->nl, &list);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot list the target's links: %s",
				   log_errname(-r));
	link = links_find_name(&list, name);
	if (!link)
		status = report_fail(report, EXIT_UNDONE, "the target has no link %s", name);
	else if (strcmp(link->kind, "macvlan") != 0 || !link->link_elsewhere)
		status = report_fail(report, EXIT_UNDONE,
				     "%s is no macvlan on a parent outside of the target: it stays",
				     name);
	else
		*ret = link->ifindex;
	links_fini(&list);
	return status;
}

static int run(const struct options *options, struct target *target, struct report *report)
{
	struct confine_args bounds;
	char text[NL_TEXT_MAX];
	uint32_t ifindex = 0;
	int status, r;

	status = target_open(&options->target, target, report);
	if (!status)
		status = target_join(target, report);
	if (status)
		return status;
	bounds = (struct confine_args){ .image_dir = -1, .sysctls = target->sysctls, .device = -1 };
	status = confine(&bounds, report);
	if (!status)
		status = find(target, options->attach.name, &ifindex, report);
	if (status)
		return status;
	r = links_delete(&target->nl, ifindex, text);
	if (r < 0)
		return report_fail(report, EXIT_UNDONE, "cannot delete %s: %s %s",
				   options->attach.name, log_errname(-r), text);
	(void)json_object_set_new(report->root, "name", json_string(options->attach.name));
	if (!options->json)
		(void)printf("detached %s\n", options->attach.name);
	return 0;
}

int cmd_detach(int argc, char *argv[])
{
	static struct options options;
	static struct report report;
	struct target target;
	int status;

	target_init(&target);
	status = options_parse(argc, argv, OPTION_TARGET | OPTION_JSON | OPTION_NAME, &options,
			       &report);
	if (!status)
		(void)run(&options, &target, &report);
	status = report_finish(&report);
	target_fini(&target);
	options_fini(&options);
	report_fini(&report);
	return status;
}
