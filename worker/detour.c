/*
 * detour.h says what for.
 *
 * May: ask the broker, and move links between the target and a namespace of its own. Must not:
 * touch a link that it did not have made.
 */
#include "worker/detour.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/broker_client.h"
#include "worker/links.h"
#include "worker/target.h"

/* The first kernel that looks in the namespace of the new link. */
enum {
	RIGHT_MAJOR = 6,
	RIGHT_MINOR = 15
};

void detour_fini(struct detour *detour)
{
	fd_closep(&detour->netns);
	fd_closep(&detour->nl.fd);
}

bool detour_is_due(void)
{
	struct utsname name;
	unsigned int major, minor;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major < RIGHT_MAJOR || (major == RIGHT_MAJOR && minor < RIGHT_MINOR);
}

int detour_open(int target, struct detour *ret)
{
	_cleanup_fd_ int netns = -1, sock = -1;
	int r = 0;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		r = -errno;
	if (r == 0)
		r = nl_open(&sock);
	if (setns(target, CLONE_NEWNET) < 0)
		return -errno;
	if (r < 0)
		return r;
	ret->netns = fd_take(&netns);
	ret->nl = (struct nl_sock){ .fd = fd_take(&sock) };
	return 0;
}

/* --- one link --- */

static int draw_name(char ret[IFNAMSIZ])
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	(void)snprintf(ret, IFNAMSIZ, "netcr%08x", number);
	return 0;
}

/* Have it made as something that nobody has. */
static int make_otherwise(struct broker *broker, const struct broker_link *wanted,
			  struct link_spec *ret, struct make_failure *failure)
{
	enum {
		TRIES = 4
	};
	const struct broker_link link = { wanted->parent, ret };
	struct broker_result result;
	int r = -EEXIST;

	for (int i = 0; i < TRIES && r == -EEXIST; i++) {
		*ret = *wanted->spec;
		ret->ifindex = 0;
		r = draw_name(ret->name);
		if (r < 0)
			break;
		r = broker_link_create(broker, &link, 1, &result);
		if (r < 0 && !broker->ended)
			memcpy(failure->text, result.text, sizeof(failure->text));
	}
	return r;
}

static int find_index(struct nl_sock *nl, const char *name, uint32_t *ret)
{
	const struct link_state *link;
	struct link_list list = { 0 };
	int r = links_get(nl, &list);

	if (r < 0)
		return r;
	link = links_find_name(&list, name);
	if (link)
		*ret = link->ifindex;
	links_fini(&list);
	return link ? 0 : -ENODEV;
}

/* To the other namespace and back. A link that got no further than there is deleted. */
static int move_about(struct target *target, const char *name, const struct link_spec *wanted,
		      uint32_t ifindex, char text[NL_TEXT_MAX])
{
	struct detour *detour = &target->detour;
	const struct link_move away = { .netns = detour->netns };
	const struct link_move back = { .netns = target->netns,
					.ifindex = wanted->ifindex,
					.name = wanted->name };
	int r;

	detour->nl.buf = target->nl.buf;
	r = links_move(&target->nl, ifindex, &away, text);
	if (r == 0)
		r = find_index(&detour->nl, name, &ifindex);
	if (r < 0)
		return r;
	r = links_move(&detour->nl, ifindex, &back, text);
	if (r < 0) {
		char ignored[NL_TEXT_MAX];

		(void)links_delete(&detour->nl, ifindex, ignored);
	}
	return r;
}

static int make_by_detour(struct target *target, struct broker *broker,
			  const struct broker_link *link, struct make_failure *failure)
{
	const struct link_move rename = { .netns = -1, .name = link->spec->name };
	struct link_spec spec;
	uint32_t ifindex = 0;
	int r;

	r = make_otherwise(broker, link, &spec, failure);
	if (r == 0)
		r = find_index(&target->nl, spec.name, &ifindex);
	if (r < 0)
		return r;
	if (link->spec->ifindex == 0)
		return links_move(&target->nl, ifindex, &rename, failure->text);
	return move_about(target, spec.name, link->spec, ifindex, failure->text);
}

/* --- all of them --- */

/* EBUSY: before Linux 6.15 a link on a parent in a third namespace comes to be there, and is moved
 * then; so an index has to be free there, too. */
static bool is_taken(int error)
{
	return error == -EEXIST || error == -EBUSY;
}

/* Whether that is not the target's own, which no detour would mend. */
static bool is_free_here(struct target *target, const struct link_spec *spec)
{
	struct link_list list = { 0 };
	bool is_free;

	if (target->detour.netns < 0 || links_get(&target->nl, &list) < 0)
		return false;
	is_free = !links_find_name(&list, spec->name) &&
		  (spec->ifindex == 0 || !links_find_index(&list, spec->ifindex));
	links_fini(&list);
	return is_free;
}

/* The first of @n that was not made, into *ret. */
static void find_failure(const struct broker *broker, const struct broker_result *results, size_t n,
			 int error, struct make_failure *ret)
{
	*ret = (struct make_failure){ .error = error };
	memcpy(ret->text, broker->text, sizeof(ret->text));
	for (size_t i = 0; i < n && !broker->ended; i++) {
		if (!results[i].error || results[i].error == -ECANCELED)
			continue;
		ret->i = i;
		ret->error = results[i].error;
		memcpy(ret->text, results[i].text, sizeof(ret->text));
		return;
	}
}

int detour_make_all(struct target *target, struct broker *broker, const struct broker_link *links,
		    size_t n, struct make_failure *ret_failure)
{
	struct broker_result results[BROKER_LINKS_MAX];
	size_t done = 0;

	while (done < n) {
		int r = broker_link_create(broker, links + done, n - done, results);

		if (r == 0)
			return 0;
		find_failure(broker, results, n - done, r, ret_failure);
		ret_failure->i += done;
		if (!is_taken(ret_failure->error) || broker->ended ||
		    !is_free_here(target, links[ret_failure->i].spec))
			return ret_failure->error;
		r = make_by_detour(target, broker, &links[ret_failure->i], ret_failure);
		if (r < 0) {
			ret_failure->error = r;
			return r;
		}
		done = ret_failure->i + 1;
	}
	return 0;
}
