/* Session protocol messages, to and from bytes, in memory that is there from the start. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netcr.pb-c.h"

struct reply;
struct session;

/* Decode a datagram. The result is good until the next call. NULL if it is not canonical
 * (unknown, repeated or missing fields, overlong numbers, a NUL in a string, fields out of
 * order) or does not fit into the arena. */
const Netcr__Request *message_decode(const uint8_t *buf, size_t len);

/* Encode @reply to @req with answer @error (0 or -errno) and send it. Returns 0 or -errno. */
int message_reply(const struct session *s, const Netcr__Request *req, int error,
		  struct reply *reply, int timeout_ms);
