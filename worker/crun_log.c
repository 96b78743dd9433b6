/*
 * The sentence of a hook that crun has run, to where a person looks for it.
 *
 * crun's log is JSON lines where Podman reads it, and Podman takes it for its error as long as it
 * is one line. This adds a line before crun's own, and then what Podman shows is all of crun's
 * stderr: the sentence, and which hook it was.
 *
 * May: read /proc of the parent, append to files that the user may write. Must not: fail. It is
 * about an error that is there already.
 */
#include "worker/crun_log.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"

enum {
	COMMAND_MAX = 16 * 1024 /* bytes of crun's command line */
};

static bool is_dev_null(int fd)
{
	struct stat st;

	return fd_stat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* The words of the parent's command line, each with a NUL behind. Returns their length. */
static size_t read_command(char *words, size_t size)
{
	_cleanup_fd_ int fd = -1;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, size - 1);
	words[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static bool is_crun(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, "crun") == 0;
}

/* The value of --option VALUE or --option=VALUE among the @len bytes of words; NULL: not there. */
static const char *find_option(const char *words, size_t len, const char *option)
{
	const size_t n = strlen(option);

	for (const char *w = words; w < words + len; w += strlen(w) + 1) {
		if (strncmp(w, option, n) != 0)
			continue;
		if (w[n] == '=')
			return w + n + 1;
		if (!w[n] && w + n + 1 < words + len)
			return w + n + 1;
	}
	return NULL;
}

void crun_log_open(struct crun_log *ret)
{
	static char command[COMMAND_MAX];
	const int flags = O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC;
	const size_t len = read_command(command, sizeof(command));
	const char *file, *format;
	char path[64];

	*ret = (struct crun_log){ .err = -1, .file = -1 };
	if (!is_dev_null(STDERR_FILENO) || !is_crun(command))
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", getppid(), STDERR_FILENO);
	ret->err = open(path, flags);
	file = find_option(command, len, "--log");
	format = find_option(command, len, "--log-format");
	if (file && *file == '/')
		ret->file = open(file, flags);
	ret->json = format && strcmp(format, "json") == 0;
}

void crun_log_close(struct crun_log *log)
{
	fd_closep(&log->err);
	fd_closep(&log->file);
}

void crun_log_write(const struct crun_log *log, const char *name, const char *text)
{
	if (log->err >= 0)
		(void)dprintf(log->err, "%s: %s\n", name, text);
	if (log->file >= 0 && log->json) {
		json_t *line = json_pack("{s:s,s:s}", "msg", text, "level", "error");

		(void)json_dumpfd(line, log->file, JSON_COMPACT);
		(void)dprintf(log->file, "\n");
		json_decref(line);
	} else if (log->file >= 0) {
		(void)dprintf(log->file, "%s: %s\n", name, text);
	}
}
