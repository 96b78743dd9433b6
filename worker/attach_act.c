/*
 * attach and oci-hook: addresses -> open -> join -> confine -> bind -> attach -> report.
 */
#include "worker/attach_act.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/announce.h"
#include "worker/attach.h"
#include "worker/attach_put.h"
#include "worker/broker_client.h"
#include "worker/confine.h"
#include "worker/mac.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/target.h"

/* Two of one name, or of one address that is given, cannot both be made. */
static int check_apart(const struct attach_link *links, size_t n, struct report *report)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(links[i].spec.name, links[j].spec.name) == 0)
				return report_fail(report, EXIT_USAGE_, "%s is to be made twice",
						   links[i].spec.name);
			if (memcmp(links[i].mac, links[j].mac, sizeof(links[i].mac)) == 0)
				return report_fail(report, EXIT_USAGE_,
						   "%s and %s are to have the same MAC address",
						   links[j].spec.name, links[i].spec.name);
		}
	}
	return 0;
}

static int find_macs(struct attach_link *links, size_t n, struct report *report)
{
	int status = 0;

	for (size_t i = 0; !status && i < n; i++)
		status = mac_find(links[i].spec.mac, links[i].spec.name, links[i].mac, report);
	return status ? status : check_apart(links, n, report);
}

static int bind_target(struct broker *broker, const struct target *target, struct report *report)
{
	int r;

	if (broker->fd < 0)
		return broker_fail_none(broker, report);
	r = broker_hello(broker);
	if (r == 0)
		r = broker_target_bind(broker, target->netns, target->handover);
	if (r == -EPERM && !broker->ended)
		return report_fail(report, EXIT_REFUSED,
				   "the broker refuses this container's network namespace: it has "
				   "to be one of its own, in a user namespace of this user's, and "
				   "not the host's; the broker's audit log has the reason");
	if (r < 0)
		return report_fail(report, EXIT_NO_BROKER, "cannot agree with the broker: %s%s%s",
				   log_errname(-r), *broker->text ? ": " : "", broker->text);
	return 0;
}

static json_t *link_to_json(const struct attach_link *link)
{
	json_t *object = json_object(), *addresses = json_array();
	char text[ATTACH_ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];

	for (size_t i = 0; i < link->spec.n_addresses; i++) {
		attach_address_text(&link->spec.addresses[i], text);
		(void)json_array_append_new(addresses, json_string(text));
	}
	mac_text(link->mac, mac);
	(void)json_object_set_new(object, "name", json_string(link->spec.name));
	(void)json_object_set_new(object, "ifindex", json_integer(link->ifindex));
	(void)json_object_set_new(object, "parent", json_string(link->spec.parent));
	(void)json_object_set_new(object, "mode", json_string(link_mode_name(link->spec.mode)));
	(void)json_object_set_new(object, "mac", json_string(mac));
	(void)json_object_set_new(object, "mtu", json_integer(link->mtu));
	(void)json_object_set_new(object, "addresses", addresses);
	return object;
}

static void note_links(const struct target *target, const struct attach_link *links, size_t n,
		       struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, link_to_json(&links[i]));
	(void)json_object_set_new(report->root, "netns_inode",
				  json_integer((json_int_t)target->ino));
	(void)json_object_set_new(report->root, "links", list);
}

static int open_and_attach(const struct options *options, struct attach_link *links, size_t n,
			   struct target *target, struct broker *broker, struct report *report)
{
	struct attach_to to = { .target = target, .broker = broker, .packets = -1 };
	_cleanup_fd_ int packets = -1;
	struct confine_args bounds;
	int status;

	status = target_open(&options->target, target, report);
	if (!status)
		status = broker_open(options->broker, broker, report);
	if (!status)
		status = target_join(target, report);
	if (!status)
		status = target_open_detour(target, report);
	if (status)
		return status;
	/* Without it, what has addresses is not announced, which attach() says. */
	if (announce_open(&packets) == 0)
		to.packets = packets;
	bounds = (struct confine_args){ .image_dir = -1, .sysctls = target->sysctls, .device = -1 };
	status = confine(&bounds, report);
	if (!status)
		status = bind_target(broker, target, report);
	if (!status)
		status = attach(&to, links, n, report);
	if (!status)
		note_links(target, links, n, report);
	return status;
}

int attach_act(const struct options *options, struct attach_link *links, size_t n,
	       struct report *report)
{
	struct broker broker;
	struct target target;
	int status;

	broker_init(&broker);
	target_init(&target);
	status = find_macs(links, n, report);
	if (!status)
		status = open_and_attach(options, links, n, &target, &broker, report);
	broker_fini(&broker);
	target_fini(&target);
	return status;
}
