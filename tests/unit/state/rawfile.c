#include "tests/unit/state/rawfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"

static void put(struct rawfile *f, const void *bytes, size_t len)
{
	assert_true(len + 8 < sizeof(f->bytes) - f->len);
	if (len > 0)
		memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
	while (f->len % 4)
		f->bytes[f->len++] = 0;
	((struct nlmsghdr *)(void *)(f->bytes + f->first))->nlmsg_len =
		(uint32_t)(f->len - f->first);
}

void rawfile_begin(struct rawfile *f, uint16_t type, const void *header, size_t len)
{
	const struct nlmsghdr nlh = { .nlmsg_type = type, .nlmsg_flags = NLM_F_MULTI };

	f->first = f->len;
	put(f, &nlh, sizeof(nlh));
	put(f, header, len);
}

void rawfile_lie(struct rawfile *f, uint16_t type, const void *payload, size_t len, size_t claim)
{
	const struct nlattr attr = { .nla_type = type,
				     .nla_len = (uint16_t)(sizeof(attr) + claim) };

	put(f, &attr, sizeof(attr));
	put(f, payload, len);
}

void rawfile_attr(struct rawfile *f, uint16_t type, const void *payload, size_t len)
{
	rawfile_lie(f, type, payload, len, len);
}

void rawfile_u32(struct rawfile *f, uint16_t type, uint32_t value)
{
	rawfile_attr(f, type, &value, sizeof(value));
}

void rawfile_u8(struct rawfile *f, uint16_t type, uint8_t value)
{
	rawfile_attr(f, type, &value, sizeof(value));
}

void rawfile_take(const struct rawfile *f, struct image_raw *ret)
{
	*ret = (struct image_raw){ .name = "test.img", .len = f->len };
	ret->buf = malloc(f->len + (f->len == 0));
	assert_non_null(ret->buf);
	memcpy(ret->buf, f->bytes, f->len);
	for (size_t at = 0; at < f->len; ret->n++)
		at += ((const struct nlmsghdr *)(const void *)(f->bytes + at))->nlmsg_len;
}

int rawfile_load(const struct rawfile *f, uint32_t magic, size_t size, struct image_raw *ret,
		 struct report *report)
{
	char path[] = "/tmp/netcr-test-XXXXXX";
	int dir, fd, status;

	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	fd = openat(dir, "raw.img", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &magic, sizeof(magic)), sizeof(magic));
	assert_int_equal(write(fd, f->bytes, f->len), f->len);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	(void)close(fd);
	status = image_raw_load(dir, "raw.img", magic, ret, report);
	assert_int_equal(unlinkat(dir, "raw.img", 0), 0);
	assert_int_equal(rmdir(path), 0);
	(void)close(dir);
	return status;
}

static int decode_copy(const struct rawfile *f, rawfile_decode decode, char ret_text[1024])
{
	struct report report;
	struct image_raw raw;
	int status;

	assert_int_equal(report_init(&report, "test", /* json= */ true), 0);
	rawfile_take(f, &raw);
	status = decode(&raw, &report);
	assert_true(status == 0 || status == EXIT_IMAGE);
	assert_int_equal(report.status, status);
	(void)snprintf(ret_text, 1024, "%s", report.text);
	image_raw_fini(&raw);
	report_fini(&report);
	return status;
}

void rawfile_refuse(const struct rawfile *f, rawfile_decode decode, const char *words)
{
	char text[1024];

	assert_int_equal(decode_copy(f, decode, text), EXIT_IMAGE);
	if (!strstr(text, words) || !strstr(text, "test.img: record "))
		fail_msg("'%s' is not in '%s'", words, text);
}

void rawfile_accept(const struct rawfile *f, rawfile_decode decode)
{
	char text[1024];

	if (decode_copy(f, decode, text))
		fail_msg("%s", text);
}

static void spoil_length(const struct rawfile *f, uint32_t magic, rawfile_decode decode)
{
	for (size_t size = sizeof(magic); size <= sizeof(magic) + f->len; size++) {
		struct report report;
		struct image_raw raw;
		int status;

		assert_int_equal(report_init(&report, "test", /* json= */ true), 0);
		status = rawfile_load(f, magic, size, &raw, &report);
		/* One message: only none and all of it are whole. */
		if (size == sizeof(magic) || size == sizeof(magic) + f->len)
			assert_int_equal(status, 0);
		else
			assert_int_equal(status, EXIT_IMAGE);
		if (!status)
			status = decode(&raw, &report);
		assert_int_equal(report.status, status);
		image_raw_fini(&raw);
		report_fini(&report);
	}
}

/* The message ends early, and says so: its attributes have to notice. */
static void spoil_end(const struct rawfile *f, rawfile_decode decode)
{
	static struct rawfile copy;
	char text[1024];

	for (size_t len = sizeof(struct nlmsghdr); len < f->len; len++) {
		copy = *f;
		copy.len = len;
		((struct nlmsghdr *)(void *)copy.bytes)->nlmsg_len = (uint32_t)len;
		(void)decode_copy(&copy, decode, text);
	}
}

static void spoil_bits(const struct rawfile *f, rawfile_decode decode)
{
	static struct rawfile copy;
	char text[1024];

	copy = *f;
	/* The length of the message is the frame's, which was checked. */
	for (size_t bit = 8 * sizeof(uint32_t); bit < 8 * f->len; bit++) {
		copy.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		(void)decode_copy(&copy, decode, text);
		copy.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

void rawfile_spoil(const struct rawfile *f, uint32_t magic, rawfile_decode decode)
{
	spoil_length(f, magic, decode);
	spoil_end(f, decode);
	spoil_bits(f, decode);
}
