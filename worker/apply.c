/*
 * Taking a step. One that fails notes the error, with the link it is about; what was done by then
 * is undone by apply(), in one place.
 *
 * May: change the target, ask the broker and the helper that runs nft. Must not: fork, or go on
 * after a failure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/apply_step.h"
#include "worker/broker_client.h"
#include "worker/dying.h"
#include "worker/link_make.h"
#include "worker/links.h"
#include "worker/netstate.h"
#include "worker/outside.h"
#include "worker/plan.h"
#include "worker/report.h"
#include "worker/ruleset_apply.h"
#include "worker/target.h"
#include "worker/verify.h"

/* --- what errors mean --- */

/* @n links were asked for from @link on. A refusal is about all of them, and does not say which. */
static int fail_make(const struct applying *a, const struct plan_link *link, size_t n, int error,
		     const char *text)
{
	const bool refused = error == -EPERM || error == -EDQUOT;

	return report_fail(a->report, refused ? EXIT_REFUSED : EXIT_UNDONE,
			   "%s: record %zu: cannot make macvlan %s on %s%s: %s%s%s%s%s%s",
			   link->at.file, link->at.record, link->dev->name, link->parent,
			   refused && n > 1 ? ", or one of those after it" : "",
			   log_errname(-error), *text ? " (" : "", text, *text ? ")" : "",
			   *broker_make_hint(error) ? ": " : "", broker_make_hint(error));
}

static const struct {
	int error;
	const char *hint;
} own_hints[] = {
	{ -EBUSY, "the target has a link of this name or index by now, or the link is in use" },
	{ -EEXIST, "the target has a link of this name or index, or a tunnel with these ends" },
	{ -EOPNOTSUPP, "this kernel has no such kind of link; load its module" },
	{ -EPERM, "there is no CAP_NET_ADMIN over the target" },
};

static int fail_own(const struct applying *a, const struct plan_link *link, const char *what,
		    int error, const char *text)
{
	const char *hint = error == -EINVAL && link->kind->einval ? link->kind->einval : "";

	for (size_t i = 0; i < ARRAY_SIZE(own_hints); i++) {
		if (own_hints[i].error == error)
			hint = own_hints[i].hint;
	}
	return report_fail(a->report, EXIT_UNDONE, "%s: record %zu: cannot %s: %s%s%s%s%s%s",
			   link->at.file, link->at.record, what, log_errname(-error),
			   *text ? " (" : "", text, *text ? ")" : "", *hint ? ": " : "", hint);
}

static int fail_up(const struct applying *a, const struct plan_link *link, int error,
		   const char *text)
{
	return report_fail(
		a->report, EXIT_UNDONE, "%s: record %zu: cannot bring %s %s up: %s%s%s%s",
		link->at.file, link->at.record, link->kind->name, link->dev->name,
		log_errname(-error), *text ? " " : "", text,
		error == -EADDRINUSE
			? ": the parent or another macvlan on it has this address, and is up"
			: "");
}

static int fail_sysctl(const struct applying *a, const struct sysctl_set *set,
		       const struct sysctl_failure *failure, int error)
{
	return report_fail(a->report, EXIT_UNDONE, "cannot set net/%s/%s: %s", set->dir,
			   failure->name,
			   failure->wrote ? "the kernel took another value" : strerror(-error));
}

/* --- the steps --- */

static int write_set(struct applying *a, const struct sysctl_set *set,
		     const struct sysctl_set *defaults)
{
	struct sysctl_failure failure;
	int r;

	r = sysctl_set_write(&a->target->net, set, defaults, &a->missing, &failure);
	return r < 0 ? fail_sysctl(a, set, &failure, r) : 0;
}

static int apply_clear(struct applying *a, const struct step *step)
{
	char text[NL_TEXT_MAX];
	int r;

	(void)step;
	r = links_delete_group(&a->target->nl, PLAN_GROUP, text);
	if (r < 0)
		return report_fail(a->report, EXIT_UNDONE,
				   "cannot delete the links of an interrupted restore: %s %s",
				   log_errname(-r), text);
	report_warn(a->report, "links that an interrupted restore had left were deleted");
	return 0;
}

static int apply_sysctls(struct applying *a, const struct step *step)
{
	return write_set(a, &a->plan->sets[step->first], /* defaults= */ NULL);
}

