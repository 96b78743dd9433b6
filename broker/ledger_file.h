/* How the ledger looks in its file. For ledger.c, ledger_open.c and their tests. */
#pragma once

#include <assert.h>
#include <stdint.h>

struct ledger_header {
	char magic[8];
	uint32_t version;
	uint32_t slot_size;
	uint64_t netns; /* id of the broker's netns */
	uint64_t zero;
};

/* All zero: free. In a page there is a whole number of them: what is written across two pages is
 * two writes, and a signal may come between. */
struct ledger_slot {
	uint32_t uid;
	int32_t nsid;
	uint64_t netns;
	uint32_t check; /* of the rest: ledger_check() */
	uint32_t zero[3];
};

static_assert(sizeof(struct ledger_header) == 32, "the file has no holes");
static_assert(sizeof(struct ledger_slot) == 32, "the file has no holes");
static_assert(sizeof(struct ledger_header) % sizeof(struct ledger_slot) == 0 &&
		      4096 % sizeof(struct ledger_slot) == 0,
	      "no slot lies in two pages");

#define LEDGER_SIZE_MAX \
	(sizeof(struct ledger_header) + LEDGER_RECORDS_MAX * sizeof(struct ledger_slot))

/* Bytes that are locked, of which only those of slots and of the header exist. */
#define LEDGER_LOCK_UID ((off_t)1 << 40)
#define LEDGER_LOCK_TARGET ((off_t)2 << 40)

/* The header of a ledger about @netns. */
struct ledger_header ledger_header_of(uint64_t netns);

uint32_t ledger_check(const struct ledger_slot *slot);

/* Lock (F_RDLCK or F_WRLCK) or unlock (F_UNLCK) @len bytes, 0 for all behind @start. Returns 0,
 * -EBUSY if somebody else has them for @wait_ms from now on, or -errno. */
int ledger_lock(int fd, short type, off_t start, off_t len, int wait_ms);

/* The file is a regular one that is still there, of a possible size, with the header of @netns.
 * Returns the number of slots, or -EUCLEAN, or -errno. */
int ledger_inspect(int fd, uint64_t netns);
