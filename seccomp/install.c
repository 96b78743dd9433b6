/*
 * From a list to a filter in force.
 *
 * libseccomp's defaults do the rest: a call of a foreign architecture (int 0x80) or of the x32
 * ABI meets the bad-architecture action, which is KILL_PROCESS here, too.
 */
#include <errno.h>
#include <seccomp.h>

#include "seccomp/rules.h"

static int add_list(scmp_filter_ctx ctx, const struct seccomp_list *list, const char **ret_failed)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct seccomp_rule *rule = &list->rules[i];
		int r;

		if (rule->arg == ANY_ARGS) {
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, rule->syscall, 0);
		} else {
			struct scmp_arg_cmp cmp =
				SCMP_CMP((unsigned int)rule->arg, SCMP_CMP_MASKED_EQ, 0xffffffff,
					 rule->value);

			r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rule->syscall, 1, &cmp);
		}
		if (r < 0) {
			*ret_failed = rule->why;
			return r;
		}
	}
	return 0;
}

int seccomp_install(const struct seccomp_list *list, const char **ret_failed)
{
	scmp_filter_ctx ctx;
	int r;

	*ret_failed = NULL;
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_list(ctx, list, ret_failed);
	if (r == 0)
		r = add_list(ctx, &sanitizer_seccomp, ret_failed);
	/* Once the filter is in force, its description stays where it is: free() might hand memory
	 * back to the kernel, by a call that is not allowed any more. */
	if (r == 0)
		return seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
