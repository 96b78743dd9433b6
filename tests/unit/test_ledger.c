/*
 * The ledger's file: records, who waits for whom, damage, and what happens when several write at
 * once or die over it. Whether a target is alive is the test's to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/ledger.h"
#include "broker/ledger_file.h"
#include "tests/lib/test.h"

#define NETNS 4711U

static char dir[64], path[96];
static struct ledger l;

static struct ledger_place place(void)
{
	return (struct ledger_place){ .dir = dir, .inode = 99, .uid = geteuid(), .gid = getegid() };
}

/* As a start does it. Returns what ledger_open() said. */
static int open_ledger(struct ledger *ret)
{
	const struct ledger_place where = place();
	int r, opened;

	*ret = (struct ledger){ .fd = -1, .netns = NETNS };
	opened = ledger_open(ret, &where);
	r = opened == -EUCLEAN ? ledger_clear(ret) : opened;
	if (r == 0)
		r = ledger_ready(ret);
	return r < 0 ? r : opened;
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/netcr-ledger-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/ledger-99", dir);
	return open_ledger(&l) == -EUCLEAN ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fd_closep(&l.fd);
	(void)unlink(path);
	return rmdir(dir);
}

/* --- what is alive --- */

/* Even ids are alive, or what the test says. */
static int odd_is_dead(int32_t nsid, void *data)
{
	(void)data;
	return nsid % 2 != 0;
}

static int all_alive(int32_t nsid, void *data)
{
	(void)nsid;
	(void)data;
	return 0;
}

static int all_dead(int32_t nsid, void *data)
{
	(void)nsid;
	(void)data;
	return 1;
}

static int cannot_tell(int32_t nsid, void *data)
{
	(void)nsid;
	(void)data;
	return -EIO;
}

/* --- what is in the file --- */

struct seen {
	size_t n;
	int64_t sum; /* of the nsids */
};

static int see(const struct ledger_record *rec, void *data)
{
	struct seen *seen = data;

	assert_int_equal(rec->netns, (uint64_t)rec->nsid + 1000);
	seen->n++;
	seen->sum += rec->nsid;
	return 0;
}

static struct seen records_of(uid_t uid)
{
	struct seen seen = { 0 };

	assert_int_equal(ledger_read(&l, uid, see, &seen), 0);
	return seen;
}

static int put(const struct ledger *to, uint32_t uid, int32_t nsid, ledger_is_dead is_dead)
{
	const struct ledger_record rec = { .uid = uid,
					   .nsid = nsid,
					   .netns = (uint64_t)nsid + 1000 };

	return ledger_put(to, &rec, is_dead, NULL);
}

