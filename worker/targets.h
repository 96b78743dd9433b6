/* Several network namespaces of one container, opened and joined one after the other. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "worker/target.h"
#include "worker/target_args.h"

struct report;

/* Open what @args name into @targets, which were initialised: the one of --pid first, or else the
 * first that is named, whose user namespace is that of all. @ret_ids are the ids in the images;
 * that of the first is @ns_id where the command line has no other, which may be 0. Returns 0 or an
 * exit status. */
int targets_open(const struct target_args *args, uint32_t ns_id,
		 struct target *const targets[TARGETS_MAX], uint32_t ret_ids[TARGETS_MAX],
		 size_t *ret_n, struct report *report);

/* In which order they are to be joined: numbers of @targets. It is that of their inodes, in which
 * everybody takes the locks. Returns 0, or EXIT_USAGE_ where two are the same. */
int targets_order(struct target *const *targets, size_t n, size_t ret_order[TARGETS_MAX],
		  struct report *report);
