/*
 * netcr-worker: which command.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/exit.h"
#include "common/fd.h"
#include "common/log.h"
#include "worker/commands.h"

static const char usage_text[] =
	"Usage: netcr-worker restore -D DIR [TARGET] [--ns-id N] [--external KEY]...\n"
	"                            [--netns ID=PATH]... [--outside-netns PATH] [--broker B]\n"
	"                            [--dry-run] [--json]\n"
	"       netcr-worker dump    -D DIR [TARGET] [--netns ID=PATH]... [--ns-id N]\n"
	"                            [--external KEY]... [--skip-kind KIND]... [--json]\n"
	"       netcr-worker show    -D DIR [--ns-id N] [--json | --dot]\n"
	"       netcr-worker check   [--broker B] [--json]\n"
	"       netcr-worker attach  [TARGET] --parent IF [--name NAME] [--mode MODE] [--mac MAC]\n"
	"                            [--mtu N] [--address CIDR]... [--gateway IP]...\n"
	"                            [--route 'CIDR [via IP]']... [--no-ipv6] [--broker B] "
	"[--json]\n"
	"       netcr-worker detach  [TARGET] [--name NAME] [--json]\n"
	"       netcr-worker oci-hook [--broker B] [--json]\n"
	"       netcr-worker criu-action\n"
	"       netcr-worker --help | --version\n"
	"\n"
	"restore  makes the network devices that CRIU's images in DIR describe in the target's\n"
	"         network namespace, with their sysctls, addresses, routes and rules: all of it,\n"
	"         or nothing\n"
	"dump     saves the target's network namespace to images in DIR: all of them, or none\n"
	"show     prints what the images hold\n"
	"check    says what this kernel and the broker can do, and which parents the user may use\n"
	"attach   makes a new macvlan in a container that runs, and announces it\n"
	"detach   takes such a macvlan away\n"
	"oci-hook attaches what the annotation netcr.macvlan of the container on stdin asks for\n"
	"criu-action is what CRIU runs at points of a restore: it restores the network, and looks\n"
	"         after it\n"
	"\n"
	"TARGET is --pid PID, or --netns PATH [--userns PATH]; else the namespaces it is in.\n"
	"\n"
	"  -D, --images-dir DIR    the directory with netdev-ID.img and netns-ID.img\n"
	"  --pid PID               the namespaces of this process\n"
	"  --netns PATH            this network namespace, and the user namespace that owns it\n"
	"  --netns ID=PATH         network namespace ID of the images, of several of a container;\n"
	"                          with --pid, those beside the root task's\n"
	"  --userns PATH           or this one\n"
	"  --ns-id N               which network namespace of the images; default: the only one,\n"
	"                          or the root task's; a dump without ids-1.img takes 10\n"
	"  --external 'macvlan[NAME]:PARENT'\n"
	"                          the parent of macvlan NAME, or of all with NAME '*': an\n"
	"                          interface in the broker's network namespace\n"
	"  --external 'veth[NAME]:OUT[@BRIDGE]'\n"
	"                          the other end of veth NAME, where it is outside; as a port of\n"
	"                          BRIDGE, and up\n"
	"  --external 'netdev[NAME]:DEVICE'\n"
	"                          link NAME is DEVICE, which is outside, and is brought in\n"
	"  --outside-netns PATH    outside, for these two; default: the network namespace that "
	"the\n"
	"                          command is started in\n"
	"  --skip-kind KIND        leave out links of this kind, with a warning\n"
	"  --broker fd:N|PATH      the session to use; default: $NETCR_BROKER, or\n"
	"                          /run/netcr/broker.sock\n"
	"  --name NAME             of the link to attach or detach; default: eth0\n"
	"  --parent IF             the interface of the host to attach it to\n"
	"  --mode MODE             bridge (default), private, vepa, passthru, source\n"
	"  --mac MAC               an address, stable:ID or keep:FILE; default: a random one\n"
	"  --mtu N                 default: the parent's\n"
	"  --address CIDR          an address with its prefix\n"
	"  --gateway IP            the default route\n"
	"  --route 'CIDR [via IP]' a route\n"
	"  --no-ipv6               no IPv6 on this link\n"
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
	{ "restore", cmd_restore },   { "dump", cmd_dump },
	{ "show", cmd_show },         { "check", cmd_check },
	{ "attach", cmd_attach },     { "detach", cmd_detach },
	{ "oci-hook", cmd_oci_hook }, { "criu-action", cmd_criu_action },
};

/* Whether the program was started under a name of its own for criu-action: it comes without
 * arguments then. */
static bool is_criu_action(const char *program)
{
	const char *name = strrchr(program, '/');

	return strcmp(name ? name + 1 : program, "criu-action") == 0;
}

static bool is_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static int print_help(void)
{
	return fputs(usage_text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_OS_ : 0;
}

int main(int argc, char *argv[])
{
	log_init("netcr-worker");
	if (fd_open_std() < 0)
		return EXIT_OS_;
	if (argc > 0 && is_criu_action(argv[0]))
		return cmd_criu_action(argc, argv);
	if (argc < 2) {
		log_err("a command is missing; see netcr-worker --help");
		return EXIT_USAGE_;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			return argc > 2 && is_help(argv[2]) ? print_help()
							    : commands[i].run(argc - 1, argv + 1);
	}
	if (is_help(argv[1]))
		return print_help();
	if (strcmp(argv[1], "--version") == 0)
		return puts("netcr-worker " NETCR_VERSION) < 0 ? EXIT_OS_ : 0;
	log_err("unknown command %s; see netcr-worker --help", argv[1]);
	return EXIT_USAGE_;
}
