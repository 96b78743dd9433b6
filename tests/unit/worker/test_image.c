/*
 * Image files: each way in which one is not what it should be, with what is said of it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "criu/ids.pb-c.h"
#include "tests/lib/test.h"
#include "tests/unit/worker/place.h"
#include "worker/image.h"
#include "worker/image_check.h"
#include "worker/image_file.h"

#define MAGIC_COMMON UINT32_C(0x54564319)
#define MAGIC_NETDEV UINT32_C(0x57373951)
#define MAGIC_NETNS UINT32_C(0x55933752)
#define MAGIC_IDS UINT32_C(0x54432030)
#define MAGIC_INVENTORY UINT32_C(0x58313116)
#define NETDEV "netdev-10.img"
#define NETNS "netns-10.img"

enum {
	FILE_MAX = 64 * 1024
};

/* A file that is put together. */
struct file {
	size_t len;
	uint8_t bytes[FILE_MAX];
};

static void put_u32(struct file *f, uint32_t word)
{
	memcpy(f->bytes + f->len, &word, sizeof(word));
	f->len += sizeof(word);
}

static void begin(struct file *f, uint32_t magic)
{
	f->len = 0;
	if (magic != MAGIC_INVENTORY)
		put_u32(f, MAGIC_COMMON);
	put_u32(f, magic);
}

static void put_message(struct file *f, const ProtobufCMessage *msg)
{
	const size_t size = protobuf_c_message_get_packed_size(msg);

	put_u32(f, (uint32_t)size);
	f->len += protobuf_c_message_pack(msg, f->bytes + f->len);
}

/* A macvlan that is fine; its parts live as long as the next call. */
static Img__NetDevice *macvlan(const char *name, uint32_t ifindex)
{
	static uint8_t mac[6];
	static Img__NetDevice dev;
	static Img__Macvlan part;

	img__net_device__init(&dev);
	img__macvlan__init(&part);
	memcpy(mac, (const uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)ifindex }, sizeof(mac));
	part.mode = 4;
	dev.type = IMG__LINK_TYPE__MACVLAN;
	dev.ifindex = ifindex;
	dev.mtu = 1500;
	dev.name = (char *)(uintptr_t)name;
	dev.macvlan = &part;
	dev.has_address = 1;
	dev.address = (ProtobufCBinaryData){ .len = sizeof(mac), .data = mac };
	return &dev;
}

static void good_netns(struct file *f)
{
	Img__Netns ns = IMG__NETNS__INIT;

	begin(f, MAGIC_NETNS);
	put_message(f, &ns.base);
}

static void good_netdev(struct file *f)
{
	begin(f, MAGIC_NETDEV);
	put_message(f, &macvlan("mv0", 5)->base);
	put_message(f, &macvlan("mv1", 6)->base);
}

static int load(const struct place *place, uint32_t id, struct image_netns *image,
		struct report *report)
{
	int status = image_load(place->fd, id, image, report);

	return status ? status : image_check(image, report);
}

/* Load the place as it is, which must fail with @part in its text and own nothing. */
static void expect_bad(const struct place *place, const char *part)
{
	struct image_netns image = { 0 };
	struct report report;

	quiet_report(&report);
	expect_error(&report, load(place, 10, &image, &report), EXIT_IMAGE, part);
	image_fini(&image);
	report_fini(&report);
}

static void expect_good(const struct place *place, size_t n_links)
{
	struct image_netns image = { 0 };
	struct report report;

	quiet_report(&report);
	if (load(place, 10, &image, &report) != 0)
		fail_msg("%s", report.text);
	assert_int_equal(image.n_links, n_links);
	image_fini(&image);
	report_fini(&report);
}

static void put_place(struct place *place)
{
	struct file f;

	place_open(place);
	good_netns(&f);
	place_write(place, NETNS, f.bytes, f.len);
	good_netdev(&f);
	place_write(place, NETDEV, f.bytes, f.len);
}

