/*
 * Dumps that are kept whole, and requests in numbers.
 *
 * May: rtnetlink over the socket it is given. Must not: know what a message says.
 */
#include "worker/nl_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/rtnetlink.h>

#include "worker/image_raw.h"

enum {
	BATCH_BYTES = 32 * 1024,
	DUMP_TRIES = 200, /* of a dump that something changes under our hands */
	DUMP_AT_ONCE = 5, /* of these */
};

struct collector {
	struct image_raw *raw;
	size_t room;
};

static int collect(const struct nlmsghdr *nlh, void *data)
{
	struct collector *c = data;
	const size_t len = NLMSG_ALIGN((size_t)nlh->nlmsg_len);

	if (len > c->room - c->raw->len) {
		const size_t room = c->room * 2 + len + NL_BUFFER_SIZE;
		uint8_t *more = realloc(c->raw->buf, room);

		if (!more)
			return -ENOMEM;
		c->raw->buf = more;
		c->room = room;
	}
	memset(c->raw->buf + c->raw->len, 0, len);
	memcpy(c->raw->buf + c->raw->len, nlh, nlh->nlmsg_len);
	c->raw->len += len;
	c->raw->n++;
	return 0;
}

int nl_dump(struct nl_sock *nl, uint16_t type, size_t header, uint8_t family, struct image_raw *ret)
{
	struct collector c = { .raw = ret };
	char text[NL_TEXT_MAX];
	int r = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && r == -EAGAIN; i++) {
		/* Where hundreds of links came up, the kernel's own probing changes addresses for a
		 * second or two. */
		static const struct timespec pause = { .tv_nsec = 20 * 1000000L };
		union {
			struct nlmsghdr align;
			uint8_t bytes[64];
		} request = { 0 };
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(request.bytes);

		if (i >= DUMP_AT_ONCE)
			(void)nanosleep(&pause, NULL);
		nlh->nlmsg_type = type;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		*(uint8_t *)mnl_nlmsg_put_extra_header(nlh, header) = family;
		ret->len = 0;
		ret->n = 0;
		r = nl_talk(nl, nlh, collect, &c, text);
	}
	return r;
}

/* --- many requests --- */

int nl_batch_init(struct nl_batch *batch, struct nl_sock *nl)
{
	*batch = (struct nl_batch){ .nl = nl, .buf = malloc(BATCH_BYTES) };
	return batch->buf ? 0 : -ENOMEM;
}

void nl_batch_fini(struct nl_batch *batch)
{
	free(batch->buf);
	batch->buf = NULL;
}

/* Requests come in fours: to make, delete, get and set (linux/rtnetlink.h). */
static bool is_delete(uint16_t type)
{
	return type % 4 == RTM_DELLINK % 4;
}

static void set_mark(struct nl_batch *batch, size_t i, uint8_t value)
{
	if (batch->marks[i])
		*batch->marks[i] = value;
}

static void judge(size_t i, int error, const char *text, void *data)
{
	struct nl_batch *batch = data;
	const bool ignored = error && (error == batch->ignored[0] || error == batch->ignored[1]);

	if (ignored || batch->deletes[i])
		set_mark(batch, i, error == 0);
	if (error == 0 || ignored || batch->tries || batch->failure.error)
		return;
	batch->failure.error = error;
	batch->failure.i = batch->numbers[i];
	memcpy(batch->failure.text, text, sizeof(batch->failure.text));
}

static int send_all(struct nl_batch *batch, void *buf)
{
	int r = 0;

	for (size_t i = 0; !batch->failure.error && i < batch->n; i++)
		set_mark(batch, i, !batch->deletes[i]);
	if (batch->n > 0 && !batch->failure.error)
		r = nl_talk_each(batch->nl, buf, batch->len, batch->n, judge, batch);
	/* Without an answer nobody knows which it was: the first one that was sent is named. */
	if (r < 0 && !batch->failure.error)
		batch->failure = (struct nl_failure){ .error = r, .i = batch->numbers[0] };
	batch->len = 0;
	batch->n = 0;
	return batch->failure.error;
}

int nl_batch_flush(struct nl_batch *batch)
{
	return send_all(batch, batch->buf);
}

static void note(struct nl_batch *batch, size_t i, uint16_t type, size_t number)
{
	batch->numbers[i] = number;
	batch->deletes[i] = is_delete(type);
	batch->marks[i] = batch->mark;
	batch->mark = NULL;
}

/* One that is too long for the buffer goes by itself. */
static int send_long(struct nl_batch *batch, const struct nlmsghdr *from, uint16_t type,
		     uint16_t flags, size_t number)
{
	struct nlmsghdr *nlh = malloc(from->nlmsg_len);
	int r;

	if (!nlh) {
		batch->failure = (struct nl_failure){ .error = -ENOMEM, .i = number };
		return -ENOMEM;
	}
	memcpy(nlh, from, from->nlmsg_len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	note(batch, 0, type, number);
	batch->len = from->nlmsg_len;
	batch->n = 1;
	r = send_all(batch, nlh);
	free(nlh);
	return r;
}

int nl_batch_add(struct nl_batch *batch, const struct nlmsghdr *nlh, uint16_t type, uint16_t flags,
		 size_t number)
{
	const size_t len = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	struct nlmsghdr *to;

	if (batch->n == NL_BATCH_MAX || len > BATCH_BYTES - batch->len)
		(void)nl_batch_flush(batch);
	if (batch->failure.error)
		return batch->failure.error;
	if (len > BATCH_BYTES)
		return send_long(batch, nlh, type, flags, number);
	to = (struct nlmsghdr *)(void *)(batch->buf + batch->len);
	memset((uint8_t *)to + len - NLMSG_ALIGNTO, 0, NLMSG_ALIGNTO);
	memcpy(to, nlh, nlh->nlmsg_len);
	to->nlmsg_type = type;
	to->nlmsg_flags = NLM_F_REQUEST | flags;
	note(batch, batch->n++, type, number);
	batch->len += len;
	return 0;
}
