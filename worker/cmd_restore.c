/*
 * netcr-worker restore: open -> join -> confine -> load -> check -> plan -> bind -> apply.
 *
 * Everything that needs a path or another namespace is opened before the confinement, and no
 * image is read before it.
 */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/apply.h"
#include "worker/commands.h"
#include "worker/confine.h"
#include "worker/criu_file.h"
#include "worker/criu_lock.h"
#include "worker/criu_verify.h"
#include "worker/image.h"
#include "worker/image_check.h"
#include "worker/link_make.h"
#include "worker/links.h"
#include "worker/options.h"
#include "worker/outside.h"
#include "worker/plan_input.h"
#include "worker/plan_order.h"
#include "worker/report.h"
#include "worker/restore_act.h"
#include "worker/space.h"

struct restore {
	struct options *options;
	struct report *report;
	int images;
	struct spaces spaces;
};

/* Each namespace has a helper of its own for what reaches outside of it. */
static int open_outside(struct restore *c)
{
	int status = 0;

	for (size_t i = 0; !status && i < c->spaces.n; i++) {
		struct target *target = &c->spaces.list[i].target;

		status = outside_parse(&target->outside, &c->options->externals, c->report);
		if (!status && !c->options->verifies)
			status = outside_start(&target->outside, c->options->outside_netns,
					       target->netns, c->report);
	}
	return status;
}

static int open_all(struct restore *c)
{
	int status;

	status = image_dir_open(c->options->images, &c->images, c->report);
	if (!status)
		status = spaces_open(&c->spaces, &c->options->target, c->options->ns_id,
				     c->options->broker, c->report);
	if (!status)
		status = open_outside(c);
	if (!status)
		status = spaces_join(&c->spaces, c->report);
	return status;
}

static int load_one(struct restore *c, struct space *space)
{
	int status, r;

	status = image_load(c->images, space->ns_id, &space->image, c->report);
	if (!status)
		status = image_check(&space->image, c->report);
	if (!status)
		status =
			ruleset_check_tools(&space->image.ruleset, &space->target.tools, c->report);
	if (!status && !c->options->verifies)
		status = outside_look(&space->target.outside, c->report);
	if (status)
		return status;
	r = links_get(&space->target.nl, &space->links);
	if (r < 0)
		return report_fail(c->report, EXIT_OS_, "cannot list the target's links: %s",
				   strerror(-r));
	if (c->options->verifies)
		criu_verify_expect(&space->image, &space->links, &space->target.outside);
	return 0;
}

/* The id of the first may come from the images. */
static int check_ids(struct restore *c)
{
	for (size_t i = 1; i < c->spaces.n; i++) {
		if (c->spaces.list[i].image.id == c->spaces.list[0].image.id)
			return report_fail(
				c->report, EXIT_USAGE_,
				"namespace %u of the images is that of the root task, and "
				"so that of --pid, and another --netns has its id",
				c->spaces.list[0].image.id);
	}
	return 0;
}

static int plan_all(struct restore *c)
{
	struct plan_input in[TARGETS_MAX] = { 0 };
	int status;

	for (size_t i = 0; i < c->spaces.n; i++) {
		struct space *space = &c->spaces.list[i];

		in[i] = (struct plan_input){ .image = &space->image,
					     .externals = &c->options->externals,
					     .outside = &space->target.outside,
					     .links = &space->links,
					     .uids = space->target.uids,
					     .gids = space->target.gids,
					     .target = &space->target,
					     .plan = &space->plan };
	}
	status = plan_make(in, c->spaces.n, c->report);
	for (size_t i = 0; !status && i < c->spaces.n; i++)
		status = link_make_probe(&c->spaces.list[i].plan, &c->spaces.list[i].target,
					 c->report);
	if (!status)
		externals_warn_unused(&c->options->externals, c->report);
	return status;
}

static int load_and_plan(struct restore *c)
{
	int status = 0;

	for (size_t i = 0; !status && i < c->spaces.n; i++)
		status = load_one(c, &c->spaces.list[i]);
	if (!status)
		status = check_ids(c);
	return status ? status : plan_all(c);
}

/* What is beside the images for criu-action is read as they are: in confinement. */
static int take_options(struct restore *c)
{
	int status;

	if (!c->options->of_criu)
		return 0;
	status = criu_file_read(c->images, c->options, c->report);
	c->spaces.list[0].ns_id = c->options->ns_id;
	return status;
}

static int apply_all(struct restore *c)
{
	struct apply_space list[TARGETS_MAX] = { 0 };

	for (size_t i = 0; i < c->spaces.n; i++) {
		struct space *space = &c->spaces.list[i];

		list[i] = (struct apply_space){ .ns_id = space->image.id,
						.plan = &space->plan,
						.target = &space->target,
						.broker = &space->broker };
	}
	return apply(list, c->spaces.n, c->report);
}

