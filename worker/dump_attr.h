/* Attributes of messages that tell of links. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>

/* The value of a u32, u16 or u8 attribute of just that size, or @otherwise. @attr may be NULL. */
uint32_t dump_attr_u32(const struct nlattr *attr, uint32_t otherwise);
uint32_t dump_attr_u16(const struct nlattr *attr, uint32_t otherwise);
uint32_t dump_attr_u8(const struct nlattr *attr, uint32_t otherwise);

/* Attribute @type of those in @nest, which may be NULL, or NULL. */
const struct nlattr *dump_nested(const struct nlattr *nest, uint16_t type);
