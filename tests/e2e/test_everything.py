"""Everything that the images can hold: dump, restore in a new namespace, dump again."""
import os
import re
import struct

import pytest

import criu_images as images
import everything
import saved_state
from everything import EXTLINK, EXTERNALS
from kinds_helpers import LIMIT, WITH_TUN
from namespaces import connect
from test_dump_raw import IFA_CACHEINFO, RTA_CACHEINFO, attributes

RAW = ["ifaddr-10.img", "route-10.img", "route6-10.img", "rule-10.img"]
SAME = ["netdev-10.img", "netns-10.img", "ids-1.img", "inventory.img", "rule-10.img",
        "nftables-10.img"]
LINK_LOCAL = b"\xfe\x80".ljust(16, b"\0")
IPTABLES = ["iptables-10.img", "ip6tables-10.img"]


@pytest.fixture
def two_parents(own_host, lan):
    connect(own_host, lan, "par1")
    return own_host


@pytest.fixture
def full(procs, two_parents, user1):
    box = everything.container_of(procs, user1)
    everything.fill(box, two_parents, user1, WITH_TUN)
    return box


@pytest.fixture
def bare(procs, user1):
    """What it is restored into, with the device that somebody else provides."""
    box = everything.container_of(procs, user1)
    everything.prepare(box)
    return box


def dump(worker, box, path):
    return images.dump(worker, box, path, "--external", f"netdev[{EXTLINK}]:{EXTLINK}",
                       user=box.user)


def restore(host, broker, worker, box, path, *more):
    return host.run(*WITH_TUN, broker, "spawn", *everything.ALLOWED, "--", worker, "restore", "-D",
                    path, "--pid", box.pid, *EXTERNALS, *more, env=box.user.sudo_env(), check=False)


def iptables(data):
    """Without comments, in which iptables-save writes the time, and without the counters of
    built-in chains, which count what the container sends."""
    return [re.sub(rb" \[\d+:\d+]$", b"", line) for line in data.splitlines()
            if not line.startswith(b"#")]


def timeless(kind, body):
    """The bytes of a message, less what cannot be equal: when an address was made and changed, and
    how a route was used; and what is left of a life is rounded up to 5000 seconds."""
    if kind == 20:  # RTM_NEWADDR: preferred, valid, made, changed
        head, times, lives, unit = 8, IFA_CACHEINFO, slice(0, 2), 5000
    elif kind == 24:  # RTM_NEWROUTE: clntref, lastuse, expires (in ticks), error ...
        head, times, lives, unit = 12, RTA_CACHEINFO, slice(2, 3), 5000 * 100
    else:
        return body
    found = []
    for number, value in attributes(body, head):
        if number == times:
            seconds = [*struct.iter_unpack("=i" if kind == 24 else "=I", value)][lives]
            value = [-(-s // unit) for s, in seconds]
        found.append((number, value))
    return body[:head], found


def records(data):
    """The magic number and the messages of a raw image. The routes to fe80::/64 stand in the order
    in which the kernel found that the links are up, which is not netcr's: they are last, sorted."""
    found = [(kind, flags, seq, pid, timeless(kind, body))
             for kind, flags, seq, pid, body in images.messages(data)]
    local = [r for r in found if r[0] == 24 and (1, LINK_LOCAL) in r[4][1]]
    return [data[:4], *[r for r in found if r not in local], *sorted(local, key=repr)]


def assert_same_images(one, two):
    """Byte by byte, but for records() and iptables()."""
    assert sorted(os.listdir(one)) == sorted(os.listdir(two))
    assert set(os.listdir(one)) == {*SAME, *RAW, *IPTABLES}
    for name in SAME:
        assert images.read(one, name) == images.read(two, name), name
    for name in RAW:
        was, now = records(images.read(one, name)), records(images.read(two, name))
        assert [r for r in was if r not in now] == [r for r in now if r not in was], name
        assert was == now, name
    for name in IPTABLES:
        assert iptables(images.read(one, name)) == iptables(images.read(two, name)), name
        assert b"a \\\"quoted\\\" one" in images.read(two, name)


def test_dump_restore_dump(full, bare, worker, broker, two_parents, user1):
    changed = everything.change_sysctls(full)
    for level in ("all", "default", *full.links()):
        assert sum(f"/conf/{level}/" in name for name in changed) >= 40, level
    everything.settle(full)
    with images.directory(user1) as one, images.directory(user1) as two:
        dump(worker, full, one)
        state = saved_state.state(full)
        # Their addresses are taken while they are up.
        full.batch(*[f"link del {name}" for name in everything.OUTSIDE])
        done = restore(two_parents, broker, worker, bare, one)
        assert done.returncode == 0, done.stderr
        everything.settle(bare)
        dump(worker, bare, two)
        assert_same_images(one, two)
        assert saved_state.state(bare) == state
        assert everything.in_force(bare, changed) == changed
        for name in ("netdev-10.img", "ids-1.img", "inventory.img"):
            assert images.recoded(f"{two}/{name}") == images.read(two, name), name
