/* Telling the network which addresses are where now: gratuitous ARP and unsolicited neighbour
 * advertisements. Switches and neighbours that knew a container elsewhere learn of it at once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct addr;

/* A packet socket in this process's netns, which needs CAP_NET_RAW over it. It receives nothing.
 * Returns 0 and a descriptor that the caller owns, or -errno. */
int announce_open(int *ret_fd);

/* Announce @addr, with MAC address @mac, on link @ifindex over @fd (borrowed). Returns 0 or
 * -errno. */
int announce(int fd, uint32_t ifindex, const uint8_t mac[6], const struct addr *addr);
