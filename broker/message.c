/*
 * protobuf-c under conditions that it does not set itself: no heap, and only one way to write
 * a message.
 *
 * protobuf-c takes the last of repeated singular fields, cuts strings at a NUL, accepts
 * overlong numbers and keeps unknown fields. All of that shows when the decoded message is
 * packed again and compared with what came in; so that is what is done, byte by byte and
 * without a second buffer. Unknown fields survive packing: their count is checked.
 *
 * May: compute, and send the reply. Must not: act on a message, or allocate.
 */
#include "broker/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "broker/ops.h"
#include "broker/session.h"
#include "common/cleanup.h"
#include "common/wire.h"

/* A message of WIRE_MAX bytes that keeps to the limits needs less than twice its size. */
enum {
	ARENA_SIZE = 3 * WIRE_MAX
};

static union {
	max_align_t align;
	uint8_t bytes[ARENA_SIZE];
} arena;
static size_t arena_used;

static void *arena_alloc(void *data, size_t size)
{
	const size_t align = sizeof(max_align_t);
	void *p;

	(void)data;
	if (size > ARENA_SIZE - arena_used)
		return NULL;
	p = &arena.bytes[arena_used];
	size = (size + align - 1) & ~(align - 1);
	arena_used = size > ARENA_SIZE - arena_used ? ARENA_SIZE : arena_used + size;
	return p;
}

static void arena_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

static ProtobufCAllocator arena_allocator = { .alloc = arena_alloc, .free = arena_free };

/* A protobuf-c buffer that keeps nothing, but compares what is written with what came in. */
struct comparer {
	ProtobufCBuffer base;
	const uint8_t *expected;
	size_t left;
	bool differs;
};

static void compare_append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
	struct comparer *c = (struct comparer *)(void *)base;

	/* An empty bytes field has no address, which memcmp() must not be given. */
	if (len == 0)
		return;
	if (c->differs || len > c->left || memcmp(c->expected, data, len) != 0) {
		c->differs = true;
		return;
	}
	c->expected += len;
	c->left -= len;
}

static bool is_canonical(const Netcr__Request *req, const uint8_t *buf, size_t len)
{
	struct comparer c = { .base = { .append = compare_append }, .expected = buf, .left = len };

	if (req->base.n_unknown_fields)
		return false;
	(void)netcr__request__pack_to_buffer(req, &c.base);
	return !c.differs && c.left == 0;
}

const Netcr__Request *message_decode(const uint8_t *buf, size_t len)
{
	const Netcr__Request *req;

	arena_used = 0;
	req = netcr__request__unpack(&arena_allocator, len, buf);
	return req && is_canonical(req, buf, len) ? req : NULL;
}

static void fill_hello(const struct session *s, const struct reply *reply, Netcr__HelloReply *ret)
{
	static char release[] = NETCR_VERSION;

	netcr__hello_reply__init(ret);
	ret->version = reply->version;
	ret->uid = s->caller.uid;
	ret->max_links = OP_LINKS_MAX;
	ret->max_datagram = WIRE_MAX;
	ret->landlock_abi = (uint32_t)s->landlock_abi;
	ret->netns_id = s->self.has_ns_id;
	ret->release = release;
}

static void fill_links(struct reply *reply, Netcr__LinkCreateReply *ret)
{
	static Netcr__LinkResult results[OP_LINKS_MAX];
	static Netcr__LinkResult *pointers[OP_LINKS_MAX];

	netcr__link_create_reply__init(ret);
	for (size_t i = 0; i < reply->n_results; i++) {
		netcr__link_result__init(&results[i]);
		results[i].error = reply->results[i].error;
		results[i].ifindex = reply->results[i].ifindex;
		results[i].message = reply->results[i].text[0] ? reply->results[i].text : NULL;
		pointers[i] = &results[i];
	}
	ret->n_results = reply->n_results;
	ret->results = pointers;
}

static void fill_quota(struct reply *reply, Netcr__QuotaReply *ret)
{
	static Netcr__ParentUse uses[OP_USES_MAX];
	static Netcr__ParentUse *pointers[OP_USES_MAX];

	netcr__quota_reply__init(ret);
	for (size_t i = 0; i < reply->n_uses; i++) {
		netcr__parent_use__init(&uses[i]);
		uses[i].parent = reply->uses[i].parent;
		uses[i].used = reply->uses[i].used;
		uses[i].limit = reply->uses[i].limit;
		uses[i].limit_per_netns = reply->uses[i].limit_per_netns;
		pointers[i] = &uses[i];
	}
	ret->n_parents = reply->n_uses;
	ret->parents = pointers;
	ret->more = reply->more;
}

int message_reply(const struct session *s, const Netcr__Request *req, int error,
		  struct reply *reply, int timeout_ms)
{
	static uint8_t buf[WIRE_MAX];
	Netcr__Reply msg = NETCR__REPLY__INIT;
	Netcr__HelloReply hello;
	Netcr__NsidAllocReply nsid = NETCR__NSID_ALLOC_REPLY__INIT;
	Netcr__LinkCreateReply links;
	Netcr__QuotaReply quota;

	msg.id = req->id;
	msg.error = (uint32_t)-error;
	msg.message = reply->text[0] ? reply->text : NULL;
	if (req->op_case == NETCR__REQUEST__OP_HELLO && error == 0) {
		fill_hello(s, reply, &hello);
		msg.result_case = NETCR__REPLY__RESULT_HELLO;
		msg.hello = &hello;
	} else if (req->op_case == NETCR__REQUEST__OP_NSID_ALLOC && error == 0) {
		nsid.nsid = reply->nsid;
		msg.result_case = NETCR__REPLY__RESULT_NSID_ALLOC;
		msg.nsid_alloc = &nsid;
	} else if (req->op_case == NETCR__REQUEST__OP_LINK_CREATE && reply->n_results > 0) {
		fill_links(reply, &links);
		msg.result_case = NETCR__REPLY__RESULT_LINK_CREATE;
		msg.link_create = &links;
	} else if (req->op_case == NETCR__REQUEST__OP_QUOTA && error == 0) {
		fill_quota(reply, &quota);
		msg.result_case = NETCR__REPLY__RESULT_QUOTA;
		msg.quota = &quota;
	}
	if (netcr__reply__get_packed_size(&msg) > sizeof(buf))
		return -EMSGSIZE;
	return wire_send(s->sock, buf, netcr__reply__pack(&msg, buf), NULL, 0, timeout_ms);
}
