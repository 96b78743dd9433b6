/*
 * RTM_NEWLINK, taken apart for those who save it.
 *
 * May: look at the message. Must not: ask the kernel, or know about kinds.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker/dump.h"

const struct nlattr *dump_info(const struct dump_link *link, uint16_t type)
{
	return dump_nested(link->info_data, type);
}

void dump_lost(struct dump_link *link, const char *format, ...)
{
	size_t len = strlen(link->lost);
	va_list args;
	int n;

	n = snprintf(link->lost + len, sizeof(link->lost) - len, "%s", len ? ", " : "");
	if (n < 0 || (size_t)n >= sizeof(link->lost) - len)
		return;
	len += (size_t)n;
	va_start(args, format);
	(void)vsnprintf(link->lost + len, sizeof(link->lost) - len, format, args);
	va_end(args);
}

void dump_lost_queue(struct dump_link *link, uint32_t otherwise)
{
	const uint32_t length = dump_attr_u32(link->attrs[IFLA_TXQLEN], otherwise);

	if (length != otherwise)
		dump_lost(link, "its transmit queue of %u packets", length);
}

static void parse_info(struct dump_link *link)
{
	const struct nlattr *attr;

	if (!link->attrs[IFLA_LINKINFO])
		return;
	nl_attr_each_nested (attr, link->attrs[IFLA_LINKINFO]) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			link->kind = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			link->info_data = attr;
	}
}

int dump_link_parse(const struct nlmsghdr *nlh, struct dump_link *ret)
{
	const struct nlattr *attr;

	*ret = (struct dump_link){ .ifi = mnl_nlmsg_get_payload(nlh), .kind = "" };
	nl_attr_each (attr, nlh, sizeof(*ret->ifi)) {
		if (mnl_attr_get_type(attr) <= IFLA_MAX)
			ret->attrs[mnl_attr_get_type(attr)] = attr;
	}
	if (!ret->attrs[IFLA_IFNAME] ||
	    mnl_attr_validate(ret->attrs[IFLA_IFNAME], MNL_TYPE_NUL_STRING) < 0)
		return -EIO;
	ret->name = mnl_attr_get_str(ret->attrs[IFLA_IFNAME]);
	parse_info(ret);
	return 0;
}
