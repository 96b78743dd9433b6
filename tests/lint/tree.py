"""What the checks share: the files of the tree, and how a check ends."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SKIPPED = 77


def files(*suffixes, under=()):
    """Paths below ROOT, relative to it: those that git has or would take. Without git (a
    tarball, a copy), all but build directories."""
    try:
        out = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout
        found = out.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        found = []
        for here, dirs, names in os.walk(ROOT):
            dirs[:] = [d for d in dirs if not d.startswith(("build", ".git", "__pycache__"))]
            found += [os.path.relpath(os.path.join(here, n), ROOT) for n in names]
    return sorted(
        f
        for f in set(found)
        if f
        and f.endswith(tuple(suffixes))
        and (not under or f.startswith(tuple(u + "/" for u in under)))
        and os.path.isfile(os.path.join(ROOT, f))
    )


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def finish(problems):
    """Print what is wrong, and end with the status of a check."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
