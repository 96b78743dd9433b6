/*
 * Collecting the answers of rtnetlink dumps.
 *
 * May: rtnetlink over the socket it is given. Must not: know what a message says.
 */
#include "worker/dump_msgs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct collector {
	struct dump_msgs *msgs;
	uint16_t type;
	size_t header;
	dump_keep keep;
	void *data;
};

void dump_msgs_fini(struct dump_msgs *msgs)
{
	free(msgs->data);
	*msgs = (struct dump_msgs){ 0 };
}

static int collect(const struct nlmsghdr *nlh, void *data)
{
	const struct collector *c = data;
	struct dump_msgs *msgs = c->msgs;
	const size_t size = NLMSG_ALIGN(nlh->nlmsg_len);
	struct nlmsghdr *copy;

	if (nlh->nlmsg_type != c->type || mnl_nlmsg_get_payload_len(nlh) < c->header)
		return -EIO;
	if (c->keep && !c->keep(nlh, c->data))
		return 0;
	if (size > DUMP_MSGS_MAX - msgs->len)
		return -EFBIG;
	if (msgs->room - msgs->len < size) {
		size_t room = msgs->room ? msgs->room * 2 : 2 * (size_t)NL_BUFFER_SIZE;
		uint8_t *more = realloc(msgs->data, room);

		if (!more)
			return -ENOMEM;
		msgs->data = more;
		msgs->room = room;
	}
	memset(msgs->data + msgs->len, 0, size);
	memcpy(msgs->data + msgs->len, nlh, nlh->nlmsg_len);
	copy = (struct nlmsghdr *)(void *)(msgs->data + msgs->len);
	copy->nlmsg_seq = 0;
	copy->nlmsg_pid = 0;
	msgs->len += size;
	return 0;
}

int dump_msgs_get(struct nl_sock *nl, struct nlmsghdr *request, uint16_t type, size_t header,
		  dump_keep keep, void *data, struct dump_msgs *ret, char ret_text[NL_TEXT_MAX])
{
	enum {
		TRIES = 5
	}; /* of a dump that something changes under our hands */
	struct collector c = {
		.msgs = ret, .type = type, .header = header, .keep = keep, .data = data
	};
	const size_t before = ret->len;
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		ret->len = before;
		r = nl_talk(nl, request, collect, &c, ret_text);
	}
	if (r < 0)
		ret->len = before;
	return r;
}
