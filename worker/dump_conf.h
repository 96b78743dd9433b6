/* Sysctls of links that rtnetlink tells with the link: what is taken from there is not read from a
 * file. A link has 72 of them. */
#pragma once

#include "worker/state_sysctl.h"

struct dump;
struct nlattr;

enum {
	DUMP_CONF_MAX = 42 /* names that a table has */
};

/* Find out which sysctls of links this kernel has. Returns 0 or an exit status, noted in the
 * report. */
int dump_conf_open(struct dump *d);

/* The values of @table, which is sysctl_conf4 or sysctl_conf6, in @families, a link's IFLA_AF_SPEC
 * (may be NULL). What is not told there is absent in @ret, and has to be read. */
void dump_conf_get(const struct dump *d, const struct sysctl_table *table,
		   const struct nlattr *families, struct sysctl_value ret[DUMP_CONF_MAX]);
