/*
 * From images to steps: their order, what goes into one request, and what cannot be planned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/unit/worker/place.h"
#include "worker/externals.h"
#include "worker/image.h"
#include "worker/links.h"
#include "worker/plan_input.h"

enum {
	LINKS_MAX = 400
};

/* The images of lo and of macvlans mv0.., with index 100.. */
struct images {
	struct image_netns image;
	Img__Netns netns;
	Img__NetDevice devs[LINKS_MAX];
	Img__NetDevice *pointers[LINKS_MAX];
	Img__Macvlan part;
	uint8_t macs[LINKS_MAX][6];
	char names[LINKS_MAX][16];
};

static struct images *images_new(size_t n_macvlans)
{
	struct images *im = calloc(1, sizeof(*im));

	assert_non_null(im);
	img__netns__init(&im->netns);
	img__macvlan__init(&im->part);
	im->part.mode = 4;
	im->image = (struct image_netns){ .id = 10,
					  .host_id = 2,
					  .netdev_name = "netdev-10.img",
					  .netns_name = "netns-10.img",
					  .links = im->pointers,
					  .n_links = n_macvlans + 1,
					  .netns = &im->netns };
	for (size_t i = 0; i <= n_macvlans; i++) {
		Img__NetDevice *dev = &im->devs[i];

		img__net_device__init(dev);
		im->pointers[i] = dev;
		dev->mtu = 1500;
		dev->flags = 1;
		dev->name = im->names[i];
		dev->type = i ? IMG__LINK_TYPE__MACVLAN : IMG__LINK_TYPE__LOOPBACK;
		dev->ifindex = i ? (uint32_t)(99 + i) : 1;
		(void)snprintf(im->names[i], sizeof(im->names[i]), i ? "mv%zu" : "lo", i - 1);
		if (i == 0)
			continue;
		im->macs[i][0] = 2;
		im->macs[i][4] = (uint8_t)(i >> 8);
		im->macs[i][5] = (uint8_t)i;
		dev->macvlan = &im->part;
		dev->has_address = 1;
		dev->address = (ProtobufCBinaryData){ .len = 6, .data = im->macs[i] };
	}
	return im;
}

struct planned {
	struct externals externals;
	struct link_list links;
	struct plan plan;
	struct report report;
};

static void planned_init(struct planned *p)
{
	*p = (struct planned){ 0 };
	quiet_report(&p->report);
	assert_int_equal(externals_add(&p->externals, "macvlan[*]:par0", &p->report), 0);
}

static int make(struct planned *p, const struct images *im)
{
	struct plan_input in = { .image = &im->image,
				 .externals = &p->externals,
				 .links = &p->links,
				 .plan = &p->plan };

	return plan_make(&in, 1, &p->report);
}

static void planned_fini(struct planned *p)
{
	plan_fini(&p->plan);
	externals_fini(&p->externals);
	report_fini(&p->report);
}

static void expect_plan(const struct images *im, const char *const *steps, size_t n)
{
	struct planned p;
	char text[256];

	planned_init(&p);
	if (make(&p, im) != 0)
		fail_msg("%s", p.report.text);
	for (size_t i = 0; i < p.plan.n_steps && i < n; i++) {
		plan_describe(&p.plan, &p.plan.steps[i], text, sizeof(text));
		assert_string_equal(text, steps[i]);
	}
	assert_int_equal(p.plan.n_steps, n);
	planned_fini(&p);
}

static void expect_failure(const struct images *im, int status, const char *part)
{
	struct planned p;

	planned_init(&p);
	expect_error(&p.report, make(&p, im), status, part);
	planned_fini(&p);
}

