/*
 * The broker's requests, against the real kernel: a 'host' netns with a parent, and a
 * target beside it. Each in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "broker/policy.h"
#include "broker/rtnl.h"
#include "broker/rtnl_count.h"
#include "common/link_msg.h"
#include "tests/lib/rawmsg.h"
#include "tests/lib/spec.h"
#include "tests/lib/test.h"

static union {
	struct nlmsghdr align;
	uint8_t bytes[NL_BUFFER_SIZE];
} buf;
static char text[NL_TEXT_MAX];
static struct nl_sock host, target;
static int host_netns, target_netns;
static uint32_t parent; /* index of p0 */

static int open_own(struct nl_sock *ret, int *ret_netns)
{
	*ret = (struct nl_sock){ .fd = -1, .buf = buf.bytes };
	*ret_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *ret_netns < 0 ? -errno : nl_open(&ret->fd);
}

/* A veth p0, whose other end gets a name of the kernel's. */
static int make_parent(void)
{
	struct rawmsg m;
	size_t info;

	rawmsg_begin(&m);
	rawmsg_put(&m, IFLA_IFNAME, "p0", 3);
	info = rawmsg_nest(&m, IFLA_LINKINFO | NLA_F_NESTED);
	rawmsg_put(&m, IFLA_INFO_KIND, "veth", 5);
	rawmsg_nest_end(&m, info);
	rawmsg_finish(&m);
	return nl_talk(&host, &m.nlh, NULL, NULL, text);
}

static int add_altname(const char *name)
{
	struct rawmsg m;
	size_t list;

	rawmsg_begin(&m);
	m.nlh.nlmsg_type = RTM_NEWLINKPROP;
	m.ifi.ifi_index = (int)parent;
	list = rawmsg_nest(&m, IFLA_PROP_LIST | NLA_F_NESTED);
	rawmsg_put(&m, IFLA_ALT_IFNAME, name, strlen(name) + 1);
	rawmsg_nest_end(&m, list);
	rawmsg_finish(&m);
	return nl_talk(&host, &m.nlh, NULL, NULL, text);
}

static int prepare(void)
{
	NEED(enter_netns() == 0);
	CHECK(open_own(&host, &host_netns) == 0);
	NEED(make_parent() == 0);
	parent = if_nametoindex("p0");
	CHECK(parent > 0);
	CHECK(unshare(CLONE_NEWNET) == 0);
	CHECK(open_own(&target, &target_netns) == 0);
	CHECK(setns(host_netns, CLONE_NEWNET) == 0);
	return CHILD_OK;
}

/* The index of @name in @netns, or 0. */
static uint32_t index_in(int netns, const char *name)
{
	uint32_t index;

	if (setns(netns, CLONE_NEWNET) < 0)
		return UINT32_MAX;
	index = if_nametoindex(name);
	if (setns(host_netns, CLONE_NEWNET) < 0)
		return UINT32_MAX;
	return index;
}

static int create(const struct link_spec *spec, int netns_fd)
{
	const struct link_place place = { .parent = parent, .netns_fd = netns_fd };

	return rtnl_link_create(&host, spec, &place, text);
}

/* --- in children --- */

static int find_parents(void *arg)
{
	struct rtnl_parent facts;
	struct link_spec spec = spec_minimal();
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(rtnl_parent_find(&host, RTNL_OWN_NSID, "p0", &facts) == 0);
	CHECK(facts.found && !facts.elsewhere && facts.ifindex == parent);
	CHECK(strcmp(facts.name, "p0") == 0);

	CHECK(rtnl_parent_find(&host, RTNL_OWN_NSID, "nosuch0", &facts) == 0);
	CHECK(!facts.found && facts.ifindex == 0 && facts.name[0] == '\0');

	/* A macvlan stands for its lowest device, */
	CHECK(create(&spec, /* netns_fd= */ -1) == 0);
	CHECK(rtnl_parent_find(&host, RTNL_OWN_NSID, "eth0", &facts) == 0);
	CHECK(facts.found && !facts.elsewhere && facts.ifindex == parent);
	CHECK(strcmp(facts.name, "p0") == 0);
	/* wherever that is, */
	CHECK(create(&spec, target_netns) == 0);
	CHECK(rtnl_parent_find(&target, RTNL_OWN_NSID, "eth0", &facts) == 0);
	CHECK(facts.found && facts.elsewhere && facts.ifindex == 0);
	/* and an alternative name for the first. */
	CHECK(add_altname("other") == 0);
	CHECK(rtnl_parent_find(&host, RTNL_OWN_NSID, "other", &facts) == 0);
	CHECK(facts.found && facts.ifindex == parent && strcmp(facts.name, "p0") == 0);
	return CHILD_OK;
}

