/*
 * Asking the broker. It is trusted no further than a kernel is: what it answers is decoded with
 * bounds, and what it should have done is read back from the target.
 *
 * May: talk over the session's socket. Must not: change the target.
 */
#include "worker/broker_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/wire.h"
#include "netcr.pb-c.h"
#include "worker/report.h"

#define DEFAULT_SOCKET NETCR_RUN_DIR "/broker.sock"

enum {
	VERSION_MIN = 1,
	VERSION_MAX = 1,
	ANSWER_TIMEOUT_MS = 120 * 1000, /* 128 links on a crowded parent, under somebody's RTNL */
	CONNECT_TIMEOUT_S = 10,
};

void broker_init(struct broker *broker)
{
	*broker = (struct broker){ .fd = -1 };
}

void broker_fini(struct broker *broker)
{
	fd_closep(&broker->fd);
	free(broker->msg);
	broker_init(broker);
}

/* --- finding it --- */

static int open_number(const char *number, int *ret_fd, struct report *report)
{
	unsigned long fd;
	char *end;
	int r;

	errno = 0;
	fd = strtoul(number, &end, 10);
	if (*number < '0' || *number > '9' || *end || errno || fd > INT32_MAX)
		return report_fail(report, EXIT_USAGE_,
				   "the broker fd:%s is not a descriptor's number", number);
	r = wire_check_socket((int)fd);
	if (r < 0)
		return report_fail(report, EXIT_NO_BROKER,
				   "descriptor %lu is not a session with a broker: %s", fd,
				   strerror(-r));
	/* Nothing that the worker might run should hold the session open. */
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return report_fail(report, EXIT_NO_BROKER, "descriptor %lu: %s", fd,
				   strerror(errno));
	*ret_fd = (int)fd;
	return 0;
}

static int fail_connect(const char *path, int error, struct report *report)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return report_fail(report, EXIT_REFUSED,
				   "no right to connect to the broker at %s (%s): its "
				   "administrator decides who may",
				   path, strerror(error));
	case EPROTOTYPE:
		return report_fail(report, EXIT_NO_BROKER,
				   "%s is a socket, but not a broker's: it has another type", path);
	case ECONNREFUSED:
		return report_fail(report, EXIT_NO_BROKER,
				   "no broker answers at %s: nobody listens there any more", path);
	case EAGAIN:
		return report_fail(report, EXIT_NO_BROKER,
				   "the broker at %s takes no connection within %d s", path,
				   CONNECT_TIMEOUT_S);
	default:
		return report_fail(report, EXIT_NO_BROKER, "no broker answers at %s: %s", path,
				   strerror(error));
	}
}

