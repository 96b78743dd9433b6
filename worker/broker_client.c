/*
 * Asking the broker. It is trusted no further than a kernel is: what it answers is decoded with
 * bounds, and what it should have done is read back from the target.
 *
 * May: talk over the session's socket. Must not: change the target.
 */
#include "worker/broker_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/wire.h"
#include "netcr.pb-c.h"

enum {
	VERSION_MIN = 1,
	VERSION_MAX = 1,
	ANSWER_TIMEOUT_MS = 120 * 1000, /* 128 links on a crowded parent, under somebody's RTNL */
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

/* An exchange without descriptors that has @result, unless it is an error. With 0 the caller frees
 * the reply. */
static int exchange_result(struct broker *broker, Netcr__Request *req,
			   Netcr__Reply__ResultCase result, Netcr__Reply **ret)
{
	int r = exchange(broker, req, NULL, 0, ret);

	if (r < 0)
		return r;
	r = -(int)(*ret)->error;
	if (r == 0 && (*ret)->result_case != result)
		r = end_session(broker, -EPROTO, "the broker's answer makes no sense");
	if (r < 0)
		netcr__reply__free_unpacked(*ret, NULL);
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
	r = exchange_result(broker, &req, NETCR__REPLY__RESULT_HELLO, &reply);
	if (r < 0)
		return r;
	if (reply->hello->version < VERSION_MIN || reply->hello->version > VERSION_MAX)
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
	r = exchange_result(broker, &req, NETCR__REPLY__RESULT_NSID_ALLOC, &reply);
	if (r < 0)
		return r;
	*ret_nsid = reply->nsid_alloc->nsid;
	netcr__reply__free_unpacked(reply, NULL);
	return 0;
}

static bool take_uses(const Netcr__QuotaReply *quota, struct broker_use *ret)
{
	if (quota->n_parents > BROKER_USES_MAX)
		return false;
	for (size_t i = 0; i < quota->n_parents; i++) {
		const Netcr__ParentUse *use = quota->parents[i];

		if (check_parent(use->parent) < 0)
			return false;
		(void)snprintf(ret[i].parent, sizeof(ret[i].parent), "%s", use->parent);
		ret[i].used = use->used;
		ret[i].limit = use->limit;
		ret[i].limit_per_netns = use->limit_per_netns;
	}
	return true;
}

int broker_quota(struct broker *broker, struct broker_use *ret, size_t *ret_n, bool *ret_more)
{
	Netcr__Quota quota = NETCR__QUOTA__INIT;
	Netcr__Request req = NETCR__REQUEST__INIT;
	Netcr__Reply *reply;
	int r;

	req.op_case = NETCR__REQUEST__OP_QUOTA;
	req.quota = &quota;
	r = exchange_result(broker, &req, NETCR__REPLY__RESULT_QUOTA, &reply);
	if (r < 0)
		return r;
	if (!take_uses(reply->quota, ret))
		r = end_session(broker, -EPROTO, "the broker's answer makes no sense");
	if (r == 0) {
		*ret_n = reply->quota->n_parents;
		*ret_more = reply->quota->more;
	}
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

const char *broker_make_hint(int error)
{
	static const struct {
		int error;
		const char *hint;
	} hints[] = {
		{ -EEXIST, "the target has a link of this name or index by now" },
		{ -ENODEV, "the parent is not there any more" },
		{ -EINVAL,
		  "the parent takes no macvlan of this MTU or mode, or is no Ethernet device" },
		{ -EOPNOTSUPP, "this kernel has no macvlan; load the module" },
		{ -EPERM, "the broker refuses it; its audit log has the reason" },
		{ -EDQUOT, "a limit of the broker's policy" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].error == error)
			return hints[i].hint;
	}
	return "";
}