static void good_images(void **state)
{
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	expect_good(&place, 2);
	begin(&f, MAGIC_NETDEV);
	place_write(&place, NETDEV, f.bytes, f.len);
	expect_good(&place, 0);
	place_close(&place);
}

static void I1_magic_numbers(void **state)
{
	static const struct {
		uint32_t first, second;
		const char *part;
	} cases[] = {
		{ 0, MAGIC_NETDEV, "magic number is 00000000" },
		{ MAGIC_COMMON, 0, "magic number is 00000000" },
		{ MAGIC_COMMON, MAGIC_NETNS, "magic number is 55933752 and not 57373951" },
		{ MAGIC_COMMON, MAGIC_COMMON, "magic number" },
		{ __builtin_bswap32(MAGIC_COMMON), 0, "other byte order" },
		{ MAGIC_COMMON, __builtin_bswap32(MAGIC_NETDEV), "other byte order" },
		{ MAGIC_INVENTORY, MAGIC_NETDEV, "magic number" },
	};
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f.len = 0;
		put_u32(&f, cases[i].first);
		put_u32(&f, cases[i].second);
		place_write(&place, NETDEV, f.bytes, f.len);
		expect_bad(&place, cases[i].part);
		expect_bad(&place, NETDEV ": ");
	}
	place_close(&place);
}

static void I1_I2_cut_off_at_every_byte(void **state)
{
	struct place place;
	char part[64];
	struct file f;
	size_t second;

	(void)state;
	put_place(&place);
	good_netdev(&f);
	second = 8 + 4 + img__net_device__get_packed_size(macvlan("mv0", 5));
	for (size_t len = 0; len < f.len; len++) {
		place_write(&place, NETDEV, f.bytes, len);
		if (len == 8 || len == second) {
			expect_good(&place, len == second);
			continue;
		}
		if (len < 8)
			(void)snprintf(part, sizeof(part), NETDEV ": ");
		else
			(void)snprintf(part, sizeof(part), NETDEV ": record %d: cut off",
				       1 + (len > second));
		expect_bad(&place, part);
		if (len > 8) {
			(void)snprintf(part, sizeof(part), "at offset %zu", len);
			expect_bad(&place, part);
		}
	}
	good_netns(&f);
	for (size_t len = 0; len < f.len; len++) {
		place_write(&place, NETNS, f.bytes, len);
		expect_bad(&place, NETNS ": ");
	}
	place_close(&place);
}

static void I2_sizes(void **state)
{
	static const uint32_t sizes[] = {
		0, 1, IMAGE_ENTRY_MAX, IMAGE_ENTRY_MAX + 1, INT32_MAX, UINT32_C(1) << 31, UINT32_MAX
	};
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin(&f, MAGIC_NETDEV);
		put_message(&f, &macvlan("mv0", 5)->base);
		put_u32(&f, sizes[i]);
		memset(f.bytes + f.len, 0, 1000);
		place_write(&place, NETDEV, f.bytes, f.len + 1000);
		expect_bad(&place, NETDEV ": record 2: ");
	}
	place_close(&place);
}

static void I2_entries_that_are_none(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t len;
		const char *part;
	} cases[] = {
		{ "", 0, "no entry of this kind" },
		{ "\0", 1, "no entry of this kind" },
		{ "\x08", 1, "no entry of this kind" },
		{ "\x08\x07", 2, "no entry of this kind" },
		{ "\x0b\x0c", 2, "no entry of this kind" },
		{ "\x2a\xff\xff\xff\xff\x0f", 6, "no entry of this kind" },
		/* type 7, index 5, MTU 1500, no flags, and a name of three bytes. */
		{ "\x08\x07\x10\x05\x18\xdc\x0b\x20\0\x2a\3a\0b", 14, "has a NUL" },
		{ "\x08\x07\x10\x05\x18\xdc\x0b\x20\0\x2a\1b\x2a\1c", 15, "comes twice" },
		{ "\x08\x07\x10\x05\x18\xdc\x0b\x20\x80\0\x2a\1b", 13, NULL },
	};
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(&f, MAGIC_NETDEV);
		put_u32(&f, cases[i].len);
		memcpy(f.bytes + f.len, cases[i].bytes, cases[i].len);
		place_write(&place, NETDEV, f.bytes, f.len + cases[i].len);
		expect_bad(&place, NETDEV ": record 1: ");
		if (cases[i].part)
			expect_bad(&place, cases[i].part);
	}
	place_close(&place);
}