static int create_links(void *arg)
{
	struct link_spec spec = spec_full();
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	spec.has &= ~(uint32_t)LINK_HAS_BC_CUTOFF; /* Linux 6.4 */
	spec.has &= ~(uint32_t)(LINK_HAS_GSO_IPV4_MAX_SIZE | LINK_HAS_GRO_IPV4_MAX_SIZE);
	CHECK(create(&spec, target_netns) == 0);
	CHECK(text[0] == '\0');
	CHECK(index_in(target_netns, spec.name) == 4242);
	CHECK(index_in(host_netns, spec.name) == 0);
	/* The name, and then the index, are taken. */
	spec.ifindex = 0;
	CHECK(create(&spec, target_netns) == -EEXIST);
	spec = spec_minimal();
	spec.ifindex = 4242;
	r = create(&spec, target_netns);
	CHECK(r == -EEXIST || r == -EBUSY);
	CHECK(index_in(target_netns, "eth0") == 0);
	/* A parent that is none. */
	spec.ifindex = 0;
	CHECK(rtnl_link_create(&host, &spec,
			       &(struct link_place){ .parent = 9999, .netns_fd = target_netns },
			       text) == -ENODEV);
	CHECK(rtnl_link_create(&host, &spec,
			       &(struct link_place){ .parent = parent, .netns_fd = host.fd },
			       text) == -EINVAL);
	return CHILD_OK;
}

/* Without NLM_F_EXCL the macvlan that has the index here would be moved there. */
static int leave_alone_what_exists(void *arg)
{
	struct link_spec spec = spec_minimal();
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	spec.ifindex = 77;
	CHECK(create(&spec, /* netns_fd= */ -1) == 0);
	CHECK(index_in(host_netns, "eth0") == 77);
	(void)memcpy(spec.name, "moved", 6);
	r = create(&spec, target_netns);
	CHECK(r == 0 || r == -EEXIST); /* since Linux 6.15 it is free there */
	CHECK(index_in(host_netns, "eth0") == 77);
	CHECK(index_in(target_netns, "eth0") == 0);
	CHECK(index_in(host_netns, "moved") == 0);
	return CHILD_OK;
}

static int give_nsids(void *arg)
{
	int32_t nsid = -99;
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(rtnl_nsid_alloc(&target, host_netns, 31, &nsid, text) == 0);
	CHECK(nsid == 31 && text[0] == '\0');
	/* The same again, or any: it is there already. */
	nsid = -99;
	CHECK(rtnl_nsid_alloc(&target, host_netns, 31, &nsid, text) == 0);
	CHECK(nsid == 31 && text[0] == '\0');
	nsid = -99;
	CHECK(rtnl_nsid_alloc(&target, host_netns, -1, &nsid, text) == 0);
	CHECK(nsid == 31);
	/* Another: an id is for good. */
	nsid = -99;
	CHECK(rtnl_nsid_alloc(&target, host_netns, 32, &nsid, text) == -EEXIST);
	CHECK(nsid == -99 && text[0] != '\0');
	CHECK(rtnl_nsid_alloc(&target, host_netns, 0, &nsid, text) == -EEXIST);
	/* The id of one for another. */
	CHECK(rtnl_nsid_alloc(&target, target_netns, 31, &nsid, text) == -EEXIST);
	CHECK(nsid == -99);
	CHECK(rtnl_nsid_alloc(&target, target_netns, INT32_MAX, &nsid, text) == 0);
	CHECK(nsid == INT32_MAX);
	return CHILD_OK;
}

