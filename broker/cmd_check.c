/*
 * netcr-broker check: the rules as they are in force, or what would become of a request by them.
 *
 * The file is read by what serve reads it with, and a request is judged by the op of a session:
 * there is no second opinion here. It needs no privilege, and changes nothing.
 *
 * May: read argv and the policy file, look up interfaces, print. Must not: allocate an nsid in a
 * namespace that stays, or run with what came with the file.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "broker/caller.h"
#include "broker/commands.h"
#include "broker/ops.h"
#include "broker/options.h"
#include "broker/policy_load.h"
#include "broker/rtnl.h"
#include "broker/session.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/exit.h"
#include "common/log.h"

/* --- the rules --- */

static void print_users(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->n_users; i++) {
		const struct policy_id *id = &rule->users[i];
		const struct group *group = id->is_group ? getgrgid(id->id) : NULL;
		const struct passwd *user = id->is_group ? NULL : getpwuid(id->id);

		(void)printf("%s%s %u", i ? ", " : "", id->is_group ? "gid" : "uid", id->id);
		if (group || user)
			(void)printf(" (%s)", group ? group->gr_name : user->pw_name);
	}
}

/* Those in other namespaces by name alone: to look there takes privilege. */
static void print_parents(struct session *s, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->n_parents; i++) {
		const struct policy_parent *parent = &s->policy.parents[rule->parents[i]];
		struct rtnl_parent found;

		(void)printf("%s", i ? ", " : "");
		if (parent->netns)
			(void)printf("%s/%s", s->policy.netns[parent->netns - 1].name,
				     parent->name);
		else if (rtnl_parent_find(&s->rtnl, RTNL_OWN_NSID, parent->name, &found) < 0)
			(void)printf("%s (cannot be looked up)", parent->name);
		else if (!found.found)
			(void)printf("%s (not there now)", parent->name);
		else if (found.elsewhere)
			(void)printf("%s (on a device of another namespace)", parent->name);
		else if (strcmp(found.name, parent->name) != 0)
			(void)printf("%s (now %s, index %u)", parent->name, found.name,
				     found.ifindex);
		else
			(void)printf("%s (index %u)", parent->name, found.ifindex);
	}
}

static void print_modes(const struct policy_rule *rule)
{
	const char *comma = "";

	for (uint32_t mode = 1; mode <= POLICY_ALL_MODES; mode <<= 1) {
		if (!(rule->modes & mode))
			continue;
		(void)printf("%s%s", comma, link_mode_name(mode));
		comma = ", ";
	}
}

static void print_macs(const struct policy_rule *rule)
{
	const char *comma = rule->mac_any || rule->mac_keep ? ", " : "";

	(void)printf("%s", rule->mac_any    ? "any"
			   : rule->mac_keep ? "keep (none given, or locally administered)"
					    : "");
	for (size_t i = 0; i < rule->n_macs; i++) {
		(void)printf("%s", comma);
		for (uint8_t k = 0; k < rule->macs[i].n; k++)
			(void)printf("%s%02x", k ? ":" : "", rule->macs[i].bytes[k]);
		(void)printf("%s", rule->macs[i].n < 6 ? ":*" : "");
		comma = ", ";
	}
}

static void print_limits(const struct policy_rule *rule)
{
	if (rule->max_links)
		(void)printf("\n    max-links            %u", rule->max_links);
	if (rule->max_links_per_netns)
		(void)printf("\n    max-links-per-netns  %u", rule->max_links_per_netns);
}

static void print_rule(struct session *s, const struct policy_rule *rule)
{
	(void)printf("  %s  %s:%u\n    user    ", rule->name, rule->file, rule->line);
	print_users(rule);
	(void)printf("\n    parent  ");
	print_parents(s, rule);
	(void)printf("\n    mode    ");
	print_modes(rule);
	(void)printf("\n    mac     ");
	print_macs(rule);
	print_limits(rule);
	(void)printf("%s\n", rule->init_netns ? "\n    init-netns           yes" : "");
}

static void print_rules(struct session *s, bool deny, const char *title)
{
	const char *line = title;

	for (const struct policy_rule *rule = s->policy.rules; rule; rule = rule->next) {
		if (rule->deny != deny)
			continue;
		(void)printf("%s", line);
		line = "\n";
		print_rule(s, rule);
	}
}

static void print_policy(struct session *s, const char *file)
{
	(void)printf("%zu rules, %s\n", s->policy.n_rules, file ? file : NETCR_CONF);
	for (size_t i = 0; i < s->policy.n_netns; i++)
		(void)printf("%s/ is %s\n", s->policy.netns[i].name, s->policy.netns[i].path);
	print_rules(s, /* deny= */ true, "\nThese deny, whatever others say:\n\n");
	print_rules(s, /* deny= */ false, "\nOf these, the first that fits grants:\n\n");
	(void)printf("\nWhat no rule grants is denied.\n");
}

