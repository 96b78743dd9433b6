/* Ids of users and groups as they are outside of a user namespace and within
 * (user_namespaces(7), /proc/PID/uid_map). */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	ID_MAP_MAX = 340
}; /* lines: UID_GID_MAP_MAX_EXTENTS in include/linux/user_namespace.h */

struct id_range {
	uint32_t inside, outside, count;
};

struct id_map {
	struct id_range ranges[ID_MAP_MAX];
	size_t n;
};

/* Read the map @path of a process, as its own user namespace and the one above it have it.
 * Returns 0 or -errno. */
int id_map_read(const char *path, struct id_map *ret);

/* Take a map from the text of such a file. Returns 0 or -EINVAL; *ret is untouched then. */
int id_map_parse(const char *text, struct id_map *ret);

/* What @outside is within. Returns 0, or -ENOENT where the map has it not. */
int id_map_inside(const struct id_map *map, uint32_t outside, uint32_t *ret_inside);

/* The other way round: what @inside is without. */
int id_map_outside(const struct id_map *map, uint32_t inside, uint32_t *ret_outside);
