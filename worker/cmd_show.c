/*
 * netcr-worker show: what the images hold, for people and for programs.
 *
 * The images are checked as for a restore, so that what is printed are names and numbers that
 * can be meant. Nothing is joined and nothing is asked of the kernel.
 */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/commands.h"
#include "worker/confine.h"
#include "worker/image.h"
#include "worker/image_check.h"
#include "worker/link_kind.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/show_dot.h"
#include "worker/show_ruleset.h"
#include "worker/show_state.h"
#include "worker/state_sysctl.h"

/* --- as JSON --- */

static json_t *values_to_json(const struct sysctl_set *set)
{
	json_t *object = json_object();

	for (size_t i = 0; i < set->table->n; i++) {
		const struct sysctl_value *value = &set->values[i];

		if (value->type == SYSCTL_NUMBER)
			(void)json_object_set_new(object, set->table->names[i],
						  json_integer(value->number));
		else if (value->type == SYSCTL_TEXT)
			(void)json_object_set_new(object, set->table->names[i],
						  json_string(value->text));
	}
	return object;
}

struct list {
	const char *key;
	const struct sysctl_table *table;
	Img__Sysctl *const *entries;
	size_t n;
	const int32_t *old;
	size_t n_old;
};

static int add_list(json_t *to, const struct list *list, const char *file, size_t record,
		    struct report *report)
{
	const struct sysctl_source at = { .file = file, .record = record, .field = list->key };
	struct sysctl_set set = { 0 };
	int status;

	if (list->n == 0 && list->n_old == 0)
		return 0;
	status = sysctl_set_decode(&set, list->table, list->key, list->entries, list->n, list->old,
				   list->n_old, &at, report);
	if (!status)
		(void)json_object_set_new(to, list->key, values_to_json(&set));
	sysctl_set_fini(&set);
	return status;
}

static int link_to_json(const struct image_netns *image, size_t i, json_t *to,
			struct report *report)
{
	const Img__NetDevice *dev = image->links[i];
	const struct link_kind *kind = link_kind_of(dev);
	const struct list lists[] = {
		{ "conf4", &sysctl_conf4, dev->conf4, dev->n_conf4, dev->conf, dev->n_conf },
		{ "conf6", &sysctl_conf6, dev->conf6, dev->n_conf6, NULL, 0 },
	};
	char mac[3 * 32] = "";
	int status = 0;

	(void)json_object_set_new(to, "name", json_string(dev->name));
	(void)json_object_set_new(to, "kind", json_string(kind->name));
	(void)json_object_set_new(to, "ifindex", json_integer(dev->ifindex));
	(void)json_object_set_new(to, "mtu", json_integer(dev->mtu));
	(void)json_object_set_new(to, "flags", json_integer(dev->flags));
	for (size_t b = 0; dev->has_address && b < dev->address.len; b++)
		(void)snprintf(mac + 3 * b - (b > 0), sizeof(mac) - 3 * b, "%s%02x", b ? ":" : "",
			       dev->address.data[b]);
	if (dev->has_address)
		(void)json_object_set_new(to, "address", json_string(mac));
	if (dev->has_peer_ifindex)
		(void)json_object_set_new(to, "peer_ifindex", json_integer(dev->peer_ifindex));
	if (dev->has_peer_nsid)
		(void)json_object_set_new(to, "peer_ns_id", json_integer(dev->peer_nsid));
	if (dev->has_master)
		(void)json_object_set_new(to, "master", json_integer(dev->master));
	if (kind->json)
		(void)kind->json(dev, to);
	for (size_t l = 0; !status && l < ARRAY_SIZE(lists); l++)
		status = add_list(to, &lists[l], image->netdev_name, i + 1, report);
	return status;
}

