/*
 * netcr-worker restore: open -> join -> confine -> load -> check -> plan -> bind -> apply.
 *
 * Everything that needs a path or another namespace is opened before the confinement, and no
 * image is read before it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/apply.h"
#include "worker/broker_client.h"
#include "worker/commands.h"
#include "worker/confine.h"
#include "worker/image.h"
#include "worker/image_check.h"
#include "worker/link_make.h"
#include "worker/links.h"
#include "worker/options.h"
#include "worker/outside.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/target.h"

struct restore {
	struct options options;
	struct report report;
	int images;
	struct broker broker;
	struct target target;
	struct image_netns image;
	struct plan plan;
};

static int open_all(struct restore *c)
{
	int status;

	status = image_dir_open(c->options.images, &c->images, &c->report);
	if (!status)
		status = target_open(&c->options.target, &c->target, &c->report);
	if (!status)
		status = broker_open(c->options.broker, &c->broker, &c->report);
	if (!status)
		status = outside_parse(&c->target.outside, &c->options.externals, &c->report);
	if (!status)
		status = outside_start(&c->target.outside, c->options.outside_netns,
				       c->target.netns, &c->report);
	if (!status)
		status = target_join(&c->target, &c->report);
	if (!status && c->broker.fd >= 0)
		status = target_open_detour(&c->target, &c->report);
	if (!status)
		status = tools_start(&c->target.tools, &c->report);
	return status;
}

static int load_and_plan(struct restore *c)
{
	struct link_list links = { 0 };
	struct plan_input in = { .image = &c->image,
				 .externals = &c->options.externals,
				 .outside = &c->target.outside,
				 .links = &links,
				 .uids = c->target.uids,
				 .gids = c->target.gids };
	int status, r;

	status = image_load(c->images, c->options.ns_id, &c->image, &c->report);
	if (!status)
		status = image_check(&c->image, &c->report);
	if (!status)
		status = ruleset_check_tools(&c->image.ruleset, &c->target.tools, &c->report);
	if (!status)
		status = outside_look(&c->target.outside, &c->report);
	if (status)
		return status;
	r = links_get(&c->target.nl, &links);
	if (r < 0)
		return report_fail(&c->report, EXIT_OS_, "cannot list the target's links: %s",
				   strerror(-r));
	status = plan_make(&in, &c->plan, &c->report);
	links_fini(&links);
	if (!status)
		status = link_make_probe(&c->plan, &c->target, &c->report);
	if (!status)
		externals_warn_unused(&c->options.externals, &c->report);
	return status;
}

static int fail_broker(struct restore *c, const char *what, int error)
{
	const char *text = c->broker.text;

	if (error == -EPERM && !c->broker.ended)
		return report_fail(&c->report, EXIT_REFUSED,
				   "the broker refuses to %s; its audit log has the reason", what);
	return report_fail(&c->report, EXIT_NO_BROKER, "cannot %s: %s%s%s", what,
			   log_errname(-error), *text ? ": " : "", text);
}

static int greet_and_bind(struct restore *c)
{
	int r;

	if (c->broker.fd < 0)
		return report_fail(&c->report, EXIT_NO_BROKER,
				   "a broker is needed to make macvlans, and none is there: run "
				   "this by netcr-broker spawn, or name one by --broker");
	r = broker_hello(&c->broker);
	if (r < 0)
		return fail_broker(c, "agree with the broker on a version", r);
	if (c->broker.max_links < BROKER_LINKS_MAX)
		return fail_broker(c, "ask this broker for as many links at once as needed",
				   -EPROTO);
	r = broker_target_bind(&c->broker, c->target.netns, c->target.handover);
	return r < 0 ? fail_broker(c, "take this target", r) : 0;
}

static void print_steps(struct restore *c)
{
	json_t *list = json_array();
	char text[256];

	for (size_t i = 0; i < c->plan.n_steps; i++) {
		plan_describe(&c->plan, &c->plan.steps[i], text, sizeof(text));
		if (c->options.json)
			(void)json_array_append_new(list, json_string(text));
		else
			(void)printf("%zu. %s\n", i + 1, text);
	}
	(void)json_object_set_new(c->report.root, "steps", list);
}

static json_t *link_to_json(const struct plan_link *link)
{
	const Img__NetDevice *dev = link->dev;
	json_t *object = json_object();

	(void)json_object_set_new(object, "name", json_string(dev->name));
	(void)json_object_set_new(object, "kind", json_string(link->kind->name));
	(void)json_object_set_new(object, "ifindex", json_integer(link->ifindex));
	if (link->parent[0])
		(void)json_object_set_new(object, "parent", json_string(link->parent));
	if (link->outside)
		(void)json_object_set_new(object, "outside", json_string(link->outside->out));
	return object;
}

static void print_result(struct restore *c)
{
	json_t *links = json_array();
	size_t made = 0, there = 0;

	for (size_t i = 0; i < c->plan.n_links; i++) {
		if (c->plan.links[i].maker == MAKER_NONE)
			continue;
		(void)json_array_append_new(links, link_to_json(&c->plan.links[i]));
		made += plan_is_made(&c->plan.links[i]);
		there += !plan_is_made(&c->plan.links[i]);
	}
	(void)json_object_set_new(c->report.root, "ns_id", json_integer(c->image.id));
	(void)json_object_set_new(c->report.root, "netns_inode",
				  json_integer((json_int_t)c->target.ino));
	(void)json_object_set_new(c->report.root, "links", links);
	if (!c->options.json)
		(void)printf("restored namespace %u of the images into net:[%llu]: %zu links made, "
			     "%zu set up, read back and right\n",
			     c->image.id, (unsigned long long)c->target.ino, made, there);
}

static int run(struct restore *c)
{
	struct confine_args bounds;
	int status;

	status = open_all(c);
	bounds = (struct confine_args){ .image_dir = c->images,
					.sysctls = c->target.sysctls,
					.device = c->target.tun };
	if (!status)
		status = confine(&bounds, &c->report);
	if (!status)
		status = load_and_plan(c);
	if (status)
		return status;
	if (c->options.dry_run) {
		print_steps(c);
		return 0;
	}
	if (c->plan.needs_broker)
		status = greet_and_bind(c);
	if (!status)
		status = apply(&c->plan, &c->target, &c->broker, &c->report);
	if (!status)
		print_result(c);
	return status;
}

int cmd_restore(int argc, char *argv[])
{
	static struct restore c;
	int status;

	c.images = -1;
	broker_init(&c.broker);
	target_init(&c.target);
	status =
		options_parse(argc, argv,
			      OPTION_IMAGES | OPTION_TARGET | OPTION_NS_ID | OPTION_EXTERNAL |
				      OPTION_BROKER | OPTION_DRY_RUN | OPTION_JSON | OPTION_OUTSIDE,
			      &c.options, &c.report);
	if (!status)
		(void)run(&c);
	status = report_finish(&c.report);
	plan_fini(&c.plan);
	image_fini(&c.image);
	target_fini(&c.target);
	broker_fini(&c.broker);
	fd_closep(&c.images);
	options_fini(&c.options);
	report_fini(&c.report);
	return status;
}