static void I2_one_entry_and_no_more(void **state)
{
	Img__Netns ns = IMG__NETNS__INIT;
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	good_netns(&f);
	put_message(&f, &ns.base);
	place_write(&place, NETNS, f.bytes, f.len);
	expect_bad(&place, NETNS ": has more than its one entry");
	begin(&f, MAGIC_NETNS);
	place_write(&place, NETNS, f.bytes, f.len);
	expect_bad(&place, NETNS ": has no entry");
	place_close(&place);
}

/* As many as there may be, and one more. */
static void I3_number_of_records(void **state)
{
	enum {
		ONE = 64
	};
	const size_t most = IMAGE_LINKS_MAX;
	struct file *f = malloc((IMAGE_LINKS_MAX + 1) * ONE + sizeof(*f));
	struct place place;
	char name[16];

	(void)state;
	assert_non_null(f);
	put_place(&place);
	begin(f, MAGIC_NETDEV);
	for (size_t i = 0; i < most; i++) {
		(void)snprintf(name, sizeof(name), "mv%zu", i);
		put_message(f, &macvlan(name, (uint32_t)i + 2)->base);
	}
	place_write(&place, NETDEV, f->bytes, f->len);
	expect_good(&place, most);
	put_message(f, &macvlan("last", 50000)->base);
	place_write(&place, NETDEV, f->bytes, f->len);
	expect_bad(&place, NETDEV ": more than 8192 records");
	free(f);
	place_close(&place);
}

static void I3_size_of_the_file(void **state)
{
	Img__Netns ns = IMG__NETNS__INIT;
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	ns.ext_key = malloc(IMAGE_ENTRY_MAX - 8);
	assert_non_null(ns.ext_key);
	memset(ns.ext_key, 'x', IMAGE_ENTRY_MAX - 9);
	ns.ext_key[IMAGE_ENTRY_MAX - 9] = '\0';
	begin(&f, MAGIC_NETDEV);
	place_write(&place, NETDEV, f.bytes, f.len);
	for (int i = 0; i < 40; i++) {
		Img__NetDevice *dev = macvlan("mv0", 5);
		uint8_t *entry = malloc(IMAGE_ENTRY_MAX + 4);
		uint32_t size;
		FILE *file;

		assert_non_null(entry);
		dev->name = ns.ext_key;
		dev->has_address = 0;
		dev->macvlan = NULL;
		dev->mtu = 1;
		dev->name += 64;
		size = (uint32_t)img__net_device__pack(dev, entry);
		(void)snprintf((char *)f.bytes, FILE_MAX, "%s/" NETDEV, place.path);
		file = fopen((const char *)f.bytes, "ae");
		assert_non_null(file);
		assert_int_equal(fwrite(&size, sizeof(size), 1, file), 1);
		assert_int_equal(fwrite(entry, size, 1, file), 1);
		assert_int_equal(fclose(file), 0);
		free(entry);
	}
	expect_bad(&place, NETDEV ": record 33: it ends beyond");
	free(ns.ext_key);
	place_close(&place);
}

