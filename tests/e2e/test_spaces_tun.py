"""Tuns and taps in several namespaces that are restored together."""
import os
import signal

import pytest

import criu_images
from kinds_helpers import MULTI_QUEUE, NO_PI, TAP, TUN, UP, VNET_HDR, WITHOUT_TUN
from namespaces import comm
from restore_helpers import Result, Running
from service import descendants
from spaces_helpers import (assert_family, entries_of, family, put_down, several,  # noqa: F401
                            together)
from test_worker_process import calls_after_filter, listed

IDS = (10, 11, 12)


@pytest.fixture
def tuns(several, user1):
    """In each a tun with the same name and index as in the others, and a tap of its own."""
    for ns_id in IDS:
        several[ns_id].tun("tun0", 5, TUN | NO_PI, mtu=1300 + ns_id)
        several[ns_id].tun(f"tap{ns_id}", 100 + ns_id, TAP | (VNET_HDR if ns_id == 11 else 0),
                           vnethdr=12 if ns_id == 11 else 10, sndbuf=2**20 + ns_id,
                           address=bytes((2, 0, 0, 0, 0, ns_id)))
    several[10].tun("tunq", 9, TUN | MULTI_QUEUE | NO_PI, owner=user1.uid, group=user1.gid)
    several[12].tun("tun1", 9, TUN | NO_PI, owner=user1.uid)
    return several


@pytest.mark.parametrize("order", [(10, 11, 12), (12, 10, 11)])
def test_tuns_in_each(family, together, tuns, put_down, order):
    box, path = family(*IDS), put_down(tuns)
    result = together(box.user, "restore", path, *box.options(*order))
    assert_family(box, path)
    assert "namespace 12 of the images into net:[" in result.out


def test_and_saved_again(family, together, tuns, put_down, user1):
    box, path = family(*IDS), put_down(tuns)
    together(box.user, "restore", path, *box.options())
    with criu_images.directory(user1) as new:
        together(box.user, "dump", new, *box.options())
        for ns_id in IDS:
            was, now = ({e["name"]: e for e in entries_of(d, ns_id)[0]} for d in (path, new))
            assert set(was) == set(now)
            for name in was:
                for key in ("type", "ifindex", "mtu", "address"):
                    assert was[name].get(key) == now[name].get(key), (ns_id, name, key)
                if "tun" in was[name]:
                    for key in ("owner", "group"):
                        assert was[name]["tun"][key] == now[name]["tun"][key], (ns_id, name)
    # Each is in its namespace only.
    assert sorted(n for n in box[11].links() if n.startswith("t")) == ["tap11", "tun0"]


def test_without_the_device(family, together, tuns, put_down):
    box, path = family(*IDS), put_down(tuns)
    before = box.snapshot()
    result = together(box.user, "restore", path, *box.options(), status=71, before=WITHOUT_TUN)
    assert "/dev/net/tun cannot be opened" in result.said and "nothing was done" in result.said
    assert box.snapshot() == before


def test_none_is_needed_without_tuns(family, together, several, put_down):
    for ns_id in IDS:
        several[ns_id].add("bridge", "br0", 5)
    box, path = family(*IDS), put_down(several)
    together(box.user, "restore", path, *box.options(), before=WITHOUT_TUN)
    assert_family(box, path)


def test_name_that_is_taken_in_one(family, together, tuns, put_down):
    box, path = family(*IDS), put_down(tuns)
    box[12].ip("link", "add", "tun1", "type", "bridge")
    before = box.snapshot()
    result = together(box.user, "restore", path, *box.options(), status=1)
    assert ("namespace 12: tun tun1: the target has a link of this name, with index 2; nothing was "
            "done") in result.said
    assert box.snapshot() == before


def test_openers_are_killed(family, together, several, put_down, procs, tmp_path):
    """What was made is undone, in all."""
    for ns_id in IDS:
        for i in range(100):
            several[ns_id].add("bridge", f"br{i}", 100 + i, flags=UP * (i % 2))
        several[ns_id].tun("tun0", 5, TUN | NO_PI)
    box, path = family(*IDS), put_down(several)
    before = box.snapshot()
    with open(tmp_path / "out", "w+b") as out, open(tmp_path / "err", "w+b") as err:
        proc = procs.start(together.argv(box.user, "restore", path, *box.options()), stdout=out,
                           stderr=err, cwd="/")
        killed = set()
        while proc.poll() is None:
            for pid in descendants(proc.pid):
                if comm(pid) == "netcr-tun" and pid not in killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
        result = Result(proc.returncode, Running.text(out), Running.text(err))
    assert len(killed) == len(IDS)
    assert result.status == 1 and "the process that opens /dev/net/tun is gone" in result.said
    assert box.snapshot() == before


@pytest.mark.no_sanitizer
def test_what_the_openers_ask_of_the_kernel(family, together, tuns, put_down, procs, tmp_path):
    """By strace, after the filter of each: listed calls only, and of files the device alone."""
    box, path = family(*IDS), put_down(tuns)
    argv = together.argv(box.user, "restore", path, *box.options())
    at = argv.index(box.user.argv()[0])
    argv[at:at] = ["strace", "-ff", "-qq", "-o", str(tmp_path / "trace")]
    assert procs.start(argv, cwd="/").wait(60) == 0
    assert_family(box, path)
    calls, programs = calls_after_filter(tmp_path.glob("trace.*"))
    openers = [pid for pid, made in calls.items()
               if pid not in programs and made <= listed("tun")]
    assert len(openers) == len(IDS)
    for pid in openers:
        assert {"openat", "recvmsg", "sendmsg"} <= calls[pid]
        text = (tmp_path / f"trace.{pid}").read_text()
        after = text[text.rindex("seccomp("):]
        assert {line.split('"')[1] for line in after.splitlines() if "openat(" in line} == {
            "/dev/net/tun"}
