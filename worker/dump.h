/* Saving one network namespace: what the parts of a dump share, and what a kind of link gets to
 * say what is its own (link_kind.h). All of it only reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "common/nl.h"
#include "criu/netdev.pb-c.h"
#include "criu/netns.pb-c.h"
#include "worker/dump_attr.h"
#include "worker/ruleset.h"
#include "worker/state_sysctl.h"
#include "worker/target_args.h"

struct externals;
struct id_map;
struct image_out;
struct report;
struct skip_kinds;
struct sysctl_net;
struct tools;

/* A namespace that is saved, as the images call it. */
struct dump_saved {
	int netns; /* borrowed */
	uint32_t ns_id;
};

enum {
	DUMP_LOST_MAX = 512
};

struct dump {
	/* set by the command */
	struct nl_sock *nl;               /* borrowed; in the target, with NETLINK_GET_STRICT_CHK */
	const struct sysctl_net *sysctls; /* borrowed; likewise */
	uint32_t ns_id;                   /* of the images */
	const struct dump_saved *saved;   /* borrowed; all that are saved together, with this one */
	size_t n_saved;
	const struct id_map *uids, *gids; /* borrowed; as in struct target */
	struct tools *tools;              /* borrowed; started */
	struct externals *externals;
	struct skip_kinds *skip;
	struct report *report;
	/* by dump_rules_open() */
	int nft; /* owned; to netfilter, if there is no nft; -1: there is none */
	/* by dump_nsids() */
	int32_t nsids[TARGETS_MAX]; /* what the target calls each of saved; -1: it does not */
	/* by dump_conf_open() */
	struct sysctl_set there4, there6; /* owned; what each link has a file for */
	/* by dump_links() */
	Img__NetDevice **links; /* owned, n_links of them, in the order of the kernel */
	size_t n_links;
	uint32_t *skipped; /* owned; indexes of links that are not saved */
	size_t n_skipped;
};

/* A link as the kernel describes it. All pointers are borrowed, for the time of the call. */
struct dump_link {
	const struct dump *d;
	const struct ifinfomsg *ifi;
	const char *name;                         /* IFLA_IFNAME */
	const char *kind;                         /* IFLA_INFO_KIND, "" where there is none */
	const struct nlattr *attrs[IFLA_MAX + 1]; /* IFLA_*, by type; NULL: not there */
	const struct nlattr *info_data;           /* IFLA_INFO_DATA, nested; or NULL */
	/* The images' id of the namespace that IFLA_LINK is an index in, this one's where the
	 * kernel names none; 0: a namespace that is not saved. */
	uint32_t link_ns_id;
	char lost[DUMP_LOST_MAX]; /* what the images cannot hold, by dump_lost() */
};

/* Attribute @type of @link's IFLA_INFO_DATA, or NULL. */
const struct nlattr *dump_info(const struct dump_link *link, uint16_t type);

/* Note a thing that @link has and the images cannot hold, e.g. "its alias": a warning names it. */
void dump_lost(struct dump_link *link, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Note that the transmit queue of @link is not @otherwise packets long, which it is when new. */
void dump_lost_queue(struct dump_link *link, uint32_t otherwise);

/* Take an RTM_NEWLINK apart. Returns 0, or -EIO where it has no name. */
int dump_link_parse(const struct nlmsghdr *nlh, struct dump_link *ret);

/* The ids that the target gives to namespaces that are saved. The kernel gives one when it tells of a
 * link that leads there, if there was none. Each of the functions below returns 0 or an exit status,
 * noted in the report. */
int dump_nsids(struct dump *d);

/* All links, with their sysctls, and dump_nsids(). dump_fini() is due in any case. */
int dump_links(struct dump *d);
bool dump_is_skipped(const struct dump *d, uint32_t ifindex);
void dump_fini(struct dump *d);

/* The namespace's own state; to be freed by img__netns__free_unpacked() in any case. */
int dump_netns(struct dump *d, Img__Netns *ret);

/* Sysctls of @table below @dir of /proc/sys/net as images have them: every name is an entry. For
 * @known see sysctl_set_read(). */
int dump_sysctls(const struct dump *d, const struct sysctl_table *table, const char *dir,
		 const struct sysctl_value *known, Img__Sysctl ***ret, size_t *ret_n);

/* The rules of @part as its tool prints them. That the tool is missing is an error, unless the kernel
 * says that there are no tables. dump_rules_open() is due before the worker confines itself. */
int dump_rules_open(struct dump *d);
int dump_rules(struct dump *d, enum ruleset_part_id part, struct image_out *ret);

/* inventory.img and ids-1.img of a directory that has none: the least that makes it one that tools
 * read, with this namespace as the root task's. */
int dump_inventory(struct dump *d, struct image_out *ret);
int dump_ids(struct dump *d, struct image_out *ret);
