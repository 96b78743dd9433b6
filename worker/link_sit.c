/*
 * sit: IPv6 in IPv4 (net/ipv6/sit.c), with 6rd and with the encapsulation of fou and gue.
 *
 * The images have each value as wide as 32 bits, the kernel as wide as the table says. Addresses,
 * prefixes and ports are in network byte order in both, as they were in memory.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_tunnel.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "worker/dump.h"
#include "worker/link_kind.h"
#include "worker/links.h"
#include "worker/plan_input.h"
#include "worker/report.h"

/* A number: in which field of the image, which attribute, and what it may be. */
struct number {
	const char *name; /* in messages and in the JSON */
	size_t has, value;
	uint16_t type, size; /* size: 1, 2 or 4 bytes */
	uint32_t max;
};

#define NUMBER(field, type, size, max)                                                          \
	{                                                                                       \
#field, offsetof(Img__Sit, has_##field), offsetof(Img__Sit, field), type, size, \
			max                                                                     \
	}

/* clang-format off */
static const struct number numbers[] = {
	NUMBER(link,           IFLA_IPTUN_LINK,                4, INT32_MAX),
	NUMBER(ttl,            IFLA_IPTUN_TTL,                 1, UINT8_MAX),
	NUMBER(tos,            IFLA_IPTUN_TOS,                 1, UINT8_MAX),
	NUMBER(flags,          IFLA_IPTUN_FLAGS,               2, UINT16_MAX),
	NUMBER(proto,          IFLA_IPTUN_PROTO,               1, UINT8_MAX),
	NUMBER(encap_type,     IFLA_IPTUN_ENCAP_TYPE,          2, UINT16_MAX),
	NUMBER(encap_flags,    IFLA_IPTUN_ENCAP_FLAGS,         2, UINT16_MAX),
	NUMBER(encap_sport,    IFLA_IPTUN_ENCAP_SPORT,         2, UINT16_MAX),
	NUMBER(encap_dport,    IFLA_IPTUN_ENCAP_DPORT,         2, UINT16_MAX),
	NUMBER(rd_prefixlen,   IFLA_IPTUN_6RD_PREFIXLEN,       2, 128),
	NUMBER(relay_prefixlen, IFLA_IPTUN_6RD_RELAY_PREFIXLEN, 2, 32),
};
/* clang-format on */

enum {
	RD_WORDS = 4,     /* of an IPv6 prefix */
	TTL_DEFAULT = 64, /* in ipip6_netlink_parms() */
};

static const uint32_t *number_of(const Img__Sit *sit, const struct number *number)
{
	const char *base = (const char *)sit;

	if (!*(const protobuf_c_boolean *)(const void *)(base + number->has))
		return NULL;
	return (const uint32_t *)(const void *)(base + number->value);
}

static int fail_part(const Img__NetDevice *dev, const struct entry_place *at, const char *what,
		     struct report *report)
{
	return report_fail(report, EXIT_IMAGE, "%s: record %zu: sit %s %s", at->file, at->record,
			   dev->name, what);
}

static int check_sit(const Img__NetDevice *dev, const struct entry_place *at, struct report *report)
{
	const Img__Sit *sit = dev->sit;

	if (!sit)
		return fail_part(dev, at, "has no sit part", report);
	if (sit->n_local > 1 || sit->n_remote > 1)
		return fail_part(dev, at, "has an address that is not one word", report);
	if (sit->n_rd_prefix != (sit->has_rd_prefixlen ? RD_WORDS : 0))
		return fail_part(dev, at, "has a 6rd prefix that does not go with its length",
				 report);
	if (sit->n_relay_prefix != (sit->has_relay_prefixlen ? 1 : 0) ||
	    (sit->has_relay_prefixlen && !sit->has_rd_prefixlen))
		return fail_part(dev, at, "has a relay prefix that does not go with its length",
				 report);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const uint32_t *value = number_of(sit, &numbers[i]);

		if (value && *value > numbers[i].max)
			return report_fail(report, EXIT_IMAGE,
					   "%s: record %zu: sit %s has %s %u, which is more than "
					   "%u",
					   at->file, at->record, dev->name, numbers[i].name, *value,
					   numbers[i].max);
	}
	return 0;
}

