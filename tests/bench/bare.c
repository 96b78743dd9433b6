/*
 * What to compare netcr with: a loop of one process that has all the rights, and does nothing but
 * send RTM_NEWLINK and wait for its ack.
 *
 * Usage: bare LINKS PARENT PID
 *
 * LINKS has one macvlan a line: index name address mtu flags mode, numbers in decimal. They are
 * made on PARENT of the network namespace this runs in, in that of PID. Prints the nanoseconds
 * that the loop took.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

enum {
	LINKS_MAX = 4096,
	REQUEST_MAX = 512,
};

struct link {
	int index;
	char name[IFNAMSIZ];
	unsigned char mac[6];
	unsigned int mtu, flags, mode;
};

static struct link links[LINKS_MAX];

static void __attribute__((noreturn)) fail(const char *what)
{
	(void)fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t read_links(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (!f)
		fail(path);
	for (; n < LINKS_MAX; n++) {
		struct link *l = &links[n];
		unsigned char *m = l->mac;

		if (fscanf(f, "%d %15s %hhx:%hhx:%hhx:%hhx:%hhx:%hhx %u %u %u", &l->index, l->name,
			   &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &l->mtu, &l->flags,
			   &l->mode) != 11)
			break;
	}
	(void)fclose(f);
	return n;
}

static int open_netns(const char *pid)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

static struct mnl_socket *open_kernel(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		fail("rtnetlink");
	return nl;
}

static struct nlmsghdr *encode(const struct link *l, unsigned int parent, int netns, void *buf)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *info, *data;
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	nlh->nlmsg_seq = (unsigned int)l->index;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = l->index;
	ifi->ifi_flags = l->flags & (IFF_UP | IFF_NOARP | IFF_MULTICAST);
	ifi->ifi_change = IFF_UP | IFF_NOARP | IFF_MULTICAST;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, l->name);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(l->mac), l->mac);
	mnl_attr_put_u32(nlh, IFLA_MTU, l->mtu);
	mnl_attr_put_u32(nlh, IFLA_LINK, parent);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (unsigned int)netns);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvlan");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, l->mode);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nlh;
}

static void make(struct mnl_socket *nl, const struct link *l, unsigned int parent, int netns)
{
	char buf[REQUEST_MAX], answer[8192];
	struct nlmsghdr *nlh = encode(l, parent, netns, buf);
	ssize_t n;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		fail("send");
	n = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (n < 0 || mnl_cb_run(answer, (size_t)n, nlh->nlmsg_seq, mnl_socket_get_portid(nl), NULL,
				NULL) < 0)
		fail(l->name);
}

int main(int argc, char *argv[])
{
	struct timespec begin, end;
	struct mnl_socket *nl;
	unsigned int parent;
	int netns;
	size_t n;

	if (argc != 4)
		return 64;
	n = read_links(argv[1]);
	parent = if_nametoindex(argv[2]);
	if (!parent)
		fail(argv[2]);
	netns = open_netns(argv[3]);
	nl = open_kernel();
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < n; i++)
		make(nl, &links[i], parent, netns);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	(void)printf("%lld\n",
		     (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
	return 0;
}
