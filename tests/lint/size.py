#!/usr/bin/env python3
"""Length of functions and files, and '#pragma once'.

A function begins, in the style that clang-format enforces, with its name in column 0 and ends
with a brace in column 0. What is counted is all from the first line of the former to the latter.
Files of tests may be longer, as they are lists of cases; their functions may not.
"""

import re

import tree

FUNCTION_MAX = 70
SOURCE_MAX = 400
HEADER_MAX = 120

NAME = re.compile(r"(\w+)\s*\((?!\()")


def functions(lines):
    """(name, first line, number of lines) of each function."""
    for i, line in enumerate(lines):
        if line != "{":
            continue
        first = i - 1
        # Up to the line that begins in column 0 with a word: continuation lines are indented.
        while first > 0 and not re.match(r"\w", lines[first]):
            first -= 1
        # The return type may stand on a line of its own.
        while first > 0 and "(" not in lines[first] and re.match(r"\w", lines[first]):
            first -= 1
        last = next((j for j in range(i + 1, len(lines)) if lines[j].startswith("}")), len(lines) - 1)
        head = re.sub(r"__attribute__\(\(.*?\)\)", "", " ".join(lines[first:i]))
        name = NAME.search(head)
        yield name.group(1) if name else "?", first + 1, last - first + 1


def check(path):
    text = tree.read(path)
    lines = text.splitlines()
    if path.endswith(".h"):
        if len(lines) > HEADER_MAX:
            yield f"{path}:{len(lines)}: a header of more than {HEADER_MAX} lines"
        if not re.search(r"^#pragma once$", text, re.M):
            yield f"{path}:1: no '#pragma once'"
    elif len(lines) > SOURCE_MAX and not path.startswith("tests/"):
        yield f"{path}:{len(lines)}: a file of more than {SOURCE_MAX} lines"
    for name, first, length in functions(lines):
        if length > FUNCTION_MAX:
            yield f"{path}:{first}:{name}: {length} lines, more than {FUNCTION_MAX}"


tree.finish([p for f in tree.files(".c", ".h") for p in check(f)])
