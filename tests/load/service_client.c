/*
 * What tests/bench/service lets run, and takes the time of.
 *
 * Usage: service_client WHAT SOCKET N SESSIONS
 *
 *     setup     N sessions, one after the other, each after a fork and exec of /bin/true
 *     sessions  N sessions, SESSIONS at a time
 *     links     N links, by SESSIONS at a time
 *     refused   N links on a parent that is not allowed, likewise
 *     each      N links by one session, with a pause between two
 *     bare      N links by rtnetlink, as root; instead of SOCKET the parent
 *     hold      SESSIONS with N links in all; waits for the end of stdin
 *     connect   SESSIONS connections that come and go, until it is killed
 *     ask       SESSIONS that are refused what they ask for, until it is killed
 *
 * Prints nanoseconds, a number a line: of the whole or, with setup and each, of each. setup prints
 * that of the session, a space, and that of /bin/true. A session has a container of its own, and
 * there are no links left at the end.
 */
#include <errno.h>
#include <net/if.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/nl.h"
#include "tests/load/client.h"

#define ALLOWED "par0"
#define REFUSED "par1"

enum {
	LANES = 16,
	N_MAX = 1000000,
	PAUSE_NS = 2 * 1000 * 1000,
};

struct lane {
	struct client client;
	struct holder box;
};

static struct lane lanes[LANES];

static void print_ns(int64_t ns)
{
	(void)printf("%lld\n", (long long)ns);
}

/* Of this process's N-th link. */
static struct link_spec spec_of(uint32_t n)
{
	const uint8_t mac[6] = {
		0x02, (uint8_t)getpid(), 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n
	};
	char name[IFNAMSIZ];

	(void)snprintf(name, sizeof(name), "l%u", n);
	return client_spec(name, mac);
}

static void must_answer(struct client *c, int want)
{
	int r = client_answer(c);

	if (r != want)
		client_fail("an answer is not as expected: %s", strerror(-r));
}

static void begin(const char *path, uint32_t sessions)
{
	for (uint32_t i = 0; i < sessions; i++) {
		client_make_box(&lanes[i].box);
		client_connect(&lanes[i].client, path);
		client_send_hello(&lanes[i].client);
		must_answer(&lanes[i].client, 0);
		client_send_bind(&lanes[i].client, &lanes[i].box);
		must_answer(&lanes[i].client, 0);
	}
}

static void end(uint32_t sessions)
{
	for (uint32_t i = 0; i < sessions; i++) {
		client_close(&lanes[i].client);
		client_clear_box(&lanes[i].box);
		holder_fini(&lanes[i].box);
	}
}

static void send_nth(struct client *c, const char *parent, uint32_t n)
{
	const struct link_spec spec = spec_of(n);
	struct proposal p;

	client_propose(&p, parent, &spec);
	client_send_link(c, &p);
}

/* @n requests in turn, one under way in each session. */
static void ask(const char *parent, uint32_t n, uint32_t sessions, int want)
{
	for (uint32_t i = 0; i < n + sessions; i++) {
		struct client *c = &lanes[i % sessions].client;

		if (i >= sessions && i - sessions < n)
			must_answer(c, want);
		if (i < n)
			send_nth(c, parent, i);
	}
}

static void time_asking(const char *path, const char *parent, uint32_t n, uint32_t sessions)
{
	int64_t start;

	begin(path, sessions);
	start = client_clock_ns();
	ask(parent, n, sessions, strcmp(parent, ALLOWED) == 0 ? 0 : -EPERM);
	print_ns(client_clock_ns() - start);
	end(sessions);
}

static void time_links(const char *path, uint32_t n, uint32_t sessions)
{
	time_asking(path, ALLOWED, n, sessions);
}

static void time_refused(const char *path, uint32_t n, uint32_t sessions)
{
	time_asking(path, REFUSED, n, sessions);
}

static void time_each(const char *path, uint32_t n, uint32_t sessions)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	(void)sessions;
	begin(path, 1);
	for (uint32_t i = 0; i < n; i++) {
		const int64_t start = client_clock_ns();

		send_nth(&lanes[0].client, ALLOWED, i);
		must_answer(&lanes[0].client, 0);
		print_ns(client_clock_ns() - start);
		(void)nanosleep(&pause, NULL);
	}
	end(1);
}

