#!/usr/bin/env python3
"""The documents say what the code says, where both have a table.

SECURITY.md has a row for every rule of seccomp/broker_rules.c, for every op of
broker/dispatch.c (with its phase, its number of descriptors and whether it comes once) and for
every step of broker/lockdown.c, in their order and with who takes it; and no others. docs/protocol.md
has a heading for every op, and says the ranges of common/link_msg.c. docs/audit.md has every key, every reason, and
what the journal is told.
"""

import re

import tree

ARGUMENT = {"ANY_ARGS": "any"}


def rules():
    """{(system call, constraint as SECURITY.md writes it)}"""
    text = tree.read("seccomp/broker_rules.c")
    found = set()
    for name, args in re.findall(r"\{\s*SCMP_SYS\((\w+)\),\s*([^\"]*?),\s*\"", text):
        if args.strip() in ("NO_VALUE", "ANY_ARGS, 0"):
            found.add((name, "any"))
            continue
        number, value = [a.strip() for a in args.split(",")]
        found.add((name, f"{number} is {value}"))
    return found


def section(text, heading):
    """The lines below the heading that begins with @heading, up to the next one."""
    m = re.search(r"^#+ " + re.escape(heading) + r".*?\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    return m.group(1) if m else ""


def rows(text):
    """The cells of each row of the tables in @text, but for their heads."""
    found = [
        [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [r for i, r in enumerate(found) if not set("".join(r)) <= set("-: ")
            and not (i + 1 < len(found) and set("".join(found[i + 1])) <= set("-: "))]


def code(cell):
    return cell.replace("`", "")


def compare(what, in_code, in_text):
    for missing in sorted(in_code - in_text):
        yield f"SECURITY.md: {what} without a row: {', '.join(missing)}"
    for extra in sorted(in_text - in_code):
        yield f"SECURITY.md: a row for {what} that is not in the code: {', '.join(extra)}"


def ops():
    text = tree.read("broker/dispatch.c")
    pattern = r"\[\w+\]\s*=\s*\{\s*\"([\w-]+)\",\s*([\w| ]+?),\s*(\d+),\s*(true|false),"
    return {
        (name, phase.replace("PHASE_", "").replace(" | ", ", ").lower(), fds, "yes" if once == "true" else "no")
        for name, phase, fds, once in re.findall(pattern, text)
    }


def steps():
    table = tree.read("broker/lockdown.c").split("steps[] = {")[1].split("};")[0]
    found = re.findall(r"\{\s*\"([^\"]+)\",\s*\w+,\s*(true|false)\s*\}", table)
    return [(name, "yes" if acceptors == "true" else "no") for name, acceptors in found]


def ranges():
    """{attribute: (low, high)} of the tables of common/link_msg.c, numbers as they are written."""
    text = tree.read("common/link_msg.c")
    pattern = r"SCALAR\((\w+),\s*\w+,\s*\w+,\s*([-\w]+),\s*(\w+)\)"
    found = {name: (low, high) for name, low, high in re.findall(pattern, text)}
    found.pop("attr", None)  # the macro itself
    return found


def check_security():
    text = tree.read("SECURITY.md")
    table = rows(section(text, "Operations"))
    yield from compare("op", ops(), {tuple(code(c) for c in r[:4]) for r in table})
    table = rows(section(text, "System calls"))
    yield from compare("rule", rules(), {tuple(code(c) for c in r[:2]) for r in table})
    listed = [(code(r[1]), code(r[4])) for r in rows(section(text, "Lock-down"))]
    if listed != steps():
        yield "SECURITY.md: the steps of the lock-down are not those of broker/lockdown.c:"
        yield f"  there:   {'; '.join(map(', '.join, listed))}"
        yield f"  in code: {'; '.join(map(', '.join, steps()))}"


def check_protocol():
    text = tree.read("docs/protocol.md")
    for name in sorted(o[0] for o in ops()):
        if not re.search(rf"^### {re.escape(name)}$", text, re.M):
            yield f"docs/protocol.md: no heading for {name}"
    listed = {code(r[0]): code(r[2]) for r in rows(text) if len(r) >= 3}
    for name, (low, high) in sorted(ranges().items()):
        # The table has the kernel's name, and numbers where the code has names of constants.
        attr = re.sub(r"^ATTR_(?=BC_)", "IFLA_MACVLAN_", name)
        attr = re.sub(r"^ATTR_", "IFLA_", attr)
        high = {"INT_MAX": "2147483647", "ALL_MACVLAN_FLAGS": "3", "MACVLAN_MODE_SOURCE": "16"}.get(high, high)
        if listed.get(attr, "").split(" ")[0] != f"{low}..{high}":
            yield f"docs/protocol.md: {attr} is {low}..{high} in the code, and '{listed.get(attr, '')}' there"


def check_audit():
    text = tree.read("docs/audit.md")
    # What can stand behind reason="...": verdicts and violations, all of them literals.
    statement = re.compile(r"(?:\brefuse\(|\bdenied\(|\bwhy = |\baudit_violation\(s, |\bbegin\(v, \w+, \w+, )(\"|req )[^;]*")
    found = set()
    for path in tree.files(".c", under=("broker",)):
        for m in statement.finditer(tree.read(path)):
            found |= set(re.findall(r"\"([^\"]*)\"", m.group()))
    listed = set(re.findall(r"^\| `([^`]+)` \| (?:granted|failed|denied|quota|invalid|violation|loaded|dropped)", text, re.M))
    for reason in sorted(found - listed):
        yield f"docs/audit.md: the reason '{reason}' is not listed"
    for reason in sorted(listed - found):
        yield f"docs/audit.md: the reason '{reason}' is not in the code"
    yield from check_audit_tables(text)


def check_audit_tables(text):
    """Keys in their order, and what the journal is told of a verdict."""
    keys = re.findall(r"\.key = \"(\w+)\"", tree.read("broker/audit.c") + tree.read("broker/audit_out.c"))
    listed = [code(r[0]) for r in rows(section(text, "Fields"))]
    if listed[:len(keys)] != keys:
        yield f"docs/audit.md: the keys are {', '.join(keys)} in the code"
    events = re.findall(r"\{ \"(\w+)\",\s*\{ \"([0-9a-f]{32})\", (\d) \}", tree.read("broker/audit.c"))
    table = re.findall(r"^\| `(\w+)` \| (\d) \| `([0-9a-f]{32})` \|", text, re.M)
    if [(v, p, i) for v, i, p in events] != table:
        yield "docs/audit.md: the verdicts with PRIORITY and MESSAGE_ID are not those of the code"


tree.finish([*check_security(), *check_protocol(), *check_audit()])
