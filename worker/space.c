/*
 * Opening, joining and binding the namespaces of a restore.
 *
 * May: open namespaces, setns, connect to the broker. Must not: change a target.
 */
#include "worker/space.h"

#include <errno.h>

#include "common/log.h"
#include "worker/report.h"
#include "worker/targets.h"

void spaces_init(struct spaces *spaces)
{
	spaces->n = 0;
	for (size_t i = 0; i < TARGETS_MAX; i++) {
		spaces->list[i] = (struct space){ 0 };
		target_init(&spaces->list[i].target);
		broker_init(&spaces->list[i].broker);
	}
}

void spaces_fini(struct spaces *spaces)
{
	for (size_t i = 0; i < TARGETS_MAX; i++) {
		struct space *space = &spaces->list[i];

		plan_fini(&space->plan);
		links_fini(&space->links);
		image_fini(&space->image);
		target_fini(&space->target);
		broker_fini(&space->broker);
	}
}

static void list_targets(struct spaces *spaces, struct target *ret[TARGETS_MAX])
{
	for (size_t i = 0; i < TARGETS_MAX; i++)
		ret[i] = &spaces->list[i].target;
}

int spaces_open(struct spaces *spaces, const struct target_args *args, uint32_t ns_id,
		const char *where, struct report *report)
{
	struct target *targets[TARGETS_MAX];
	uint32_t ids[TARGETS_MAX] = { 0 };
	int status;

	list_targets(spaces, targets);
	status = targets_open(args, ns_id, targets, ids, &spaces->n, report);
	for (size_t i = 0; i < spaces->n; i++)
		spaces->list[i].ns_id = ids[i];
	for (size_t i = 0; !status && i < spaces->n && (i == 0 || broker_is_path(where)); i++)
		status = broker_open(where, &spaces->list[i].broker, report);
	return status;
}

int spaces_join(struct spaces *spaces, struct report *report)
{
	struct target *targets[TARGETS_MAX];
	size_t order[TARGETS_MAX];
	int status;

	list_targets(spaces, targets);
	status = targets_order(targets, spaces->n, order, report);
	for (size_t i = 0; !status && i < spaces->n; i++) {
		struct space *space = &spaces->list[order[i]];

		report->ns_id = spaces->n > 1 ? space->ns_id : 0;
		status = target_join(&space->target, report);
		/* Where there is one session, which of them needs it is not known yet. */
		if (!status && spaces->list[0].broker.fd >= 0)
			status = target_open_detour(&space->target, report);
		if (!status && spaces->n > 1)
			status = target_open_tuns(&space->target, report);
		if (!status)
			status = tools_start(&space->target.tools, report);
	}
	report->ns_id = 0;
	return status;
}

/* --- the broker --- */

static int fail_broker(struct space *space, const char *what, int error, struct report *report)
{
	const char *text = space->broker.text;

	if (error == -EPERM && !space->broker.ended)
		return report_fail(report, EXIT_REFUSED,
				   "the broker refuses to %s; its audit log has the reason", what);
	return report_fail(report, EXIT_NO_BROKER, "cannot %s: %s%s%s", what, log_errname(-error),
			   *text ? ": " : "", text);
}

static int bind_one(struct space *space, struct report *report)
{
	int r;

	if (space->broker.fd < 0)
		return broker_fail_none(&space->broker, report);
	r = broker_hello(&space->broker);
	if (r < 0)
		return fail_broker(space, "agree with the broker on a version", r, report);
	if (space->broker.max_links < BROKER_LINKS_MAX)
		return fail_broker(space, "ask this broker for as many links at once as needed",
				   -EPROTO, report);
	r = broker_target_bind(&space->broker, space->target.netns, space->target.handover);
	return r < 0 ? fail_broker(space, "take this target", r, report) : 0;
}

/* There is one session only, which is the first namespace's: another one may need it. */
static int move_session(struct spaces *spaces, struct report *report)
{
	struct space *user = NULL;

	for (size_t i = 0; i < spaces->n; i++) {
		if (!spaces->list[i].plan.needs_broker)
			continue;
		if (user)
			return report_fail(
				report, EXIT_USAGE_,
				"namespaces %u and %u both need the broker, and one session is "
				"for one namespace: name the broker by a path, or restore without "
				"one of them; nothing was done",
				user->image.id, spaces->list[i].image.id);
		user = &spaces->list[i];
	}
	if (user && user != &spaces->list[0]) {
		struct broker none = user->broker;

		user->broker = spaces->list[0].broker;
		spaces->list[0].broker = none;
	}
	return 0;
}

int spaces_bind(struct spaces *spaces, struct report *report)
{
	int status = 0;

	if (spaces->n > 1 && spaces->list[0].broker.fd >= 0 && spaces->list[1].broker.fd < 0)
		status = move_session(spaces, report);
	for (size_t i = 0; !status && i < spaces->n; i++) {
		struct space *space = &spaces->list[i];

		report->ns_id = spaces->n > 1 ? space->image.id : 0;
		if (space->plan.needs_broker)
			status = bind_one(space, report);
		else
			broker_fini(&space->broker);
	}
	report->ns_id = 0;
	return status;
}
