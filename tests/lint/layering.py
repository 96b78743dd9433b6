#!/usr/bin/env python3
"""Who may include whom.

broker/ and worker/ never include each other, and common/ includes neither. An op includes no
other op's file. Only seccomp/install.c calls libseccomp; the lists include its header for the
numbers.
"""

import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)
# A rules file is data: of libseccomp it may have the header, and these.
SECCOMP_NUMBERS = {"SCMP_SYS"}
SECCOMP_CALL = re.compile(r"\b(seccomp_[a-z_]+|SCMP_[A-Z_]+)\b")
# Ours, not libseccomp's: declared in seccomp/rules.h.
SECCOMP_OURS = {"seccomp_install", "seccomp_rule", "seccomp_list"}

# Directory -> what its files may not include.
FORBIDDEN = {
    "broker": ("worker/",),
    "worker": ("broker/",),
    "common": ("worker/", "broker/", "seccomp/"),
    "seccomp": ("worker/", "broker/", "common/"),
}


def strip_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def line_of(text, pos):
    return text.count("\n", 0, pos) + 1


def check(path):
    text = strip_comments(tree.read(path))
    top = path.split("/")[0]
    name = path.split("/")[-1]
    for m in INCLUDE.finditer(text):
        inc, where = m.group(1), f"{path}:{line_of(text, m.start())}"
        # A test helper below the directory of another layer is no way round.
        if ".." in inc.split("/"):
            yield f"{where}: includes by '..'; start at the top of the tree"
        for prefix in FORBIDDEN.get(top, ()):
            if inc.startswith(prefix):
                yield f"{where}: {top}/ must not include {inc}"
        if re.match(r"op_\w+\.c$", name) and re.search(r"(^|/)op_\w+\.[ch]$", inc):
            yield f"{where}: an op must not include another op's file"
        if top in ("broker", "worker") and inc.endswith(".c"):
            yield f"{where}: includes a .c file"
        if inc == "seccomp.h" and not re.match(r"seccomp/(install|\w+_rules)\.c$", path):
            yield f"{where}: libseccomp is for seccomp/install.c and the lists"
    if path == "seccomp/install.c" or top == "tests":
        return
    for m in SECCOMP_CALL.finditer(text):
        word = m.group(1)
        if word in SECCOMP_OURS or (word in SECCOMP_NUMBERS and top == "seccomp"):
            continue
        yield f"{path}:{line_of(text, m.start())}: {word}: only seccomp/install.c calls libseccomp"


tree.finish(
    [p for f in tree.files(".c", ".h", under=("broker", "worker", "common", "seccomp")) for p in check(f)]
)
