/*
 * netcr-worker check: what this kernel and this broker can do, a line each.
 *
 * The kernel is tried, not asked for its version: in a child, with a user and a network namespace
 * of its own that end with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "worker/broker_client.h"
#include "worker/commands.h"
#include "worker/detour.h"
#include "worker/options.h"
#include "worker/report.h"
#include "worker/target.h"

#ifndef NS_GET_ID
#define NS_GET_ID _IOR(NSIO, 13, uint64_t) /* Linux 6.18 */
#endif

/* What a trial found: 0 for "it is there", or -errno. Called in a process of its own. */
struct trial {
	const char *name; /* in the JSON, and for people */
	const char *for_what;
	int (*run)(void);
	bool required;
};

static int try_userns(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : 0;
}

/* Make a veth pair to have an Ethernet device, and a macvlan on its end. */
static int make_link(struct nl_sock *nl, const char *name, const char *kind, uint32_t ifindex,
		     uint32_t parent)
{
	char text[NL_TEXT_MAX];
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[512];
	} req;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(req.bytes);
	struct ifinfomsg *ifi;
	struct nlattr *info;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (parent)
		mnl_attr_put_u32(nlh, IFLA_LINK, parent);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, info);
	return nl_talk(nl, nlh, /* each= */ NULL, /* data= */ NULL, text);
}

static int try_macvlan(void)
{
	enum {
		VETH_INDEX = 100,
		MACVLAN_INDEX = 101
	};
	static union {
		struct nlmsghdr align;
		uint8_t bytes[NL_BUFFER_SIZE];
	} buf;
	struct nl_sock nl = { .fd = -1, .buf = buf.bytes };
	int r = try_userns();

	if (r == 0)
		r = nl_open(&nl.fd);
	if (r == 0)
		r = make_link(&nl, "netcr0", "veth", VETH_INDEX, 0);
	if (r == 0)
		r = make_link(&nl, "netcr1", "macvlan", MACVLAN_INDEX, VETH_INDEX);
	fd_closep(&nl.fd);
	return r;
}

static int try_pidfd(void)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0U);

	return pidfd < 0 ? -errno : 0;
}

/* 0 where there is none. */
static long landlock_abi(void)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U);

	return abi < 0 ? 0 : abi;
}

static int try_landlock(void)
{
	return landlock_abi() > 0 ? 0 : -errno;
}

static int try_netns_id(void)
{
	_cleanup_fd_ int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint64_t id;

	return fd < 0 || ioctl(fd, NS_GET_ID, &id) < 0 ? -errno : 0;
}

static int try_sysctls(void)
{
	_cleanup_fd_ int fd = -1;
	int r = try_userns();

	if (r < 0)
		return r;
	fd = open("/proc/sys/net/ipv4/conf/default/forwarding", O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, "1\n", 2) < 0 ? -errno : 0;
}

static int try_pidfd_namespaces(void)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0U);
	_cleanup_fd_ int netns = pidfd < 0 ? -1 : ioctl(pidfd, TARGET_PIDFD_GET_NET, 0);

	return netns < 0 ? -errno : 0;
}

static int try_exact_index(void)
{
	return detour_is_due() ? -ENOTSUP : 0;
}

static const struct trial trials[] = {
	{ "user-namespaces", "a rootless container", try_userns, true },
	{ "macvlan", "macvlans; load the module as root: modprobe macvlan", try_macvlan, true },
	{ "sysctls", "sysctls of the container's namespace; /proc/sys has to be writable",
	  try_sysctls, true },
	{ "pidfd", "targets by --pid", try_pidfd, true },
	{ "pidfd-namespaces", "namespaces of a pidfd; /proc and a second look serve",
	  try_pidfd_namespaces, false },
	{ "exact-index", "an index that the host has, too; a detour serves, of some 30 ms a link",
	  try_exact_index, false },
	{ "landlock", "confinement of both programs by path; they go without", try_landlock,
	  false },
	{ "netns-id", "ids of namespaces that are never used again; the inode serves", try_netns_id,
	  false },
};

/* Run a trial in a child, whose exit status is the errno. Returns 0 or -errno. */
static int run_trial(const struct trial *trial)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-trial->run() & 0xff);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EFAULT;
}

