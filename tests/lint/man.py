#!/usr/bin/env python3
"""The man pages: mandoc has nothing to say of them, an option that --help tells of has an item and
vice versa, and so has every command and every exit status. netcr.conf(5) has the keys of
broker/policy_keys.c, each in its section, the limits, and all that can be wrong with a file."""

import os
import re
import subprocess
import sys

import tree

PAGES = {
    "docs/man/netcr-broker.8": "broker/main.c",
    "docs/man/netcr-worker.1": "worker/main.c",
}
NOT_COMMANDS = {"--help", "--version"}


def mandoc(path):
    try:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.path.join(tree.ROOT, path)],
                              stdout=subprocess.PIPE, check=False)
    except FileNotFoundError:
        print("mandoc is missing")
        sys.exit(tree.SKIPPED)
    yield from done.stdout.decode().replace(tree.ROOT + "/", "").splitlines()


def usage(path):
    """What --help prints."""
    text = tree.read(path).split("usage_text[] =")[1].split(";\n\n")[0]
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace("\\n", "\n")


def items(text):
    """The tags of the lists of a page."""
    return re.findall(r"^\.It (.*)$", text, re.M)


def check(page, source):
    text, help_text = tree.read(page), usage(source)
    name = os.path.basename(page).rpartition(".")[0]
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", help_text))
    told |= {"-" + o for o in re.findall(r"(?<![\w-])-([A-Za-z])\b", help_text)}
    listed = set()
    for item in items(text):
        if item.startswith("Fl "):
            listed |= {"-" + o for o in re.findall(r"(?:^Fl |, )(-?[\w-]+)", item)}
    for what in sorted(told - listed):
        yield f"{page}: {what} of {name} --help has no item"
    for what in sorted(listed - told):
        yield f"{page}: {what} is not in {name} --help"
    run = set(re.findall(r'\{ "([a-z-]+)", cmd_', tree.read(source))) - NOT_COMMANDS
    for command in sorted(run - set(i.partition(" ")[2] for i in items(text) if i.startswith("Cm "))):
        yield f"{page}: command {command} has no item"
    statuses = set(re.findall(r"\b(?:6[4-9]|7[0-8]|12[67])\b", help_text.partition("Exit status")[2]))
    for status in sorted(s for s in statuses if s not in text):
        yield f"{page}: exit status {status} is not in it"


CONF = "docs/man/netcr.conf.5"
SECTIONS = {"IN_FILE": "The file", "IN_RULE": "[rule NAME]", "IN_NETNS": "[netns NAME]"}
LIMITS = {"LIST_MAX": None, "LIMIT_MAX": None, "NOBODY": None, "POLICY_RULES_MAX": None,
          "POLICY_PARENTS_MAX": None, "POLICY_NETNS_MAX": None, "INCLUDES_MAX": None,
          "RULE_NAME_MAX": -1, "CHECK_NETNS_NAME_MAX": -1}  # what is less by its NUL


def subsection(text, name):
    return re.split(r"^\.S[hs] ", text.partition(f".Ss {name}\n")[2], maxsplit=1, flags=re.M)[0]


def literals(code):
    """The strings in it, those that stand side by side as one."""
    return [re.sub(r'"\s*"', "", s)[1:-1] for s in
            re.findall(r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*', code)]


def diagnostics(source):
    """What policy_fail() is given: each a pattern."""
    for call in re.findall(r"policy_fail\(&?l, [^,]+,(.*?)\)\s*(?:;|\?|\|\|)", source, re.S):
        found = literals(call)
        choice = not call.lstrip().startswith('"') or found[0] == "%s"
        for text in [f for f in found if f != "%s"] if choice else found[:1]:
            yield "".join(".+" if re.fullmatch("%[a-z]", part) else re.escape(part)
                          for part in re.split("(%[a-z])", text))


def check_conf():
    text = tree.read(CONF)
    keys, files = tree.read("broker/policy_keys.c"), tree.read("broker/policy_file.c")
    for where, name in SECTIONS.items():
        known = set(re.findall(r"\{ " + where + r", \"([a-z-]+)\",", keys))
        told = set(re.findall(r"^\.It Ic (\S+) No = ", subsection(text, name), re.M))
        for key in sorted(known ^ told):
            yield f"{CONF}: '{key}' in {name}: {'no item' if key in known else 'there is no such key'}"
    code = keys + files + tree.read("broker/policy_rule.h") + tree.read("common/check.h")
    for name, less in LIMITS.items():
        number = int(re.search(rf"\b{name} = (\d+)", code).group(1)) + (less or 0)
        if not re.search(rf"\b{number}\b", text):
            yield f"{CONF}: {name}, {number}, is not in it"
    items_told = re.findall(r"^\.It Sy (.*)$", text, re.M)
    patterns = set(diagnostics(keys)) | set(diagnostics(files))
    for pattern in sorted(patterns):
        if not any(re.fullmatch(pattern, item) for item in items_told):
            yield f"{CONF}: the error {pattern} has no item"
    for item in items_told:
        if not any(re.fullmatch(pattern, item) for pattern in patterns):
            yield f"{CONF}: there is no error '{item}'"


problems = [p for f in tree.files("") if f.startswith("docs/man/netcr") for p in mandoc(f)]
for page, source in PAGES.items():
    problems += check(page, source)
tree.finish([*problems, *check_conf()])
