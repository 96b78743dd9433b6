/*
 * Image files: their exact bytes, and that a set comes to disk whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "criu/ids.pb-c.h"
#include "tests/lib/test.h"
#include "worker/image_write.h"
#include "worker/report.h"

static char top[] = "/tmp/netcr-image-write-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(top);
}

#define assert_bytes(out, ...)                                              \
	do {                                                                \
		const uint8_t should_[] = { __VA_ARGS__ };                  \
		assert_int_equal((out)->len, sizeof(should_));              \
		assert_memory_equal((out)->data, should_, sizeof(should_)); \
	} while (0)

static void words_and_bytes(void **state)
{
	struct image_out out = { 0 };

	(void)state;
	assert_int_equal(image_out_word(&out, IMAGE_MAGIC_COMMON), 0);
	assert_int_equal(image_out_word(&out, IMAGE_MAGIC_NETDEV), 0);
	assert_int_equal(image_out_bytes(&out, NULL, 0), 0);
	assert_int_equal(image_out_bytes(&out, "ab", 2), 0);
	assert_bytes(&out, 0x19, 0x43, 0x56, 0x54, 0x51, 0x39, 0x37, 0x57, 'a', 'b');
	image_out_fini(&out);
	assert_null(out.data);
	assert_int_equal(out.len, 0);
}

static void many_bytes(void **state)
{
	struct image_out out = { 0 };
	uint8_t block[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		memset(block, (int)i, sizeof(block));
		assert_int_equal(image_out_bytes(&out, block, sizeof(block)), 0);
	}
	assert_int_equal(out.len, 1000000);
	for (size_t i = 0; i < out.len; i += 997)
		assert_int_equal(out.data[i], (uint8_t)(i / 1000));
	image_out_fini(&out);
}

/* A macvlan as CRIU writes it: fields in the order of their numbers, and no flags where there
 * are none. */
static void a_link(void **state)
{
	struct image_out out = { 0 };
	Img__NetDevice dev = IMG__NET_DEVICE__INIT;
	Img__Macvlan macvlan = IMG__MACVLAN__INIT;
	Img__Sysctl four = IMG__SYSCTL__INIT, six = IMG__SYSCTL__INIT;
	Img__Sysctl *fours[] = { &four }, *sixes[] = { &six };
	uint8_t mac[] = { 2, 0, 0, 0, 0, 7 };

	(void)state;
	four.type = IMG__SYSCTL_TYPE__CTL_32;
	four.has_iarg = 1;
	four.iarg = -1;
	six.type = IMG__SYSCTL_TYPE__CTL_STR;
	macvlan.mode = 4;
	dev.type = IMG__LINK_TYPE__MACVLAN;
	dev.ifindex = 1001;
	dev.mtu = 1500;
	dev.flags = 0x11043;
	dev.name = (char[]){ "mv1" };
	dev.has_address = 1;
	dev.address = (ProtobufCBinaryData){ .len = sizeof(mac), .data = mac };
	dev.conf4 = fours;
	dev.conf6 = sixes;
	dev.n_conf4 = dev.n_conf6 = 1;
	dev.macvlan = &macvlan;
	dev.has_peer_ifindex = 1;
	dev.peer_ifindex = 2;
	assert_int_equal(image_out_entry(&out, &dev.base), 0);
	assert_bytes(&out, 0x32, 0, 0, 0, /* size */
		     0x08, 7, 0x10, 0xe9, 0x07, 0x18, 0xdc, 0x0b, 0x20, 0xc3, 0xa0, 0x04, 0x2a, 3,
		     'm', 'v', '1', 0x3a, 6, 2, 0, 0, 0, 0, 7, /* address */
		     0x4a, 13, 0x08, 6, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		     1,                /* conf4: -1 */
		     0x52, 2, 0x08, 5, /* conf6: a text that is not there */
		     0x5a, 2, 0x08, 4, 0x60, 2);
	image_out_fini(&out);
	/* With flags, and with their presence. */
	macvlan.has_flags = 1;
	macvlan.flags = 1;
	dev.n_conf4 = dev.n_conf6 = 0;
	assert_int_equal(image_out_entry(&out, &dev.base), 0);
	assert_memory_equal(out.data + out.len - 8,
			    ((uint8_t[]){ 0x5a, 4, 8, 4, 0x10, 1, 0x60, 2 }), 8);
	image_out_fini(&out);
}

static void a_namespace(void **state)
{
	struct image_out out = { 0 };
	Img__Netns netns = IMG__NETNS__INIT;
	Img__NetnsId id = IMG__NETNS_ID__INIT, *ids[] = { &id };
	Img__Sysctl range = IMG__SYSCTL__INIT, *ranges[] = { &range };

	(void)state;
	id.target_ns_id = 10;
	id.netnsid_value = 3;
	netns.nsids = ids;
	netns.n_nsids = 1;
	range.type = IMG__SYSCTL_TYPE__CTL_STR;
	range.sarg = (char[]){ "0\t9\n" };
	netns.ipv4_sysctl = ranges;
	netns.n_ipv4_sysctl = 1;
	assert_int_equal(image_out_entry(&out, &netns.base), 0);
	assert_bytes(&out, 16, 0, 0, 0, 0x3a, 4, 8, 10, 0x10, 3, 0x52, 8, 8, 5, 0x1a, 4, '0', '\t',
		     '9', '\n');
	image_out_fini(&out);
}