static void check_kernel(struct report *report)
{
	json_t *object = json_object();
	struct utsname name;

	if (uname(&name) == 0) {
		(void)json_object_set_new(object, "release", json_string(name.release));
		if (!report->json)
			(void)printf("kernel %s\n", name.release);
	}
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		const struct trial *t = &trials[i];
		int r = run_trial(t);

		(void)json_object_set_new(object, t->name, json_boolean(r == 0));
		if (!report->json)
			(void)printf("  %-17s%s%s%s%s\n", t->name, r == 0 ? "yes" : "no (",
				     r == 0 ? "" : log_errname(-r), r == 0 ? "" : "): for ",
				     r == 0 ? "" : t->for_what);
		if (r < 0 && t->required)
			(void)report_fail(report, EXIT_OS_, "this kernel does not do %s (%s): %s",
					  t->name, log_errname(-r), t->for_what);
	}
	(void)json_object_set_new(object, "landlock-abi", json_integer(landlock_abi()));
	(void)json_object_set_new(report->root, "kernel", object);
}

static json_t *broker_to_json(const struct broker *broker)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "release", broker->release, "version",
			 (json_int_t)broker->version, "uid", (json_int_t)broker->uid, "max_links",
			 (json_int_t)broker->max_links, "landlock_abi",
			 (json_int_t)broker->landlock_abi, "netns_id", (int)broker->netns_id);
}

static json_t *limit_to_json(uint32_t limit)
{
	return limit ? json_integer(limit) : json_null();
}

/* Parents that the user may use, and how many macvlans there are of how many. */
static void print_use(const struct broker_use *use)
{
	(void)printf("  %-16s ", use->parent);
	if (use->limit)
		(void)printf("%u of %u macvlans", use->used, use->limit);
	else
		(void)printf("any number of macvlans");
	if (use->limit_per_netns)
		(void)printf(", %u in a namespace", use->limit_per_netns);
	(void)printf("\n");
}

static void check_quota(struct broker *broker, struct report *report)
{
	struct broker_use uses[BROKER_USES_MAX];
	json_t *array = json_array();
	size_t n = 0;
	bool more = false;
	int r = broker_quota(broker, uses, &n, &more);

	if (r < 0) {
		json_decref(array);
		(void)report_fail(report, EXIT_NO_BROKER,
				  "the broker does not say what is in use: %s%s%s", log_errname(-r),
				  *broker->text ? ": " : "", broker->text);
		return;
	}
	if (!report->json)
		(void)printf("parents that uid %u may use%s\n", broker->uid,
			     n == 0 ? ": none"
			     : more ? ", and others"
				    : "");
	for (size_t i = 0; i < n; i++) {
		(void)json_array_append_new(
			array, json_pack("{s:s, s:o, s:o, s:o}", "parent", uses[i].parent, "used",
					 uses[i].limit ? json_integer(uses[i].used) : json_null(),
					 "limit", limit_to_json(uses[i].limit), "limit_per_netns",
					 limit_to_json(uses[i].limit_per_netns)));
		if (!report->json)
			print_use(&uses[i]);
	}
	(void)json_object_set_new(report->root, "parents", array);
	(void)json_object_set_new(report->root, "more_parents", json_boolean(more));
}

static void check_broker(const char *where, struct report *report)
{
	struct broker broker;
	int status, r = 0;

	broker_init(&broker);
	status = broker_open(where, &broker, report);
	if (!status && broker.fd < 0)
		status = broker_fail_none(&broker, report);
	if (!status)
		r = broker_hello(&broker);
	if (r < 0)
		status = report_fail(report, EXIT_NO_BROKER, "the broker does not greet: %s%s%s",
				     log_errname(-r), *broker.text ? ": " : "", broker.text);
	(void)json_object_set_new(report->root, "broker",
				  status ? json_null() : broker_to_json(&broker));
	if (!status && !report->json)
		(void)printf("broker %s\n"
			     "  protocol         version %u, %u links a message\n"
			     "  acts for         uid %u\n"
			     "  landlock         %s\n"
			     "  netns-id         %s\n",
			     broker.release, broker.version, broker.max_links, broker.uid,
			     broker.landlock_abi ? "yes" : "no",
			     broker.netns_id ? "yes" : "no: records go by inode");
	if (!status)
		check_quota(&broker, report);
	broker_fini(&broker);
}

int cmd_check(int argc, char *argv[])
{
	struct options options;
	struct report report;
	int status;

	status = options_parse(argc, argv, OPTION_BROKER | OPTION_JSON, &options, &report);
	if (!status) {
		check_kernel(&report);
		(void)fflush(stdout);
		check_broker(options.broker, &report);
	}
	status = report_finish(&report);
	options_fini(&options);
	report_fini(&report);
	return status;
}
