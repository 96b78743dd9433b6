#!/usr/bin/env python3
"""The man pages: mandoc has nothing to say of them, an option that --help tells of has an item and
vice versa, and so has every command and every exit status."""

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


problems = [p for f in tree.files("") if f.startswith("docs/man/netcr") for p in mandoc(f)]
for page, source in PAGES.items():
    problems += check(page, source)
tree.finish(problems)
