/*
 * The ledger of a session that is locked down: records of who has links where.
 *
 * Nothing here trusts a number of the file further than "look there, too". A record is one
 * aligned write of 32 bytes within a page, which no signal divides; who reads while it is written
 * may see a part, finds that the check is wrong, and waits for the writer.
 *
 * May: fcntl(F_OFD_SETLK), fstat, pread, pwrite on the one descriptor, and wait. Must not: open
 * anything, or count links.
 */
#include "broker/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/ledger_file.h"
#include "common/cleanup.h"

enum {
	WRITER_MS = 1000, /* for somebody who is writing a slot */
	POLL_MS = 2,      /* between two tries to get a lock */
};

static const char magic[8] = { 'n', 'e', 't', 'c', 'r', 'l', 'd', 'g' };

struct ledger_header ledger_header_of(uint64_t netns)
{
	struct ledger_header header = { .version = 1,
					.slot_size = sizeof(struct ledger_slot),
					.netns = netns };

	memcpy(header.magic, magic, sizeof(magic));
	return header;
}

uint32_t ledger_check(const struct ledger_slot *slot)
{
	const uint32_t words[] = { slot->uid, (uint32_t)slot->nsid, (uint32_t)slot->netns,
				   (uint32_t)(slot->netns >> 32) };
	uint32_t sum = 2166136261U;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		sum = (sum ^ words[i]) * 16777619U;
		sum ^= sum >> 15;
	}
	return sum | 1; /* never that of a free slot */
}

int ledger_lock(int fd, short type, off_t start, off_t len, int wait_ms)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};

	for (int waited = 0;; waited += POLL_MS) {
		/* F_OFD_SETLKW would wait for as long as the other likes. */
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (waited >= wait_ms)
			return -EBUSY;
		(void)ppoll(NULL, 0, &pause, /* sigmask= */ NULL);
	}
}

static off_t slot_at(size_t i)
{
	return (off_t)(sizeof(struct ledger_header) + i * sizeof(struct ledger_slot));
}

int ledger_inspect(int fd, uint64_t netns)
{
	const struct ledger_header want = ledger_header_of(netns);
	struct ledger_header header;
	struct stat st;
	size_t slots;
	int r;

	r = fd_stat(fd, &st);
	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_size < slot_at(0))
		return -EUCLEAN;
	slots = (size_t)(st.st_size - slot_at(0));
	if (slots % sizeof(struct ledger_slot) != 0)
		return -EUCLEAN;
	slots /= sizeof(struct ledger_slot);
	if (slots > LEDGER_RECORDS_MAX)
		return -EUCLEAN;
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(&header, &want, sizeof(want)) != 0)
		return -EUCLEAN;
	return (int)slots;
}

int ledger_lock_uid(const struct ledger *l, uid_t uid)
{
	return ledger_lock(l->fd, F_WRLCK, LEDGER_LOCK_UID + (off_t)uid, 1, LEDGER_WAIT_MS);
}

int ledger_lock_target(const struct ledger *l, int32_t nsid)
{
	return ledger_lock(l->fd, F_WRLCK, LEDGER_LOCK_TARGET + nsid, 1, LEDGER_WAIT_MS);
}

void ledger_unlock(const struct ledger *l)
{
	(void)ledger_lock(l->fd, F_UNLCK, 0, 0, /* wait_ms= */ 0);
}

static bool is_free(const struct ledger_slot *slot)
{
	static const struct ledger_slot none;

	return memcmp(slot, &none, sizeof(none)) == 0;
}

static bool is_sound(const struct ledger_slot *slot)
{
	return is_free(slot) || (slot->nsid >= 0 && !slot->zero[0] && !slot->zero[1] &&
				 !slot->zero[2] && slot->check == ledger_check(slot));
}

/* Slot @i as it is now; what is behind the end of the file is free. Returns 0, or -EUCLEAN if it
 * makes no sense, or -errno. */
static int read_once(const struct ledger *l, size_t i, struct ledger_slot *ret)
{
	ssize_t n = pread(l->fd, ret, sizeof(*ret), slot_at(i));

	if (n < 0)
		return -errno;
	if (n == 0)
		*ret = (struct ledger_slot){ 0 };
	return (n == 0 || n == sizeof(*ret)) && is_sound(ret) ? 0 : -EUCLEAN;
}

/* Likewise. Somebody may be writing it, who has it locked meanwhile (replace()), and who may be
 * kept from going on for longer than it can be read again and again. */
