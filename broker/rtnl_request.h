/* How a request of the broker's begins. For rtnl*.c. */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

union rtnl_request {
	struct nlmsghdr nlh;
	uint8_t buf[256];
};

/* Returns the place of the @extra bytes behind the header. */
static inline void *rtnl_request_init(union rtnl_request *req, uint16_t type, uint16_t flags,
				      size_t extra)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(req->buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(nlh, extra);
}