static int plan_sit(struct plan_link *link, struct plan_input *in, struct report *report)
{
	const Img__Sit *sit = link->dev->sit;
	const struct plan_link *below;

	link->maker = MAKER_WORKER;
	if (!sit->has_link || sit->link == 0)
		return 0;
	below = plan_find(in, sit->link);
	if (!below || below == link)
		return report_fail(report, EXIT_IMAGE,
				   "%s: record %zu: sit %s is bound to index %u, which no other "
				   "link of the image has",
				   link->at.file, link->at.record, link->dev->name, sit->link);
	link->below = below;
	return 0;
}

/* --- encoding --- */

/* The kernel reads native numbers, and of these the low bytes are meant. */
static bool put_number(struct nlmsghdr *nlh, size_t size, const struct number *number,
		       uint32_t value)
{
	switch (number->size) {
	case 1:
		return mnl_attr_put_u8_check(nlh, size, number->type, (uint8_t)value);
	case 2:
		return mnl_attr_put_u16_check(nlh, size, number->type, (uint16_t)value);
	default:
		return mnl_attr_put_u32_check(nlh, size, number->type, value);
	}
}

static bool put_words(struct nlmsghdr *nlh, size_t size, uint16_t type, const uint32_t *words,
		      size_t n)
{
	return n == 0 || mnl_attr_put_check(nlh, size, type, n * sizeof(*words), words);
}

/* What the kernel will have of @number: the image's, but for an index, which may be another one
 * here if the device was there before. */
static uint32_t wanted(const struct plan_link *link, const struct number *number,
		       const uint32_t *value)
{
	return number->type == IFLA_IPTUN_LINK && link->below ? link->below->ifindex : *value;
}

/* A tunnel that is asked for with a TTL always has it, whatever is asked for; one that is not has
 * TTL_DEFAULT, and has it or not (likewise). */
static bool has_pmtudisc(const Img__Sit *sit)
{
	return (sit->has_pmtudisc && sit->pmtudisc) ||
	       (sit->has_ttl && sit->ttl != 0 && sit->ttl != TTL_DEFAULT);
}

static bool is_by_default(const Img__Sit *sit, const struct number *number)
{
	return number->type == IFLA_IPTUN_TTL && sit->ttl == TTL_DEFAULT && !has_pmtudisc(sit);
}

static bool put_sit(struct nlmsghdr *nlh, size_t size, const struct plan_link *link)
{
	const Img__Sit *sit = link->dev->sit;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const uint32_t *value = number_of(sit, &numbers[i]);

		if (value && !is_by_default(sit, &numbers[i]) &&
		    !put_number(nlh, size, &numbers[i], wanted(link, &numbers[i], value)))
			return false;
	}
	/* Always there: where it is missing the kernel takes it for 1, and the dumper leaves it
	 * out when it is 0 (ipip6_netlink_parms() in net/ipv6/sit.c). */
	return mnl_attr_put_u8_check(nlh, size, IFLA_IPTUN_PMTUDISC, has_pmtudisc(sit)) &&
	       put_words(nlh, size, IFLA_IPTUN_LOCAL, sit->local, sit->n_local) &&
	       put_words(nlh, size, IFLA_IPTUN_REMOTE, sit->remote, sit->n_remote) &&
	       put_words(nlh, size, IFLA_IPTUN_6RD_PREFIX, sit->rd_prefix, sit->n_rd_prefix) &&
	       put_words(nlh, size, IFLA_IPTUN_6RD_RELAY_PREFIX, sit->relay_prefix,
			 sit->n_relay_prefix);
}

/* --- reading back --- */

static int differs(const struct plan_link *link, const char *what, struct report *report)
{
	return report_fail(report, EXIT_UNDONE, "%s: record %zu: sit %s came out with another %s",
			   link->at.file, link->at.record, link->dev->name, what);
}

static bool is_number(const struct link_state *state, const struct number *number, uint32_t value)
{
	const void *data = links_data(state, number->type, number->size);
	uint16_t two;
	uint32_t four;

	if (!data)
		return value == 0;
	if (number->size == 1)
		return *(const uint8_t *)data == value;
	if (number->size == 2) {
		memcpy(&two, data, sizeof(two));
		return two == value;
	}
	memcpy(&four, data, sizeof(four));
	return four == value;
}

