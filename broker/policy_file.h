/* The policy file: from text to rules. All of it before the lock-down. */
#pragma once

struct policy;

enum {
	POLICY_TEXT_MAX = 512
};

/* Read @path and what it includes. Returns 0, and the caller owns *ret (policy_file_free()); or
 * -errno with "FILE:LINE: what is wrong" in @ret_text; -ENOENT means that @path is not there. */
int policy_file_load(const char *path, struct policy *ret, char ret_text[POLICY_TEXT_MAX]);

void policy_file_free(struct policy *policy);