static int give_nsid(struct applying *a, const struct plan_nsid *nsid, char text[NL_TEXT_MAX])
{
	int32_t got;
	int r;

	if (nsid->by_outside)
		return outside_give_nsid(&a->target->outside, nsid->nsid, text);
	if (!nsid->of_host)
		return links_set_nsid(&a->target->nl, nsid->target->netns, nsid->nsid, text);
	r = broker_nsid_alloc(a->broker, nsid->netns, nsid->nsid, &got);
	memcpy(text, a->broker->text, NL_TEXT_MAX);
	return r == 0 && got != nsid->nsid ? -EPROTO : r;
}

/* The id of a namespace that is dying stays taken until it is gone. */
static int apply_nsid(struct applying *a, const struct step *step)
{
	const struct plan_nsid *nsid = &a->plan->nsids[step->first];
	char text[NL_TEXT_MAX] = "", what[256];
	unsigned int tries = 0;
	int r;

	do {
		r = give_nsid(a, nsid, text);
	} while (r == -EEXIST && dying_wait(&tries));
	if (r < 0) {
		plan_describe(a->plan, step, what, sizeof(what));
		return report_fail(a->report, r == -EPERM ? EXIT_REFUSED : EXIT_UNDONE,
				   "cannot %s: %s%s%s%s", what, log_errname(-r), *text ? " " : "",
				   text,
				   r == -EPERM && nsid->of_host && !nsid->by_outside
					   ? ": the broker refuses it; its audit log has the reason"
					   : "");
	}
	a->undo.gave_nsids = true;
	return 0;
}

static int apply_make(struct applying *a, const struct step *step)
{
	struct broker_link links[BROKER_LINKS_MAX];
	const struct plan_link *first = &a->plan->links[step->first];
	struct make_failure failure;
	int r;

	for (size_t i = 0; i < step->n; i++)
		links[i] = (struct broker_link){ first[i].parent, &first[i].spec };
	r = detour_make_all(a->target, a->broker, links, step->n, &failure);
	if (r == 0)
		return 0;
	if (a->broker->ended)
		return report_fail(a->report, EXIT_UNDONE,
				   "%s: record %zu: while macvlan %s%s was "
				   "made: %s",
				   first->at.file, first->at.record, first->dev->name,
				   step->n > 1 ? " or one of those after it" : "", a->broker->text);
	return fail_make(a, &first[failure.i], step->n - failure.i, failure.error, failure.text);
}

static int apply_make_own(struct applying *a, const struct step *step)
{
	const struct plan_link *link = &a->plan->links[step->first];
	char text[NL_TEXT_MAX], what[256];
	int r;

	if (link->outside)
		return link_make_outside(link, a->target, a->report);
	r = link_make(link, a->target, text);
	if (r == 0)
		return 0;
	plan_describe(a->plan, step, what, sizeof(what));
	return fail_own(a, link, what, r, text);
}

static int apply_master(struct applying *a, const struct step *step)
{
	const struct plan_link *link = &a->plan->links[step->first];
	const struct link_change change = { .master = &link->master->ifindex };
	char text[NL_TEXT_MAX], what[256];
	int r;

	r = links_change(&a->target->nl, link->ifindex, &change, text);
	if (r == 0)
		return 0;
	plan_describe(a->plan, step, what, sizeof(what));
	return fail_own(a, link, what, r, text);
}

/* What is changed here is what the link was not made with, or for lo what is not as it should be;
 * a link that was made stays down, but for one that has to be up for its sysctls. */
static int apply_settle(struct applying *a, const struct step *step)
{
	const struct plan_link *link = &a->plan->links[step->first];
	const bool there = link->maker == MAKER_THERE;
	uint32_t flags = link->dev->flags & LINKS_SETTABLE;
	struct link_change change = { .flags = &flags };
	char text[NL_TEXT_MAX];
	unsigned int tries = 0;
	int r;

	if (!there && !link->up_early)
		flags &= ~(uint32_t)IFF_UP;
	/* What the broker makes lies on no link of the target. */
	if (link->maker != MAKER_BROKER)
		change.mtu = &link->dev->mtu;
	if (link->set_address)
		change.address = link->dev->address.data;
	do {
		r = links_change(&a->target->nl, link->ifindex, &change, text);
	} while (r == -EADDRINUSE && dying_wait(&tries));
	if (r == 0)
		return 0;
	if (link->up_early)
		return fail_up(a, link, r, text);
	return report_fail(a->report, EXIT_UNDONE,
			   "%s: record %zu: cannot bring flags and MTU of %s to %#x and %u: %s%s%s",
			   link->at.file, link->at.record, link->dev->name, flags, link->dev->mtu,
			   log_errname(-r), *text ? " " : "", text);
}

