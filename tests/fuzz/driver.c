/*
 * A fuzzer without libFuzzer: the same mutations of the same seeds at every run, as a test.
 *
 * Usage: fuzz_X [ROUNDS]     mutations of the seeds
 *        fuzz_X FILE...      inputs, as libFuzzer keeps them
 *        fuzz_X --seeds DIR  writes the seeds to files, as libFuzzer wants them
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum {
	INPUT_MAX = 65536 + 64,
	ROUNDS = 500000,
	EDITS_MAX = 8,
};

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64 */
static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % below;
}

static const uint32_t edges[] = {
	0,   1,   2,   3,   4,     5,     7,     8,         15,         16,
	127, 128, 255, 256, 32767, 32768, 65535, INT32_MAX, UINT32_MAX,
};

static size_t edit(uint8_t *buf, size_t len, const uint8_t *other, size_t other_len)
{
	size_t at = len ? rnd((uint32_t)len) : 0, n = 1 + rnd(16), from;
	uint32_t value = edges[rnd(sizeof(edges) / sizeof(edges[0]))];

	switch (rnd(8)) {
	case 0: /* a bit */
		if (len)
			buf[at] ^= (uint8_t)(1U << rnd(8));
		return len;
	case 1: /* a byte */
		if (len)
			buf[at] = (uint8_t)rnd(256);
		return len;
	case 2: /* a number of 1, 2 or 4 bytes at the edge of something */
		n = (size_t)1 << rnd(3);
		if (len - at >= n)
			memcpy(buf + at, &value, n);
		return len;
	case 3: /* cut off */
		return at;
	case 4: /* take out */
		n = n > len - at ? len - at : n;
		memmove(buf + at, buf + at + n, len - at - n);
		return len - n;
	case 5: /* put in, or say twice */
		n = n > INPUT_MAX - len ? INPUT_MAX - len : n;
		n = n > len - at ? len - at : n;
		memmove(buf + at + n, buf + at, len - at);
		return len + n;
	case 6: /* a piece of another */
		from = other_len ? rnd((uint32_t)other_len) : 0;
		n = n > other_len - from ? other_len - from : n;
		n = n > len - at ? len - at : n;
		memcpy(buf + at, other + from, n);
		return len;
	default: /* behind the end */
		while (n-- && len < INPUT_MAX)
			buf[len++] = (uint8_t)rnd(256);
		return len;
	}
}

/* From a block of its size, so that a build with AddressSanitizer sees a read past the end. */
static bool run_one(const uint8_t *buf, size_t len)
{
	uint8_t *block = malloc(len ? len : 1);

	if (!block)
		return false;
	memcpy(block, buf, len);
	(void)LLVMFuzzerTestOneInput(block, len);
	free(block);
	return true;
}

static bool run_rounds(size_t rounds)
{
	static uint8_t buf[INPUT_MAX], other[INPUT_MAX];
	size_t n_seeds = 0;

	while (fuzz_seed(n_seeds, buf, sizeof(buf)))
		n_seeds++;
	for (size_t i = 0; i < n_seeds; i++) {
		if (!run_one(buf, fuzz_seed(i, buf, sizeof(buf))))
			return false;
	}
	for (size_t i = 0; i < rounds && n_seeds; i++) {
		size_t len = fuzz_seed(rnd((uint32_t)n_seeds), buf, sizeof(buf));
		size_t other_len = fuzz_seed(rnd((uint32_t)n_seeds), other, sizeof(other));

		for (uint32_t edits = 1 + rnd(EDITS_MAX); edits > 0; edits--)
			len = edit(buf, len, other, other_len);
		if (!run_one(buf, len))
			return false;
	}
	return n_seeds > 0;
}

static bool run_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	FILE *file = fopen(path, "rbe");
	size_t len;

	if (!file)
		return false;
	len = fread(buf, 1, sizeof(buf), file);
	(void)fclose(file);
	return run_one(buf, len);
}

static bool write_seeds(const char *dir)
{
	static uint8_t buf[INPUT_MAX];
	char path[4096];
	size_t len;

	for (size_t i = 0; (len = fuzz_seed(i, buf, sizeof(buf))) > 0; i++) {
		FILE *file;
		bool done;

		(void)snprintf(path, sizeof(path), "%s/seed-%zu", dir, i);
		file = fopen(path, "we");
		if (!file)
			return false;
		done = fwrite(buf, 1, len, file) == len;
		if (fclose(file) != 0 || !done)
			return false;
	}
	return true;
}

int main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		return write_seeds(argv[2]) ? 0 : 1;
	if (argc < 2)
		return run_rounds(ROUNDS) ? 0 : 1;
	if (argc == 2 && strtoul(argv[1], NULL, 10) > 0)
		return run_rounds(strtoul(argv[1], NULL, 10)) ? 0 : 1;
	for (int i = 1; i < argc; i++) {
		if (!run_file(argv[i]))
			return 1;
	}
	return 0;
}
