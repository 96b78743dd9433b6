/*
 * One user of a soak (tests/bench/soak): rounds of sessions that ask at the same time, each in a
 * container of its own, for what is allowed and what is not.
 *
 * Usage: soak_client SOCKET USER ROUNDS
 *
 * In a round each of the LANES sessions goes through the same list. What each request is answered is
 * known, but for those that race for the user's last links: of these it is known how many are
 * granted. Prints a line for each session: its key USER.ROUND.LANE, and a letter for each request.
 * The names of its links are the key, a dot, and the row. A wrong answer ends it with status 1.
 *
 * The policy has to be that of tests/lib/soak.py.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>

#include "common/cleanup.h"
#include "tests/load/client.h"

enum {
	LANES = 4,
	RACE_GRANTED = 34, /* max-links of the rule */
	USERS_MAX = 250,
	ROUNDS_MAX = 250,
};

/* What is answered, and what the audit calls it. */
enum want {
	GRANTED = 'g',
	DENIED = 'd',
	QUOTA = 'q',
	INVALID = 'i',
	VIOLATION = 'v', /* the session ends */
	RACE = 'r',      /* GRANTED or QUOTA */
};

enum what {
	PLAIN,
	UP,
	VEPA,        /* a mode that is not allowed */
	DENIED_MAC,  /* that a rule denies */
	BAD_NAME,    /* that the kernel would expand */
	BAD_KIND,    /* no macvlan */
	OUT_OF_TURN, /* cut off, and in the last lane with a number that breaks the protocol */
};

/* par0 has a limit for each user, par1 one for each netns, and par2 is in no rule. */
static const struct row {
	const char *parent;
	enum what what;
	enum want want;
} rows[] = {
	{ "par1", UP, GRANTED },          { "par1", PLAIN, GRANTED }, { "par2", PLAIN, DENIED },
	{ "par1", PLAIN, GRANTED },       { "par1", PLAIN, GRANTED }, { "par1", BAD_NAME, INVALID },
	{ "par1", PLAIN, GRANTED },       { "par1", PLAIN, GRANTED }, { "par0", VEPA, DENIED },
	{ "par1", PLAIN, GRANTED },       { "par1", PLAIN, GRANTED }, { "par1", PLAIN, QUOTA },
	{ "par0", PLAIN, RACE },          { "par0", PLAIN, RACE },    { "par0", PLAIN, RACE },
	{ "par0", DENIED_MAC, DENIED },   { "par0", PLAIN, RACE },    { "par0", PLAIN, RACE },
	{ "par0", BAD_KIND, INVALID },    { "par0", PLAIN, RACE },    { "par0", PLAIN, RACE },
	{ "par0", PLAIN, RACE },          { "par0", PLAIN, RACE },    { "par0", PLAIN, RACE },
	{ "par0", OUT_OF_TURN, INVALID },
};

struct lane {
	char key[sizeof("255.255.255")];
	char letters[2 + ARRAY_SIZE(rows) + 1];
	struct client client;
	struct holder box;
};

static uint8_t user, the_round;

static void prepare(const struct lane *lane, unsigned int nr, size_t i, struct proposal *p)
{
	const uint8_t second = rows[i].what == DENIED_MAC ? 0x66 : 0x00;
	const uint8_t mac[6] = { 0x02, second, user, the_round, (uint8_t)nr, (uint8_t)i };
	struct link_spec spec;
	char name[IFNAMSIZ];

	(void)snprintf(name, sizeof(name), "%s.%u", lane->key, (uint8_t)i);
	if (rows[i].what == BAD_NAME)
		name[0] = '%';
	spec = client_spec(name, mac);
	if (rows[i].what == VEPA)
		spec.mode = MACVLAN_MODE_VEPA;
	if (rows[i].what == UP)
		spec.flags = spec.change = IFF_UP;
	client_propose(p, rows[i].parent, &spec);
	if (rows[i].what == BAD_KIND) {
		uint8_t *kind = memmem(p->newlink.bytes, p->len, "macvlan", sizeof("macvlan"));

		memcpy(kind, "macvtap", sizeof("macvtap"));
	}
	if (rows[i].what == OUT_OF_TURN)
		p->len--;
}

static void send_row(struct lane *lane, unsigned int nr, size_t i)
{
	struct proposal p;

	prepare(lane, nr, i, &p);
	if (rows[i].what == OUT_OF_TURN && nr == LANES - 1)
		client_send_link_out_of_turn(&lane->client, &p);
	else
		client_send_link(&lane->client, &p);
}

static enum want letter_of(int r)
{
	switch (-r) {
	case 0:
		return GRANTED;
	case EPERM:
		return DENIED;
	case EDQUOT:
		return QUOTA;
	case EINVAL:
		return INVALID;
	case EPIPE:
		return VIOLATION;
	default:
		return '?';
	}
}

static enum want take_answer(struct lane *lane, enum want want)
{
	const size_t i = strlen(lane->letters);
	const int r = client_answer(&lane->client);
	const enum want got = letter_of(r);

	if (want == RACE ? got != GRANTED && got != QUOTA : got != want)
		client_fail("%s, request %zu: not '%c', but %s", lane->key, i + 1, want,
			    strerror(-r));
	lane->letters[i] = (char)got;
	return got;
}

static void begin(struct lane lanes[LANES], const char *path)
{
	for (unsigned int nr = 0; nr < LANES; nr++) {
		struct lane *lane = &lanes[nr];

		*lane = (struct lane){ 0 };
		(void)snprintf(lane->key, sizeof(lane->key), "%u.%u.%u", user, the_round,
			       (uint8_t)nr);
		client_make_box(&lane->box);
		client_connect(&lane->client, path);
		client_send_hello(&lane->client);
	}
	for (unsigned int nr = 0; nr < LANES; nr++) {
		(void)take_answer(&lanes[nr], GRANTED);
		client_send_bind(&lanes[nr].client, &lanes[nr].box);
	}
	for (unsigned int nr = 0; nr < LANES; nr++)
		(void)take_answer(&lanes[nr], GRANTED);
}

static void end(struct lane lanes[LANES])
{
	for (unsigned int nr = 0; nr < LANES; nr++)
		client_close(&lanes[nr].client);
	for (unsigned int nr = 0; nr < LANES; nr++) {
		client_clear_box(&lanes[nr].box);
		holder_fini(&lanes[nr].box);
		(void)printf("%s %s\n", lanes[nr].key, lanes[nr].letters);
	}
	(void)fflush(stdout);
}

static void run_round(const char *path)
{
	static struct lane lanes[LANES];
	unsigned int granted = 0;

	begin(lanes, path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const enum want want = rows[i].want;

		for (unsigned int nr = 0; nr < LANES; nr++)
			send_row(&lanes[nr], nr, i);
		for (unsigned int nr = 0; nr < LANES; nr++) {
			const bool breach = rows[i].what == OUT_OF_TURN && nr == LANES - 1;
			enum want got = take_answer(&lanes[nr], breach ? VIOLATION : want);

			granted += want == RACE && got == GRANTED;
		}
	}
	if (granted != RACE_GRANTED)
		client_fail("%s: %u links were granted to the user, and not %u", lanes[0].key,
			    granted, RACE_GRANTED);
	end(lanes);
}

int main(int argc, char *argv[])
{
	uint32_t rounds;

	if (argc != 4)
		client_fail("usage: soak_client SOCKET USER ROUNDS");
	user = (uint8_t)client_number(argv[2], USERS_MAX);
	rounds = client_number(argv[3], ROUNDS_MAX);
	for (the_round = 1; the_round <= rounds; the_round++)
		run_round(argv[1]);
	return 0;
}
