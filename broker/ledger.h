/* The ledger says where the links of a user are to be counted; how many there are, the kernel is
 * asked. It is a file that all brokers of a network namespace share, of records without counts.
 *
 * A record is alive as long as the broker's netns knows its nsid, which is as long as the target
 * lives. Dead records are nobody's and their places are used again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "seccomp/rules.h"

enum {
	LEDGER_FD = SECCOMP_LEDGER_FD, /* its descriptor in a session */
	LEDGER_RECORDS_MAX = 16384,
	LEDGER_PER_UID_MAX = 512,
	LEDGER_WAIT_MS = 15 * 1000, /* for another session of the same user */
};

struct ledger_record {
	uint32_t uid;
	int32_t nsid;   /* of the target in the broker's netns */
	uint64_t netns; /* id of the target: struct nsfd_facts */
};

struct ledger {
	int fd;         /* owned; -1: there is none */
	uint64_t netns; /* id of the broker's netns, which the file has to be about */
};

/* Where the file is. */
struct ledger_place {
	const char *dir; /* made where it is missing */
	uint64_t inode;  /* of the broker's netns: the name has it */
	uid_t uid; /* who may own it besides root and this process, and gets what root makes */
	gid_t gid;
};

/* Called with each record. Returns 0 to go on, or -errno. */
typedef int (*ledger_each)(const struct ledger_record *rec, void *data);

/* Whether the netns of a record is gone. Returns 1, 0, or -errno. */
typedef int (*ledger_is_dead)(int32_t nsid, void *data);

/* Open the file, make it where it is missing, and move it to LEDGER_FD. @l->netns is to be set.
 * The file is locked until ledger_ready(). Returns 0; -EUCLEAN if it has to be cleared, being new
 * or not a ledger of this netns; -EPERM if it or its directory is somebody else's, a link, or
 * may be written by others; -EFBIG if RLIMIT_FSIZE is below what it may grow to; or -errno. @l->fd
 * is open with 0 and -EUCLEAN. */
int ledger_open(struct ledger *l, const struct ledger_place *place);

/* Forget everything that is in the file. Returns 0 or -errno. */
int ledger_clear(struct ledger *l);

/* The file is as it should be: let others have it. */
int ledger_ready(struct ledger *l);

/* From here on: what a session may do after the lock-down. All return 0 or -errno; -EUCLEAN is a
 * file that makes no sense, or is not there any more. */

/* Until ledger_unlock(), no other session makes links for @uid, or in the target @nsid. The locks
 * are this open file's: they end with the process, however it ends. -EBUSY after LEDGER_WAIT_MS.
 * Take that of the uid first. */
int ledger_lock_uid(const struct ledger *l, uid_t uid);
int ledger_lock_target(const struct ledger *l, int32_t nsid);
void ledger_unlock(const struct ledger *l);

/* Call @each with every record of @uid, alive or dead. -EBUSY: somebody is writing a record and does
 * not end. */
int ledger_read(const struct ledger *l, uid_t uid, ledger_each each, void *data);

/* See to it that @rec is in the file, whose uid must be locked. -EDQUOT: the user has
 * LEDGER_PER_UID_MAX that are alive; -ENOSPC: no place is left. */
int ledger_put(const struct ledger *l, const struct ledger_record *rec, ledger_is_dead is_dead,
	       void *data);
