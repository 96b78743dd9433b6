/* Dumps of the target, and many requests to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nl_many.h"

struct image_raw;

/* Dump @type (RTM_GET*), whose header of @header bytes begins with the family @family, into
 * @ret, which must be empty. Returns 0 or -errno; *ret is to be freed in any case. */
int nl_dump(struct nl_sock *nl, uint16_t type, size_t header, uint8_t family,
	    struct image_raw *ret);

struct nl_failure {
	size_t i;  /* of the message in the list */
	int error; /* -errno; 0: none failed */
	char text[NL_TEXT_MAX];
};

/* Requests are collected, and sent when there are enough of them. */
struct nl_batch {
	struct nl_sock *nl;
	uint8_t *buf; /* owned */
	size_t len, n;
	size_t numbers[NL_BATCH_MAX]; /* of those that are collected, for the failure */
	uint8_t *marks[NL_BATCH_MAX]; /* likewise, see mark */
	bool deletes[NL_BATCH_MAX];   /* likewise: it is an RTM_DEL* */
	int ignored[2];               /* -errno that is no failure; 0: unused */
	bool tries;                   /* nothing that the kernel refuses is one */
	/* Borrowed, or NULL: becomes 1 when the next message that is added was taken; one that makes
	 * something also where nobody knows: no answer came, or one that is not ignored. */
	uint8_t *mark;
	struct nl_failure failure; /* the first one */
};

/* Returns 0 or -ENOMEM. nl_batch_fini() is due in any case. */
int nl_batch_init(struct nl_batch *batch, struct nl_sock *nl);
void nl_batch_fini(struct nl_batch *batch);

/* Send the message with @type and @flags. After the first failure nothing more is sent. Returns 0
 * or -errno of the failure, which may be that of an earlier message. */
int nl_batch_add(struct nl_batch *batch, const struct nlmsghdr *nlh, uint16_t type, uint16_t flags,
		 size_t number);

/* Send those that are left. Returns likewise. */
int nl_batch_flush(struct nl_batch *batch);
