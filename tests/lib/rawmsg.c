/*
 * Netlink messages without libmnl, which would not write a wrong one.
 */
#include "tests/lib/rawmsg.h"

#include <string.h>

#include "tests/lib/test.h"

void rawmsg_begin(struct rawmsg *m)
{
	*m = (struct rawmsg){ .len = sizeof(struct nlmsghdr) + sizeof(struct ifinfomsg) };
	m->nlh.nlmsg_type = RTM_NEWLINK;
	m->nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
}

void rawmsg_raw(struct rawmsg *m, const void *data, size_t len)
{
	assert_true(len <= sizeof(m->buf) - m->len);
	if (len)
		memcpy(m->buf + m->len, data, len);
	m->len += len;
}

void rawmsg_put(struct rawmsg *m, uint16_t type, const void *data, size_t len)
{
	static const uint8_t zero[4];
	struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + len), .nla_type = type };

	rawmsg_raw(m, &head, sizeof(head));
	rawmsg_raw(m, data, len);
	rawmsg_raw(m, zero, -len & 3);
}

void rawmsg_put_u32(struct rawmsg *m, uint16_t type, uint32_t value)
{
	rawmsg_put(m, type, &value, sizeof(value));
}

size_t rawmsg_nest(struct rawmsg *m, uint16_t type)
{
	size_t nest = m->len;

	rawmsg_put(m, type, NULL, 0);
	return nest;
}

void rawmsg_nest_end(struct rawmsg *m, size_t nest)
{
	uint16_t len = (uint16_t)(m->len - nest);

	memcpy(m->buf + nest + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

void rawmsg_finish(struct rawmsg *m)
{
	m->nlh.nlmsg_len = (uint32_t)m->len;
}
