/*
 * netcr-worker: which command.
 */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/exit.h"
#include "common/fd.h"
#include "common/log.h"
#include "worker/commands.h"

static const char usage_text[] =
	"Usage: netcr-worker restore -D DIR [TARGET] [--ns-id N] [--external KEY]...\n"
	"                            [--broker B] [--dry-run] [--json]\n"
	"       netcr-worker dump    -D DIR [TARGET] [--ns-id N] [--external KEY]...\n"
	"                            [--skip-kind KIND]... [--json]\n"
	"       netcr-worker show    -D DIR [--ns-id N] [--json | --dot]\n"
	"       netcr-worker check   [--broker B] [--json]\n"
	"       netcr-worker --help | --version\n"
	"\n"
	"restore  makes the network devices that CRIU's images in DIR describe in the target's\n"
	"         network namespace, with their sysctls, addresses, routes and rules: all of it,\n"
	"         or nothing\n"
	"dump     saves the target's network namespace to images in DIR: all of them, or none\n"
	"show     prints what the images hold\n"
	"check    says what this kernel and the broker can do\n"
	"\n"
	"TARGET is --pid PID, or --netns PATH [--userns PATH]; else the namespaces it is in.\n"
	"\n"
	"  -D, --images-dir DIR    the directory with netdev-ID.img and netns-ID.img\n"
	"  --pid PID               the namespaces of this process\n"
	"  --netns PATH            this network namespace, and the user namespace that owns it\n"
	"  --userns PATH           or this one\n"
	"  --ns-id N               which network namespace of the images; default: the only one,\n"
	"                          or the root task's; a dump without ids-1.img takes 10\n"
	"  --external 'macvlan[NAME]:PARENT'\n"
	"                          the parent of macvlan NAME, or of all with NAME '*': an\n"
	"                          interface in the broker's network namespace\n"
	"  --skip-kind KIND        leave out links of this kind, with a warning\n"
	"  --broker fd:N|PATH      the session to use; default: $NETCR_BROKER, or\n"
	"                          /run/netcr/broker.sock\n"
	"  --dry-run               print the steps, and change nothing\n"
	"  --json                  print one JSON object in place of text\n"
	"  --dot                   print a graph for Graphviz: ... show --dot | dot -Tsvg\n"
	"\n"
	"Exit status: 0 done; 1 failed and undone; 2 failed and something is left, which is "
	"named;\n"
	"64 usage; 65 bad image; 69 no broker; 71 system error before anything was done;\n"
	"77 refused.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char *argv[]);
} commands[] = {
	{ "restore", cmd_restore },
	{ "dump", cmd_dump },
	{ "show", cmd_show },
	{ "check", cmd_check },
};

int main(int argc, char *argv[])
{
	log_init("netcr-worker");
	if (fd_open_std() < 0)
		return EXIT_OS_;
	if (argc < 2) {
		log_err("a command is missing; see netcr-worker --help");
		return EXIT_USAGE_;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (strcmp(argv[1], "--help") == 0)
		return fputs(usage_text, stdout) < 0 ? EXIT_OS_ : 0;
	if (strcmp(argv[1], "--version") == 0)
		return puts("netcr-worker " NETCR_VERSION) < 0 ? EXIT_OS_ : 0;
	log_err("unknown command %s; see netcr-worker --help", argv[1]);
	return EXIT_USAGE_;
}