static int netns_to_json(const struct image_netns *image, json_t *to, struct report *report)
{
	const Img__Netns *ns = image->netns;
	const struct list lists[] = {
		{ "all_conf4", &sysctl_conf4, ns->all_conf4, ns->n_all_conf4, ns->all_conf,
		  ns->n_all_conf },
		{ "def_conf4", &sysctl_conf4, ns->def_conf4, ns->n_def_conf4, ns->def_conf,
		  ns->n_def_conf },
		{ "all_conf6", &sysctl_conf6, ns->all_conf6, ns->n_all_conf6, NULL, 0 },
		{ "def_conf6", &sysctl_conf6, ns->def_conf6, ns->n_def_conf6, NULL, 0 },
		{ "unix_conf", &sysctl_unix, ns->unix_conf, ns->n_unix_conf, NULL, 0 },
		{ "ipv4_sysctl", &sysctl_ipv4, ns->ipv4_sysctl, ns->n_ipv4_sysctl, NULL, 0 },
	};
	json_t *links = json_array(), *nsids = json_array();
	int status = 0;

	(void)json_object_set_new(to, "id", json_integer(image->id));
	(void)json_object_set_new(to, "links", links);
	(void)json_object_set_new(to, "nsids", nsids);
	if (ns->ext_key)
		(void)json_object_set_new(to, "external", json_string(ns->ext_key));
	for (size_t i = 0; i < ns->n_nsids; i++)
		(void)json_array_append_new(
			nsids,
			json_pack("{s:I, s:I}", "ns_id", (json_int_t)ns->nsids[i]->target_ns_id,
				  "nsid", (json_int_t)ns->nsids[i]->netnsid_value));
	for (size_t i = 0; !status && i < image->n_links; i++) {
		json_t *link = json_object();

		(void)json_array_append_new(links, link);
		status = link_to_json(image, i, link, report);
	}
	for (size_t l = 0; !status && l < ARRAY_SIZE(lists); l++)
		status = add_list(to, &lists[l], image->netns_name, 1, report);
	show_state_json(image->state, to);
	show_ruleset_json(&image->ruleset, to);
	return status;
}

/* --- as a table --- */

static void print_link(const Img__NetDevice *dev)
{
	const struct link_kind *kind = link_kind_of(dev);
	char detail[LINK_DETAIL_MAX] = "", mac[18] = "-";
	const uint8_t *a = dev->address.data;

	if (dev->has_address && dev->address.len == 6)
		(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2],
			       a[3], a[4], a[5]);
	if (kind->show)
		kind->show(dev, detail);
	(void)printf("%10u  %-15s  %-8s  %-4s  %6u  %-17s  %s\n", dev->ifindex, dev->name,
		     kind->name, dev->flags & 1 ? "up" : "down", dev->mtu, mac, detail);
}

static void print_netns(const struct image_netns *image)
{
	const Img__Netns *ns = image->netns;

	(void)printf("namespace %u: %zu links", image->id, image->n_links);
	/* The key is anybody's text: it is for the JSON, where it is escaped. */
	if (ns->ext_key)
		(void)printf(", external to the checkpoint");
	(void)printf("\n");
	if (image->n_links > 0)
		(void)printf("%10s  %-15s  %-8s  %-4s  %6s  %-17s  %s\n", "INDEX", "NAME", "KIND",
			     "", "MTU", "ADDRESS", "DETAIL");
	for (size_t i = 0; i < image->n_links; i++)
		print_link(image->links[i]);
	for (size_t i = 0; i < ns->n_nsids; i++)
		(void)printf("nsid %d is namespace %u\n", ns->nsids[i]->netnsid_value,
			     ns->nsids[i]->target_ns_id);
	show_state_print(image->state);
	show_ruleset_print(&image->ruleset);
}

/* --- the command --- */

struct shown {
	uint32_t ids[IMAGE_NETNS_MAX];
	size_t n;
	json_t *list; /* borrowed */
};

static int show_one(int dir, const struct shown *shown, uint32_t id, bool dot,
		    struct report *report)
{
	struct image_netns image = { 0 };
	int status;

	status = image_load(dir, id, &image, report);
	if (!status)
		status = image_check(&image, report);
	if (!status && report->json) {
		json_t *object = json_object();

		(void)json_array_append_new(shown->list, object);
		status = netns_to_json(&image, object, report);
	} else if (!status && dot) {
		show_dot_netns(&image, shown->ids, shown->n);
	} else if (!status) {
		print_netns(&image);
	}
	image_fini(&image);
	return status;
}

static int run(const struct options *options, struct report *report)
{
	_cleanup_fd_ int dir = -1;
	struct shown shown = { .ids = { options->ns_id }, .n = 1, .list = json_array() };
	struct confine_args bounds = { .image_dir = -1, .sysctls = -1, .device = -1 };
	int status;

	(void)json_object_set_new(report->root, "namespaces", shown.list);
	status = image_dir_open(options->images, &dir, report);
	bounds.image_dir = dir;
	if (!status)
		status = confine(&bounds, report);
	if (!status && options->ns_id == 0)
		status = image_list(dir, shown.ids, &shown.n, report);
	if (!status && options->dot)
		show_dot_begin();
	for (size_t i = 0; !status && i < shown.n; i++)
		status = show_one(dir, &shown, shown.ids[i], options->dot, report);
	if (!status && options->dot)
		show_dot_end();
	return status;
}

int cmd_show(int argc, char *argv[])
{
	struct options options;
	struct report report;
	int status;

	status = options_parse(argc, argv, OPTION_IMAGES | OPTION_NS_ID | OPTION_JSON | OPTION_DOT,
			       &options, &report);
	if (!status)
		(void)run(&options, &report);
	status = report_finish(&report);
	options_fini(&options);
	report_fini(&report);
	return status;
}