/* --- one request --- */

static int take_link(const struct options *o, struct link_args *ret)
{
	struct policy_mac mac = { 0 };

	ret->spec.mode = link_mode_parse(o->mode ? o->mode : "bridge");
	if (!ret->spec.mode)
		return command_usage_error("there is no mode", o->mode);
	if (o->mac && (!policy_parse_mac(o->mac, &mac) || mac.n < 6 || check_mac(mac.bytes) < 0))
		return command_usage_error("not a unicast MAC address:", o->mac);
	ret->spec.has = o->mac ? LINK_HAS_ADDRESS : 0;
	memcpy(ret->spec.address, mac.bytes, sizeof(ret->spec.address));
	if (link_args_set_parent(o->parent, ret) < 0)
		return command_usage_error("not a name of an interface:", o->parent);
	return 0;
}

static int take_user(const char *name, struct caller *ret)
{
	uint32_t uid;
	int r = policy_find_id(name, /* is_group= */ false, &uid);

	if (r == 0)
		r = caller_init(ret, uid, getpid());
	if (r == -ENOENT)
		return command_usage_error("there is no user", name);
	if (r == -EINVAL)
		return command_usage_error("that uid stands for nobody:", name);
	if (r < 0)
		log_err("user %s: %s", name, log_errname(-r));
	return r < 0 ? EXIT_OS_ : 0;
}

static void print_verdict(const struct verdict *v, const char *word, const char *more)
{
	(void)printf("%s", word);
	if (v->rule)
		(void)printf(" by rule %s (%s:%u)", v->rule->name, v->rule->file, v->rule->line);
	(void)printf("%s%s", more, v->allow ? "" : v->why);
	if (v->rule)
		print_limits(v->rule);
	(void)printf("\n");
}

/* To see a parent in another namespace that one needs an id. It is given in a namespace of this
 * process's own. Without the right to that, the parent is as one that is not there. */
static int judge(struct session *s, const struct options *o)
{
	static struct op_args args;
	const struct link_args *link = args.link_create.links;
	bool blind = false;
	struct verdict v;
	int status;

	args.link_create.n = 1;
	status = take_link(o, args.link_create.links);
	if (!status)
		status = take_user(o->user, &s->caller);
	if (status)
		return status;
	blind = link->netns[0] && unshare(CLONE_NEWNET) < 0;
	fd_closep(&s->rtnl.fd);
	if (nl_open(&s->rtnl.fd) < 0)
		return EXIT_OS_;
	if (!blind)
		parents_open(&s->parents, &s->policy, &s->caller, &s->self);
	v = link_create_judge(s, /* msg= */ NULL, &args);
	if (!v.allow) {
		print_verdict(&v, "denied", ": ");
		return EXIT_REFUSED;
	}
	if (link->parent_ifindex) {
		print_verdict(&v, "granted", "");
		return 0;
	}
	print_verdict(&v, "allowed",
		      blind ? ", if it is there: to look there takes privilege"
			    : ", but there is no such interface now");
	return EXIT_UNDONE;
}

/* What the file gives is no privilege to read files by, or to find out about the host. */
static int drop_file_privilege(void)
{
	struct invoker invoker;

	if (!getauxval(AT_SECURE) || (caller_find(&invoker) == 0 && caller_become(&invoker) == 0))
		return 0;
	log_err("cannot give up the privilege that came with the file");
	return EXIT_OS_;
}

int cmd_check(int argc, char *argv[])
{
	static union {
		struct nlmsghdr align;
		uint8_t bytes[NL_BUFFER_SIZE];
	} buf;
	static struct options options;
	static struct session s;
	int status = drop_file_privilege();

	if (!status)
		status = options_parse(argc, argv, OPTIONS_CHECK, &options);
	if (!status && optind < argc)
		status = command_usage_error("check runs no command:", argv[optind]);
	if (!status &&
	    (!options.user != !options.parent || ((options.mode || options.mac) && !options.user)))
		status = command_usage_error("--user and --parent go together, and --mode and "
					     "--mac with them",
					     NULL);
	session_init(&s);
	if (!status)
		status = command_load_policy(options.policy, /* in_force= */ false, &s.policy);
	if (status)
		return status;
	s.rtnl.buf = buf.bytes;
	if (nsfd_self_open(&s.self) < 0 || nl_open(&s.rtnl.fd) < 0) {
		log_err("cannot look at this network namespace: %s", log_errname(errno));
		return EXIT_OS_;
	}
	if (options.user)
		status = judge(&s, &options);
	else
		print_policy(&s, options.policy);
	return fflush(stdout) == 0 ? status : EXIT_OS_;
}
