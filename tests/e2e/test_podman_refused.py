"""Podman, where a container must not start, or has ended by whatever cause: Podman's own error has
netcr's sentence, and nothing stays."""
import concurrent.futures
import contextlib
import json
import os
import socket

import pytest

from namespaces import connect, wait_until
from podman import IMAGE, PARENT, SOCKET, WORKER
from podman_helpers import LINKS, containers, macvlan, one, served, two  # noqa: F401
from restore_helpers import lasting
from test_quota import alive, ledger_of

RUNS = 50
GROUP = 54321  # of nobody


@pytest.fixture
def unchanged(world):
    """A context after which the world has what it had, but for what Podman keeps for itself."""
    def counted():
        return alive(world) if os.path.exists(world.file(ledger_of(world))) else []

    def state():
        return {"host": lasting(world), "lan": lasting(world.lan), "mounts": world.mounts(),
                "processes": sorted(world.pids().values()), "counted": counted(),
                "nsids": world.ip("netns", "list-id")}

    @contextlib.contextmanager
    def check():
        before = state()
        yield
        last = {}

        def same():
            last.update(state())
            return last == before
        try:
            wait_until(same, "all is as it was")
        except AssertionError:
            assert last == before  # which shows what is not
            raise
    return check


@pytest.fixture(scope="module")
def second_parent(world):
    """An interface that no rule names."""
    connect(world, world.lan, "enp2s0")
    yield "enp2s0"
    world.ip("link", "del", "enp2s0")


def test_an_unlisted_parent(one, second_parent, served, unchanged):
    with unchanged():
        said = one.refused(*macvlan(30, parent=second_parent))
    assert ("Error: OCI runtime error: crun: netcr-worker: the broker refuses eth0 on enp2s0: its "
            "policy does not allow it; netcr-worker check says which parents are allowed") in said
    line = served.stderr().splitlines()[-1]
    assert "verdict=denied" in line and "parent=enp2s0" in line


@pytest.mark.parametrize("options, why", [
    (("--annotation", "netcr.macvlan=eth0"), "'eth0' does not begin with NAME:PARENT"),
    (("--annotation", f"netcr.macvlan=eth0:{PARENT} colour=red"), "colour"),
    (("--annotation", f"netcr.macvlan=eth0:{PARENT},address=192.0.2.30/24"),
     "put blanks in the place of commas"),
    (("--annotation", f"netcr.macvlans=eth0:{PARENT}"), "the annotation netcr.macvlans"),
    (("--annotation", "netcr.images=/nonexistent"), "/nonexistent"),
], ids=["form", "key", "cut", "name", "images"])
def test_a_bad_annotation(one, unchanged, options, why):
    with unchanged():
        said = one.refused(*options)
    assert "crun: netcr-worker: " in said and why in said


def test_no_broker(world, one, unchanged):
    os.rename(world.file(SOCKET), world.file(SOCKET + ".away"))
    try:
        with unchanged():
            said = one.refused(*macvlan(30))
    finally:
        os.rename(world.file(SOCKET + ".away"), world.file(SOCKET))
    assert "crun: netcr-worker: a broker is needed" in said


@pytest.fixture
def forbidden(world, served):
    """The socket is for a group, as docs/install.md has it: netcr-test1 is not in it."""
    path = world.file(SOCKET)
    os.chown(path, -1, GROUP)
    os.chmod(path, 0o660)
    yield
    os.chmod(path, 0o666)


def test_no_right_to_the_socket(one, forbidden, unchanged):
    """At the default path, where nobody has named one: it is there, and the user is told."""
    with unchanged():
        said = one.refused(*macvlan(30))
    assert f"crun: netcr-worker: no right to connect to the broker at {SOCKET}" in said
    done = one.at(WORKER, "check", "--json", check=False)
    assert done.returncode == 77 and "no right to connect" in json.loads(done.stdout)["error"]


