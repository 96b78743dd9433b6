"""A fault at each step of a restore with links that reach outside, and SIGKILL at each: both sides
are as they were, and the next run does not mind."""
import collections
import os
import socket
import subprocess

import pytest

from kinds_helpers import kept  # noqa: F401
from namespaces import comm, wait_until
from outside_helpers import PATH, made, nested, no_helper  # noqa: F401
from restore_helpers import LIMIT, PLAN_GROUP, differences, inside
from service import descendants

ALL = ("eth0", "eth1", "inner0", "ext0")
KEYS = ("veth[eth0]:out0@br0", "veth[eth1]:out1", "netdev[ext0]:pre0")
CALLS = {"sendmsg": "ENOBUFS", "recvmsg": "ENOMEM"}


def prepare(place):
    place.outside.batch("link add pre0 index 33 address 02:00:00:00:01:01 mtu 1450 type veth "
                        "peer name post0 index 34 address 02:00:00:00:01:02", "link set post0 up",
                        "link set pre0 group 7 up")


@pytest.fixture
def ready(nested):
    """A place with a device to be brought in, which is up, with a MAC, an MTU and a group."""
    prepare(nested)
    nested.box.ip("link", "set", "lo", "up")
    return nested


@pytest.fixture
def path(made, kept):
    made.add("veth", "eth1", 78, peer_ifindex=10)
    made.extlink("ext0", 60, address=b"\2\0\0\0\0\x60")
    made.add("bridge", "inner0", 50)
    made.eth0.master = 50
    return kept(made)


@pytest.fixture
def log(stage):
    path = f"{stage}/outside-strace.log"
    with open(path, "w"):
        pass
    os.chmod(path, 0o666)
    return path


def assert_same(place, before):
    now = place.state()
    for one, other in zip(before, now):
        assert [differences(a, b) for a, b in zip(one, other)] == [{}, {}]


def traced(place, path, log, keys, *options):
    return place.restore(path, *keys, status=None, prefix=["strace", "-qq", "-o", log, *options])


# --- what fails by itself


def test_later_step_fails(ready, made, kept):
    """The pair is made, the device is in; then a link of the worker's own comes out wrong."""
    made.extlink("ext0", 60)
    bad = made.add("sit", "sit1", 90, flags=0x80, mtu=1480)
    bad.sit.ttl = 64
    before = ready.state()
    result = ready.restore(kept(made), "veth[eth0]:out0@br0", "netdev[ext0]:pre0", status=71)
    assert "nothing was done" in result.said
    assert_same(ready, before)


def test_address_is_not_taken(ready, made, kept):
    """By the device that was brought in: an ifb has none to be given."""
    made.extlink("ext0", 60, address=b"\2\0\0\0\0\x60")
    ready.outside.ip("link", "add", "pre1", "index", "35", "type", "ifb")
    before = ready.state()
    result = ready.restore(kept(made), "veth[eth0]:out0@br0", "netdev[ext0]:pre1", status=1)
    assert "ext0" in result.said and result.said.endswith("everything is as it was before")
    assert_same(ready, before)


def test_device_that_was_up_is_up_again(ready, made, kept):
    made.extlink("ext0", 60, mtu=1300, address=b"\2\0\0\0\0\x60")
    made.extlink("ext1", 61, address=b"\2\0\0\0\0\x61")
    ready.outside.ip("link", "add", "pre1", "type", "ifb")
    before = ready.state()
    ready.restore(kept(made), "veth[eth0]:out0@br0", "netdev[ext0]:pre0", "netdev[ext1]:pre1",
                  status=1)
    assert_same(ready, before)
    pre0 = ready.outside.links()["pre0"]
    assert (pre0["ifindex"], pre0["mtu"], pre0["group"]) == (33, 1450, "7")
    assert "UP" in pre0["flags"]


# --- faults that are made


def take_away(place, links):
    """What a restore made, by hand; and prepare() again, if the device is gone by that."""
    place.box.batch(*[f"link del {name}" for name in links])
    wait_until(lambda: not {"out0", "out1"} & set(place.outside.links()), "the outer ends are gone")
    if "ext0" in links:
        prepare(place)