static void order_of_steps(void **state)
{
	static const char *const steps[] = {
		"bring 1 sysctls of net/ipv4/conf/all to their values",
		"bring 1 sysctls of net/ipv4/conf/default to their values",
		"bring 1 sysctls of net/unix to their values",
		"give the broker's network namespace the nsid 5",
		"give the target's own network namespace the nsid 6",
		"make 2 macvlans, from mv0 with index 100 on par0 to mv1 with index 101 on par0",
		"bring flags and MTU of lo to 0x1 and 1500",
		"bring 1 sysctls of lo to their values",
		"bring 1 sysctls of mv1 to their values",
		"read everything back",
		"release the links from the group of unfinished ones, and bring them up",
	};
	struct images *im = images_new(2);
	Img__Sysctl value = IMG__SYSCTL__INIT, other = IMG__SYSCTL__INIT;
	Img__Sysctl *list[] = { &value }, *others[] = { &other };
	Img__NetnsId host = IMG__NETNS_ID__INIT, own = IMG__NETNS_ID__INIT;
	Img__NetnsId *ids[] = { &host, &own };

	(void)state;
	value.type = other.type = IMG__SYSCTL_TYPE__CTL_32;
	value.has_iarg = other.has_iarg = 1;
	other.iarg = 1;
	host.target_ns_id = 2;
	host.netnsid_value = 5;
	own.target_ns_id = 10;
	own.netnsid_value = 6;
	im->netns.n_all_conf4 = im->netns.n_def_conf4 = im->netns.n_unix_conf = 1;
	im->netns.all_conf4 = im->netns.def_conf4 = im->netns.unix_conf = list;
	im->netns.n_nsids = 2;
	im->netns.nsids = ids;
	/* lo is never compared with the default; mv0 equals it, and mv1 does not. */
	im->devs[0].n_conf4 = im->devs[1].n_conf4 = im->devs[2].n_conf4 = 1;
	im->devs[0].conf4 = im->devs[1].conf4 = list;
	im->devs[2].conf4 = others;
	expect_plan(im, steps, ARRAY_SIZE(steps));
	free(im);
}

static void nothing_but_lo(void **state)
{
	static const char *const steps[] = { "bring flags and MTU of lo to 0x1 and 1500",
					     "read everything back" };
	struct images *im = images_new(0);
	struct planned p;

	(void)state;
	expect_plan(im, steps, ARRAY_SIZE(steps));
	planned_init(&p);
	assert_int_equal(make(&p, im), 0);
	assert_false(p.plan.needs_broker);
	planned_fini(&p);
	free(im);
}

/* How many links each request has. */
static void expect_batches(const struct images *im, const size_t *sizes, size_t n)
{
	struct planned p;
	size_t seen = 0;

	planned_init(&p);
	assert_int_equal(make(&p, im), 0);
	assert_true(p.plan.needs_broker);
	for (size_t i = 0; i < p.plan.n_steps; i++) {
		if (p.plan.steps[i].type != STEP_MAKE)
			continue;
		assert_true(seen < n);
		assert_int_equal(p.plan.steps[i].n, sizes[seen++]);
	}
	assert_int_equal(seen, n);
	planned_fini(&p);
}

