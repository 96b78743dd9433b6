#!/usr/bin/env python3
"""What is in no file: notes to self, and paths of somebody's machine."""

import re

import tree

# In pieces, so that this file does not find itself.
PATTERNS = [
    (re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"), "a note to self"),
    (re.compile(r"\.\./sha" + r"red"), "a path out of the tree"),
    (re.compile(r"(?<![\w.$}])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me)/\w"), "a path of one machine"),
]
TEXT = (".c .h .py .sh .md .proto .build .txt .yml .yaml .conf .service .socket .clang-format .clang-tidy "
        ".editorconfig .gitignore LICENSE run quickstart").split()


def is_text(path):
    if path.startswith("tests/data/"):
        return False
    if path.endswith(tuple(TEXT)):
        return True
    with open(tree.ROOT + "/" + path, "rb") as f:
        return f.read(2) == b"#!"


def check(path):
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        for pattern, what in PATTERNS:
            m = pattern.search(line)
            if m:
                yield f"{path}:{number}: {what}: {m.group()}"


tree.finish([p for f in tree.files("") if is_text(f) for p in check(f)])