static off_t size_of(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static off_t with_slots(size_t n)
{
	return (off_t)(sizeof(struct ledger_header) + n * sizeof(struct ledger_slot));
}

/* --- the tests --- */

static void records_are_found_by_uid(void **state)
{
	(void)state;
	assert_int_equal(records_of(1000).n, 0);
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	assert_int_equal(put(&l, 1001, 4, odd_is_dead), 0);
	assert_int_equal(put(&l, 1000, 6, odd_is_dead), 0);
	assert_int_equal(put(&l, 0, 8, odd_is_dead), 0);
	/* Twice is once. */
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	assert_int_equal(records_of(1000).n, 2);
	assert_int_equal(records_of(1000).sum, 8);
	assert_int_equal(records_of(1001).sum, 4);
	assert_int_equal(records_of(0).sum, 8);
	/* A subordinate uid is a user of its own; so is the last there is. */
	assert_int_equal(records_of(101000).n, 0);
	assert_int_equal(put(&l, UINT32_MAX - 1, 10, odd_is_dead), 0);
	assert_int_equal(records_of(UINT32_MAX - 1).sum, 10);
	assert_int_equal(size_of(), with_slots(5));
}

static void dead_records_give_their_place(void **state)
{
	(void)state;
	assert_int_equal(put(&l, 1000, 1, all_alive), 0);
	assert_int_equal(put(&l, 1001, 3, all_alive), 0);
	assert_int_equal(put(&l, 1001, 4, all_alive), 0);
	/* Its own, and another user's. */
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	assert_int_equal(put(&l, 1000, 6, odd_is_dead), 0);
	assert_int_equal(size_of(), with_slots(3));
	assert_int_equal(records_of(1000).sum, 8);
	assert_int_equal(records_of(1001).sum, 4);
	/* Where it cannot be told, nothing is given away. */
	assert_int_equal(put(&l, 1000, 10, cannot_tell), -EIO);
	assert_int_equal(records_of(1000).sum, 8);
	assert_int_equal(records_of(1001).sum, 4);
}

/* A target that comes and goes a thousand times leaves one record. */
static void X7_churn_leaves_no_records(void **state)
{
	(void)state;
	for (int32_t i = 0; i < 1000; i++)
		assert_int_equal(put(&l, 1000, i, all_dead), 0);
	assert_int_equal(size_of(), with_slots(1));
	assert_int_equal(records_of(1000).sum, 999);
}

static void a_user_has_only_so_many(void **state)
{
	(void)state;
	for (int32_t i = 0; i < LEDGER_PER_UID_MAX; i++)
		assert_int_equal(put(&l, 1000, 2 * i, odd_is_dead), 0);
	assert_int_equal(put(&l, 1000, 2 * LEDGER_PER_UID_MAX, odd_is_dead), -EDQUOT);
	/* One that is there already can be asked for; another user is not touched. */
	assert_int_equal(put(&l, 1000, 0, odd_is_dead), 0);
	assert_int_equal(put(&l, 1001, 5000, odd_is_dead), 0);
	assert_int_equal(records_of(1000).n, LEDGER_PER_UID_MAX);
	/* Dead ones do not count. */
	assert_int_equal(put(&l, 1000, 6000, all_dead), 0);
}

static void a_full_ledger_takes_no_more(void **state)
{
	struct ledger_slot slot = { .netns = 1001 };
	FILE *file = fopen(path, "ab");

	(void)state;
	assert_non_null(file);
	for (uint32_t i = 0; i < LEDGER_RECORDS_MAX; i++) {
		slot.uid = 5000 + i;
		slot.nsid = (int32_t)i;
		slot.netns = 1000U + i;
		slot.check = ledger_check(&slot);
		assert_int_equal(fwrite(&slot, sizeof(slot), 1, file), 1);
	}
	assert_int_equal(fclose(file), 0);
	assert_int_equal(put(&l, 1000, 70000, all_alive), -ENOSPC);
	assert_int_equal(records_of(1000).n, 0);
	assert_int_equal(put(&l, 1000, 70000, odd_is_dead), 0);
	assert_int_equal(records_of(1000).sum, 70000);
	assert_int_equal(size_of(), with_slots(LEDGER_RECORDS_MAX));
	assert_int_equal(ftruncate(l.fd, with_slots(LEDGER_RECORDS_MAX + 1)), 0);
	assert_int_equal(put(&l, 1000, 70000, all_alive), -EUCLEAN);
}

/* --- locks --- */

/* Another session: an open file of its own. */
static int lock_elsewhere(off_t start)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int r = fd < 0 ? -errno : ledger_lock(fd, F_WRLCK, start, 1, /* wait_ms= */ 0);

	fd_closep(&fd);
	return r;
}

static void locks_are_a_users(void **state)
{
	(void)state;
	assert_int_equal(ledger_lock_uid(&l, 1000), 0);
	assert_int_equal(ledger_lock_target(&l, 7), 0);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_UID + 1000), -EBUSY);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_UID + 1001), 0);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_TARGET + 7), -EBUSY);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_TARGET + 8), 0);
	/* A record can be written meanwhile, and its place is free again afterwards. */
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	assert_int_equal(lock_elsewhere(with_slots(0)), 0);
	ledger_unlock(&l);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_UID + 1000), 0);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_TARGET + 7), 0);
	/* The last uid's lock is not that of a target. */
	assert_int_equal(ledger_lock_uid(&l, UINT32_MAX), 0);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_TARGET), 0);
	ledger_unlock(&l);
}

static pid_t fork_and(int (*fn)(int ready), int *ret_ready)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		_exit(fn(ready[1]));
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	*ret_ready = ready[0];
	return pid;
}

static int hold_uid(int ready)
{
	struct ledger mine;

	if (open_ledger(&mine) != 0 || ledger_lock_uid(&mine, 1000) < 0)
		return 1;
	(void)!write(ready, "x", 1);
	for (;;)
		(void)pause();
}

