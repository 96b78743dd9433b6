/*
 * netcr-broker: which subcommand.
 *
 * May: read argv, and say what is wrong with it. Must not: touch netlink.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "broker/commands.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"

static const char usage_text[] =
	"Usage: netcr-broker spawn [OPTION]... -- COMMAND [ARGUMENT]...\n"
	"       netcr-broker serve [--socket PATH]... [OPTION]...\n"
	"       netcr-broker check [--policy FILE] [--user USER --parent IF [OPTION]...]\n"
	"       netcr-broker --help | --version\n"
	"\n"
	"spawn runs COMMAND as the invoking user, with none of this program's privilege, and with\n"
	"a session of the broker that it can ask for macvlans on the parents that are allowed\n"
	"($NETCR_BROKER names it). serve gives a session to everybody who connects to it.\n"
	"check prints the rules, or with --user what would become of a request. It needs no\n"
	"privilege and changes nothing.\n"
	"\n"
	"  --allow-parent IF   allow macvlans on interface IF; without one everything is refused\n"
	"  --policy FILE       the rules that hold without --allow-parent, instead of those in\n"
	"                      /etc/netcr/netcr.conf: see netcr.conf(5)\n"
	"  --allow-mode MODE   allow this mode, and no longer the default ones (bridge, private,\n"
	"                      vepa); may be given more than once: also passthru and source,\n"
	"                      which are for parents that one user has alone\n"
	"  --max-links N       allow a user so many macvlans on each parent\n"
	"  --max-links-per-netns N\n"
	"                      allow so many in one network namespace\n"
	"  --audit stderr|journal\n"
	"                      where the audit lines go (stderr)\n"
	"  --audit-format text|json\n"
	"                      how they are written (text)\n"
	"  --help, --version\n"
	"\n"
	"Of serve:\n"
	"  --socket PATH               listen here; without one, on /run/netcr/broker.sock, or\n"
	"                              on what a service manager hands over\n"
	"  --max-sessions-per-user N   at a time; without it 16\n"
	"  --idle-timeout SECONDS      end a session that asks for nothing; without it 60\n"
	"SIGTERM and SIGINT end the service, but no request that is under way.\n"
	"\n"
	"Of check:\n"
	"  --user USER                 a name or a number\n"
	"  --parent IF                 or NAMESPACE/IF\n"
	"  --mode MODE                 without it bridge\n"
	"  --mac MAC                   without it none is asked for\n"
	"Exit status of check: 0 the file is right, or granted; 77 denied; 1 allowed, but the\n"
	"interface is not there; 78 the file is wrong.\n"
	"\n"
	"Exit status of spawn: that of COMMAND; 127 if it was not found, 126 if it cannot be run.\n"
	"Else 64 usage, 71 system error, 77 no privilege, 78 what is to be allowed, or what was\n"
	"handed over, makes no sense.\n"
	"\n"
	"Whoever may attach to a parent has its network, with any MAC address and any number of\n"
	"macvlans: see SECURITY.md.\n";

static int cmd_help(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	return fputs(usage_text, stdout) < 0 ? EXIT_OS_ : 0;
}

static int cmd_version(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	return puts("netcr-broker " NETCR_VERSION) < 0 ? EXIT_OS_ : 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char *argv[]);
	bool keeps_fds; /* what it was started with is for it to judge: socket activation */
} commands[] = {
	{ "check", cmd_check, false },       { "serve", cmd_serve, true },
	{ "spawn", cmd_spawn, false },       { "--help", cmd_help, false },
	{ "--version", cmd_version, false },
};

int main(int argc, char *argv[])
{
	log_init("netcr-broker");
	if (fd_open_std() < 0)
		return EXIT_OS_;
	for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (!commands[i].keeps_fds && fd_close_from(3) < 0)
			return EXIT_OS_;
		if (argc > 2 && strcmp(argv[2], "--help") == 0)
			return cmd_help(argc, argv);
		return commands[i].run(argc - 1, argv + 1);
	}
	return command_usage_error(argc < 2 ? "a command is missing" : "unknown command", argv[1]);
}