static int open_path(const char *path, bool must, int *ret_fd, struct report *report)
{
	/* connect() waits while the queue is full (unix_stream_connect()). */
	const struct timeval patience = { .tv_sec = CONNECT_TIMEOUT_S };
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return report_fail(report, EXIT_USAGE_, "the broker's path %s is too long", path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return report_fail(report, EXIT_OS_, "cannot make a socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return report_fail(report, EXIT_OS_, "SO_SNDTIMEO: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return must ? fail_connect(path, errno, report) : 0;
	*ret_fd = fd_take(&fd);
	return 0;
}

static const char *name_of(const char *where)
{
	return where ? where : getenv("NETCR_BROKER");
}

bool broker_is_path(const char *where)
{
	const char *named = name_of(where);

	return !named || strncmp(named, "fd:", 3) != 0;
}

int broker_open(const char *where, struct broker *ret, struct report *report)
{
	const char *named = name_of(where);
	const char *path = named ? named : DEFAULT_SOCKET;
	int status;

	ret->msg = malloc(sizeof(*ret->msg));
	if (!ret->msg)
		return report_fail(report, EXIT_OS_, "no memory for the broker's messages");
	wire_msg_init(ret->msg);
	if (strncmp(path, "fd:", 3) == 0)
		status = open_number(path + 3, &ret->fd, report);
	else
		status = open_path(path, /* must= */ named != NULL, &ret->fd, report);
	return status;
}

/* --- one exchange --- */

static int end_session(struct broker *broker, int error, const char *text)
{
	broker->ended = true;
	(void)snprintf(broker->text, sizeof(broker->text), "%s", text);
	return error;
}

/* The peer is gone. A service closes the connection of a user who has too many at once. */
static int end_by_broker(struct broker *broker, int error)
{
	return end_session(broker, error,
			   broker->last_id > 1 ? "the broker has ended the session"
					       : "the broker has ended the session before it "
						 "answered: the user has too many sessions, or "
						 "its log has the reason");
}

/* Send @req with @fds and receive its reply, which the caller frees. */
static int exchange(struct broker *broker, Netcr__Request *req, const int *fds, size_t n_fds,
		    Netcr__Reply **ret)
{
	uint8_t *buf = broker->msg->buf;
	size_t size;
	int r;

	if (broker->ended || broker->fd < 0)
		return -ENOTCONN;
	req->id = ++broker->last_id;
	size = netcr__request__get_packed_size(req);
	if (size > WIRE_MAX)
		return -EMSGSIZE;
	broker->text[0] = '\0';
	r = wire_send(broker->fd, buf, netcr__request__pack(req, buf), fds, n_fds,
		      ANSWER_TIMEOUT_MS);
	if (r < 0)
		return end_by_broker(broker, r);
	r = wire_recv(broker->fd, broker->msg, ANSWER_TIMEOUT_MS);
	if (r == -ETIMEDOUT)
		return end_session(broker, r, "the broker does not answer");
	if (r <= 0)
		return end_by_broker(broker, r ? r : -ECONNRESET);
	if (broker->msg->n_fds == 0)
		*ret = netcr__reply__unpack(/* allocator= */ NULL, broker->msg->len, buf);
	else
		*ret = NULL;
	wire_msg_fini(broker->msg);
	if (!*ret || (*ret)->id != req->id || (*ret)->error > INT32_MAX) {
		if (*ret)
			netcr__reply__free_unpacked(*ret, NULL);
		return end_session(broker, -EPROTO, "the broker's answer makes no sense");
	}
	if ((*ret)->message)
		(void)snprintf(broker->text, sizeof(broker->text), "%s", (*ret)->message);
	return 0;
}

/* An exchange of which only the error matters. */
static int exchange_plain(struct broker *broker, Netcr__Request *req, const int *fds, size_t n_fds)
{
	Netcr__Reply *reply;
	int r;

	r = exchange(broker, req, fds, n_fds, &reply);
	if (r < 0)
		return r;
	r = -(int)reply->error;
	netcr__reply__free_unpacked(reply, NULL);
	return r;
}

/* --- the ops --- */

int broker_hello(struct broker *broker)
{
	Netcr__Hello hello = NETCR__HELLO__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	Netcr__Reply *reply;
	int r;

	hello.version_min = VERSION_MIN;
	hello.version_max = VERSION_MAX;
	req.op_case = NETCR__REQUEST__OP_HELLO;
	req.hello = &hello;
	r = exchange(broker, &req, NULL, 0, &reply);
	if (r < 0)
		return r;
	r = -(int)reply->error;
	if (r == 0 && (reply->result_case != NETCR__REPLY__RESULT_HELLO ||
		       reply->hello->version < VERSION_MIN || reply->hello->version > VERSION_MAX))
		r = end_session(broker, -EPROTO, "the broker's answer makes no sense");
	if (r == 0) {
		broker->version = reply->hello->version;
		broker->uid = reply->hello->uid;
		broker->max_links = reply->hello->max_links;
		broker->landlock_abi = reply->hello->landlock_abi;
		broker->netns_id = reply->hello->netns_id;
		(void)snprintf(broker->release, sizeof(broker->release), "%s",
			       reply->hello->release);
	}
	netcr__reply__free_unpacked(reply, NULL);
	return r;
}

int broker_target_bind(struct broker *broker, int netns, int rtnl)
{
	Netcr__TargetBind bind = NETCR__TARGET_BIND__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	const int fds[] = { netns, rtnl };

	req.op_case = NETCR__REQUEST__OP_TARGET_BIND;
	req.target_bind = &bind;
	return exchange_plain(broker, &req, fds, ARRAY_SIZE(fds));
}

int broker_nsid_alloc(struct broker *broker, const char *netns, int32_t wanted, int32_t *ret_nsid)
{
	Netcr__NsidAlloc alloc = NETCR__NSID_ALLOC__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	Netcr__Reply *reply;
	int r;

	alloc.nsid = wanted;
	/* The generated struct is not const; it is only read. */
	if (*netns)
		alloc.netns = (char *)(uintptr_t)netns;
	req.op_case = NETCR__REQUEST__OP_NSID_ALLOC;
	req.nsid_alloc = &alloc;
	r = exchange(broker, &req, NULL, 0, &reply);
	if (r < 0)
		return r;
	r = -(int)reply->error;
	if (r == 0 && reply->result_case != NETCR__REPLY__RESULT_NSID_ALLOC)
		r = end_session(broker, -EPROTO, "the broker's answer makes no sense");
	if (r == 0)
		*ret_nsid = reply->nsid_alloc->nsid;
	netcr__reply__free_unpacked(reply, NULL);
	return r;
}

static void take_results(const Netcr__Reply *reply, size_t n, struct broker_result *results)
{
	const Netcr__LinkCreateReply *create = NULL;

	if (reply->result_case == NETCR__REPLY__RESULT_LINK_CREATE)
		create = reply->link_create;
	for (size_t i = 0; i < n; i++) {
		results[i] = (struct broker_result){ .error = -(int)reply->error };
		if (!create || i >= create->n_results) {
			if (reply->message)
				(void)snprintf(results[i].text, sizeof(results[i].text), "%s",
					       reply->message);
			continue;
		}
		results[i].error = create->results[i]->error > INT32_MAX
					   ? -EPROTO
					   : -(int)create->results[i]->error;
		if (create->results[i]->message)
			(void)snprintf(results[i].text, sizeof(results[i].text), "%s",
				       create->results[i]->message);
	}
}

struct link_buffers {
	Netcr__Link link[BROKER_LINKS_MAX];
	Netcr__Link *pointers[BROKER_LINKS_MAX];
	union {
		struct nlmsghdr align;
		uint8_t bytes[LINK_MSG_MAX];
	} newlink[BROKER_LINKS_MAX];
};

static int encode_links(struct link_buffers *b, const struct broker_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int len = link_msg_encode(links[i].spec, /* place= */ NULL, b->newlink[i].bytes,
					  sizeof(b->newlink[i].bytes));

		if (len < 0)
			return len;
		netcr__link__init(&b->link[i]);
		/* The generated struct is not const; it is only read. */
		b->link[i].parent = (char *)(uintptr_t)links[i].parent;
		b->link[i].newlink.data = b->newlink[i].bytes;
		b->link[i].newlink.len = (size_t)len;
		b->pointers[i] = &b->link[i];
	}
	return 0;
}

int broker_link_create(struct broker *broker, const struct broker_link *links, size_t n,
		       struct broker_result *results)
{
	_cleanup_free_ struct link_buffers *b = NULL;
	Netcr__LinkCreate create = NETCR__LINK_CREATE__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	Netcr__Reply *reply;
	int r;

	if (n == 0 || n > BROKER_LINKS_MAX)
		return -EINVAL;
	b = malloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	r = encode_links(b, links, n);
	if (r < 0)
		return r;
	create.n_links = n;
	create.links = b->pointers;
	req.op_case = NETCR__REQUEST__OP_LINK_CREATE;
	req.link_create = &create;
	r = exchange(broker, &req, NULL, 0, &reply);
	if (r < 0)
		return r;
	r = -(int)reply->error;
	take_results(reply, n, results);
	netcr__reply__free_unpacked(reply, NULL);
	return r;
}
