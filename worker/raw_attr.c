/*
 * The one reader of attributes from raw images. Pure but for the report.
 */
#include "worker/raw_attr.h"

#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "common/exit.h"
#include "worker/image_raw.h"

size_t raw_address_len(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

static bool is_name(const struct nlattr *attr)
{
	const char *text = mnl_attr_get_payload(attr);
	const size_t len = mnl_attr_get_payload_len(attr);

	if (len < 2 || len > IFNAMSIZ || text[len - 1] != '\0')
		return false;
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '/')
			return false;
	}
	return true;
}

static bool is_of_kind(const struct nlattr *attr, const struct raw_attr *row, uint8_t family)
{
	const size_t len = mnl_attr_get_payload_len(attr);

	switch (row->kind) {
	case RAW_U8:
		return len == sizeof(uint8_t);
	case RAW_U16:
		return len == sizeof(uint16_t);
	case RAW_U32:
		return len == sizeof(uint32_t);
	case RAW_U64:
		return len == sizeof(uint64_t);
	case RAW_ADDRESS:
		return len == raw_address_len(family);
	case RAW_NAME:
		return is_name(attr);
	case RAW_BYTES:
		return len >= row->len;
	case RAW_NEST:
	case RAW_IGNORED:
		return true;
	case RAW_UNKNOWN:
	case RAW_REFUSED:
	default:
		return false;
	}
}

static int take_attr(const struct nlattr *attr, const struct raw_table *table, uint8_t family,
		     bool of_kernel, const struct raw_at *at, const struct nlattr *ret[])
{
	const uint16_t type = mnl_attr_get_type(attr);
	const struct raw_attr *row = type < table->n ? &table->attrs[type] : NULL;

	if (!row || row->kind == RAW_UNKNOWN)
		return of_kernel ? 0 : raw_fail(at, "attribute %u, which is not known", type);
	if (row->kind == RAW_REFUSED)
		return of_kernel ? 0
				 : raw_fail(at, "it has %s, which cannot be restored: %s",
					    row->name, row->why);
	if (!is_of_kind(attr, row, family))
		return raw_fail(at, "its %s of %u bytes is none", row->name,
				mnl_attr_get_payload_len(attr));
	if (ret[type])
		return raw_fail(at, "its %s comes twice", row->name);
	ret[type] = attr;
	return 0;
}

int raw_attrs(const void *first, size_t len, const struct raw_table *table, uint8_t family,
	      bool of_kernel, const struct raw_at *at, const struct nlattr *ret[])
{
	const uint8_t *next = first;
	size_t left = len;

	for (size_t i = 0; i < table->n; i++)
		ret[i] = NULL;
	while (left > 0) {
		const struct nlattr *attr = (const struct nlattr *)(const void *)next;
		size_t step;

		if (left < sizeof(*attr) || attr->nla_len < sizeof(*attr) || attr->nla_len > left)
			return raw_fail(at, "its attributes do not fill it: %zu bytes are left",
					left);
		if (take_attr(attr, table, family, of_kernel, at, ret))
			return EXIT_IMAGE;
		step = NLMSG_ALIGN((size_t)attr->nla_len);
		step = step < left ? step : left;
		next += step;
		left -= step;
	}
	return 0;
}