def each_call(place, path, log, keys, links, call, how, *more):
    """(number, result) of restores in which the worker fails at its first, second, ... @call. Those
    that get over it are not told of: @links are taken away again."""
    traced(place, path, log, keys, *more, f"--trace={call}")
    take_away(place, links)
    with open(log) as f:
        lines = [line.split() for line in f]
    last = max(collections.Counter(line[0] if more else "" for line in lines).values())
    failures = 0
    for n in range(1, last + 1):
        result = traced(place, path, log, keys, *more, f"--trace={call}",
                        f"--inject={call}:{how}:when={n}")
        no_helper()
        if result.status == 0:
            take_away(place, links)
        else:
            failures += 1
            yield n, result
    assert failures > last // 2 > 5, (failures, last)


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("call", sorted(CALLS))
def test_fault_at_each_call(ready, path, log, call):
    before = ready.state()
    for n, result in each_call(ready, path, log, KEYS, ALL, call,
                               f"error={CALLS[call]}:syscall=getpid"):
        assert result.status in (1, 71), (n, result)
        assert_same(ready, before)


@pytest.mark.no_sanitizer
def test_worker_is_killed_at_each_call(ready, path, log):
    """The helper takes back what is its own; the next run clears away the rest."""
    before = ready.state()
    for n, result in each_call(ready, path, log, KEYS, ALL, "sendmsg", "signal=KILL"):
        assert result.status == -9
        links = ready.box.links()
        if links.get("inner0", {}).get("group") != "default":  # else it was released already
            assert set(links) <= {"lo", "inner0"}, (n, links)
            assert differences(before[0][0], ready.state()[0][0]) == {}, n
            ready.restore(path, *KEYS)
        assert set(ALL) <= set(ready.box.links()), n
        take_away(ready, ALL)


@pytest.mark.no_sanitizer
def test_all_are_killed_at_each_call(ready, path, log, made, kept):
    """The worker and its helpers alike, each at its call of that number: what is in the container
    is cleared away by the next run, and what is outside goes with it."""
    made.images.links.remove(made.images["ext0"])
    path, keys, links = kept(made), KEYS[:2], ALL[:3]
    for n, result in each_call(ready, path, log, keys, links, "sendmsg", "signal=KILL", "-f"):
        if ready.box.links().get("eth0", {}).get("group") != "default":
            ready.restore(path, *keys)
        assert set(links) <= set(ready.box.links()), (n, result)
        assert {"out0", "out1"} <= set(ready.outside.links())
        take_away(ready, links)


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("keys, link", [(KEYS[:2], "eth1"), (KEYS, "ext0")])
def test_helper_is_killed(ready, path, log, made, kept, keys, link):
    """When @link is there, and a later step fails. A pair goes with its inner end; of a device it is
    said where it is."""
    ready.box.ip("link", "add", "ext9", "type", "ifb")
    made.extlink("ext9", 69, address=b"\2\0\0\0\0\x69")
    if link != "ext0":
        made.images.links.remove(made.images["ext0"])
    before = ready.state()
    argv = ready.argv(kept(made), *keys, prefix=["strace", "-qq", "-o", log, "--trace=sendmsg",
                                                 "--inject=sendmsg:delay_exit=300000:when=9+"])
    proc = subprocess.Popen(argv, cwd="/", env=PATH, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with inside(ready.box):  # without a program, which would have to be quick
        wait_until(lambda: link in [name for _, name in socket.if_nameindex()], "the link is there")
    found = [pid for pid in descendants(proc.pid) if comm(pid) == "netcr-outside"]
    os.kill(found[0], 9)
    out, err = proc.communicate(timeout=LIMIT)
    if link == "ext0":
        assert proc.returncode == 2, err
        assert "pre0 is left in the target as ext0" in err
        assert "ext0" in ready.box.links()
    else:
        assert proc.returncode == 1, err
        assert err.endswith("everything is as it was before\n")
        assert_same(ready, before)