static int give_any_nsid(void *arg)
{
	int32_t nsid = -99, again = -99;
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(rtnl_nsid_alloc(&target, host_netns, -1, &nsid, text) == 0);
	CHECK(nsid >= 0);
	CHECK(rtnl_nsid_alloc(&target, host_netns, nsid, &again, text) == 0);
	CHECK(again == nsid);
	CHECK(rtnl_nsid_alloc(&target, host.fd, -1, &nsid, text) == -EINVAL);
	CHECK(rtnl_nsid_alloc(&target, -1, -1, &nsid, text) < 0);
	return CHILD_OK;
}

/* --- counting --- */

#define WANTED (RTNL_TARGET_NSID_FIRST + 7)

/* What the broker sees of the target and its own netns: their ids here. */
static int32_t target_nsid, self_nsid;

static int prepare_count(void)
{
	int r = prepare();

	if (r != CHILD_OK)
		return r;
	CHECK(rtnl_target_nsid(&host, target_netns, WANTED, &target_nsid) == 0);
	CHECK(rtnl_nsid_alloc(&host, host_netns, -1, &self_nsid, text) == 0);
	return CHILD_OK;
}

static int make_named(const char *name, uint32_t on, int netns_fd)
{
	struct link_spec spec = spec_minimal();

	(void)memcpy(spec.name, name, strlen(name) + 1);
	return rtnl_link_create(&host, &spec,
				&(struct link_place){ .parent = on, .netns_fd = netns_fd }, text);
}

static struct rtnl_uses uses_of(uint32_t ifindex, int32_t nsid)
{
	return (struct rtnl_uses){ .n = 1, .use = { { .ifindex = ifindex, .nsid = nsid } } };
}

static int count_macvlans(void *arg)
{
	struct rtnl_uses uses;
	int r = prepare_count();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	uses = uses_of(parent, self_nsid);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 0 && uses.use[0].in_last == 0 && uses.use[0].in_total == 0);
	CHECK(make_named("a", parent, target_netns) == 0);
	CHECK(make_named("b", parent, target_netns) == 0);
	/* One here, and one whose parent is in the target, are none of the target's. */
	CHECK(make_named("c", parent, -1) == 0);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 2 && uses.use[0].in_last == 2 && uses.use[0].in_total == 2);
	/* The total is that over several targets; the same one twice will do. */
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 2 && uses.use[0].in_last == 2 && uses.use[0].in_total == 4);
	/* Another parent; and the index of this one in another netns. */
	uses = uses_of(parent + 1, self_nsid);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 2 && uses.use[0].in_total == 0);
	uses = uses_of(parent, self_nsid + 1);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 2 && uses.use[0].in_total == 0);
	return CHILD_OK;
}

/* More than one datagram of them. */
static int count_many(void *arg)
{
	struct rtnl_uses uses;
	char name[IFNAMSIZ] = "m00";
	int r = prepare_count();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	for (int i = 0; i < 100; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		CHECK(make_named(name, parent, target_netns) == 0);
	}
	uses = uses_of(parent, self_nsid);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 100 && uses.use[0].in_total == 100);
	return CHILD_OK;
}

static int give_target_nsids(void *arg)
{
	int32_t nsid = -99;
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(rtnl_has_targets(&host) == 0);
	CHECK(rtnl_nsid_is_alive(&host, WANTED) == 0);
	CHECK(rtnl_nsid_find(&host, target_netns, &nsid) == -ENOENT && nsid == -99);
	/* The wanted one is another's, and so is the next. */
	CHECK(rtnl_nsid_alloc(&host, host_netns, WANTED, &nsid, text) == 0);
	CHECK(rtnl_target_nsid(&host, target_netns, WANTED, &nsid) == 0);
	CHECK(nsid == WANTED + 1);
	CHECK(rtnl_nsid_is_alive(&host, WANTED) == 1 && rtnl_nsid_is_alive(&host, nsid) == 1);
	CHECK(rtnl_has_targets(&host) == 1);
	/* It has one, so that is it, whatever is wanted. */
	CHECK(rtnl_target_nsid(&host, target_netns, WANTED + 5, &nsid) == 0);
	CHECK(nsid == WANTED + 1);
	CHECK(rtnl_target_nsid(&host, host.fd, WANTED, &nsid) == -EINVAL);
	return CHILD_OK;
}

