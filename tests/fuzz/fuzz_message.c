/*
 * message_decode() of any bytes, and what the ops make of what it accepts. An accepted message
 * must be what packing it gives, and each op's decode must keep to its contract.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/dispatch.h"
#include "broker/message.h"
#include "common/check.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/spec.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_links(const struct op_args *args, const struct reply *reply, int r)
{
	must(args->link_create.n <= OP_LINKS_MAX && reply->n_results <= OP_LINKS_MAX);
	for (size_t i = 0; i < args->link_create.n; i++) {
		must(check_ifname(args->link_create.links[i].parent) == 0);
		must(check_ifname(args->link_create.links[i].spec.name) == 0);
		must(args->link_create.links[i].parent_ifindex == 0);
	}
	if (r == 0)
		must(args->link_create.n > 0 && args->link_create.n == reply->n_results);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t packed[WIRE_MAX];
	static struct op_args args;
	static struct reply reply;
	const Netcr__Request *req;
	const struct op *ops;
	size_t n_ops, nr;
	int r;

	if (size > WIRE_MAX)
		return 0;
	req = message_decode(data, size);
	if (!req)
		return 0;
	must(req->base.n_unknown_fields == 0);
	must(netcr__request__get_packed_size(req) == size);
	must(netcr__request__pack(req, packed) == size && memcmp(packed, data, size) == 0);

	ops = dispatch_ops(&n_ops);
	nr = (size_t)req->op_case;
	must(nr < n_ops);
	if (!ops[nr].decode)
		return 0;
	reply = (struct reply){ 0 };
	args.link_create.n = 0;
	r = ops[nr].decode(req, &args, &reply);
	must(r <= 0);
	must(memchr(reply.text, '\0', sizeof(reply.text)) != NULL);
	if (req->op_case == NETCR__REQUEST__OP_LINK_CREATE && r != -EBADMSG)
		check_links(&args, &reply, r);
	return 0;
}

static size_t pack_links(uint8_t *buf, size_t n, bool full)
{
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[LINK_MSG_MAX];
	} newlink = { 0 };
	static char parent[] = "eth0";
	Netcr__Link link = NETCR__LINK__INIT, *links[3] = { &link, &link, &link };
	Netcr__LinkCreate create = NETCR__LINK_CREATE__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	struct link_spec spec = full ? spec_full() : spec_minimal();
	int r = link_msg_encode(&spec, NULL, newlink.bytes, sizeof(newlink));

	must(r > 0 && n <= 3);
	link.parent = parent;
	link.newlink.data = newlink.bytes;
	link.newlink.len = (size_t)r;
	create.n_links = n;
	create.links = links;
	req.id = 3;
	req.op_case = NETCR__REQUEST__OP_LINK_CREATE;
	req.link_create = &create;
	return netcr__request__pack(&req, buf);
}

size_t fuzz_seed(size_t i, uint8_t *buf, size_t size)
{
	static const uint8_t hello[] = { 8, 1, 18, 4, 8, 1, 16, 1 };
	static const uint8_t bind[] = { 8, 2, 26, 0 };
	static const uint8_t nsid[] = { 8, 3, 34, 2, 8, 62 };
	static const uint8_t quota[] = { 8, 2, 50, 0 };

	must(size >= 4 * LINK_MSG_MAX);
	switch (i) {
	case 0:
		memcpy(buf, hello, sizeof(hello));
		return sizeof(hello);
	case 1:
		memcpy(buf, bind, sizeof(bind));
		return sizeof(bind);
	case 2:
		memcpy(buf, nsid, sizeof(nsid));
		return sizeof(nsid);
	case 3:
		return pack_links(buf, 1, /* full= */ false);
	case 4:
		return pack_links(buf, 1, /* full= */ true);
	case 5:
		return pack_links(buf, 3, /* full= */ false);
	case 6:
		memcpy(buf, quota, sizeof(quota));
		return sizeof(quota);
	default:
		return 0;
	}
}
