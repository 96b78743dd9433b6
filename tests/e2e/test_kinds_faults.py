"""A plan with every kind that this kernel has, and a fault at each of its system calls that can
fail: all is undone, and the namespace is as it was."""
import os
import re

import pytest

from images import CONF4, put
from kinds_helpers import TAP, alone, kept, made  # noqa: F401
from restore_helpers import PLAN_GROUP, assert_same, differences, lasting, snapshot, sysctl

CALLS = {"sendmsg": "ENOBUFS", "recvmsg": "ENOMEM", "ioctl": "EPERM", "openat": "EMFILE",
         "write": "EIO"}
RUNS_MAX = 100


@pytest.fixture
def prepared(container, user1):
    """A container with a device that is to be set up, and others that are somebody else's."""
    def make():
        box = container(user1)
        box.batch("link add ext0 type veth peer name mine", "link set mine mtu 1300 up",
                  "link add other type bridge")
        box.run("sysctl", "-qw", "net.ipv4.conf.ext0.tag=7", "net.ipv4.conf.mine.tag=3")
        return box
    return make


@pytest.fixture
def everything(made, kept):
    a, _ = made.pair("ve0", 20, "ve1", 21, mtu=1400)
    made.add("bridge", "br0", 50)
    made.macvlan("mv0", 30, 21, mtu=1400)
    tap = made.tun("tap0", 40, TAP, owner=-1, address=b"\x02\0\0\0\0\x40", flags=0x1003)
    made.tun("tun0", 41)
    ext = made.add("extlink", "ext0", 60, mtu=1450, address=b"\x02\0\0\0\0\x60")
    for port in (a, tap, ext):
        port.master = 50
    put(a.conf4, CONF4, forwarding=1, rp_filter=1)
    put(made.images.netns.all_conf4, CONF4, forwarding=1)
    put(ext.conf4, CONF4, tag=9)
    return kept(made)


def strace(call, n, log, error=None):
    """A command line that makes the @n-th @call fail, or kills it there without an @error; with
    @n 0 it only writes to @log. In the place of a call that fails getpid is called, which the
    filter of the worker lets through."""
    what = f"error={error}:syscall=getpid" if error else "signal=KILL"
    inject = [f"--inject={call}:{what}:when={n}"] if n else []
    return ["strace", "-f", "-qq", "-o", log, f"--trace={call}", *inject]


def count(alone, box, path, call, log):
    """The first and the last @call in a restore that succeeds, after its confinement. Those that are
    begun again are one: a write of a sysctl comes back from the kernel until nobody else has RTNL."""
    alone(box, path, prefix=strace(f"{call},seccomp,prctl", 0, log))
    with open(log) as f:
        names = [m.group(1) for m in re.finditer(r"^\d+ +(\w+)\((?!.*= \? ERESTART)", f.read(),
                                                 re.M)]
    last = max(i for i, name in enumerate(names) if name in ("seccomp", "prctl"))
    first = names[:last].count(call)
    return first + 1, first + names[last:].count(call)


@pytest.fixture
def log(stage):
    """A file that everyone can write to."""
    path = f"{stage}/strace.log"
    with open(path, "w"):
        pass
    os.chmod(path, 0o666)
    return path


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("call", sorted(CALLS))
def test_fault_at_each_call(alone, prepared, everything, log, call):
    """Of those that there are hundreds of some are left out, others at each call."""
    first, last = count(alone, prepared(), everything, call, log)
    box = prepared()
    before = snapshot(box)
    failures = 0
    for n in range(first, last + 1, 1 + (last - first) // RUNS_MAX):
        result = alone(box, everything, prefix=strace(call, n, log, CALLS[call]), status=None)
        if result.status == 0 or "cannot write to stdout" in result.said:
            # It was got over, or came after all was done.
            box.close()
            box = prepared()
            before = snapshot(box)
            continue
        assert result.status in (1, 65, 71), (call, n, result)
        changed = differences(before[0], lasting(box))
        assert changed == {}, (call, n, result, changed)
        assert_same(box, before)
        failures += 1
    assert failures > (last - first) // (1 + (last - first) // RUNS_MAX) // 2


def test_everything_is_right_without_a_fault(alone, prepared, everything):
    box = prepared()
    alone(box, everything)
    links = box.links()
    assert set(links) == {"lo", "ve0", "ve1", "br0", "mv0", "tap0", "tun0", "ext0", "mine",
                          "other"}
    assert {links[name].get("master") for name in ("ve0", "tap0", "ext0")} == {"br0"}
    assert (links["mv0"]["link"], links["ext0"]["mtu"]) == ("ve1", 1450)
    assert {link["group"] for link in links.values()} == {"default"}
    assert sysctl(box, "ipv4/conf/ext0/tag") == "9"


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("call", ["sendmsg", "ioctl"])
def test_killed_at_each_call(alone, prepared, everything, log, call):
    """SIGKILL leaves what it leaves in the group, and the next run clears it away: a tun is in
    it, too, or gone with its descriptor."""
    first, last = count(alone, prepared(), everything, call, log)
    for n in range(first, last + 1, 1 + (last - first) // (RUNS_MAX // 4)):
        box = prepared()
        before = set(box.links())
        result = alone(box, everything, prefix=strace(call, n, log), status=None)
        links = box.links()
        left = {name: links[name]["group"] for name in set(links) - before}
        assert result.status == -9, (call, n, result)
        assert set(left) <= MADE
        released = set(left.values()) == {"default"} and set(left) == MADE
        assert released or set(left.values()) <= {str(PLAN_GROUP)}, (call, n, left)
        if not released:
            alone(box, everything)
            assert set(box.links()) == before | MADE
        box.close()


MADE = {"ve0", "ve1", "br0", "mv0", "tap0", "tun0"}
