/*
 * The worker confined: what is left to it of devices. Each in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "tests/lib/test.h"
#include "worker/confine.h"
#include "worker/report.h"

static int confine_to(const char *device)
{
	struct confine_args args = { .image_dir = -1, .device = -1 };
	struct report report;

	CHECK(enter_netns() == 0);
	args.sysctls = open("/proc/sys/net", O_PATH | O_CLOEXEC);
	CHECK(args.sysctls >= 0);
	if (device) {
		args.device = open(device, O_PATH | O_CLOEXEC);
		NEED(args.device >= 0);
		/* Some systems have it for root alone, which a container's root is not. */
		NEED(access(device, R_OK | W_OK) == 0);
	}
	CHECK(report_init(&report, "test", /* json= */ true) == 0);
	CHECK(confine(&args, &report) == 0);
	return CHILD_OK;
}

static int try_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int make_a_tun(void *arg)
{
	struct ifreq ifr = { .ifr_name = "tun7", .ifr_flags = IFF_TUN };
	unsigned int ifindex = 77;
	int fd, r, size = 12;

	(void)arg;
	r = confine_to("/dev/net/tun");
	if (r != CHILD_OK)
		return r;
	fd = try_open("/dev/net/tun");
	CHECK(fd >= 0);
	CHECK(ioctl(fd, TUNSETIFINDEX, &ifindex) == 0);
	CHECK(ioctl(fd, TUNSETIFF, &ifr) == 0);
	CHECK(ioctl(fd, TUNSETVNETHDRSZ, &size) == 0);
	size = 0;
	CHECK(ioctl(fd, TUNGETVNETHDRSZ, &size) == 0 && size == 12);
	CHECK(try_open("/dev/null") == -EACCES);
	CHECK(try_open("/dev/net") == -EACCES || try_open("/dev/net") == -EISDIR);
	return CHILD_OK;
}

static void a_tun_can_be_made(void **state)
{
	(void)state;
	child_must_pass(make_a_tun, NULL);
}

static int open_without(void *arg)
{
	int r;

	(void)arg;
	NEED(access("/dev/net/tun", R_OK | W_OK) == 0);
	r = confine_to(NULL);
	if (r != CHILD_OK)
		return r;
	CHECK(try_open("/dev/net/tun") == -EACCES);
	return CHILD_OK;
}

static void not_where_it_was_not_asked_for(void **state)
{
	(void)state;
	child_must_pass(open_without, NULL);
}

static int call_ioctl(void *arg)
{
	const unsigned long *request = arg;
	int fd, r;

	r = confine_to("/dev/net/tun");
	if (r != CHILD_OK)
		return r;
	fd = try_open("/dev/net/tun");
	CHECK(fd >= 0);
	(void)ioctl(fd, *request, 0UL);
	return CHILD_OK;
}

static void no_other_ioctl(void **state)
{
	unsigned long denied[] = { TUNSETQUEUE,      TUNSETOFFLOAD,      TUNSETLINK,
				   TUNATTACHFILTER,  TUNSETDEBUG,        TUNSETTXFILTER,
				   TUNSETNOCSUM,     TUNSETSTEERINGEBPF, TUNGETDEVNETNS,
				   TUNSETFILTEREBPF, SIOCSIFFLAGS,       SIOCGSKNS,
				   TIOCSTI };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
		int status = child_run(call_ioctl, &denied[i]);

		if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIP) {
			skip_because("there is no /dev/net/tun for this user");
			return;
		}
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("ioctl %#lx: wait status %#x", denied[i], (unsigned int)status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tun_can_be_made),
		cmocka_unit_test(not_where_it_was_not_asked_for),
		cmocka_unit_test(no_other_ioctl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
