/* From a datagram to an answer: the only way to a privileged act. */
#pragma once

#include <stddef.h>

#include "broker/ops.h"

struct session;
struct wire_msg;

/* One kind of request. */
struct op {
	const char *name; /* ours, never the peer's: it goes into the audit line */
	uint32_t phases;  /* enum phase, those in which the op exists at all */
	size_t n_fds;     /* exactly as many descriptors must come with it */
	bool once;        /* in a session */
	int (*decode)(const Netcr__Request *req, struct op_args *ret, struct reply *reply);
	struct verdict (*judge)(struct session *s, const struct wire_msg *msg,
				struct op_args *args);
	int (*execute)(struct session *s, struct wire_msg *msg, struct op_args *args,
		       struct reply *reply);
};

/* The table, for the tests: *ret_n rows, some of which are empty. */
const struct op *dispatch_ops(size_t *ret_n);

/* Serve the request in @msg: write one audit line and send one reply. Descriptors that an op
 * keeps are taken from @msg; the rest is the caller's to close. Returns 0, or -errno when the
 * session is over: -EBADMSG or -EPROTO for a breach of the protocol, which is not answered,
 * or what sending the reply said. */
int dispatch(struct session *s, struct wire_msg *msg);