static void print_steps(struct restore *c)
{
	const struct plan *plans[TARGETS_MAX];
	struct plan_order order = { 0 };
	json_t *list = json_array();
	const struct step *step;
	size_t i, number = 0;

	for (i = 0; i < c->spaces.n; i++)
		plans[i] = &c->spaces.list[i].plan;
	while (plan_order_next(&order, plans, c->spaces.n, &i, &step)) {
		char text[256] = "";
		int n = 0;

		if (c->spaces.n > 1)
			n = snprintf(text, sizeof(text), "namespace %u: ", plans[i]->ns_id);
		plan_describe(plans[i], step, text + n, sizeof(text) - (size_t)n);
		if (c->options->json)
			(void)json_array_append_new(list, json_string(text));
		else
			(void)printf("%zu. %s\n", ++number, text);
	}
	(void)json_object_set_new(c->report->root, "steps", list);
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

static void print_space(struct restore *c, const struct space *space, json_t *to)
{
	json_t *links = json_array();
	size_t made = 0, there = 0;

	for (size_t i = 0; i < space->plan.n_links; i++) {
		if (space->plan.links[i].maker == MAKER_NONE)
			continue;
		(void)json_array_append_new(links, link_to_json(&space->plan.links[i]));
		made += plan_is_made(&space->plan.links[i]);
		there += !plan_is_made(&space->plan.links[i]);
	}
	(void)json_object_set_new(to, "ns_id", json_integer(space->image.id));
	(void)json_object_set_new(to, "netns_inode", json_integer((json_int_t)space->target.ino));
	(void)json_object_set_new(to, "links", links);
	if (!c->options->json)
		(void)printf("restored namespace %u of the images into net:[%llu]: %zu links made, "
			     "%zu set up, read back and right\n",
			     space->image.id, (unsigned long long)space->target.ino, made, there);
}

static void print_result(struct restore *c)
{
	json_t *list;

	if (c->spaces.n == 1) {
		print_space(c, &c->spaces.list[0], c->report->root);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < c->spaces.n; i++) {
		json_t *object = json_object();

		print_space(c, &c->spaces.list[i], object);
		(void)json_array_append_new(list, object);
	}
	(void)json_object_set_new(c->report->root, "namespaces", list);
}

/* criu-action's restore, which has one namespace. */
static int apply_locked(struct restore *c)
{
	struct space *space = &c->spaces.list[0];
	int status;

	criu_lock_on(&space->target.tools, &space->image.ruleset, c->report);
	status = apply_all(c);
	if (status)
		(void)criu_lock_off(&space->target.tools, c->report);
	return status;
}

static int verify_and_unlock(struct restore *c)
{
	struct space *space = &c->spaces.list[0];
	int status = criu_verify(&space->plan, &space->target, c->report);

	if (!status)
		status = criu_lock_off(&space->target.tools, c->report);
	if (!status)
		(void)printf("namespace %u of the images is whole in net:[%llu]\n", space->image.id,
			     (unsigned long long)space->target.ino);
	return status;
}

static int run(struct restore *c)
{
	struct confine_args bounds;
	int status;

	status = open_all(c);
	bounds = (struct confine_args){ .image_dir = c->images,
					.sysctls = c->spaces.list[0].target.sysctls,
					.device = c->spaces.list[0].target.tun };
	if (!status)
		status = confine(&bounds, c->report);
	if (!status)
		status = take_options(c);
	if (!status)
		status = load_and_plan(c);
	if (status)
		return status;
	if (c->options->verifies)
		return verify_and_unlock(c);
	if (c->options->dry_run) {
		print_steps(c);
		return 0;
	}
	status = spaces_bind(&c->spaces, c->report);
	if (!status)
		status = c->options->of_criu ? apply_locked(c) : apply_all(c);
	if (!status)
		print_result(c);
	return status;
}

int restore_act(struct options *options, struct report *report)
{
	static struct restore c;
	int status;

	c.options = options;
	c.report = report;
	c.images = -1;
	spaces_init(&c.spaces);
	status = run(&c);
	spaces_fini(&c.spaces);
	fd_closep(&c.images);
	return status;
}

int cmd_restore(int argc, char *argv[])
{
	static struct options options;
	static struct report report;
	int status;

	status = options_parse(argc, argv,
			       OPTION_IMAGES | OPTION_TARGET | OPTION_SPACES | OPTION_NS_ID |
				       OPTION_EXTERNAL | OPTION_BROKER | OPTION_DRY_RUN |
				       OPTION_JSON | OPTION_OUTSIDE,
			       &options, &report);
	if (!status)
		(void)restore_act(&options, &report);
	status = report_finish(&report);
	options_fini(&options);
	report_fini(&report);
	return status;
}
