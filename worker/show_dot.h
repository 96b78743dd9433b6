/* The images as a graph for Graphviz: namespaces as boxes with their links in them, and lines
 * for masters, veth peers, and parents. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct image_netns;

void show_dot_begin(void);

/* One namespace. @ids are those of all namespaces that are shown, in ascending order: what a link
 * is tied to in any other lies outside. The links were checked. */
void show_dot_netns(const struct image_netns *image, const uint32_t *ids, size_t n_ids);

void show_dot_end(void);
