/* Attaching macvlans to a container that runs: made by the broker, set up by the worker. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/attach_spec.h"

struct broker;
struct report;
struct target;

/* One link on its way. */
struct attach_link {
	struct attach_spec spec;
	uint8_t mac[6];   /* of spec.mac; found before the confinement */
	uint32_t ifindex; /* once it is made */
	uint32_t mtu;     /* likewise */
};

/* What is needed besides the links. All of it is borrowed. */
struct attach_to {
	struct target *target; /* joined */
	struct broker *broker; /* open */
	int packets;           /* announce_open() in the target; -1: nothing is announced */
};

/* Make the @n links (1..ATTACH_LINKS_MAX) with all that their specs say, up, and announced: all of
 * them, or none. An address that somebody on the network has already is a failure where the kernel
 * finds out (IPv6). Addresses and routes come with the links, so taking the links away undoes
 * everything; a run that was killed leaves links that the next one deletes first. Returns 0 or an
 * exit status. */
int attach(const struct attach_to *to, struct attach_link *links, size_t n, struct report *report);