static bool is_words(const struct link_state *state, uint16_t type, const uint32_t *words, size_t n)
{
	const void *data = links_data(state, type, n * sizeof(*words));

	return n == 0 || (data && memcmp(data, words, n * sizeof(*words)) == 0);
}

static int verify_sit(const struct plan_link *link, const struct link_state *state,
		      struct report *report)
{
	static const struct number pmtudisc = { .type = IFLA_IPTUN_PMTUDISC, .size = 1 };
	const Img__Sit *sit = link->dev->sit;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const uint32_t *value = number_of(sit, &numbers[i]);

		if (value && !is_number(state, &numbers[i], wanted(link, &numbers[i], value)))
			return differs(link, numbers[i].name, report);
	}
	if (!is_number(state, &pmtudisc, has_pmtudisc(sit)))
		return differs(link, "pmtudisc", report);
	if (!is_words(state, IFLA_IPTUN_LOCAL, sit->local, sit->n_local))
		return differs(link, "local address", report);
	if (!is_words(state, IFLA_IPTUN_REMOTE, sit->remote, sit->n_remote))
		return differs(link, "remote address", report);
	if (!is_words(state, IFLA_IPTUN_6RD_PREFIX, sit->rd_prefix, sit->n_rd_prefix))
		return differs(link, "6rd prefix", report);
	if (!is_words(state, IFLA_IPTUN_6RD_RELAY_PREFIX, sit->relay_prefix, sit->n_relay_prefix))
		return differs(link, "relay prefix", report);
	return 0;
}

/* --- showing --- */

static const char *to_text(int family, const uint32_t *words, size_t n, char *ret, socklen_t size)
{
	if (n == 0 || !inet_ntop(family, words, ret, size))
		(void)snprintf(ret, size, "any");
	return ret;
}

static void show_sit(const Img__NetDevice *dev, char ret[LINK_DETAIL_MAX])
{
	const Img__Sit *sit = dev->sit;
	char local[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN];
	int n;

	n = snprintf(ret, LINK_DETAIL_MAX, "local %s remote %s",
		     to_text(AF_INET, sit->local, sit->n_local, local, sizeof(local)),
		     to_text(AF_INET, sit->remote, sit->n_remote, remote, sizeof(remote)));
	if (n > 0 && n < LINK_DETAIL_MAX && sit->has_rd_prefixlen)
		(void)snprintf(
			ret + n, LINK_DETAIL_MAX - (size_t)n, " 6rd %s/%u",
			to_text(AF_INET6, sit->rd_prefix, sit->n_rd_prefix, prefix, sizeof(prefix)),
			sit->rd_prefixlen);
}

static int json_sit(const Img__NetDevice *dev, json_t *object)
{
	const Img__Sit *sit = dev->sit;
	json_t *part = json_object();
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const uint32_t *value = number_of(sit, &numbers[i]);
		bool port = numbers[i].type == IFLA_IPTUN_ENCAP_SPORT ||
			    numbers[i].type == IFLA_IPTUN_ENCAP_DPORT;

		if (value)
			(void)json_object_set_new(
				part, numbers[i].name,
				json_integer(port ? ntohs((uint16_t)*value) : *value));
	}
	(void)json_object_set_new(part, "pmtudisc",
				  json_boolean(sit->has_pmtudisc && sit->pmtudisc));
	(void)json_object_set_new(
		part, "local",
		json_string(to_text(AF_INET, sit->local, sit->n_local, text, sizeof(text))));
	(void)json_object_set_new(
		part, "remote",
		json_string(to_text(AF_INET, sit->remote, sit->n_remote, text, sizeof(text))));
	if (sit->n_rd_prefix)
		(void)json_object_set_new(
			part, "rd_prefix",
			json_string(to_text(AF_INET6, sit->rd_prefix, sit->n_rd_prefix, text,
					    sizeof(text))));
	if (sit->n_relay_prefix)
		(void)json_object_set_new(
			part, "relay_prefix",
			json_string(to_text(AF_INET, sit->relay_prefix, sit->n_relay_prefix, text,
					    sizeof(text))));
	return json_object_set_new(object, "sit", part);
}