static void a_lock_ends_with_its_process(void **state)
{
	int ready;
	pid_t pid = fork_and(hold_uid, &ready);

	(void)state;
	/* Stopped, it has the lock; but no other user waits for it. */
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_UID + 1000), -EBUSY);
	assert_int_equal(lock_elsewhere(LEDGER_LOCK_UID + 1001), 0);
	assert_int_equal(put(&l, 1001, 2, odd_is_dead), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ledger_lock_uid(&l, 1000), 0);
	ledger_unlock(&l);
	(void)close(ready);
}

/* Somebody stopped in the middle of taking a place keeps that place, and no more. */
static int hold_slot(int ready)
{
	struct ledger mine;

	if (open_ledger(&mine) != 0 ||
	    ledger_lock(mine.fd, F_WRLCK, with_slots(0), sizeof(struct ledger_slot), 0) < 0)
		return 1;
	(void)!write(ready, "x", 1);
	for (;;)
		(void)pause();
}

static void a_place_that_is_being_taken_is_passed_over(void **state)
{
	int ready;
	pid_t pid = fork_and(hold_slot, &ready);

	(void)state;
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	assert_int_equal(size_of(), with_slots(2));
	assert_int_equal(records_of(1000).n, 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(put(&l, 1001, 4, odd_is_dead), 0);
	assert_int_equal(size_of(), with_slots(2));
	(void)close(ready);
}

/* Somebody who is kept from going on in the middle of writing the first record, for @pause_us. */
static int write_half(int ready, useconds_t pause_us)
{
	struct ledger mine;
	struct ledger_slot slot;

	if (open_ledger(&mine) != 0 ||
	    ledger_lock(mine.fd, F_WRLCK, with_slots(0), sizeof(slot), 0) < 0 ||
	    pread(mine.fd, &slot, sizeof(slot), with_slots(0)) != sizeof(slot))
		return 1;
	slot.check ^= 2;
	if (pwrite(mine.fd, &slot, sizeof(slot), with_slots(0)) != sizeof(slot))
		return 2;
	(void)!write(ready, "x", 1);
	(void)usleep(pause_us);
	slot.check ^= 2;
	return pwrite(mine.fd, &slot, sizeof(slot), with_slots(0)) == sizeof(slot) ? 0 : 3;
}

static int write_slowly(int ready)
{
	return write_half(ready, 100 * 1000);
}

static int write_for_ever(int ready)
{
	return write_half(ready, 100 * 1000 * 1000);
}

static void a_record_that_is_being_written_is_waited_for(void **state)
{
	struct seen seen = { 0 };
	int ready, status;
	pid_t pid;

	(void)state;
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	pid = fork_and(write_slowly, &ready);
	assert_int_equal(records_of(1000).n, 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(ready);

	/* But not for ever; and if nobody is writing it, it is damaged. */
	pid = fork_and(write_for_ever, &ready);
	assert_int_equal(ledger_read(&l, 1000, see, &seen), -EBUSY);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ledger_read(&l, 1000, see, &seen), -EUCLEAN);
	assert_int_equal(lock_elsewhere(with_slots(0)), 0);
	(void)close(ready);
}

/* --- many at once --- */

enum {
	WRITERS = 8,
	EACH = 50
};

static int write_many(int number)
{
	struct ledger mine;

	if (open_ledger(&mine) != 0)
		return 1;
	for (int i = 0; i < EACH; i++) {
		int32_t nsid = 2 * (number * EACH + i);

		if (ledger_lock_uid(&mine, (uid_t)number) < 0 ||
		    put(&mine, (uint32_t)number, nsid, odd_is_dead) < 0)
			return 2;
		ledger_unlock(&mine);
	}
	return 0;
}

/* Users who take places at the same time, some of them killed on the way, lose no record and
 * make none that is not sound. */
static void many_write_at_once(void **state)
{
	pid_t pids[2 * WRITERS];
	int status;

	(void)state;
	for (int i = 0; i < 2 * WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(write_many(i));
	}
	/* Half of them die somewhere. */
	for (int i = WRITERS; i < 2 * WRITERS; i++) {
		(void)usleep(1000);
		(void)kill(pids[i], SIGKILL);
	}
	for (int i = 0; i < 2 * WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		if (i < WRITERS)
			assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(records_of((uid_t)i).n, EACH);
		assert_int_equal(records_of((uid_t)i).sum,
				 2 * (i * EACH * EACH + EACH * (EACH - 1) / 2));
	}
	for (int i = WRITERS; i < 2 * WRITERS; i++)
		assert_true(records_of((uid_t)i).n <= EACH);
}

/* The file is made once, whoever of many comes first. */
static int open_and_put(int number)
{
	struct ledger mine;
	int r = open_ledger(&mine);

	if (r != 0 && r != -EUCLEAN)
		return 1;
	return put(&mine, (uint32_t)number, 2 * number, odd_is_dead) < 0 ? 2 : 0;
}

static void many_make_it_at_once(void **state)
{
	pid_t pids[WRITERS];
	int status;

	(void)state;
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(open_and_put(i));
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	fd_closep(&l.fd);
	assert_int_equal(open_ledger(&l), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(records_of((uid_t)i).n, 1);
}

/* --- damage --- */

static void overwrite(off_t at, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), (ssize_t)len);
	fd_closep(&fd);
}

