/* The ops: what each is given, and its three functions.
 *
 *   decode   pure: from the protobuf-c message to plain values, every range checked
 *   judge    finds out the facts and asks policy; changes nothing
 *   execute  acts
 *
 * decode returns 0; -EBADMSG if the peer broke the protocol; or another -errno, which is the
 * answer, with a text in reply->text. execute returns 0 or the -errno of the answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/policy.h"
#include "common/link_msg.h"
#include "common/nl.h"
#include "netcr.pb-c.h"

struct session;
struct wire_msg;

enum {
	OP_LINKS_MAX = 128,
	OP_USES_MAX = 64,
	LINK_PARENT_MAX = POLICY_NETNS_NAME_MAX + IFNAMSIZ, /* with '/' and NUL */
};

struct link_args {
	char parent[LINK_PARENT_MAX];      /* as it was asked for: IF or NS/IF */
	char netns[POLICY_NETNS_NAME_MAX]; /* the two parts; netns "": the broker's own */
	char ifname[IFNAMSIZ];
	/* Set by judge: the namespace, as struct policy_parent has it, and its id in the broker's, the
	 * lowest device, and the rule that decided. */
	uint16_t parent_netns;
	int32_t parent_nsid;
	uint32_t parent_ifindex;
	const struct policy_rule *rule;
	struct link_spec spec;
};

/* Set the parent, and what its two parts are. -EINVAL if it is none. */
int link_args_set_parent(const char *parent, struct link_args *ret);

struct op_args {
	struct {
		uint32_t min, max;
	} hello;
	struct {
		uint64_t id; /* set by judge */
		bool init;   /* likewise: the init user namespace owns it */
	} target_bind;
	struct {
		int32_t wanted;
		char netns[POLICY_NETNS_NAME_MAX]; /* "": the broker's own */
		int fd;                            /* set by judge; the session's */
	} nsid_alloc;
	struct {
		size_t n;
		struct link_args links[OP_LINKS_MAX];
	} link_create;
};

struct link_result {
	uint32_t error;
	uint32_t ifindex;
	char text[NL_TEXT_MAX];
};

/* Macvlans of the user on a parent that is allowed; limits as in a rule. */
struct parent_use {
	char parent[LINK_PARENT_MAX];
	uint32_t used, limit, limit_per_netns;
};

/* What will be answered, in plain values. message.c packs it. */
struct reply {
	char text[NL_TEXT_MAX];
	uint32_t version; /* hello */
	int32_t nsid;     /* nsid-alloc */
	bool over_limit;  /* link-create: a limit of the rule is why nothing was made */
	size_t n_results; /* likewise */
	struct link_result results[OP_LINKS_MAX];
	bool more; /* quota */
	size_t n_uses;
	struct parent_use uses[OP_USES_MAX];
};

int hello_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply);
int hello_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		  struct reply *reply);

int target_bind_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply);
struct verdict target_bind_judge(struct session *s, const struct wire_msg *msg,
				 struct op_args *args);
int target_bind_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
			struct reply *reply);

int nsid_alloc_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply);
struct verdict nsid_alloc_judge(struct session *s, const struct wire_msg *msg,
				struct op_args *args);
int nsid_alloc_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		       struct reply *reply);

int link_create_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply);
struct verdict link_create_judge(struct session *s, const struct wire_msg *msg,
				 struct op_args *args);
int link_create_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
			struct reply *reply);

int quota_decode(const Netcr__Request *req, struct op_args *ret, struct reply *reply);
int quota_execute(struct session *s, struct wire_msg *msg, struct op_args *args,
		  struct reply *reply);
