/*
 * Maps of ids. The images have ids as the dumper saw them, which was outside of the container;
 * the kernel takes them as whoever asks sees them, which is within.
 *
 * May: read the file that it is given the path of. Must not: know what the ids are for.
 */
#include "worker/id_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

enum {
	TEXT_MAX = 64 * 1024 /* bytes; a line has at most 33 */
};

static int parse_number(const char **text, uint32_t *ret)
{
	unsigned long long number;
	char *end;

	*text += strspn(*text, " \t");
	if (**text < '0' || **text > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(*text, &end, 10);
	if (errno || number > UINT32_MAX)
		return -EINVAL;
	*text = end;
	*ret = (uint32_t)number;
	return 0;
}

static int parse_line(const char **text, struct id_range *ret)
{
	if (parse_number(text, &ret->inside) < 0 || parse_number(text, &ret->outside) < 0 ||
	    parse_number(text, &ret->count) < 0 || **text != '\n')
		return -EINVAL;
	(*text)++;
	return 0;
}

int id_map_parse(const char *text, struct id_map *ret)
{
	struct id_map map = { .n = 0 };

	while (*text) {
		if (map.n == ID_MAP_MAX || parse_line(&text, &map.ranges[map.n]) < 0)
			return -EINVAL;
		map.n++;
	}
	*ret = map;
	return 0;
}

int id_map_read(const char *path, struct id_map *ret)
{
	_cleanup_free_ char *text = malloc(TEXT_MAX);
	_cleanup_fd_ int fd = -1;
	size_t len = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + len, TEXT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return -errno;
	text[len] = '\0';
	return id_map_parse(text, ret);
}

int id_map_inside(const struct id_map *map, uint32_t outside, uint32_t *ret_inside)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_range *range = &map->ranges[i];

		if (outside >= range->outside && outside - range->outside < range->count) {
			*ret_inside = range->inside + (outside - range->outside);
			return 0;
		}
	}
	return -ENOENT;
}

int id_map_outside(const struct id_map *map, uint32_t inside, uint32_t *ret_outside)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_range *range = &map->ranges[i];

		if (inside >= range->inside && inside - range->inside < range->count) {
			*ret_outside = range->outside + (inside - range->inside);
			return 0;
		}
	}
	return -ENOENT;
}