/* Every byte of header and records matters, and no bit of them can be wrong unseen. */
static void damage_is_seen(void **state)
{
	static uint8_t good[sizeof(struct ledger_header) + 2 * sizeof(struct ledger_slot)];
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	assert_int_equal(put(&l, 1001, 4, odd_is_dead), 0);
	assert_int_equal(pread(l.fd, good, sizeof(good), 0), sizeof(good));
	for (size_t i = 0; i < 8 * sizeof(good); i++) {
		uint8_t byte = good[i / 8] ^ (uint8_t)(1U << (i % 8));

		overwrite((off_t)(i / 8), &byte, 1);
		assert_int_equal(ledger_read(&l, 1000, see, &seen), -EUCLEAN);
		assert_int_equal(put(&l, 1002, 6, odd_is_dead), -EUCLEAN);
		overwrite((off_t)(i / 8), &good[i / 8], 1);
	}
	assert_int_equal(records_of(1000).sum, 2);
	assert_int_equal(size_of(), with_slots(2));
}

static void size_has_to_fit(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	for (off_t size = 0; size < with_slots(2); size++) {
		assert_int_equal(ftruncate(l.fd, size), 0);
		if (size == with_slots(0) || size == with_slots(1))
			continue;
		assert_int_equal(ledger_read(&l, 1000, see, &seen), -EUCLEAN);
		assert_int_equal(put(&l, 1001, 4, odd_is_dead), -EUCLEAN);
		/* The header is gone, where it was cut off. */
		if (size < with_slots(0))
			assert_int_equal(ledger_clear(&l), 0);
	}
}

/* A file that was removed, or replaced, is not the one that others look into. */
static void a_file_that_is_gone_is_damage(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_read(&l, 1000, see, &seen), -EUCLEAN);
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), -EUCLEAN);
	fd_closep(&l.fd);
	assert_int_equal(open_ledger(&l), -EUCLEAN);
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
}

static void garbage_is_cleared_by_the_opener_alone(void **state)
{
	static const char text[] = "This is not a ledger, but as long as a header and then some.";

	(void)state;
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	fd_closep(&l.fd);
	assert_int_equal(open_ledger(&l), 0);
	assert_int_equal(records_of(1000).n, 1);
	overwrite(0, text, sizeof(text));
	fd_closep(&l.fd);
	assert_int_equal(open_ledger(&l), -EUCLEAN);
	assert_int_equal(records_of(1000).n, 0);
	assert_int_equal(size_of(), with_slots(0));
}

static void of_another_netns(void **state)
{
	const struct ledger_place where = place();
	struct ledger other = { .fd = -1, .netns = NETNS + 1 };

	(void)state;
	assert_int_equal(put(&l, 1000, 2, odd_is_dead), 0);
	fd_closep(&l.fd);
	assert_int_equal(ledger_open(&other, &where), -EUCLEAN);
	fd_closep(&other.fd);
}

/* --- what may be opened --- */