/* --- saving --- */

static void dump_numbers(const struct dump_link *link, Img__Sit *sit)
{
	char *base = (char *)sit;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct nlattr *attr = dump_info(link, numbers[i].type);

		if (!attr)
			continue;
		*(protobuf_c_boolean *)(void *)(base + numbers[i].has) = 1;
		/* Of these sizes, one alone fits. */
		*(uint32_t *)(void *)(base + numbers[i].value) =
			dump_attr_u8(attr, dump_attr_u16(attr, dump_attr_u32(attr, 0)));
	}
}

/* @n words of an address. Returns 0, or -1 for want of memory. */
static int dump_words(const struct dump_link *link, uint16_t type, size_t n, uint32_t **ret,
		      size_t *ret_n)
{
	const struct nlattr *attr = dump_info(link, type);

	*ret = calloc(n, sizeof(**ret));
	if (!*ret)
		return -1;
	*ret_n = n;
	if (attr && mnl_attr_get_payload_len(attr) == n * sizeof(**ret))
		memcpy(*ret, mnl_attr_get_payload(attr), n * sizeof(**ret));
	return 0;
}

/* An address that is not any. */
static int dump_address(const struct dump_link *link, uint16_t type, uint32_t **ret, size_t *ret_n)
{
	if (dump_attr_u32(dump_info(link, type), 0) == 0)
		return 0;
	return dump_words(link, type, 1, ret, ret_n);
}

/* A prefix of length 0 is left out, and what goes with it. */
static int dump_prefixes(struct dump_link *link, Img__Sit *sit)
{
	if (sit->has_rd_prefixlen && sit->rd_prefixlen == 0)
		dump_lost(link, "its 6rd prefix of length 0");
	if (!sit->rd_prefixlen || !sit->relay_prefixlen) {
		sit->has_relay_prefixlen = 0;
		sit->relay_prefixlen = 0;
	}
	sit->has_rd_prefixlen = sit->rd_prefixlen != 0;
	if (sit->has_rd_prefixlen && dump_words(link, IFLA_IPTUN_6RD_PREFIX, RD_WORDS,
						&sit->rd_prefix, &sit->n_rd_prefix) < 0)
		return -1;
	if (!sit->has_relay_prefixlen)
		return 0;
	return dump_words(link, IFLA_IPTUN_6RD_RELAY_PREFIX, 1, &sit->relay_prefix,
			  &sit->n_relay_prefix);
}

static int dump_sit(struct dump_link *link, Img__NetDevice *dev, struct report *report)
{
	Img__Sit *sit = malloc(sizeof(*sit));
	bool ok;

	if (!sit)
		return report_fail(report, EXIT_OS_, "no memory for sit %s", link->name);
	dev->sit = sit;
	img__sit__init(sit);
	dump_numbers(link, sit);
	if (sit->link != 0 && link->link_ns_id != link->d->ns_id)
		return report_fail(report, EXIT_IMAGE,
				   "sit %s is bound to a link in another namespace, which the "
				   "images cannot hold; nothing was done: leave it out by "
				   "--skip-kind sit",
				   link->name);
	sit->has_pmtudisc = dump_attr_u8(dump_info(link, IFLA_IPTUN_PMTUDISC), 0) != 0;
	sit->pmtudisc = sit->has_pmtudisc;
	ok = dump_address(link, IFLA_IPTUN_LOCAL, &sit->local, &sit->n_local) == 0 &&
	     dump_address(link, IFLA_IPTUN_REMOTE, &sit->remote, &sit->n_remote) == 0 &&
	     dump_prefixes(link, sit) == 0;
	return ok ? 0 : report_fail(report, EXIT_OS_, "no memory for sit %s", link->name);
}

const struct link_kind link_kind_sit = {
	.type = IMG__LINK_TYPE__SIT,
	.name = "sit",
	.rtnl = "sit",
	.einval = "its parameters do not go together; an encapsulation needs the module fou",
	.check = check_sit,
	.plan = plan_sit,
	.put_data = put_sit,
	.verify = verify_sit,
	.show = show_sit,
	.json = json_sit,
	.dump = dump_sit,
};