static int give_target_nsids_at_the_end(void *arg)
{
	int32_t nsid = -99;
	int r = prepare();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	/* One that the kernel gave is no sign that there was a ledger. */
	CHECK(rtnl_nsid_alloc(&host, host_netns, -1, &nsid, text) == 0);
	CHECK(rtnl_has_targets(&host) == 0);
	CHECK(rtnl_nsid_alloc(&target, target_netns, INT32_MAX, &nsid, text) == 0);
	CHECK(rtnl_target_nsid(&target, host_netns, INT32_MAX, &nsid) == 0);
	CHECK(nsid == RTNL_TARGET_NSID_FIRST);
	return CHILD_OK;
}

static int count_what_is_gone(void *arg)
{
	struct rtnl_uses uses;
	int r = prepare_count();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	CHECK(make_named("a", parent, target_netns) == 0);
	uses = uses_of(parent, self_nsid);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 1 && uses.use[0].in_total == 1);
	fd_closep(&target_netns);
	fd_closep(&target.fd);
	for (int i = 0; i < 1000 && rtnl_nsid_is_alive(&host, target_nsid) != 0; i++)
		(void)usleep(10000);
	CHECK(rtnl_count(&host, target_nsid, &uses) == 0);
	CHECK(uses.outside == 0 && uses.use[0].in_last == 0 && uses.use[0].in_total == 1);
	return CHILD_OK;
}

/* An error is no zero. */
static int count_with_a_bad_socket(void *arg)
{
	struct rtnl_uses uses;
	struct nl_sock bad = { .fd = -1, .buf = buf.bytes };
	int r = prepare_count();

	(void)arg;
	if (r != CHILD_OK)
		return r;
	uses = uses_of(parent, self_nsid);
	CHECK(rtnl_count(&bad, target_nsid, &uses) == -EBADF);
	CHECK(rtnl_nsid_is_alive(&bad, target_nsid) == -EBADF);
	CHECK(rtnl_has_targets(&bad) == -EBADF);
	return CHILD_OK;
}

#define IN_CHILD(name, fn)                 \
	static void name(void **state)     \
	{                                  \
		(void)state;               \
		child_must_pass(fn, NULL); \
	}

IN_CHILD(L17_parents_are_found_down_to_the_lowest, find_parents)
IN_CHILD(links_are_made_in_the_target, create_links)
IN_CHILD(L3_what_exists_is_left_alone, leave_alone_what_exists)
IN_CHILD(Q9_nsids, give_nsids)
IN_CHILD(Q9_any_nsid, give_any_nsid)
IN_CHILD(macvlans_are_counted, count_macvlans)
IN_CHILD(many_macvlans_are_counted, count_many)
IN_CHILD(ids_of_targets, give_target_nsids)
IN_CHILD(ids_of_targets_wrap_around, give_target_nsids_at_the_end)
IN_CHILD(what_is_gone_has_none, count_what_is_gone)
IN_CHILD(an_error_is_no_zero, count_with_a_bad_socket)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(L17_parents_are_found_down_to_the_lowest),
		cmocka_unit_test(links_are_made_in_the_target),
		cmocka_unit_test(L3_what_exists_is_left_alone),
		cmocka_unit_test(Q9_nsids),
		cmocka_unit_test(Q9_any_nsid),
		cmocka_unit_test(macvlans_are_counted),
		cmocka_unit_test(many_macvlans_are_counted),
		cmocka_unit_test(ids_of_targets),
		cmocka_unit_test(ids_of_targets_wrap_around),
		cmocka_unit_test(what_is_gone_has_none),
		cmocka_unit_test(an_error_is_no_zero),
	};

	return cmocka_run_group_tests_name("rtnl", tests, NULL, NULL);
}
