/*
 * DOT, the language of Graphviz (graphviz.org/doc/info/lang.html), on stdout.
 *
 * A picture of five hundred equal boxes says less than one box with a number on it, so links
 * that only differ in name, index and address are drawn as one where there are many.
 *
 * May: print. Must not: open anything.
 */
#include "worker/show_dot.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/link_msg.h"
#include "worker/image.h"
#include "worker/link_kind.h"

enum {
	DRAWN_ALONE_MAX = 8
}; /* equal links, before they become one box */

/* Fill colours by kind: what comes from outside is warm, what lies within is cool. */
static const char *colour_of(const Img__NetDevice *dev)
{
	switch (dev->type) {
	case IMG__LINK_TYPE__LOOPBACK:
		return "#eeeeee";
	case IMG__LINK_TYPE__MACVLAN:
	case IMG__LINK_TYPE__EXTLINK:
		return "#fde9c9";
	case IMG__LINK_TYPE__BRIDGE:
		return "#cfe8cf";
	case IMG__LINK_TYPE__VETH:
		return "#d3e3f8";
	case IMG__LINK_TYPE__TUN:
	case IMG__LINK_TYPE__VENET:
	case IMG__LINK_TYPE__SIT:
	case _IMG__LINK_TYPE_IS_INT_SIZE:
	default:
		return "#e6daf2";
	}
}

/* A text between quotes: what would end or change the string is escaped, and what does not
 * print is left out. */
static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)putchar('\\');
		if (*text >= ' ' && *text <= '~')
			(void)putchar(*text);
	}
}

static bool is_shown(uint32_t ns, const uint32_t *ids, size_t n_ids)
{
	for (size_t i = 0; i < n_ids; i++) {
		if (ids[i] == ns)
			return true;
	}
	return false;
}

/* What @dev is tied to in @image or elsewhere: false where there is nothing to draw. */
static bool has_other_end(const Img__NetDevice *dev)
{
	return (dev->type == IMG__LINK_TYPE__VETH || dev->type == IMG__LINK_TYPE__MACVLAN) &&
	       dev->has_peer_ifindex;
}

/* Links that are drawn as one look the same but for what tells them apart. */
static bool alike(const Img__NetDevice *a, const Img__NetDevice *b)
{
	return a->type == IMG__LINK_TYPE__MACVLAN && b->type == a->type && a->macvlan &&
	       b->macvlan && a->macvlan->mode == b->macvlan->mode && a->mtu == b->mtu &&
	       (a->flags & 1) == (b->flags & 1) && a->peer_ifindex == b->peer_ifindex &&
	       a->has_peer_nsid == b->has_peer_nsid && a->peer_nsid == b->peer_nsid &&
	       a->has_master == b->has_master && a->master == b->master;
}

/* How many links from @first on are alike, if that is too many to draw; else 1. */
static size_t run_of(const struct image_netns *image, size_t first)
{
	size_t n = 1;

	while (first + n < image->n_links && alike(image->links[first], image->links[first + n]))
		n++;
	return n > DRAWN_ALONE_MAX ? n : 1;
}

static void print_node(const struct image_netns *image, size_t first, size_t n)
{
	const Img__NetDevice *dev = image->links[first];
	const Img__NetDevice *last = image->links[first + n - 1];
	const char *mode = dev->macvlan ? link_mode_name(dev->macvlan->mode) : NULL;

	(void)printf("    \"%u/%u\" [fillcolor=\"%s\"%s, label=\"", image->id, dev->ifindex,
		     colour_of(dev), n > 1 ? ", shape=box3d" : "");
	print_text(dev->name);
	if (n > 1) {
		(void)printf(" .. ");
		print_text(last->name);
		(void)printf("\\n%zu links of kind %s", n, link_kind_find(dev->type)->name);
		(void)printf("\\nindex %u .. %u", dev->ifindex, last->ifindex);
	} else {
		(void)printf("\\n%s, index %u", link_kind_find(dev->type)->name, dev->ifindex);
	}
	(void)printf("%s%s\\n%s, MTU %u\"];\n", mode ? "\\nmode " : "", mode ? mode : "",
		     dev->flags & 1 ? "up" : "down", dev->mtu);
}

/* The device at the other end, in a namespace that is not shown. */
static void print_outside(const struct image_netns *image, const Img__NetDevice *dev,
			  uint32_t other)
{
	(void)printf(
		"  \"outside/%u/%u\" [shape=ellipse, style=dashed, label=\"outside\\nhad index "
		"%u\"];\n",
		dev->has_peer_nsid ? other : 0, dev->peer_ifindex, dev->peer_ifindex);
	(void)printf("  \"%u/%u\" -> \"outside/%u/%u\"", image->id, dev->ifindex,
		     dev->has_peer_nsid ? other : 0, dev->peer_ifindex);
}

static void print_line(const struct image_netns *image, const Img__NetDevice *dev,
		       const uint32_t *ids, size_t n_ids)
{
	/* Without a namespace the other end is in one that the dump did not take along. */
	const uint32_t other = dev->peer_nsid;
	const bool shown = dev->has_peer_nsid && is_shown(other, ids, n_ids);
	const bool pair = dev->type == IMG__LINK_TYPE__VETH;

	/* A pair is one line, drawn from its lower end. */
	if (pair && shown &&
	    (other < image->id || (other == image->id && dev->peer_ifindex < dev->ifindex)))
		return;
	if (shown)
		(void)printf("  \"%u/%u\" -> \"%u/%u\"", image->id, dev->ifindex, other,
			     dev->peer_ifindex);
	else
		print_outside(image, dev, other);
	(void)printf(pair ? " [dir=none, penwidth=2];\n" : " [label=\"parent\", style=dashed];\n");
}

void show_dot_begin(void)
{
	(void)printf("digraph netcr {\n"
		     "  rankdir=LR;\n"
		     "  fontname=\"Helvetica\";\n"
		     "  node [shape=box, style=filled, fillcolor=white, fontname=\"Helvetica\", "
		     "fontsize=11];\n"
		     "  edge [fontname=\"Helvetica\", fontsize=9];\n");
}

void show_dot_netns(const struct image_netns *image, const uint32_t *ids, size_t n_ids)
{
	size_t i, n;

	(void)printf("  subgraph cluster_%u {\n    label=\"namespace %u", image->id, image->id);
	if (image->netns->ext_key) {
		(void)printf(", external: ");
		print_text(image->netns->ext_key);
	}
	(void)printf("\"; style=\"rounded\"; color=\"#888888\";\n");
	/* A box must not vanish because nothing is in it. */
	if (image->n_links == 0)
		(void)printf("    \"%u/none\" [style=invis, label=\"\"];\n", image->id);
	for (i = 0; i < image->n_links; i += n) {
		n = run_of(image, i);
		print_node(image, i, n);
	}
	(void)printf("  }\n");
	for (i = 0; i < image->n_links; i += n) {
		const Img__NetDevice *dev = image->links[i];

		n = run_of(image, i);
		if (dev->has_master && dev->master)
			(void)printf("  \"%u/%u\" -> \"%u/%u\" [label=\"port of\"];\n", image->id,
				     dev->ifindex, image->id, dev->master);
		if (has_other_end(dev))
			print_line(image, dev, ids, n_ids);
	}
}

void show_dot_end(void)
{
	(void)printf("}\n");
}
