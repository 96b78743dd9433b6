/*
 * The page to read first: what the broker can be asked, and how an answer comes about.
 *
 * decode wholly -> judge -> execute -> audit -> reply. A breach of the protocol ends the session
 * without a reply; a refusal is a reply, EPERM and nothing else, whatever the reason.
 *
 * May: call the ops in their order. Must not: know what they do.
 */
#include "broker/dispatch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "broker/audit.h"
#include "broker/message.h"
#include "broker/session.h"
#include "common/cleanup.h"
#include "common/wire.h"

/* A reply that is not taken within this time is not wanted: the session ends. */
enum {
	REPLY_TIMEOUT_MS = 5000
};

#define HELLO NETCR__REQUEST__OP_HELLO
#define BIND NETCR__REQUEST__OP_TARGET_BIND
#define NSID NETCR__REQUEST__OP_NSID_ALLOC
#define LINK NETCR__REQUEST__OP_LINK_CREATE
#define QUOTA NETCR__REQUEST__OP_QUOTA

static struct verdict anybody_judge(struct session *s, const struct wire_msg *msg,
				    struct op_args *args)
{
	(void)s;
	(void)msg;
	(void)args;
	return (struct verdict){ .allow = true, .why = "allowed" };
}

/* Everything the broker can ever be asked to do. Nothing else in this program is privileged. */
/* clang-format off */
static const struct op ops[] = {
	/*        name           phases                       fds once   decode              judge              execute */
	[HELLO] = { "hello",       PHASE_NEW,                   0,  true,  hello_decode,       anybody_judge,     hello_execute },
	[BIND]  = { "target-bind", PHASE_GREETED,               2,  true,  target_bind_decode, target_bind_judge, target_bind_execute },
	[NSID]  = { "nsid-alloc",  PHASE_BOUND,                 0,  false, nsid_alloc_decode,  nsid_alloc_judge,  nsid_alloc_execute },
	[LINK]  = { "link-create", PHASE_BOUND,                 0,  false, link_create_decode, link_create_judge, link_create_execute },
	[QUOTA] = { "quota",       PHASE_GREETED | PHASE_BOUND, 0,  true,  quota_decode,       anybody_judge,     quota_execute },
};
/* clang-format on */
static_assert(ARRAY_SIZE(ops) <= 32, "session.spent is a set of 32 bits");

const struct op *dispatch_ops(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(ops);
	return ops;
}

/* The op that @req asks for, or NULL if this session may not ask for it now. */
static const struct op *op_find(const struct session *s, const Netcr__Request *req, size_t n_fds)
{
	const size_t nr = (size_t)req->op_case;
	const struct op *op;

	if (nr >= ARRAY_SIZE(ops) || !ops[nr].execute)
		return NULL;
	op = &ops[nr];
	if (!(op->phases & s->phase) || op->n_fds != n_fds)
		return NULL;
	if (op->once && (s->spent & (UINT32_C(1) << nr)))
		return NULL;
	return op;
}

/* decode -> judge -> execute. Fills in @rec as it goes; rec->error is the answer. */
static void op_serve(struct session *s, const struct op *op, const Netcr__Request *req,
		     struct wire_msg *msg, struct op_args *args, struct reply *reply,
		     struct audit_record *rec)
{
	struct verdict v;

	rec->stage = AUDIT_DECODE;
	rec->error = op->decode(req, args, reply);
	if (rec->error < 0) {
		rec->why = "the request has a value that is not allowed";
		return;
	}
	rec->stage = AUDIT_POLICY;
	v = op->judge(s, msg, args);
	rec->why = v.why;
	rec->rule = v.rule;
	if (!v.allow) {
		rec->error = -EPERM;
		reply->n_results = 0;
		reply->text[0] = '\0';
		return;
	}
	rec->stage = AUDIT_EXECUTE;
	rec->error = op->execute(s, msg, args, reply);
	if (reply->over_limit) {
		rec->stage = AUDIT_POLICY;
		rec->why = "a limit of the rule";
	} else if (rec->error < 0) {
		rec->why = "allowed, and not done";
	}
}

int dispatch(struct session *s, struct wire_msg *msg)
{
	static struct op_args args;
	static struct reply reply;
	struct audit_record rec = { .op = NULL, .stage = AUDIT_MESSAGE, .error = -EBADMSG };
	const Netcr__Request *req;
	const struct op *op;

	reply = (struct reply){ 0 };
	args.link_create.n = 0;
	args.target_bind.id = 0;
	req = message_decode(msg->buf, msg->len);
	if (!req || req->id == 0 || req->id != s->last_id + 1) {
		audit_violation(s, req ? "the request's number" : "the message");
		return -EBADMSG;
	}
	s->last_id = req->id;
	op = op_find(s, req, msg->n_fds);
	if (!op) {
		audit_violation(s, "the op, its time, or the number of descriptors");
		return -EPROTO;
	}
	rec.op = op->name;
	rec.args = &args;
	rec.reply = &reply;
	s->spent |= UINT32_C(1) << (unsigned int)req->op_case;

	op_serve(s, op, req, msg, &args, &reply, &rec);
	if (rec.error == -EBADMSG && rec.stage == AUDIT_DECODE) {
		audit_violation(s, "a field that is not known");
		return -EBADMSG;
	}
	audit_request(s, &rec);
	return message_reply(s, req, rec.error, &reply, REPLY_TIMEOUT_MS);
}