def test_a_member_of_the_sockets_group(world, one, forbidden):
    """The hook has the user's groups."""
    argv = [w if w != "--clear-groups" else f"--groups={GROUP}" for w in one.user.argv(
        "podman", "run", "--rm", "--network", "none", *macvlan(30), IMAGE, "ip", "-o", "link")]
    assert "eth0@" in world.at(*argv, env=one.env).stdout


def test_nobody_listens(world, one, unchanged):
    path = world.file(SOCKET)
    os.rename(path, path + ".away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.bind(path)
    os.chmod(path, 0o666)
    try:
        with unchanged():
            said = one.refused(*macvlan(30))
    finally:
        os.rename(path + ".away", path)
    assert f"crun: netcr-worker: no broker answers at {SOCKET}: nobody listens" in said


def test_the_hosts_network(one, unchanged):
    with unchanged():
        done = one.podman("run", "--rm", "--network", "host", *macvlan(30), IMAGE, "true",
                          check=False)
    assert done.returncode != 0 and "the broker refuses this container's network namespace: it has " \
        "to be one of its own" in done.stderr


def test_without_an_annotation_nothing_is_asked(one, served, unchanged):
    before = served.stderr()
    with unchanged():
        out = one.podman("run", "--rm", "--network", "none", IMAGE, "ip", "-o", "link").stdout
    assert len(out.splitlines()) == 1 and served.stderr() == before


# --- quotas


def full(one):
    """As many containers as the policy allows."""
    return containers(*((one, f"q{i}", *macvlan(30 + i)) for i in range(LINKS)))


def may_start(one, check=True):
    return one.podman("run", "--rm", "--network", "none", *macvlan(39), IMAGE, "true",
                      check=check).returncode == 0


def is_free(one):
    """A link goes with its namespace, which the kernel takes down in its own time."""
    wait_until(lambda: may_start(one, check=False), "one may start")


def kill(world, pid):
    world.at("kill", "-KILL", pid)
    wait_until(lambda: pid not in world.pids(), f"{pid} is gone")


def test_quota(world, one, two):
    """The last one is refused, and the user sees why; another user has a quota of their own. What
    frees a link is the end of its container, by whatever cause, and nothing else."""
    with full(one) as boxes:
        assert f"EDQUOT ({LINKS} macvlans are allowed" in one.refused(*macvlan(39))
        may_start(two)

        # The first process, before anybody has removed anything.
        kill(world, boxes[0].pid)
        is_free(one)
        assert boxes[0].inspect("{{.State.Status}}") == "exited"


def test_a_killed_conmon_frees_nothing_that_is_used(world, one):
    """The container runs on without its monitor, and its link counts; with its end it does not."""
    with full(one) as boxes:
        monitor = int(boxes[0].inspect("{{.State.ConmonPid}}"))
        assert world.pids()[monitor] == "conmon"
        kill(world, monitor)
        assert boxes[0].links()["eth0"]["operstate"] == "UP"
        assert "EDQUOT" in one.refused(*macvlan(39))
        kill(world, boxes[0].pid)
        is_free(one)


# --- and nothing is left


@pytest.mark.no_sanitizer
def test_fifty_starts_leave_nothing(one, two, unchanged):
    """Of two users at once: create, then start to the end, again and again."""
    def starts(account):
        return [account.podman("start", "--attach", "often").stdout for _ in range(RUNS // 2)]
    for account, host in ((one, 50), (two, 51)):
        account.podman("create", "--name", "often", "--network", "none", *macvlan(host), IMAGE,
                       "ip", "-o", "link", "show", "eth0")
    may_start(one)  # from the first link on, the broker's namespace has an id for itself
    with unchanged(), concurrent.futures.ThreadPoolExecutor(2) as pool:
        seen = [out for outs in pool.map(starts, (one, two)) for out in outs]
    assert len(seen) == RUNS and all("2: eth0@" in out for out in seen)
    for account in (one, two):
        account.remove("often")
