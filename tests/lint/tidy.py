#!/usr/bin/env python3
"""clang-tidy with the tree's .clang-tidy, on what is ours; generated code is left out.

Usage: tidy.py BUILDDIR [FILE]...   FILE: these instead of all
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import tree

OURS = ("broker", "common", "seccomp", "worker")
JOBS = int(os.environ.get("NETCR_LINT_JOBS", "2"))
# Not in a build without sanitizers.
OTHER_BUILDS = {"seccomp/sanitizer_rules.c"}
# Options of gcc that clang 14 has not, or has under another name.
GCC_ONLY = ("-ftrivial-auto-var-init=", "-fzero-call-used-regs=", "-fstack-clash-protection", "-fcf-protection")


def commands(build):
    """The compilation database for clang-tidy: one entry a file of ours."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    found = {}
    for entry in entries:
        path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        path = os.path.relpath(path, os.path.realpath(tree.ROOT))
        if path.split("/")[0] in OURS:
            words = [w for w in shlex.split(entry["command"]) if not w.startswith(GCC_ONLY)]
            found[path] = {
                "directory": entry["directory"],
                "file": os.path.join(tree.ROOT, path),
                "arguments": words,
            }
    return found


def tidy(where, path):
    run = subprocess.run(
        ["clang-tidy", "-p", where, "--quiet", os.path.join(tree.ROOT, path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if run.returncode == 0:
        return []
    # stderr counts the warnings of system headers; it matters where there is nothing else.
    text = (run.stdout or run.stderr).decode().rstrip()
    return [re.sub(rf"(?m)^\S*/(?=(?:{'|'.join(OURS)})/\w+\.[ch]:)", "", text)]


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: tidy.py BUILDDIR [FILE]...")
    if not shutil.which("clang-tidy"):
        print("clang-tidy is not installed")
        sys.exit(tree.SKIPPED)
    wanted = sys.argv[2:] or tree.files(".c", under=OURS)
    database = commands(sys.argv[1])
    problems = [f"{f}: is not built" for f in wanted if f not in database and f not in OTHER_BUILDS]
    with tempfile.TemporaryDirectory() as where, ThreadPoolExecutor(JOBS) as pool:
        with open(os.path.join(where, "compile_commands.json"), "w", encoding="utf-8") as f:
            json.dump(list(database.values()), f)
        for found in pool.map(lambda f: tidy(where, f), [f for f in wanted if f in database]):
            problems += found
    tree.finish(problems)


main()