static void batches(void **state)
{
	static const struct {
		size_t n, sizes[4], n_sizes;
	} cases[] = {
		{ 1, { 1 }, 1 },
		{ 127, { 127 }, 1 },
		{ 128, { 128 }, 1 },
		{ 129, { 128, 1 }, 2 },
		{ 256, { 128, 128 }, 2 },
		{ 257, { 128, 128, 1 }, 3 },
		{ 399, { 128, 128, 128, 15 }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct images *im = images_new(cases[i].n);

		expect_batches(im, cases[i].sizes, cases[i].n_sizes);
		free(im);
	}
}

/* lo may stand anywhere in the file. */
static void batches_around_lo(void **state)
{
	static const size_t sizes[] = { 3, 7 };
	struct images *im = images_new(10);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		im->pointers[i] = &im->devs[i + 1];
	im->pointers[3] = &im->devs[0];
	expect_batches(im, sizes, ARRAY_SIZE(sizes));
	free(im);
}

static void spec_of_a_macvlan(void **state)
{
	struct images *im = images_new(1);
	const struct link_spec *spec;
	struct planned p;

	(void)state;
	im->devs[1].flags = 0x11043 | IFF_PROMISC | IFF_ALLMULTI;
	im->devs[1].mtu = 1400;
	im->part.has_flags = 1;
	im->part.flags = 1;
	planned_init(&p);
	assert_int_equal(make(&p, im), 0);
	spec = &p.plan.links[1].spec;
	assert_string_equal(spec->name, "mv0");
	assert_string_equal(p.plan.links[1].parent, "par0");
	assert_int_equal(spec->ifindex, 100);
	assert_int_equal(spec->mtu, 1400);
	assert_int_equal(spec->group, PLAN_GROUP);
	assert_int_equal(spec->mode, 4);
	assert_int_equal(spec->macvlan_flags, 1);
	assert_int_equal(spec->change, IFF_UP | IFF_NOARP | IFF_MULTICAST);
	/* It comes up at the release. */
	assert_int_equal(spec->flags, IFF_MULTICAST);
	assert_memory_equal(spec->address, im->macs[1], 6);
	assert_int_equal(spec->has,
			 LINK_HAS_ADDRESS | LINK_HAS_MTU | LINK_HAS_GROUP | LINK_HAS_MACVLAN_FLAGS);
	planned_fini(&p);
	im->part.has_flags = 0;
	planned_init(&p);
	assert_int_equal(make(&p, im), 0);
	assert_false(p.plan.links[1].spec.has & LINK_HAS_MACVLAN_FLAGS);
	planned_fini(&p);
	free(im);
}

static void I5_parents(void **state)
{
	struct images *im = images_new(2);
	struct planned p;

	(void)state;
	planned_init(&p);
	assert_int_equal(externals_add(&p.externals, "macvlan[mv1]:par1", &p.report), 0);
	assert_int_equal(make(&p, im), 0);
	assert_string_equal(p.plan.links[1].parent, "par0");
	assert_string_equal(p.plan.links[2].parent, "par1");
	planned_fini(&p);
	planned_init(&p);
	externals_fini(&p.externals);
	expect_error(&p.report, make(&p, im), EXIT_USAGE_, "--external 'macvlan[mv0]:PARENT'");
	planned_fini(&p);
	planned_init(&p);
	assert_int_equal(externals_add(&p.externals, "macvlan[mv1]:a/b/c", &p.report), 0);
	expect_error(&p.report, make(&p, im), EXIT_USAGE_, "'a/b/c'");
	planned_fini(&p);
	free(im);
}

static void I6_same_address(void **state)
{
	struct images *im = images_new(3);
	struct planned p;

	(void)state;
	memcpy(im->macs[3], im->macs[1], 6);
	expect_failure(im, EXIT_IMAGE, "record 4: macvlan mv2 has the address of mv0 (record 2)");
	/* On another parent, or while one of them is down, they do not meet. */
	planned_init(&p);
	assert_int_equal(externals_add(&p.externals, "macvlan[mv2]:par1", &p.report), 0);
	assert_int_equal(make(&p, im), 0);
	planned_fini(&p);
	im->devs[1].flags = 0;
	planned_init(&p);
	assert_int_equal(make(&p, im), 0);
	planned_fini(&p);
	free(im);
}

static void K5_what_the_target_has(void **state)
{
	static const struct {
		struct link_state link;
		int status;
		const char *part;
	} cases[] = {
		{ { .ifindex = 7, .name = "mv1", .kind = "veth" },
		  EXIT_UNDONE,
		  "macvlan mv1: the target has a link of this name, with index 7" },
		{ { .ifindex = 101, .name = "x", .kind = "veth" },
		  EXIT_UNDONE,
		  "macvlan mv1: its index 101 is that of link x" },
		{ { .ifindex = 7, .name = "x", .kind = "veth" }, 0, NULL },
		{ { .ifindex = 101, .name = "mv1", .kind = "macvlan", .group = PLAN_GROUP },
		  0,
		  NULL },
		{ { .ifindex = 7, .name = "x", .kind = "dummy", .group = PLAN_GROUP },
		  EXIT_UNDONE,
		  "link x of the target is in group" },
	};
	struct images *im = images_new(3);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct link_state links[] = { { .ifindex = 1, .name = "lo" }, cases[i].link };
		struct planned p;

		planned_init(&p);
		p.links = (struct link_list){ .links = links, .n = 2 };
		if (cases[i].status) {
			expect_error(&p.report, make(&p, im), cases[i].status, cases[i].part);
		} else {
			assert_int_equal(make(&p, im), 0);
			assert_int_equal(p.plan.steps[0].type == STEP_CLEAR,
					 cases[i].link.group == PLAN_GROUP);
		}
		planned_fini(&p);
	}
	free(im);
}

static void I4_what_cannot_be_restored(void **state)
{
	static char key[] = "net[1]";
	struct images *im = images_new(1);

	(void)state;
	im->devs[1].type = IMG__LINK_TYPE__VETH;
	expect_failure(im, EXIT_IMAGE, "veth mv0 does not say which its other end is");
	im->devs[1].type = IMG__LINK_TYPE__MACVLAN;
	im->devs[1].has_master = 1;
	im->devs[1].master = 77;
	expect_failure(im, EXIT_IMAGE, "mv0 has the link with index 77 as its master");
	im->netns.ext_key = key;
	expect_failure(im, EXIT_IMAGE, "external to the checkpoint");
	free(im);
}

