#!/usr/bin/env python3
"""Every case of docs/threat-model.md has a test, or a reason why there is none.

Usage: threat_ids.py [--write]

A test carries the ids of its cases in its name: L5_duplicate_attribute() in C,
test_L5_duplicate_attribute() in Python; several are chained (L5_L6_...). The last column of a
case's row names files that have such a test, or says "No test: " and why. With --write the names
of files are brought up to date; reasons are for people to write.
"""

import re
import sys

import tree

DOCUMENT = "docs/threat-model.md"
ID = r"[FPDNLQIEXK][0-9]{1,2}"
IN_TEST = re.compile(rf"\b(?:test_)?((?:{ID}_)+)[a-z]")
ROW = re.compile(rf"^\| ({ID}) \|(.*)\|([^|]*)\|$")
REASON = "No test: "


def tested():
    """{id: [file, ...]}"""
    found = {}
    for path in tree.files(".c", ".py", ".sh", under=("tests",)):
        if path.startswith("tests/lint/"):
            continue
        for m in IN_TEST.finditer(tree.read(path)):
            for one in m.group(1).strip("_").split("_"):
                found.setdefault(one, set()).add(path)
    return {k: sorted(v) for k, v in found.items()}


def cell(paths):
    return ", ".join(f"`{p}`" for p in paths)


def check_row(number, one, last, found):
    where = f"{DOCUMENT}:{number}: {one}"
    if one in found:
        if last.startswith(REASON):
            yield f"{where}: has a test by now ({cell(found[one])}): run threat_ids.py --write"
        elif not last or not set(last.split(", ")) <= set(cell(found[one]).split(", ")):
            yield f"{where}: the tests are in {cell(found[one])}: run threat_ids.py --write"
    elif not last.startswith(REASON) or len(last) <= len(REASON) + 5:
        yield f"{where}: no test with this id in its name, and no reason why there is none"


def main():
    found = tested()
    lines, problems, seen = tree.read(DOCUMENT).split("\n"), [], set()
    for i, line in enumerate(lines):
        m = ROW.match(line)
        if not m:
            continue
        one, middle, last = m.group(1), m.group(2), m.group(3).strip()
        if one in seen:
            problems.append(f"{DOCUMENT}:{i + 1}: {one} comes twice")
        seen.add(one)
        if "--write" in sys.argv[1:] and one in found:
            last = cell(found[one])
            lines[i] = f"| {one} |{middle}| {last} |"
        problems += check_row(i + 1, one, last, found)
    if not seen:
        problems.append(f"{DOCUMENT}: no cases in it")
    for one in sorted(set(found) - seen):
        problems.append(f"{cell(found[one])}: {one} is no case of {DOCUMENT}")
    if "--write" in sys.argv[1:]:
        with open(tree.ROOT + "/" + DOCUMENT, "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
    tree.finish(problems)


main()