static void open_fails_with(int error)
{
	const struct ledger_place where = place();
	struct ledger other = { .fd = -1, .netns = NETNS };
	size_t before;

	fd_closep(&l.fd);
	before = count_fds();
	assert_int_equal(ledger_open(&other, &where), error);
	assert_int_equal(other.fd, -1);
	assert_int_equal(count_fds(), before);
}

static void mode_of_the_file(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0666 };
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		open_fails_with(-EPERM);
	}
}

static void mode_of_the_directory(void **state)
{
	(void)state;
	assert_int_equal(chmod(dir, 0775), 0);
	open_fails_with(-EPERM);
	assert_int_equal(chmod(dir, 0757), 0);
	open_fails_with(-EPERM);
	assert_int_equal(chmod(dir, 0700), 0);
}

static void what_is_no_file_of_ours(void **state)
{
	char other[PATH_MAX];

	(void)state;
	(void)snprintf(other, sizeof(other), "%s/other", dir);
	/* Under two names, */
	assert_int_equal(link(path, other), 0);
	open_fails_with(-EPERM);
	/* a symbolic link, */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(other, path), 0);
	open_fails_with(-EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(other), 0);
	/* one that leads nowhere, */
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	open_fails_with(-EPERM);
	assert_int_equal(unlink(path), 0);
	/* a FIFO, which nobody has to open at its other end, */
	assert_int_equal(mkfifo(path, 0600), 0);
	open_fails_with(-EPERM);
	assert_int_equal(unlink(path), 0);
	/* a directory. */
	assert_int_equal(mkdir(path, 0700), 0);
	open_fails_with(-EPERM);
	assert_int_equal(rmdir(path), 0);
}

static void owner_of_the_file(void **state)
{
	struct ledger_place where = place();
	struct ledger other = { .fd = -1, .netns = NETNS };

	(void)state;
	if (geteuid() != 0)
		skip_because("it takes root to give a file away");
	fd_closep(&l.fd);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(ledger_open(&other, &where), -EPERM);
	where.uid = 12345;
	assert_int_equal(ledger_open(&other, &where), 0);
	fd_closep(&other.fd);
	assert_int_equal(chown(dir, 12346, 12346), 0);
	assert_int_equal(ledger_open(&other, &where), -EPERM);
}

/* What root makes, the account can use, whatever the umask. */
static void made_for_the_account(void **state)
{
	struct ledger_place where = place();
	struct ledger other = { .fd = -1, .netns = NETNS };
	char below[96], file[128];
	struct stat st;
	mode_t mask;

	(void)state;
	if (geteuid() != 0)
		skip_because("it takes root to give a file away");
	(void)snprintf(below, sizeof(below), "%s/run", dir);
	(void)snprintf(file, sizeof(file), "%s/ledger-99", below);
	where.dir = below;
	where.uid = 12345;
	where.gid = 12346;
	mask = umask(0777);
	fd_closep(&l.fd);
	assert_int_equal(ledger_open(&other, &where), -EUCLEAN);
	(void)umask(mask);
	assert_int_equal(other.fd, LEDGER_FD);
	fd_closep(&other.fd);
	assert_int_equal(stat(below, &st), 0);
	assert_true(st.st_uid == 12345 && st.st_gid == 12346 && (st.st_mode & 07777) == 0755);
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_uid == 12345 && st.st_gid == 12346 && (st.st_mode & 07777) == 0600);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(below), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_are_found_by_uid),
		TEST(dead_records_give_their_place),
		TEST(X7_churn_leaves_no_records),
		TEST(a_user_has_only_so_many),
		TEST(a_full_ledger_takes_no_more),
		TEST(locks_are_a_users),
		TEST(a_lock_ends_with_its_process),
		TEST(a_place_that_is_being_taken_is_passed_over),
		TEST(a_record_that_is_being_written_is_waited_for),
		TEST(many_write_at_once),
		TEST(many_make_it_at_once),
		TEST(damage_is_seen),
		TEST(size_has_to_fit),
		TEST(a_file_that_is_gone_is_damage),
		TEST(garbage_is_cleared_by_the_opener_alone),
		TEST(of_another_netns),
		TEST(mode_of_the_file),
		TEST(mode_of_the_directory),
		TEST(what_is_no_file_of_ours),
		TEST(owner_of_the_file),
		TEST(made_for_the_account),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
