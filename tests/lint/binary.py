#!/usr/bin/env python3
"""How the programs came out of the linker.

Usage: binary.py BUILDDIR

Both are position independent, with read-only relocations bound at start, a stack that is not
executable and stack protectors. The broker links what it needs and nothing else.
"""

import os
import re
import subprocess
import sys

import tree

BROKER_LIBRARIES = {
    "libmnl.so.0",
    "libprotobuf-c.so.1",
    "libseccomp.so.2",
    "libcap-ng.so.0",
    "libinih.so.1",  # the policy file, before the lock-down
    "libc.so.6",
}
# The dynamic linker itself comes up where a thread-local variable or the like is used.
LOADER = re.compile(r"^ld-linux|^ld-musl")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()


def hardening(path, name):
    header, segments = run("readelf", "-hW", path), run("readelf", "-lW", path)
    dynamic = run("readelf", "-dW", path)
    stack = re.search(r"GNU_STACK.*", segments)
    if not re.search(r"Type:\s+DYN", header) or "PIE" not in dynamic:
        yield f"{name}: not position independent"
    if "GNU_RELRO" not in segments:
        yield f"{name}: relocations are not made read-only"
    if not re.search(r"BIND_NOW|Flags:.*\bNOW\b", dynamic):
        yield f"{name}: symbols are not bound at start"
    if not stack or re.search(r"\bR?W?E\b", stack.group()):
        yield f"{name}: the stack is executable"
    if "RPATH" in dynamic or "RUNPATH" in dynamic:
        yield f"{name}: has a library search path of its own"
    if "__stack_chk_fail" not in run("nm", "-D", path):
        yield f"{name}: no stack protector"


def libraries(path):
    for library in re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", path)):
        if library not in BROKER_LIBRARIES and not LOADER.match(library):
            yield f"netcr-broker: links {library}"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: binary.py BUILDDIR")
    problems = []
    for name in ("netcr-broker", "netcr-worker"):
        path = os.path.join(sys.argv[1], name.split("-")[1], name)
        if not os.path.exists(path):
            problems.append(f"{name}: not there: is {sys.argv[1]} built?")
            continue
        problems += hardening(path, name)
        if name == "netcr-broker":
            problems += libraries(path)
    tree.finish(problems)


main()
