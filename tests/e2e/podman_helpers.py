"""Podman and its containers against the served broker, for tests/e2e/test_podman*.py."""
import contextlib
import hashlib

import pytest

from podman import LAN4, LAN6, PARENT

LINKS = 2  # of one user
POLICY = f"""\
[rule lan]
user = netcr-test1, netcr-test2
parent = {PARENT}
max-links = {LINKS}
max-links-per-netns = 4
"""


@pytest.fixture(scope="module")
def served(world):
    """netcr-broker serve, with POLICY (service.Service)."""
    svc = world.serve(POLICY)
    yield svc
    svc.close()


@pytest.fixture
def one(world, served, user1):
    """The first user of Podman (podman.Account)."""
    return world.account(user1)


@pytest.fixture
def two(world, served, user2):
    return world.account(user2)


def macvlan(host, *more, parent=PARENT):
    """The options for a link with address @host of both families."""
    keys = " ".join([f"address={LAN4}.{host}/24", f"address={LAN6}{host}/64", *more])
    return "--annotation", f"netcr.macvlan=eth0:{parent} {keys}"


@contextlib.contextmanager
def containers(*wanted):
    """containers((account, name, options…), …): they run, and are removed."""
    try:
        yield [account.run(name, *options) for account, name, *options in wanted]
    finally:
        for account in {account for account, *_ in wanted}:
            account.remove("--ignore", *(name for a, name, *_ in wanted if a is account))


def stable_mac(name, link="eth0"):
    """As docs/podman.md has it."""
    digest = bytearray(hashlib.sha256(f"netcr stable MAC\0{name}\0{link}\0".encode()).digest()[:6])
    digest[0] = digest[0] & ~3 | 2
    return digest.hex(":")
