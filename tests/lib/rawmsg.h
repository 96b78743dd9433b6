/* A netlink message put together byte by byte, with every freedom to get it wrong. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/rtnetlink.h>

enum {
	RAWMSG_MAX = 8192
};

struct rawmsg {
	union {
		struct {
			struct nlmsghdr nlh;
			struct ifinfomsg ifi;
		};
		uint8_t buf[RAWMSG_MAX];
	};
	size_t len;
};

/* A header of RTM_NEWLINK as a proposal has it, and an ifinfomsg of zeros. */
void rawmsg_begin(struct rawmsg *m);

/* An attribute with its padding. */
void rawmsg_put(struct rawmsg *m, uint16_t type, const void *data, size_t len);
void rawmsg_put_u32(struct rawmsg *m, uint16_t type, uint32_t value);

/* Begin a nested attribute; the result goes to rawmsg_nest_end(). @type is taken as it is. */
size_t rawmsg_nest(struct rawmsg *m, uint16_t type);
void rawmsg_nest_end(struct rawmsg *m, size_t nest);

/* Bytes as they are. */
void rawmsg_raw(struct rawmsg *m, const void *data, size_t len);

/* Make the header's length that of the message. */
void rawmsg_finish(struct rawmsg *m);
