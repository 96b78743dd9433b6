/*
 * One packet an address, over a packet socket that was opened before the confinement.
 *
 * IPv4: an ARP announcement (RFC 5227, section 3), a request in which both addresses are the
 * sender's. IPv6: an unsolicited neighbour advertisement to all nodes with the override flag
 * (RFC 4861, section 7.2.6).
 */
#include "worker/announce.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "worker/state_addr.h"

struct arp_packet {
	struct arphdr head;
	uint8_t sender_mac[6];
	uint8_t sender_ip[4];
	uint8_t target_mac[6];
	uint8_t target_ip[4];
} __attribute__((packed));

struct na_packet {
	struct ip6_hdr ip;
	struct nd_neighbor_advert na;
	struct nd_opt_hdr option;
	uint8_t mac[6];
} __attribute__((packed));

int announce_open(int *ret_fd)
{
	/* Protocol 0: nothing is received. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int send_packet(int fd, uint32_t ifindex, uint16_t protocol, const uint8_t to[6],
		       void *packet, size_t size)
{
	struct sockaddr_ll where = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)ifindex,
		.sll_halen = ETH_ALEN,
	};
	struct iovec iov = { .iov_base = packet, .iov_len = size };
	struct msghdr msg = {
		.msg_name = &where, .msg_namelen = sizeof(where), .msg_iov = &iov, .msg_iovlen = 1
	};

	memcpy(where.sll_addr, to, ETH_ALEN);
	return sendmsg(fd, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int announce4(int fd, uint32_t ifindex, const uint8_t mac[6], const uint8_t ip[4])
{
	static const uint8_t all[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct arp_packet packet = {
		.head = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETH_P_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = sizeof(packet.sender_ip),
			.ar_op = htons(ARPOP_REQUEST),
		},
	};

	memcpy(packet.sender_mac, mac, ETH_ALEN);
	memcpy(packet.sender_ip, ip, sizeof(packet.sender_ip));
	memcpy(packet.target_ip, ip, sizeof(packet.target_ip));
	return send_packet(fd, ifindex, ETH_P_ARP, all, &packet, sizeof(packet));
}

static uint32_t sum_words(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	return sum;
}

/* RFC 8200, section 8.1: over a pseudo-header and the message, both of an even length here. */
static uint16_t checksum(const struct na_packet *packet)
{
	const uint8_t *body = (const uint8_t *)packet + sizeof(packet->ip);
	const size_t len = sizeof(*packet) - sizeof(packet->ip);
	uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

	sum = sum_words(sum, (const uint8_t *)&packet->ip.ip6_src, 2 * sizeof(struct in6_addr));
	sum = sum_words(sum, body, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static int announce6(int fd, uint32_t ifindex, const uint8_t mac[6], const uint8_t ip[16])
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct na_packet packet = { .option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR,
						.nd_opt_len = 1 } };

	packet.ip.ip6_flow = htonl(UINT32_C(6) << 28);
	packet.ip.ip6_plen = htons(sizeof(packet) - sizeof(packet.ip));
	packet.ip.ip6_nxt = IPPROTO_ICMPV6;
	packet.ip.ip6_hlim = 255;
	memcpy(&packet.ip.ip6_src, ip, sizeof(packet.ip.ip6_src));
	memcpy(&packet.ip.ip6_dst, all_nodes, sizeof(packet.ip.ip6_dst));
	packet.na.nd_na_type = ND_NEIGHBOR_ADVERT;
	packet.na.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&packet.na.nd_na_target, ip, sizeof(packet.na.nd_na_target));
	memcpy(packet.mac, mac, sizeof(packet.mac));
	packet.na.nd_na_cksum = checksum(&packet);
	return send_packet(fd, ifindex, ETH_P_IPV6, all_nodes_mac, &packet, sizeof(packet));
}

int announce(int fd, uint32_t ifindex, const uint8_t mac[6], const struct addr *addr)
{
	return addr->family == AF_INET ? announce4(fd, ifindex, mac, addr->local)
				       : announce6(fd, ifindex, mac, addr->local);
}
