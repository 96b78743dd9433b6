/*
 * Attributes of messages that tell of links. Pure.
 */
#include "worker/dump_attr.h"

#include "common/nl.h"

uint32_t dump_attr_u32(const struct nlattr *attr, uint32_t otherwise)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(uint32_t))
		return otherwise;
	return mnl_attr_get_u32(attr);
}

uint32_t dump_attr_u16(const struct nlattr *attr, uint32_t otherwise)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(uint16_t))
		return otherwise;
	return mnl_attr_get_u16(attr);
}

uint32_t dump_attr_u8(const struct nlattr *attr, uint32_t otherwise)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(uint8_t))
		return otherwise;
	return mnl_attr_get_u8(attr);
}

const struct nlattr *dump_nested(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (!nest)
		return NULL;
	nl_attr_each_nested (attr, nest) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}
