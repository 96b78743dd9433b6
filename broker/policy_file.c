/*
 * The policy file: which files are read, and their lines. libinih takes lines apart; what it lets
 * pass is looked at before: sections without keys, lines and titles that it would cut, and lines
 * that it would take for more of the one above.
 *
 * May: open files that root wrote, allocate. Must not: run after the lock-down.
 */
#include "broker/policy_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/nsfd.h"
#include "broker/policy_load.h"
#include "common/cleanup.h"
#include "common/log.h"

enum {
	FILE_MAX_ = 1 << 20,
	MEMORY_MAX = 32 << 20,
	INCLUDES_MAX = 256,
	TITLE_MAX = 48, /* libinih keeps 49 bytes of a title */
};

bool policy_fail(struct policy_loader *l, unsigned int line, const char *format, ...)
{
	char what[POLICY_TEXT_MAX / 2];
	va_list args;

	if (l->failed)
		return false;
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (line)
		(void)snprintf(l->text, POLICY_TEXT_MAX, "%s:%u: %s", l->file, line, what);
	else
		(void)snprintf(l->text, POLICY_TEXT_MAX, "%s: %s", l->file, what);
	l->failed = true;
	l->failed_line = l->line;
	return false;
}

void *policy_alloc(struct policy_loader *l, size_t size)
{
	const size_t align = sizeof(max_align_t);
	void *p = l->memory + l->used;

	size = (size + align - 1) & ~(align - 1);
	if (size > l->size - l->used) {
		(void)policy_fail(l, l->line, "more rules than fit into memory");
		return NULL;
	}
	l->used += size;
	return p;
}

/* One file as libinih reads it. */
struct lines {
	struct policy_loader *l;
	const char *pos, *end;
};

/* A title and nothing behind it but a comment. */
static bool read_title(struct policy_loader *l, const char *line)
{
	char title[TITLE_MAX + 1];
	const char *end = strchr(line, ']');
	const char *rest = end ? end + 1 + strspn(end + 1, " \t\r") : NULL;

	if (!policy_section_close(l))
		return false;
	if (!rest || (*rest && !strchr(";#", *rest)) || (size_t)(end - line) > TITLE_MAX)
		return policy_fail(l, l->line, "a section is [rule NAME] or [netns NAME]");
	(void)snprintf(title, sizeof(title), "%.*s", (int)(end - line - 1), line + 1);
	return policy_section_open(l, title);
}

/* As fgets(), without the blanks in front: a line that begins with one is no continuation. */
static char *read_line(char *buf, int size, void *stream)
{
	struct lines *in = stream;
	struct policy_loader *l = in->l;
	const char *end;
	size_t len;

	if (l->failed || in->pos == in->end)
		return NULL;
	l->line++;
	end = memchr(in->pos, '\n', (size_t)(in->end - in->pos));
	end = end ? end : in->end;
	while (in->pos < end && (*in->pos == ' ' || *in->pos == '\t'))
		in->pos++;
	len = (size_t)(end - in->pos);
	if (len + 2 >= (size_t)size) {
		(void)policy_fail(l, l->line, "the line is longer than %d bytes", size - 3);
		return NULL;
	}
	memcpy(buf, in->pos, len);
	buf[len] = '\0';
	in->pos = end == in->end ? end : end + 1;
	if (strlen(buf) != len || ((unsigned char)buf[0] & 0x80)) {
		(void)policy_fail(l, l->line, "a byte that has no place there");
		return NULL;
	}
	return buf[0] != '[' || read_title(l, buf) ? buf : NULL;
}

static int handle_key(void *user, const char *section, const char *key, const char *value)
{
	struct lines *in = user;

	(void)section;
	return policy_key(in->l, key, value);
}

static bool check_safe(struct policy_loader *l, int fd, mode_t type, size_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type)
		return policy_fail(l, 0, "it is not a %s",
				   type == S_IFREG ? "regular file" : "directory");
	if (st.st_uid != 0)
		return policy_fail(l, 0, "it belongs to somebody else than root");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return policy_fail(l, 0, "it can be written by its group or others");
	if (type == S_IFREG && st.st_size > FILE_MAX_)
		return policy_fail(l, 0, "it is longer than 1 MiB");
	*ret_size = (size_t)st.st_size;
	return true;
}

static bool read_all(struct policy_loader *l, int fd, size_t size, char *buf)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, buf + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return policy_fail(l, 0, "it cannot be read to its end");
		done += (size_t)n;
	}
	return true;
}

