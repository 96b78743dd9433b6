/* Network sysctls as the images have them: lists in which the position is the name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "criu/sysctl.pb-c.h"

struct report;
struct sysctl_net;

enum {
	SYSCTL_TEXT_MAX = 128, /* bytes of a text value, with the NUL */
	SYSCTL_DIR_MAX = 48,   /* bytes of a directory's name below /proc/sys/net */
};

/* A list of names, in the order of the images (CRIU 4.2, criu/net.c). */
struct sysctl_table {
	const char *const *names;
	size_t n;
	size_t last;         /* is written after all others, as another write changes it; or n */
	const char *derived; /* follows from the link, and not from the default; or NULL */
	/* Names of what some devices get by themselves, for sets with own; to a NULL; or NULL. */
	const char *const *own;
};

extern const struct sysctl_table sysctl_conf4; /* ipv4/conf/WHERE */
extern const struct sysctl_table sysctl_conf6; /* ipv6/conf/WHERE */
extern const struct sysctl_table sysctl_unix;  /* unix */
extern const struct sysctl_table sysctl_ipv4;  /* ipv4 */

struct sysctl_value {
	enum {
		SYSCTL_ABSENT,
		SYSCTL_NUMBER,
		SYSCTL_TEXT
	} type;
	int32_t number;
	char *text; /* owned; without its newline; NULL but for SYSCTL_TEXT */
};

/* Values of a table for one directory. */
struct sysctl_set {
	const struct sysctl_table *table;
	char dir[SYSCTL_DIR_MAX];
	struct sysctl_value *values; /* owned; table->n of them; NULL: none at all */
	int32_t derived;             /* what table->derived is by itself; 0: not known */
	bool own;                    /* the link may have others of table->own than the default */
};

/* Where an image's list stands, for messages. */
struct sysctl_source {
	const char *file;
	size_t record;
	const char *field;
};

void sysctl_set_fini(struct sysctl_set *set);

/* Take a set from an image's list @entries, or where that is empty from its old form @old, in
 * which -1 means "not there". Longer lists are from a newer CRIU: the rest is passed over, with a
 * warning. Returns 0, or EXIT_IMAGE where a type or a text is not right. */
int sysctl_set_decode(struct sysctl_set *ret, const struct sysctl_table *table, const char *dir,
		      Img__Sysctl *const *entries, size_t n, const int32_t *old, size_t n_old,
		      const struct sysctl_source *source, struct report *report);

/* Read all of @table in @dir below @net, but for numbers that are @known: table->n values, or NULL.
 * What is not there, or not set (stable_secret), is absent. Returns 0 or -errno. */
int sysctl_set_read(const struct sysctl_net *net, const struct sysctl_table *table, const char *dir,
		    const struct sysctl_value *known, struct sysctl_set *ret);

/* Whether the entry @i of @set has to be written: it has a value, and it is not what a new link
 * inherits from @defaults (NULL: nothing is inherited) or derives from itself. */
bool sysctl_is_due(const struct sysctl_set *set, const struct sysctl_set *defaults, size_t i);

/* Which entry of @set failed, and how. */
struct sysctl_failure {
	const char *name; /* of the sysctl, borrowed from the table */
	bool wrote;       /* it was written, and reads otherwise */
};

/* Write the entries that are due and differ from what is in force, each checked by reading it
 * back. A sysctl that this kernel does not have is counted in *ret_missing. Returns 0 or -errno
 * with *ret_failure. */
int sysctl_set_write(const struct sysctl_net *net, const struct sysctl_set *set,
		     const struct sysctl_set *defaults, size_t *ret_missing,
		     struct sysctl_failure *ret_failure);

/* Whether the kernel has just what entry @i of @set has, which may be nothing. Returns 0 or -errno. */
int sysctl_has_value(const struct sysctl_net *net, const struct sysctl_set *set, size_t i,
		     bool *ret);

/* Move entry @i of @set to a new set, *ret, that has nothing else. Returns 0 or -errno. */
int sysctl_set_split(struct sysctl_set *set, size_t i, struct sysctl_set *ret);

bool sysctl_value_equal(const struct sysctl_value *a, const struct sysctl_value *b);