static void I8_files_that_are_none(void **state)
{
	static const char *const names[] = { NETDEV, NETNS };
	struct place place;
	char part[64];

	(void)state;
	put_place(&place);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(part, sizeof(part), "%s: ", names[i]);
		assert_int_equal(renameat(place.fd, names[i], place.fd, "good"), 0);
		expect_bad(&place, part);
		assert_int_equal(symlinkat("good", place.fd, names[i]), 0);
		expect_bad(&place, part);
		assert_int_equal(unlinkat(place.fd, names[i], 0), 0);
		assert_int_equal(mkfifoat(place.fd, names[i], 0600), 0);
		expect_bad(&place, "not a regular file");
		assert_int_equal(unlinkat(place.fd, names[i], 0), 0);
		assert_int_equal(mkdirat(place.fd, names[i], 0700), 0);
		expect_bad(&place, "not a regular file");
		assert_int_equal(unlinkat(place.fd, names[i], AT_REMOVEDIR), 0);
		assert_int_equal(renameat(place.fd, "good", place.fd, names[i]), 0);
		expect_good(&place, 2);
	}
	place_close(&place);
}

enum what {
	KIND,
	NAME,
	INDEX,
	MTU,
	MODE,
	FLAGS,
	NO_PART,
	NO_MAC,
	MAC_LENGTH,
	MULTICAST
};

static const struct {
	enum what what;
	uint32_t value;
	const char *name, *part;
} bad_values[] = {
	{ KIND, 0, "", "kind 0" },
	{ KIND, 9, "", "kind 9" },
	{ NAME, 0, "", "not a name" },
	{ NAME, 0, "a/b", "not a name" },
	{ NAME, 0, "all", "not a name" },
	{ NAME, 0, "mv%d", "not a name" },
	{ NAME, 0, "1234567890123456", "not a name" },
	{ NAME, 0, "mv0", "record 1" },
	{ INDEX, 0, "", "index 0" },
	{ INDEX, 5, "", "index 5" },
	{ INDEX, UINT32_C(1) << 31, "", "index 2147483648" },
	{ MTU, 67, "", "MTU of 67" },
	{ MTU, 65536, "", "MTU of 65536" },
	{ MODE, 0, "", "mode 0" },
	{ MODE, 3, "", "mode 3" },
	{ MODE, 32, "", "mode 32" },
	{ FLAGS, 4, "", "flags 0x4" },
	{ FLAGS, 0x10000, "", "flags 0x10000" },
	{ NO_PART, 0, "", "no macvlan part" },
	{ NO_MAC, 0, "", "no unicast address" },
	{ MAC_LENGTH, 5, "", "no unicast address" },
	{ MAC_LENGTH, 0, "", "no unicast address" },
	{ MULTICAST, 3, "", "no unicast address" },
};

static void I4_I6_I7_values(void **state)
{
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++) {
		const uint32_t value = bad_values[i].value;
		Img__NetDevice *dev;

		begin(&f, MAGIC_NETDEV);
		put_message(&f, &macvlan("mv0", 5)->base);
		dev = macvlan(bad_values[i].what == NAME ? bad_values[i].name : "mv1", 6);
		dev->type = bad_values[i].what == KIND ? (Img__LinkType)value : dev->type;
		dev->ifindex = bad_values[i].what == INDEX ? value : dev->ifindex;
		dev->mtu = bad_values[i].what == MTU ? value : dev->mtu;
		dev->macvlan->mode = bad_values[i].what == MODE ? value : dev->macvlan->mode;
		dev->macvlan->has_flags = bad_values[i].what == FLAGS;
		dev->macvlan->flags = value;
		dev->macvlan = bad_values[i].what == NO_PART ? NULL : dev->macvlan;
		dev->has_address = bad_values[i].what != NO_MAC;
		dev->address.len = bad_values[i].what == MAC_LENGTH ? value : dev->address.len;
		dev->address.data[0] = bad_values[i].what == MULTICAST ? 3 : 2;
		put_message(&f, &dev->base);
		place_write(&place, NETDEV, f.bytes, f.len);
		expect_bad(&place, NETDEV ": record 2: ");
		expect_bad(&place, bad_values[i].part);
	}
	place_close(&place);
}

