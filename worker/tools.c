/*
 * The worker's side: which programs there are, and asking the helper to run one.
 *
 * May: fork, before the worker is confined; afterwards send and receive. Must not: believe the
 * helper in sizes, or wait for it for ever.
 */
#include "worker/tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/helper.h"
#include "worker/report.h"
#include "worker/tools_helper.h"

enum {
	PATIENCE = 90 /* seconds without a byte from the helper, which limits tools to 60 */
};

/* The old iptables comes first: what is in the images is of its tables. */
const struct tools_command tools_commands[TOOLS_JOBS_] = {
	[TOOLS_NFT_LOAD] = { .names = { "nft" }, .args = { "-f", "-" } },
	[TOOLS_NFT_LIST] = { .names = { "nft" }, .args = { "list", "ruleset" } },
	[TOOLS_IPTABLES_LOAD] = { .names = { "iptables-legacy-restore", "iptables-restore" },
				  .args = { "-w" } },
	[TOOLS_IP6TABLES_LOAD] = { .names = { "ip6tables-legacy-restore", "ip6tables-restore" },
				   .args = { "-w" } },
	[TOOLS_IPTABLES_LIST] = { .names = { "iptables-legacy-save", "iptables-save" },
				  .in_use = "ip_tables_names" },
	[TOOLS_IP6TABLES_LIST] = { .names = { "ip6tables-legacy-save", "ip6tables-save" },
				   .in_use = "ip6_tables_names" },
};

void tools_init(struct tools *tools)
{
	*tools = (struct tools){ .sock = -1 };
}

const char *tools_name(enum tools_job job)
{
	const struct tools_command *command = &tools_commands[job];

	return command->names[1] ? command->names[1] : command->names[0];
}

bool tools_has(const struct tools *tools, enum tools_job job)
{
	return tools->paths[job][0] != '\0';
}

/* $PATH is the user's, and they may well have a nft of their own in it. */
static void find(struct tools *tools, enum tools_job job)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin" };

	for (size_t n = 0; n < 2 && tools_commands[job].names[n]; n++) {
		for (size_t d = 0; d < ARRAY_SIZE(dirs); d++) {
			char *path = tools->paths[job];

			(void)snprintf(path, TOOLS_PATH_MAX, "%s/%s", dirs[d],
				       tools_commands[job].names[n]);
			tools->is_legacy[job] = strstr(path, "-legacy-") != NULL;
			if (access(path, X_OK) == 0)
				return;
			*path = '\0';
		}
	}
}

int tools_start(struct tools *ret, struct report *report)
{
	pid_t pid;
	int sock;

	for (int job = 0; job < TOOLS_JOBS_; job++)
		find(ret, (enum tools_job)job);
	pid = helper_fork(SOCK_STREAM, PATIENCE, &sock);
	if (pid < 0)
		return report_fail(report, EXIT_OS_,
				   "cannot start a process for nft and iptables: %s",
				   strerror(-pid));
	if (pid == 0)
		tools_helper(sock, ret);
	ret->sock = sock;
	return 0;
}

/* --- bytes --- */

static int send_all(int sock, const void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct iovec iov = { .iov_base = (uint8_t *)(uintptr_t)buf + done,
				     .iov_len = len - done };
		const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

static int receive_all(int sock, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		struct iovec iov = { .iov_base = (uint8_t *)buf + done, .iov_len = len - done };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = recvmsg(sock, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

/* --- requests --- */

/* The helper ends when it is told to, or finds the socket closed. We wait for it, so that who
 * waited for us does not find a process of ours still there. */
void tools_fini(struct tools *tools)
{
	const struct tools_request end = { .job = TOOLS_JOBS_ };
	uint8_t byte;

	if (tools->sock >= 0 && send_all(tools->sock, &end, sizeof(end)) == 0)
		(void)receive_all(tools->sock, &byte, sizeof(byte));
	fd_closep(&tools->sock);
}

static int fail(struct tools_result *result, int r, const char *text)
{
	(void)snprintf(result->text, sizeof(result->text), "%s", text);
	return r;
}

static int read_reply(struct tools *tools, struct tools_result *ret)
{
	struct tools_reply reply;
	int r;

	r = receive_all(tools->sock, &reply, sizeof(reply));
	if (r < 0 || reply.n_out > TOOLS_OUT_MAX || reply.n_text >= sizeof(ret->text))
		return -EPIPE;
	if (reply.n_out > 0) {
		ret->out = malloc(reply.n_out + 1);
		if (!ret->out)
			return -EPIPE; /* the rest stays unread: there is no next request */
		ret->n_out = reply.n_out;
		ret->out[ret->n_out] = '\0';
		r = receive_all(tools->sock, ret->out, ret->n_out);
	}
	if (r == 0)
		r = receive_all(tools->sock, ret->text, reply.n_text);
	ret->is_unknown = reply.is_unknown;
	return r < 0 ? r : reply.result;
}

static int ask(struct tools *tools, const struct tools_request *request, const char *in,
	       struct tools_result *ret)
{
	int r;

	*ret = (struct tools_result){ 0 };
	if (request->len > TOOLS_IN_MAX)
		return fail(ret, -EFBIG, "too many bytes for one run");
	if (tools->sock < 0)
		return fail(ret, -EPIPE, "its helper is gone");
	r = send_all(tools->sock, request, sizeof(*request));
	if (r == 0)
		r = send_all(tools->sock, in, request->len);
	if (r == 0) {
		r = read_reply(tools, ret);
		ret->is_unknown |= r == -EPIPE;
	}
	if (r == -EPIPE) {
		tools_result_fini(ret);
		fd_closep(&tools->sock);
		return fail(ret, r, "its helper was killed, or does not answer");
	}
	if (r < 0)
		tools_result_fini(ret);
	return r;
}

int tools_run(struct tools *tools, enum tools_job job, const char *in, size_t len,
	      struct tools_result *ret)
{
	const struct tools_request request = { .job = job, .len = len };

	return ask(tools, &request, in, ret);
}

int tools_has_legacy_tables(struct tools *tools, enum tools_job list)
{
	const struct tools_request request = { .job = list, .asks = 1 };
	struct tools_result result;
	int r = ask(tools, &request, NULL, &result);

	tools_result_fini(&result);
	return r;
}

void tools_result_fini(struct tools_result *result)
{
	free(result->out);
	result->out = NULL;
	result->n_out = 0;
}
