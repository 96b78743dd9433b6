"""docs/podman.md: its commands, in their order, with what it says that they print."""
import os
import re
import subprocess

import pytest

from conftest import SOURCE
from namespaces import LIMIT, wait_until
from podman import LAN4, PARENT, WORKER, reaches

NAME = "alice"


def blocks():
    """The fenced blocks up to where the document says so, without the indentation of lists."""
    with open(os.path.join(SOURCE, "docs", "podman.md")) as f:
        text, _ = f.read().split("\n## Networks with one MAC address")
    return [re.sub(r"^   (?=\S)", "", block, flags=re.M) if block.startswith("   ") else block
            for block in re.findall(r"^ *```\n(.*?)^ *```$", text, re.M | re.S)]


def commands(text):
    """[(prompt, command, what it prints)] of a block."""
    found = []
    for line in text.replace("\\\n", "").splitlines():
        prompt = re.match(r"(lan\$|\$|#) (.*)", line)
        if prompt:
            found.append([prompt[1], prompt[2], ""])
        elif found:
            found[-1][2] += line + "\n"
    return found


@pytest.fixture(scope="module")
def doc(user1):
    found = [text.replace(NAME, user1.name) for text in blocks()]
    policy = [text for text in found if text.startswith("[rule ")]
    steps = [step for text in found for step in commands(text)]
    assert len(policy) == 1 and len(steps) > 15
    return policy[0], steps


def run(world, account, prompt, command):
    """As it is; the sentence has the program that is installed here."""
    if prompt == "$":
        done = account.at("sh", "-c", command, check=False)
    elif prompt == "#":
        done = world.at("sh", "-c", command, check=False)
    else:
        done = world.lan.run("sh", "-c", command, check=False)
    return done.returncode, (done.stdout + done.stderr).replace(WORKER, "/usr/bin/netcr-worker")


def test_the_document_is_true(world, doc, user1):
    policy, steps = doc
    svc, account = world.serve(policy), world.account(user1)
    world.ip("addr", "add", f"{LAN4}.5/24", "dev", PARENT)
    try:
        for prompt, command, text in steps:
            if command.startswith("systemctl"):
                continue  # tests/e2e/test_serve_policy.py has SIGHUP
            if command.startswith("ip link add shim0"):  # it is as the document says
                assert run(world, account, "#", f"ping -c 1 -W 1 {LAN4}.10")[0] != 0
            if command.startswith("ping"):
                reaches(world.lan if prompt == "lan$" else world, command.split()[-1])
            status, said = run(world, account, prompt, command)
            assert (status != 0) == said.startswith("Error"), f"{command}: {said}"
            assert not text or said == text, command
        assert_the_last_one(world, account)
    finally:
        account.remove("--ignore", "web", "db")
        world.at("ip", "link", "del", "shim0", check=False)
        world.ip("addr", "del", f"{LAN4}.5/24", "dev", PARENT)
        svc.close()


def assert_the_last_one(world, account):
    """The twin serves the LAN and the host, and reaches the host's shim itself."""
    def hello(argv):
        return subprocess.run(argv, capture_output=True, timeout=LIMIT, check=False,
                              stdin=subprocess.DEVNULL).stdout == b"hello\n"
    for argv in (world.lan.argv, world.argv):
        wait_until(lambda argv=argv: hello(argv("busybox", "nc", "-w", "2", f"{LAN4}.10", "80")),
                   "it says hello")
    assert f"{LAN4}.10/24" in account.podman("exec", "web", "ip", "addr").stdout