static bool load_file(struct policy_loader *l, int dir, const char *name)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct lines in = { .l = l };
	size_t size = 0;
	int r;

	l->line = 0;
	l->keys = 0;
	if (fd < 0)
		return policy_fail(l, 0, "%s",
				   errno == ELOOP ? "it is a symbolic link" : log_errname(errno));
	if (!check_safe(l, fd, S_IFREG, &size))
		return false;
	text = malloc(size + 1);
	if (!text)
		return policy_fail(l, 0, "there is no memory for it");
	if (!read_all(l, fd, size, text))
		return false;
	in.pos = text;
	in.end = text + size;
	r = ini_parse_stream(read_line, &in, handle_key, &in);
	if (r > 0 && (!l->failed || (unsigned int)r < l->failed_line)) {
		l->failed = false;
		return policy_fail(l, (unsigned int)r, "neither a [section] nor 'key = value'");
	}
	return !l->failed && policy_section_close(l);
}

/* Who can write the directory could put another file of root's in the place of this one. */
static bool load_main(struct policy_loader *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const size_t len = (size_t)(name - path);
	char *dir = policy_alloc(l, len + 2);
	_cleanup_fd_ int fd = -1;
	size_t size;

	if (!dir)
		return false;
	(void)snprintf(dir, len + 2, "%.*s.", (int)len, path);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return policy_fail(l, 0, "%s", log_errname(errno));
	l->file = dir;
	if (!check_safe(l, fd, S_IFDIR, &size))
		return false;
	l->file = path;
	return load_file(l, fd, *name ? name : ".");
}

static int is_conf(const struct dirent *entry)
{
	const size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool load_entry(struct policy_loader *l, int fd, const char *dir, const char *name)
{
	const size_t size = strlen(dir) + strlen(name) + 2;
	char *path = policy_alloc(l, size);

	if (!path)
		return false;
	(void)snprintf(path, size, "%s/%s", dir, name);
	l->file = path;
	return load_file(l, fd, name);
}

static bool load_includes(struct policy_loader *l)
{
	const char *const dir = l->include;
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
	struct dirent **entries = NULL;
	bool good = true;
	size_t size;
	int n;

	if (fd < 0)
		return policy_fail(l, l->include_line, "include %s: %s", dir, log_errname(errno));
	l->file = dir;
	if (!check_safe(l, fd, S_IFDIR, &size))
		return false;
	n = scandirat(fd, ".", &entries, is_conf, by_name);
	if (n < 0 || n > INCLUDES_MAX)
		good = policy_fail(l, 0, n < 0 ? "it cannot be read" : "too many files");
	for (int i = 0; i < n; i++) {
		good = good && load_entry(l, fd, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return good;
}

static bool check_netns(struct policy_loader *l, const char *file)
{
	struct nsfd_self self = { .netns = -1 };
	bool good = l->policy.n_netns == 0 || nsfd_self_open(&self) == 0 ||
		    policy_fail(l, 0, "cannot tell its own namespaces");

	for (size_t i = 0; good && i < l->policy.n_netns; i++) {
		_cleanup_fd_ int fd = -1;
		int r = l->netns[i].path ? nsfd_open(l->netns[i].path, &self, &fd) : -ESRCH;

		l->file = file;
		if (r == -ESRCH)
			good = policy_fail(l, 0, "parent %s/: there is no [netns %s]",
					   l->netns[i].name, l->netns[i].name);
		else if (r < 0)
			good = policy_fail(l, 0, "netns %s: %s: %s", l->netns[i].name,
					   l->netns[i].path,
					   r == -ENOTTY  ? "not a network namespace"
					   : r == -EBUSY ? "the broker's own namespace"
					   : r == -ELOOP ? "a symbolic link"
							 : log_errname(-r));
	}
	fd_closep(&self.netns);
	return good;
}

int policy_file_load(const char *path, struct policy *ret, char ret_text[POLICY_TEXT_MAX])
{
	static struct policy_loader l;
	bool good;

	l = (struct policy_loader){ .text = ret_text, .file = path, .size = MEMORY_MAX };
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		(void)policy_fail(&l, 0, "it is not there");
		return -ENOENT;
	}
	l.memory = mmap(NULL, l.size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (l.memory == MAP_FAILED)
		return policy_fail(&l, 0, "there is no memory for it") ? 0 : -ENOMEM;
	l.tail = &l.policy.rules;
	l.parents = policy_alloc(&l, POLICY_PARENTS_MAX * sizeof(*l.parents));
	l.netns = policy_alloc(&l, POLICY_NETNS_MAX * sizeof(*l.netns));
	good = load_main(&l, path) && (!l.include || load_includes(&l)) && check_netns(&l, path) &&
	       mprotect(l.memory, l.size, PROT_READ) == 0;
	if (!good) {
		(void)munmap(l.memory, l.size);
		return -EINVAL;
	}
	l.policy.parents = l.parents;
	l.policy.netns = l.netns;
	l.policy.memory = l.memory;
	l.policy.memory_size = l.size;
	*ret = l.policy;
	return 0;
}

void policy_file_free(struct policy *policy)
{
	if (policy->memory)
		(void)munmap(policy->memory, policy->memory_size);
	*policy = (struct policy){ 0 };
}