static void I10_nsids(void **state)
{
	static const struct {
		uint32_t target[2];
		int32_t nsid[2];
		const char *part;
		int status;
	} cases[] = {
		{ { 2, 10 }, { 5, 5 }, "nsid 5", EXIT_IMAGE },
		{ { 2, 2 }, { 5, 6 }, "namespace 2", EXIT_IMAGE },
		{ { 2, 10 }, { 5, -1 }, "nsid -1 is negative", EXIT_IMAGE },
		{ { 2, 10 }, { INT32_MIN, 1 }, "negative", EXIT_IMAGE },
		{ { 2, 11 }, { 5, 6 }, "--netns 11=PATH", EXIT_USAGE_ },
		{ { 2, 0 }, { 5, 6 }, "namespace 0", EXIT_IMAGE },
		{ { 2, 10 }, { 0, INT32_MAX }, NULL, 0 },
	};
	struct images *im = images_new(1);
	Img__NetnsId ids[2], *pointers[] = { &ids[0], &ids[1] };

	(void)state;
	im->netns.n_nsids = 2;
	im->netns.nsids = pointers;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct planned p;

		for (size_t j = 0; j < 2; j++) {
			img__netns_id__init(&ids[j]);
			ids[j].target_ns_id = cases[i].target[j];
			ids[j].netnsid_value = cases[i].nsid[j];
		}
		planned_init(&p);
		if (cases[i].part)
			expect_error(&p.report, make(&p, im), cases[i].status, cases[i].part);
		else
			assert_int_equal(make(&p, im), 0);
		planned_fini(&p);
	}
	/* Without an inventory nothing is the host's, not even the id 0. */
	im->image.host_id = 0;
	expect_failure(im, EXIT_USAGE_, "namespace 2");
	ids[0].target_ns_id = 0;
	expect_failure(im, EXIT_IMAGE, "namespace 0");
	free(im);
}

/* The id of the dumper's namespace goes to where all the parents are. */
static void nsid_of_where_the_parents_are(void **state)
{
	static const struct {
		const char *parents[2];
		const char *netns;
	} cases[] = {
		{ { "par0", "par1" }, "" },
		{ { "blue/par0", "blue/par1" }, "blue" },
		{ { "blue/par0", "par0" }, "" },
		{ { "blue", "blue/par0" }, "" },
		{ { "blue/par0", "blue2/par0" }, "" },
		{ { "blue2/par0", "blue/par0" }, "" },
		{ { "a23456789012345/b23456789012345", "a23456789012345/x" }, "a23456789012345" },
	};
	struct images *im = images_new(2);
	Img__NetnsId id = IMG__NETNS_ID__INIT;
	Img__NetnsId *ids[] = { &id };

	(void)state;
	id.target_ns_id = 2;
	id.netnsid_value = 5;
	im->netns.n_nsids = 1;
	im->netns.nsids = ids;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct planned p;
		char key[64];

		planned_init(&p);
		externals_fini(&p.externals);
		for (size_t j = 0; j < 2; j++) {
			(void)snprintf(key, sizeof(key), "macvlan[mv%zu]:%s", j,
				       cases[i].parents[j]);
			assert_int_equal(externals_add(&p.externals, key, &p.report), 0);
		}
		assert_int_equal(make(&p, im), 0);
		assert_string_equal(p.plan.nsids[0].netns, cases[i].netns);
		assert_true(p.plan.needs_broker);
		planned_fini(&p);
	}
	free(im);
}

static void lists_of_one(void **state)
{
	Img__Sysctl value = IMG__SYSCTL__INIT;
	Img__Sysctl *list[] = { &value, &value };
	struct images *im = images_new(1);

	(void)state;
	value.type = IMG__SYSCTL_TYPE__CTL_32;
	im->netns.unix_conf = list;
	im->netns.n_unix_conf = 2;
	expect_failure(im, EXIT_IMAGE, "netns-10.img: record 1: unix_conf has 2 entries");
	im->netns.n_unix_conf = 0;
	im->netns.ipv4_sysctl = list;
	im->netns.n_ipv4_sysctl = 2;
	expect_failure(im, EXIT_IMAGE, "netns-10.img: record 1: ipv4_sysctl has 2 entries");
	free(im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_steps),
		cmocka_unit_test(nothing_but_lo),
		cmocka_unit_test(batches),
		cmocka_unit_test(batches_around_lo),
		cmocka_unit_test(spec_of_a_macvlan),
		cmocka_unit_test(I5_parents),
		cmocka_unit_test(I6_same_address),
		cmocka_unit_test(K5_what_the_target_has),
		cmocka_unit_test(I4_what_cannot_be_restored),
		cmocka_unit_test(I10_nsids),
		cmocka_unit_test(nsid_of_where_the_parents_are),
		cmocka_unit_test(lists_of_one),
	};

	return cmocka_run_group_tests_name("worker_plan", tests, NULL, NULL);
}
