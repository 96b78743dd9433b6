"""Macvlans of the host in several namespaces that are restored together: a session of the broker for
each."""
import subprocess

import pytest

import images
from images import KINDS
from netcr_client import audit_lines
from restore_helpers import LIMIT, PLAN_GROUP, Result, reap_sessions
from spaces_helpers import family, put_down, several, together  # noqa: F401

UP = 0x1003
ALL = ["--external", "macvlan[*]:par0"]


def add_macvlan(several, ns_id, name, index, **fields):
    """On a parent outside, as CRIU writes it."""
    link = several[ns_id].add("macvlan", name, index, peer_ifindex=2, **fields)
    link.macvlan.mode = images.MODES["bridge"]
    return link


@pytest.fixture
def lans(several):
    """The same name and index in 10 and 11; 12 has none. And links between them."""
    for ns_id in (10, 11):
        add_macvlan(several, ns_id, "eth0", 20, address=bytes((2, 0, 0, 0, 1, ns_id)), flags=UP)
    add_macvlan(several, 11, "eth1", 21, address=b"\2\0\0\0\2\x0b")
    several.pair(10, 11, "far", 30, 31)
    several.pair(11, 12, "near", 40, 40)
    several.knows(10, n11=5)
    several.knows(11, n10=5, n12=6)
    several.knows(12, n11=5)
    return several


def assert_made(box, several, parent):
    """The macvlans are on index @parent of another namespace, and the rest is there."""
    for ns_id, made in several.spaces.items():
        links = box[ns_id].links()
        assert set(links) == {link.name for link in made.images.links}
        for link in made.images.links:
            if link.type == KINDS["macvlan"]:
                now = links[link.name]
                assert (now["ifindex"], now["link_index"], now["address"], now["group"]) == (
                    link.ifindex, parent, link.address.hex(":"), "default")
                assert "link_netnsid" in now
                assert ("UP" in now["flags"]) == bool(link.flags & 1)


def audit_of(svc):
    return audit_lines(svc.stderr())


@pytest.fixture
def parent(host):
    return host.links()["par0"]["ifindex"]


@pytest.mark.parametrize("order", [(10, 11, 12), (12, 11, 10)])
def test_a_session_for_each(family, together, lans, put_down, service, parent, order):
    """But for that which needs none."""
    box, svc = family(10, 11, 12), service()
    together(box.user, "restore", put_down(lans), *box.options(*order), "--broker", svc.paths[0],
             *ALL)
    assert_made(box, lans, parent)
    lines = audit_of(svc)
    granted = [line for line in lines if line.get("op") == "link-create"]
    assert {line["verdict"] for line in granted} == {"granted"}
    assert len({line["session"] for line in granted}) == 2
    assert len({line["netns"] for line in granted}) == 2
    assert sum(int(line["made"]) for line in granted) == 3
    assert len([line for line in lines if line.get("op") == "target-bind"]) == 2


def test_without_the_need_of_any(family, together, several, put_down, service):
    """A broker that is there is not asked for anything."""
    several.pair(10, 11, "far", 30, 31)
    several.knows(10, n11=5)
    several.knows(11, n10=5)
    box, svc = family(10, 11), service()
    together(box.user, "restore", put_down(several), *box.options(), "--broker", svc.paths[0])
    assert [line for line in audit_of(svc) if line.get("op") in ("target-bind", "link-create")] == []


def test_refused_in_one(family, together, lans, put_down, service):
    """What was made in the others is undone."""
    box, svc = family(10, 11, 12), service()
    before = box.snapshot()
    keys = ["--external", "macvlan[eth0]:par0", "--external", "macvlan[eth1]:par9"]
    result = together(box.user, "restore", put_down(lans), *box.options(), "--broker", svc.paths[0],
                      *keys, status=77)
    assert "namespace 11: " in result.said and "the broker refuses it" in result.said
    assert box.snapshot() == before


def test_broker_dies_in_the_middle(family, together, lans, put_down, service, procs):
    """After its first session has made links: nothing is left of them."""
    box, svc = family(10, 11, 12), service(options=("--allow-parent", "par0",
                                                    "--max-sessions-per-user", "1"))
    before = box.snapshot()
    # The second connection is closed at once, and is noticed when it is used.
    result = together(box.user, "restore", put_down(lans), *box.options(), "--broker", svc.paths[0],
                      *ALL, status=69)
    assert "namespace 1" in result.said
    assert box.snapshot() == before


# --- one session for all


class Spawned:
    """spawned(family, directory, option...): the worker with `--broker fd:N`."""

    def __init__(self, broker, worker, host):
        self.broker, self.worker, self.host = broker, worker, host

    def __call__(self, box, directory, *more, status=0):
        argv = self.host.argv(self.broker, "spawn", "--allow-parent", "par0", "--", self.worker,
                              "restore", "-D", directory, *more, *ALL)
        done = subprocess.run(argv, env=box.user.sudo_env(), cwd="/", stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT, check=False)
        reap_sessions()
        result = Result(done.returncode, done.stdout, done.stderr)
        assert result.status == status, result
        return result


@pytest.fixture
def spawned(broker, worker, host):
    return Spawned(broker, worker, host)


@pytest.mark.parametrize("order", [(10, 11, 12), (12, 11, 10)])
def test_one_session_is_for_one(family, spawned, lans, put_down, order):
    box = family(10, 11, 12)
    before = box.snapshot()
    result = spawned(box, put_down(lans), *box.options(*order), status=64)
    first, second = [i for i in order if i != 12]
    assert (f"namespaces {first} and {second} both need the broker, and one session is for one "
            "namespace: name the broker by a path") in result.said
    assert "nothing was done" in result.said
    assert box.snapshot() == before


@pytest.mark.parametrize("order", [(10, 11, 12), (11, 12, 10), (12, 10, 11)])
def test_one_session_for_the_one_that_needs_it(family, spawned, lans, put_down, parent, order):
    """Whichever it is."""
    lans[10].images.links.remove(lans[10].images["eth0"])
    box = family(10, 11, 12)
    result = spawned(box, put_down(lans), *box.options(*order))
    assert_made(box, lans, parent)
    made, = [line for line in result.audit if line["op"] == "link-create"]
    assert int(made["made"]) == 2


def test_no_broker(family, together, lans, put_down):
    box = family(10, 11, 12)
    before = box.snapshot()
    result = together(box.user, "restore", put_down(lans), *box.options(), *ALL, status=69)
    assert "a broker is needed" in result.said or "cannot connect" in result.said, result
    assert box.snapshot() == before


def test_leftovers_of_a_restore_with_a_broker(family, together, lans, put_down, service, parent):
    """Made by it and not released, as by one that was killed."""
    box, svc, path = family(10, 11, 12), service(), put_down(lans)
    options = [*box.options(), "--broker", svc.paths[0], *ALL]
    together(box.user, "restore", path, *options)
    for ns in box.spaces.values():
        ns.batch(*[f"link set {name} group {PLAN_GROUP}" for name in set(ns.links()) - {"lo"}])
    together(box.user, "restore", path, *options)
    assert_made(box, lans, parent)