static void I9_unknown_fields(void **state)
{
	struct image_netns image = { 0 };
	struct report report;
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	begin(&f, MAGIC_NETDEV);
	put_message(&f, &macvlan("mv0", 5)->base);
	memcpy(f.bytes + f.len, "\xf8\x7f\x01", 3);
	f.len += 3;
	f.bytes[8] = (uint8_t)(f.bytes[8] + 3);
	place_write(&place, NETDEV, f.bytes, f.len);
	quiet_report(&report);
	assert_int_equal(load(&place, 10, &image, &report), 0);
	assert_int_equal(count_warnings(&report), 1);
	assert_non_null(strstr(json_string_value(json_array_get(report.warnings, 0)),
			       NETDEV ": record 1: 1 field"));
	image_fini(&image);
	report_fini(&report);
	place_close(&place);
}

static void which_namespace(void **state)
{
	Img__TaskIds ids = IMG__TASK_IDS__INIT;
	struct image_netns image = { 0 };
	struct report report;
	struct place place;
	struct file f;

	(void)state;
	put_place(&place);
	quiet_report(&report);
	assert_int_equal(load(&place, 0, &image, &report), 0);
	assert_int_equal(image.id, 10);
	image_fini(&image);
	good_netns(&f);
	place_write(&place, "netns-7.img", f.bytes, f.len);
	expect_error(&report, load(&place, 0, &image, &report), EXIT_IMAGE, "ids-1.img: ");
	begin(&f, MAGIC_IDS);
	put_message(&f, &ids.base);
	place_write(&place, "ids-1.img", f.bytes, f.len);
	expect_error(&report, load(&place, 0, &image, &report), EXIT_IMAGE, "--ns-id");
	ids.has_net_ns_id = 1;
	ids.net_ns_id = 10;
	begin(&f, MAGIC_IDS);
	put_message(&f, &ids.base);
	place_write(&place, "ids-1.img", f.bytes, f.len);
	assert_int_equal(load(&place, 0, &image, &report), 0);
	assert_int_equal(image.id, 10);
	image_fini(&image);
	expect_error(&report, load(&place, 7, &image, &report), EXIT_IMAGE, "netdev-7.img: ");
	report_fini(&report);
	place_close(&place);
}

static void names_of_files(void **state)
{
	static const char *const others[] = {
		"netns-.img", "netns-0.img",  "netns-010.img",        "netns-1.imgx",
		"netns-1",    "netns--1.img", "netns-4294967296.img", "xnetns-1.img"
	};
	uint32_t ids[IMAGE_NETNS_MAX];
	struct report report;
	struct place place;
	size_t n;

	(void)state;
	place_open(&place);
	quiet_report(&report);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		place_write_text(&place, others[i], "");
	expect_error(&report, image_list(place.fd, ids, &n, &report), EXIT_IMAGE,
		     "no netns-ID.img");
	place_write_text(&place, "netns-4294967295.img", "");
	place_write_text(&place, "netns-2.img", "");
	place_write_text(&place, "netns-10.img", "");
	assert_int_equal(image_list(place.fd, ids, &n, &report), 0);
	assert_int_equal(n, 3);
	assert_true(ids[0] == 2 && ids[1] == 10 && ids[2] == UINT32_MAX);
	report_fini(&report);
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_images),
		cmocka_unit_test(I1_magic_numbers),
		cmocka_unit_test(I1_I2_cut_off_at_every_byte),
		cmocka_unit_test(I2_sizes),
		cmocka_unit_test(I2_entries_that_are_none),
		cmocka_unit_test(I2_one_entry_and_no_more),
		cmocka_unit_test(I3_number_of_records),
		cmocka_unit_test(I3_size_of_the_file),
		cmocka_unit_test(I8_files_that_are_none),
		cmocka_unit_test(I4_I6_I7_values),
		cmocka_unit_test(I9_unknown_fields),
		cmocka_unit_test(which_namespace),
		cmocka_unit_test(names_of_files),
	};

	return cmocka_run_group_tests_name("worker_image", tests, NULL, NULL);
}