static int apply_link_sysctls(struct applying *a, const struct step *step)
{
	const struct plan_link *link = &a->plan->links[step->first];
	int status;

	status = write_set(a, &link->conf4, plan_inherited4(a->plan, link));
	return status ? status : write_set(a, &link->conf6, plan_inherited6(a->plan, link));
}

static int apply_ruleset(struct applying *a, const struct step *step)
{
	return ruleset_apply(a->plan->ruleset, (enum ruleset_part_id)step->first, &a->target->tools,
			     &a->undo.ruleset, a->report);
}

static int apply_verify(struct applying *a, const struct step *step)
{
	(void)step;
	return verify(a->plan, a->target, a->report);
}

/* The links that were made, and as @ret_of which. Returns false where there is no memory. */
static bool list_made(const struct plan *plan, struct link_release **ret,
		      const struct plan_link ***ret_of, size_t *ret_n)
{
	*ret_n = 0;
	*ret = calloc(plan->n_links + 1, sizeof(**ret));
	*ret_of = calloc(plan->n_links + 1, sizeof(**ret_of));
	for (size_t i = 0; *ret && *ret_of && i < plan->n_links; i++) {
		const struct plan_link *link = &plan->links[i];

		if (!plan_is_made(link))
			continue;
		(*ret_of)[*ret_n] = link;
		(*ret)[*ret_n].ifindex = link->ifindex;
		(*ret)[(*ret_n)++].up = (link->dev->flags & IFF_UP) && !link->up_early;
	}
	return *ret && *ret_of;
}

static int apply_release(struct applying *a, const struct step *step)
{
	_cleanup_free_ struct link_release *links = NULL;
	_cleanup_free_ const struct plan_link **of = NULL;
	char text[NL_TEXT_MAX];
	unsigned int tries = 0;
	size_t n, failed;
	int r;

	(void)step;
	if (!list_made(a->plan, &links, &of, &n))
		return report_fail(a->report, EXIT_UNDONE, "no memory to release the links");
	a->released = true;
	for (;;) {
		r = links_release(&a->target->nl, links, n, &failed, text);
		if (r != -EADDRINUSE)
			break;
		/* Who is killed meanwhile leaves all of them in the group. */
		apply_catch(a);
		if (!dying_wait(&tries))
			break;
	}
	return r == 0 ? 0 : fail_up(a, of[failed], r, text);
}

void apply_catch(struct applying *a)
{
	_cleanup_free_ struct link_release *links = NULL;
	_cleanup_free_ const struct plan_link **of = NULL;
	size_t n;
	int r;

	if (!a->released)
		return;
	r = list_made(a->plan, &links, &of, &n) ? links_catch(&a->target->nl, links, n, PLAN_GROUP)
						: -ENOMEM;
	if (r < 0)
		report_warn(a->report, "some links could not be put back into their group: %s",
			    log_errname(-r));
}

static int apply_addrs(struct applying *a, const struct step *step)
{
	(void)step;
	return netstate_make_addrs(a->plan->state, &a->target->nl, a->report);
}

static int apply_routes(struct applying *a, const struct step *step)
{
	return netstate_make_routes(a->plan->state, step->first, &a->target->nl, &a->undo.made,
				    a->report);
}

static int apply_rules(struct applying *a, const struct step *step)
{
	(void)step;
	return netstate_make_rules(a->plan->state, &a->target->nl, &a->undo.made, a->report);
}

static int apply_aside(struct applying *a, const struct step *step)
{
	(void)step;
	return netstate_set_aside(a->plan->state, &a->target->nl, &a->undo.made, a->report);
}

static int (*const takers[])(struct applying *a, const struct step *step) = {
	[STEP_CLEAR] = apply_clear,       [STEP_SYSCTLS] = apply_sysctls,
	[STEP_NSID] = apply_nsid,         [STEP_MAKE] = apply_make,
	[STEP_MAKE_OWN] = apply_make_own, [STEP_MASTER] = apply_master,
	[STEP_SETTLE] = apply_settle,     [STEP_LINK_SYSCTLS] = apply_link_sysctls,
	[STEP_ADDRS] = apply_addrs,       [STEP_ROUTES] = apply_routes,
	[STEP_RULES] = apply_rules,       [STEP_RULESET] = apply_ruleset,
	[STEP_VERIFY] = apply_verify,     [STEP_RELEASE] = apply_release,
	[STEP_ASIDE] = apply_aside,
};

int apply_step(struct applying *a, const struct step *step)
{
	return takers[step->type](a, step);
}