static void an_empty_entry(void **state)
{
	struct image_out out = { 0 };
	Img__TaskIds ids = IMG__TASK_IDS__INIT;

	(void)state;
	assert_int_equal(image_out_entry(&out, &ids.base), 0);
	assert_bytes(&out, 0, 0, 0, 0);
	image_out_fini(&out);
}

/* --- on disk --- */

static size_t count_files(void)
{
	char command[64];
	size_t n = 0;
	FILE *list;

	(void)snprintf(command, sizeof(command), "ls -A %s", top);
	list = popen(command, "r"); /* NOLINT(cert-env33-c): in a test */
	assert_non_null(list);
	for (int c = getc(list); c != EOF; c = getc(list))
		n += c == '\n';
	assert_int_equal(pclose(list), 0);
	return n;
}

struct set {
	struct image_out files[3];
	struct report report;
	int dir;
};

static void set_init(struct set *set)
{
	*set = (struct set){ .dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	assert_true(set->dir >= 0);
	assert_int_equal(report_init(&set->report, "dump", true), 0);
	for (size_t i = 0; i < ARRAY_SIZE(set->files); i++) {
		(void)snprintf(set->files[i].name, sizeof(set->files[i].name), "f%zu.img", i);
		assert_int_equal(image_out_word(&set->files[i], (uint32_t)i), 0);
	}
}

static void set_fini(struct set *set)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->files); i++) {
		image_out_fini(&set->files[i]);
		(void)unlinkat(set->dir, set->files[i].name, 0);
	}
	fd_closep(&set->dir);
	report_fini(&set->report);
	assert_int_equal(count_files(), 0);
}

static void all_of_them(void **state)
{
	struct set set;
	struct stat st;

	(void)state;
	set_init(&set);
	assert_int_equal(image_write_check(set.dir, set.files, 3, &set.report), 0);
	assert_int_equal(image_write(set.dir, set.files, 3, &set.report), 0);
	assert_int_equal(count_files(), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fstatat(set.dir, set.files[i].name, &st, 0), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_size, 4);
	}
	assert_int_equal(image_write_check(set.dir, set.files, 3, &set.report), EXIT_UNDONE);
	assert_non_null(strstr(set.report.text, "f0.img"));
	set_fini(&set);
}

/* A file that comes up in the meantime, even a link to nowhere, is not replaced, and what was
 * made is removed, also what had its name already. */
static void none_of_them(void **state)
{
	struct set set;
	struct stat st;

	(void)state;
	set_init(&set);
	assert_int_equal(symlinkat("nowhere", set.dir, "f2.img"), 0);
	assert_int_equal(image_write(set.dir, set.files, 3, &set.report), EXIT_UNDONE);
	assert_int_equal(count_files(), 1);
	assert_int_equal(fstatat(set.dir, "f2.img", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(image_write_check(set.dir, set.files, 3, &set.report), EXIT_UNDONE);
	set_fini(&set);
}

static void a_name_in_the_way(void **state)
{
	struct set set;
	char name[64];

	(void)state;
	set_init(&set);
	(void)snprintf(name, sizeof(name), ".f1.img.%d", (int)getpid());
	assert_int_equal(mkdirat(set.dir, name, 0700), 0);
	assert_int_equal(image_write(set.dir, set.files, 3, &set.report), EXIT_UNDONE);
	assert_int_equal(count_files(), 1);
	assert_int_equal(unlinkat(set.dir, name, AT_REMOVEDIR), 0);
	set_fini(&set);
}

static int interrupted(void *arg)
{
	struct set *set = arg;

	/* Pending when the writing begins, and let in when it is over. */
	CHECK(sigprocmask(SIG_BLOCK, &(sigset_t){ { 1UL << (SIGTERM - 1) } }, NULL) == 0);
	CHECK(raise(SIGTERM) == 0);
	CHECK(image_write(set->dir, set->files, 3, &set->report) == EXIT_UNDONE);
	CHECK(strstr(set->report.text, "SIGTERM"));
	return CHILD_OK;
}

static void a_signal(void **state)
{
	struct set set;

	(void)state;
	set_init(&set);
	child_must_pass(interrupted, &set);
	assert_int_equal(count_files(), 0);
	set_fini(&set);
}

static int on_full_disk(void *arg)
{
	struct set *set = arg;
	struct rlimit limit = { .rlim_cur = 3, .rlim_max = RLIM_INFINITY };

	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(image_write(set->dir, set->files, 3, &set->report) == EXIT_UNDONE);
	CHECK(strstr(set->report.text, "f0.img"));
	return CHILD_OK;
}

static void a_short_write(void **state)
{
	struct set set;

	(void)state;
	set_init(&set);
	child_must_pass(on_full_disk, &set);
	assert_int_equal(count_files(), 0);
	set_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_bytes), cmocka_unit_test(many_bytes),
		cmocka_unit_test(a_link),          cmocka_unit_test(a_namespace),
		cmocka_unit_test(an_empty_entry),  cmocka_unit_test(all_of_them),
		cmocka_unit_test(none_of_them),    cmocka_unit_test(a_name_in_the_way),
		cmocka_unit_test(a_signal),        cmocka_unit_test(a_short_write),
	};

	return cmocka_run_group_tests_name("image_write", tests, setup, teardown);
}
