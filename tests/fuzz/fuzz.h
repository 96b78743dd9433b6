/* What fuzz_*.c offer to libFuzzer and to the driver that runs them as tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point. Returns 0, always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Seed @i of those that the encoder makes, into @buf. Returns its length, or 0 behind the last. */
size_t fuzz_seed(size_t i, uint8_t *buf, size_t size);