static int64_t run_true(void)
{
	static char path[] = "/bin/true";
	char *argv[] = { path, NULL }, *envp[] = { NULL };
	const int64_t start = client_clock_ns();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, path, NULL, NULL, argv, envp) != 0 || waitpid(pid, &status, 0) < 0 ||
	    status != 0)
		client_fail("%s cannot be run", path);
	return client_clock_ns() - start;
}

static void time_setup(const char *path, uint32_t n, uint32_t sessions)
{
	(void)sessions;
	for (uint32_t i = 0; i < n; i++) {
		const int64_t bare = run_true(), start = client_clock_ns();
		struct client *c = &lanes[0].client;

		client_connect(c, path);
		client_send_hello(c);
		must_answer(c, 0);
		(void)printf("%lld %lld\n", (long long)(client_clock_ns() - start),
			     (long long)bare);
		client_close(c);
	}
}

static void time_sessions(const char *path, uint32_t n, uint32_t sessions)
{
	const int64_t start = client_clock_ns();

	for (uint32_t i = 0; i < n + sessions; i++) {
		struct client *c = &lanes[i % sessions].client;

		if (i >= sessions && i - sessions < n) {
			must_answer(c, 0);
			client_close(c);
		}
		if (i < n) {
			client_connect(c, path);
			client_send_hello(c);
		}
	}
	print_ns(client_clock_ns() - start);
}

/* The same links, made by a process that has all the rights. */
static void time_bare(const char *parent, uint32_t n, uint32_t sessions)
{
	static union {
		struct nlmsghdr nlh;
		uint8_t bytes[NL_BUFFER_SIZE];
	} request, answer;
	struct nl_sock nl = { .buf = answer.bytes };
	struct link_place place = { .parent = if_nametoindex(parent) };
	char text[NL_TEXT_MAX];
	int64_t start;

	(void)sessions;
	client_make_box(&lanes[0].box);
	place.netns_fd = lanes[0].box.netns;
	if (!place.parent || nl_open(&nl.fd) < 0)
		client_fail("%s: %s", parent, strerror(errno));
	start = client_clock_ns();
	for (uint32_t i = 0; i < n; i++) {
		const struct link_spec spec = spec_of(i);

		if (link_msg_encode(&spec, &place, request.bytes, sizeof(request.bytes)) < 0 ||
		    nl_talk(&nl, &request.nlh, NULL, NULL, text) < 0)
			client_fail("a link cannot be made: %s", text);
	}
	print_ns(client_clock_ns() - start);
	client_clear_box(&lanes[0].box);
	holder_fini(&lanes[0].box);
	fd_closep(&nl.fd);
}

static void hold(const char *path, uint32_t n, uint32_t sessions)
{
	begin(path, sessions);
	ask(ALLOWED, n, sessions, 0);
	(void)puts("ready");
	(void)fflush(stdout);
	(void)getchar();
	end(sessions);
}

static void flood_connections(const char *path, uint32_t n, uint32_t sessions)
{
	(void)n;
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		for (uint32_t i = 0; i < sessions; i++)
			client_connect(&lanes[i].client, path);
		for (uint32_t i = 0; i < sessions; i++)
			client_close(&lanes[i].client);
	}
}

static void flood_requests(const char *path, uint32_t n, uint32_t sessions)
{
	begin(path, sessions);
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;)
		ask(REFUSED, n, sessions, -EPERM);
}

static const struct {
	const char *name;
	void (*run)(const char *where, uint32_t n, uint32_t sessions);
} commands[] = {
	{ "setup", time_setup },   { "sessions", time_sessions },
	{ "links", time_links },   { "refused", time_refused },
	{ "each", time_each },     { "bare", time_bare },
	{ "hold", hold },          { "connect", flood_connections },
	{ "ask", flood_requests },
};

int main(int argc, char *argv[])
{
	if (argc != 5)
		client_fail("usage: service_client WHAT SOCKET N SESSIONS");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		commands[i].run(argv[2], client_number(argv[3], N_MAX),
				client_number(argv[4], LANES));
		return 0;
	}
	client_fail("%s: no such thing", argv[1]);
}