static int read_slot(const struct ledger *l, size_t i, struct ledger_slot *ret)
{
	int r = read_once(l, i, ret);

	if (r != -EUCLEAN)
		return r;
	r = ledger_lock(l->fd, F_RDLCK, slot_at(i), sizeof(*ret), WRITER_MS);
	if (r == 0)
		r = read_once(l, i, ret);
	(void)ledger_lock(l->fd, F_UNLCK, slot_at(i), sizeof(*ret), /* wait_ms= */ 0);
	return r;
}

/* Called with each slot and its number. Returns 0 to go on, 1 to stop, or -errno. */
typedef int (*slot_fn)(size_t i, const struct ledger_slot *slot, void *data);

/* Returns 1 if @fn stopped it, 0 at the end of the file, or -errno. The file may grow meanwhile,
 * but not by a record of a user who is locked. */
static int each_slot(const struct ledger *l, slot_fn fn, void *data)
{
	int slots = ledger_inspect(l->fd, l->netns);
	int r = slots < 0 ? slots : 0;

	for (int i = 0; i < slots && r == 0; i++) {
		struct ledger_slot slot;

		r = read_slot(l, (size_t)i, &slot);
		if (r == 0)
			r = fn((size_t)i, &slot, data);
	}
	return r;
}

struct reading {
	uid_t uid;
	ledger_each each;
	void *data;
};

static int read_one(size_t i, const struct ledger_slot *slot, void *data)
{
	const struct reading *reading = data;
	const struct ledger_record rec = { slot->uid, slot->nsid, slot->netns };

	(void)i;
	if (is_free(slot) || slot->uid != reading->uid)
		return 0;
	return reading->each(&rec, reading->data);
}

int ledger_read(const struct ledger *l, uid_t uid, ledger_each each, void *data)
{
	struct reading reading = { uid, each, data };

	return each_slot(l, read_one, &reading);
}

/* Write @slot in the place of @old, unless somebody else is about to, or has. Returns 1 if it is
 * there now, 0 if not, or -errno. */
static int replace(const struct ledger *l, size_t i, const struct ledger_slot *old,
		   const struct ledger_slot *slot)
{
	struct ledger_slot now;
	int r;

	r = ledger_lock(l->fd, F_WRLCK, slot_at(i), sizeof(*slot), /* wait_ms= */ 0);
	if (r < 0)
		return r == -EBUSY ? 0 : r;
	r = read_once(l, i, &now);
	if (r == 0 && memcmp(&now, old, sizeof(now)) == 0)
		r = pwrite(l->fd, slot, sizeof(*slot), slot_at(i)) == sizeof(*slot) ? 1 : -ENOSPC;
	(void)ledger_lock(l->fd, F_UNLCK, slot_at(i), sizeof(*slot), /* wait_ms= */ 0);
	return r;
}

struct putting {
	const struct ledger *l;
	struct ledger_slot slot;
	ledger_is_dead is_dead;
	void *data;
	int alive; /* records of the user */
};

/* Look for the record itself, and count the user's others. */
static int find_own(size_t i, const struct ledger_slot *slot, void *data)
{
	struct putting *p = data;
	int r;

	(void)i;
	if (memcmp(slot, &p->slot, sizeof(*slot)) == 0)
		return 1;
	if (is_free(slot) || slot->uid != p->slot.uid)
		return 0;
	r = p->is_dead(slot->nsid, p->data);
	p->alive += r == 0;
	return r < 0 ? r : 0;
}

/* Take a place that is free, or the record of a dead target. */
static int take_place(size_t i, const struct ledger_slot *slot, void *data)
{
	struct putting *p = data;
	int r = is_free(slot) ? 1 : p->is_dead(slot->nsid, p->data);

	return r <= 0 ? r : replace(p->l, i, slot, &p->slot);
}

static int append(struct putting *p)
{
	static const struct ledger_slot none;
	int slots = ledger_inspect(p->l->fd, p->l->netns);

	for (int i = slots; i >= 0 && i < LEDGER_RECORDS_MAX; i++) {
		int r = replace(p->l, (size_t)i, &none, &p->slot);

		if (r != 0)
			return r;
	}
	return slots < 0 ? slots : 0;
}

int ledger_put(const struct ledger *l, const struct ledger_record *rec, ledger_is_dead is_dead,
	       void *data)
{
	struct putting p = { .l = l, .is_dead = is_dead, .data = data };
	int r;

	p.slot = (struct ledger_slot){ .uid = rec->uid, .nsid = rec->nsid, .netns = rec->netns };
	p.slot.check = ledger_check(&p.slot);
	r = each_slot(l, find_own, &p);
	if (r != 0)
		return r < 0 ? r : 0;
	if (p.alive >= LEDGER_PER_UID_MAX)
		return -EDQUOT;
	r = each_slot(l, take_place, &p);
	if (r == 0)
		r = append(&p);
	if (r == 0)
		return -ENOSPC;
	return r < 0 ? r : 0;
}
