/*
 * netcr-broker serve: its options, and the order of its start.
 *
 * May: read argv. Must not: accept or read from anybody.
 */
#include <errno.h>
#include <getopt.h>
#include <sys/auxv.h>

#include "broker/caller.h"
#include "broker/commands.h"
#include "broker/listen.h"
#include "broker/lockdown.h"
#include "broker/notify.h"
#include "broker/options.h"
#include "broker/policy_file.h"
#include "broker/serve.h"
#include "broker/session.h"
#include "broker/start.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"

#define DEFAULT_SOCKET NETCR_RUN_DIR "/broker.sock"

enum {
	HELLO_S = 5,
	IDLE_S = 60,
	PER_USER = 16,
};

static int open_sockets(struct options *o, struct listen *l)
{
	int status = 0;

	if (l->n > 0 && o->n_sockets > 0) {
		log_err("--socket is not for a broker that is handed its sockets (LISTEN_FDS)");
		return EXIT_USAGE_;
	}
	if (l->n == 0 && o->n_sockets == 0)
		o->sockets[o->n_sockets++] = DEFAULT_SOCKET;
	for (size_t i = 0; i < o->n_sockets && !status; i++)
		status = listen_open(l, o->sockets[i]);
	return status;
}

/* What the sessions begin with: options, which are root's quick form, or a file. */
static int load_policy(struct options *o, struct policy *ret)
{
	if (o->policy && o->allow.rule.n_parents)
		return command_usage_error("--policy is not for a broker with --allow-parent",
					   NULL);
	if (allow_policy(&o->allow, /* init_netns= */ false, ret))
		return 0;
	return command_load_policy(o->policy, /* in_force= */ true, ret);
}

/* Of options there is nothing to read again. Sessions that run keep what they began with: each has
 * its own copy of this process's memory. */
static int reload(struct serve *s)
{
	struct policy policy = { 0 };

	if (!s->policy_file)
		return 0;
	if (command_load_policy(s->policy_file, /* in_force= */ true, &policy))
		return -EINVAL;
	policy_file_free(&s->first->policy);
	s->first->policy = policy;
	return 0;
}

/* A connection was handed over: this process becomes its session. */
static int serve_one(struct session *first, int sock)
{
	uid_t uid;
	pid_t pid;

	if (caller_of_peer(sock, &uid, &pid) < 0) {
		log_err("the connection is refused: its uid cannot be told, or stands for nobody");
		return EXIT_REFUSED;
	}
	start_session_for(first, sock, uid, pid);
}

static int serve_many(struct session *first, struct listen *l, const struct options *o)
{
	struct serve s = {
		.first = first,
		.listen = l,
		.max_per_user = o->max_per_user,
		.policy_file = o->allow.rule.n_parents ? NULL
			       : o->policy             ? o->policy
						       : NETCR_CONF,
		.reload = reload,
	};
	const char *step;
	int r;

	r = notify_open(&s.notify);
	if (r < 0)
		log_warn("$NOTIFY_SOCKET cannot be used: %s", log_errname(-r));
	r = lockdown_acceptor(first, &step);
	if (r < 0) {
		log_err("the acceptor could not %s: %s", step, log_errname(-r));
		return EXIT_OS_;
	}
	return serve(&s);
}

static const char *why_not(void)
{
	if (getauxval(AT_SECURE))
		return "a service is started by root or a service manager, and not with privilege "
		       "that comes with the file";
	return caller_check_privilege();
}

int cmd_serve(int argc, char *argv[])
{
	static struct options options = { .max_per_user = PER_USER, .idle_s = IDLE_S };
	static struct session first;
	struct listen sockets;
	const char *missing;
	int status;

	status = listen_take(&sockets);
	if (status)
		return status;
	missing = why_not();
	if (missing) {
		log_err("cannot start: %s", missing);
		return EXIT_REFUSED;
	}
	status = options_parse(argc, argv, OPTIONS_SERVE, &options);
	if (!status && optind < argc)
		status = command_usage_error("serve runs no command:", argv[optind]);
	if (status)
		return status;
	session_init(&first);
	first.hello_ms = HELLO_S * 1000;
	first.idle_ms = (int)options.idle_s * 1000;
	status = load_policy(&options, &first.policy);
	if (!status)
		status = start_find_run_id(&first);
	if (status)
		return status;
	if (sockets.connection)
		return serve_one(&first, sockets.sockets[0].fd);
	status = listen_make_directory(NETCR_RUN_DIR, first.run_uid, first.run_gid);
	if (!status)
		status = open_sockets(&options, &sockets);
	if (!status)
		status = serve_many(&first, &sockets, &options);
	listen_close(&sockets);
	return status;
}
