/* CRIU's image files, read whole and checked for form (criu.org/Images; the schema is in
 * proto/criu/). One directory holds the images of one checkpoint; the files of a network
 * namespace carry the id that the checkpoint gave it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "criu/netdev.pb-c.h"
#include "criu/netns.pb-c.h"
#include "worker/ruleset.h"

struct netstate;
struct report;

enum {
	IMAGE_LINKS_MAX = 8192, /* in one namespace */
	IMAGE_NETNS_MAX = 1024, /* namespaces in one directory */
	IMAGE_NAME_MAX = 64,    /* of a file in the directory, with the NUL */
};

/* All that the images say of one network namespace. */
struct image_netns {
	uint32_t id;      /* the images' own */
	uint32_t host_id; /* of the namespace that the dumper was in; 0: not known */
	char netdev_name[IMAGE_NAME_MAX]; /* file names, for messages */
	char netns_name[IMAGE_NAME_MAX];
	Img__NetDevice **links; /* owned, n_links of them, in the order of the file */
	size_t n_links;
	Img__Netns *netns;           /* owned */
	char run_id[IMAGE_NAME_MAX]; /* of the dump; "": not known */
	struct ruleset ruleset;      /* owned; without CRIU's lock */
	struct netstate *state;      /* owned; addresses, routes and rules */
};

/* Open the directory @path. Returns 0 and a descriptor that the caller owns, or an exit status. */
int image_dir_open(const char *path, int *ret_fd, struct report *report);

/* The ids of the network namespaces that have images, in ascending order; at least one. Returns
 * 0 or EXIT_IMAGE. */
int image_list(int dir, uint32_t ret_ids[IMAGE_NETNS_MAX], size_t *ret_n, struct report *report);

/* The id of the root task's network namespace, by ids-1.img. Returns 0 or EXIT_IMAGE. */
int image_root_task_id(int dir, uint32_t *ret_id, struct report *report);

/* Load the images of namespace @id, or with 0: of the only one there is, or else of that of the
 * root task (ids-1.img). Every entry was decoded, and nothing of its values was checked yet.
 * Returns 0, or EXIT_IMAGE with file and record named; *ret is empty then. */
int image_load(int dir, uint32_t id, struct image_netns *ret, struct report *report);

void image_fini(struct image_netns *image);
