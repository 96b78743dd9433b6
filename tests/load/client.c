/*
 * The client's side of the session protocol, for programs that load the broker.
 *
 * Several sessions may be under way in one process: sending and waiting are apart.
 */
#include "tests/load/client.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "common/number.h"
#include "common/wire.h"
#include "netcr.pb-c.h"

enum {
	ANSWER_MS = 120 * 1000, /* long, as the machine may be loaded: a hang is a failure */
};

void client_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

uint32_t client_number(const char *text, uint32_t max)
{
	uint32_t value;

	if (!number_parse_u32(text, &value) || value < 1 || value > max)
		client_fail("%s: not a number from 1 to %u", text, max);
	return value;
}

int64_t client_clock_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void client_connect(struct client *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		client_fail("%s: too long", path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	*c = (struct client){ .sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) };
	if (c->sock < 0 || connect(c->sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		client_fail("%s: %s", path, strerror(errno));
}

void client_close(struct client *c)
{
	fd_closep(&c->sock);
}

static void send_request(struct client *c, Netcr__Request *req, const int *fds, size_t n_fds)
{
	static uint8_t buf[WIRE_MAX];
	int r;

	req->id = ++c->last_id;
	if (netcr__request__get_packed_size(req) > sizeof(buf))
		client_fail("a request is too long");
	r = wire_send(c->sock, buf, netcr__request__pack(req, buf), fds, n_fds, ANSWER_MS);
	/* What the session said before it ended is still to be read. */
	if (r < 0 && r != -EPIPE)
		client_fail("a request cannot be sent: %s", strerror(-r));
}

void client_send_hello(struct client *c)
{
	Netcr__Hello hello = NETCR__HELLO__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;

	hello.version_min = 1;
	hello.version_max = 1;
	req.op_case = NETCR__REQUEST__OP_HELLO;
	req.hello = &hello;
	send_request(c, &req, NULL, 0);
}

void client_send_bind(struct client *c, const struct holder *box)
{
	Netcr__TargetBind bind = NETCR__TARGET_BIND__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	const int fds[] = { box->netns, box->rtnl };

	req.op_case = NETCR__REQUEST__OP_TARGET_BIND;
	req.target_bind = &bind;
	send_request(c, &req, fds, ARRAY_SIZE(fds));
}

void client_send_link(struct client *c, const struct proposal *p)
{
	Netcr__Link link = NETCR__LINK__INIT, *links[] = { &link };
	Netcr__LinkCreate create = NETCR__LINK_CREATE__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;

	/* The generated structs are not const; they are only read. */
	link.parent = (char *)(uintptr_t)p->parent;
	link.newlink.data = (uint8_t *)(uintptr_t)p->newlink.bytes;
	link.newlink.len = p->len;
	create.n_links = 1;
	create.links = links;
	req.op_case = NETCR__REQUEST__OP_LINK_CREATE;
	req.link_create = &create;
	send_request(c, &req, NULL, 0);
}

void client_send_link_out_of_turn(struct client *c, const struct proposal *p)
{
	c->last_id++;
	client_send_link(c, p);
}

int client_answer(struct client *c)
{
	static struct wire_msg msg;
	Netcr__Reply *reply;
	int r;

	wire_msg_init(&msg);
	r = wire_recv(c->sock, &msg, ANSWER_MS);
	if (r == 0 || r == -ECONNRESET)
		return -EPIPE;
	if (r < 0)
		client_fail("no answer: %s", strerror(-r));
	if (msg.n_fds)
		client_fail("the broker has sent a descriptor");
	reply = netcr__reply__unpack(NULL, msg.len, msg.buf);
	if (!reply || reply->id != c->last_id)
		client_fail("the answer makes no sense");
	r = -(int)reply->error;
	netcr__reply__free_unpacked(reply, NULL);
	return r;
}

struct link_spec client_spec(const char *name, const uint8_t address[6])
{
	struct link_spec spec = { .has = LINK_HAS_ADDRESS | LINK_HAS_GROUP,
				  .group = CLIENT_GROUP,
				  .mode = MACVLAN_MODE_BRIDGE };

	(void)snprintf(spec.name, sizeof(spec.name), "%s", name);
	memcpy(spec.address, address, sizeof(spec.address));
	return spec;
}

void client_propose(struct proposal *p, const char *parent, const struct link_spec *spec)
{
	int len = link_msg_encode(spec, /* place= */ NULL, p->newlink.bytes,
				  sizeof(p->newlink.bytes));

	if (len < 0)
		client_fail("a link cannot be encoded: %s", strerror(-len));
	p->parent = parent;
	p->len = (size_t)len;
}

void client_make_box(struct holder *box)
{
	const struct holder_want want = { .uid = geteuid(), .levels = 1 };
	int r;

	*box = (struct holder)HOLDER_INIT;
	r = holder_make(&want, box);
	if (r < 0)
		client_fail("no namespaces: %s", strerror(-r));
}

void client_clear_box(const struct holder *box)
{
	static union {
		struct nlmsghdr nlh;
		uint8_t bytes[NL_BUFFER_SIZE];
	} request, answer;
	struct nl_sock nl = { .fd = box->rtnl, .buf = answer.bytes };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request.bytes);
	char text[NL_TEXT_MAX];
	int r;

	nlh->nlmsg_type = RTM_DELLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	(void)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(nlh, IFLA_GROUP, CLIENT_GROUP);
	r = nl_talk(&nl, nlh, NULL, NULL, text);
	/* ENODEV: there are none. */
	if (r < 0 && r != -ENODEV)
		client_fail("the links cannot be deleted: %s %s", strerror(-r), text);
}
