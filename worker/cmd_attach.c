/*
 * netcr-worker attach: a new macvlan in a container that runs.
 */
#include <stdio.h>
#include <string.h>

#include "worker/attach.h"
#include "worker/attach_act.h"
#include "worker/attach_put.h"
#include "worker/commands.h"
#include "worker/mac.h"
#include "worker/options.h"
#include "worker/report.h"

static void print_result(const struct attach_link *link)
{
	char mac[MAC_TEXT_MAX], text[ATTACH_ADDRESS_TEXT_MAX];

	mac_text(link->mac, mac);
	(void)printf("attached %s, index %u, to %s: address %s, MTU %u", link->spec.name,
		     link->ifindex, link->spec.parent, mac, link->mtu);
	for (size_t i = 0; i < link->spec.n_addresses; i++) {
		attach_address_text(&link->spec.addresses[i], text);
		(void)printf(", %s", text);
	}
	(void)printf("\n");
}

int cmd_attach(int argc, char *argv[])
{
	static struct attach_link link;
	static struct options options;
	static struct report report;
	int status;

	status = options_parse(argc, argv,
			       OPTION_TARGET | OPTION_BROKER | OPTION_JSON | OPTION_ATTACH |
				       OPTION_NAME,
			       &options, &report);
	if (!status)
		status = attach_spec_check(&options.attach, &report);
	if (!status) {
		link.spec = options.attach;
		status = attach_act(&options, &link, 1, &report);
	}
	if (!status && !options.json)
		print_result(&link);
	status = report_finish(&report);
	options_fini(&options);
	report_fini(&report);
	return status;
}
