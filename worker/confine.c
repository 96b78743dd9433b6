/*
 * Capabilities, no_new_privs, Landlock and seccomp, in this order.
 *
 * May: give up. Must not: gain.
 */
#include "worker/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/landlock.h"
#include "seccomp/rules.h"
#include "worker/report.h"

static int drop_capabilities(bool needs_net_admin)
{
	bool has, may_bound;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	has = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) == 1;
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
	if (needs_net_admin && !has)
		return -EACCES;
	capng_clear(CAPNG_SELECT_ALL);
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	if (needs_net_admin &&
	    capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
			 CAP_NET_ADMIN) < 0)
		return -EPERM;
	if (capng_apply((capng_select_t)(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT)) < 0)
		return -EPERM;
	return 0;
}

static int restrict_paths(const struct confine_args *args)
{
	struct landlock_path paths[3];
	size_t n = 0;
	int abi;

	if (args->image_dir >= 0)
		paths[n++] = (struct landlock_path){ .fd = args->image_dir, .makes = args->saves };
	if (args->sysctls >= 0)
		paths[n++] = (struct landlock_path){ .fd = args->sysctls, .writes = !args->saves };
	if (args->device >= 0)
		paths[n++] = (struct landlock_path){ .fd = args->device, .device = 1 };
	abi = landlock_restrict(paths, n);
	return abi < 0 ? abi : 0;
}

int confine(const struct confine_args *args, struct report *report)
{
	const struct seccomp_list *calls = args->opens     ? &tun_seccomp
					   : args->outside ? &outside_seccomp
					   : args->saves   ? &worker_dump_seccomp
							   : &worker_seccomp;
	const char *failed;
	int r;

	r = drop_capabilities(args->sysctls >= 0 || args->outside);
	if (r == -EACCES)
		return report_fail(report, EXIT_REFUSED,
				   "there is no CAP_NET_ADMIN over the target: its user namespace "
				   "has to be this user's");
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot drop the capabilities: %s",
				   strerror(-r));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return report_fail(report, EXIT_OS_, "cannot set no_new_privs: %s",
				   strerror(errno));
	r = restrict_paths(args);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot restrict paths by Landlock: %s",
				   strerror(-r));
	r = seccomp_install(calls, &failed);
	if (r < 0)
		return report_fail(report, EXIT_OS_, "cannot filter the system calls%s%s: %s",
				   failed ? ", at " : "", failed ? failed : "", strerror(-r));
	return 0;
}
