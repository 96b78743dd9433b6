"""What the worker and its session are, and what they ask of the kernel, while a restore runs."""
import os
import re
import signal

import pytest

from namespaces import comm, fds_of, status_of, wait_until
from restore_helpers import (assert_restored, data, relay, restore, written, x1)  # noqa: F401

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CAP_NET_ADMIN = 1 << 12


def listed(name):
    """The calls in a list of seccomp/, by name."""
    with open(f"{SOURCE}/seccomp/{name}_rules.c") as f:
        return set(re.findall(r"SCMP_SYS\((\w+)\)", f.read()))


def calls_after_filter(traces):
    """({pid: calls}, {pid: program}) of strace -ff, after a process's own filter was in force. A
    file a process: with one file, calls of several would be cut up."""
    found, program = {}, {}
    for path in traces:
        pid, filtered = path.suffix[1:], False
        for line in path.read_text().splitlines():
            m = re.match(r"(\w+)\((.*)", line)
            if not m:
                continue  # signals and the end
            call, rest = m.groups()
            if call == "execve" and rest.endswith("= 0"):
                program[pid] = rest.split('"')[1]
            if filtered:
                found.setdefault(pid, set()).add(call)
            if rest.endswith("= 0") and (
                    call == "seccomp" and "SECCOMP_SET_MODE_FILTER" in rest or
                    call == "prctl" and "SECCOMP_MODE_FILTER" in rest):
                filtered = True
    return found, program


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("images_of", ["macvlan-x1", "macvlan-x500"])
def test_E10_system_calls_of_a_whole_restore(restore, container, user1, data, own_host, tmp_path,
                                             images_of):
    """After its filter each makes listed calls only, by strace and not by its own word. As root
    around the broker: the session and the worker are both seen."""
    box, trace = container(user1), tmp_path / "trace"
    argv = restore.argv(box, f"{data}/{images_of}")
    at = argv.index(restore.broker)
    argv[at:at] = ["strace", "-ff", "-qq", "-o", str(trace)]
    restore.host.run(*argv[argv.index("strace"):], env=user1.sudo_env())
    assert_restored(box, f"{data}/{images_of}", own_host, every=50)
    calls, programs = calls_after_filter(tmp_path.glob("trace.*"))
    assert len(calls) == 2
    worker, = [pid for pid in calls if "netcr-worker" in programs.get(pid, "")]
    session, = set(calls) - {worker}
    assert calls[session] - listed("broker") == set()
    assert calls[worker] - listed("worker") == set()
    # That something was seen at all.
    assert {"recvmsg", "sendmsg", "ppoll", "ioctl"} <= calls[session]
    assert {"openat", "read", "sendmsg", "recvmsg", "write"} <= calls[worker]


def at_request(run, op, function):
    """Relay, and call @function at the first request of @op."""
    seen = []
    for request in run:
        if request.WhichOneof("op") == op and not seen:
            seen.append(function())
    assert run.result().status == 0, run.result()
    return seen[0]


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("op", ["hello", "link_create"])
def test_E9_worker_is_confined(relay, container, user1, data, op):
    """From before the first byte of an image to its end."""
    run = relay(container(user1), f"{data}/macvlan-x1")
    status = at_request(run, op, lambda: status_of(run.worker.proc.pid))
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == CAP_NET_ADMIN
    assert [int(status[key], 16) for key in ("CapInh", "CapBnd", "CapAmb")] == [0, 0, 0]
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert set(status["Uid"].split()) == {str(user1.uid)}
    assert status["Threads"] == "1"


def test_E9_worker_is_in_the_containers_namespaces(relay, container, user1, data):
    """And its capability counts there only."""
    box = container(user1)
    run = relay(box, f"{data}/macvlan-x1")

    def look():
        return [os.stat(f"/proc/{run.worker.proc.pid}/ns/{name}").st_ino ==
                os.stat(f"/proc/{box.pid}/ns/{name}").st_ino for name in ("user", "net", "mnt")]
    assert at_request(run, "link_create", look) == [True, True, True]


def test_E9_session_while_it_serves(restore, container, user1, data):
    run = restore.start(container(user1), f"{data}/macvlan-x1")
    status = status_of(run.session)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == CAP_NET_ADMIN
    assert [int(status[key], 16) for key in ("CapInh", "CapBnd", "CapAmb")] == [0, 0, 0]
    assert (status["NoNewPrivs"], status["Seccomp"], status["Groups"]) == ("1", "2", "")
    assert "0" not in status["Uid"].split()
    assert run.go().result().status == 0


def test_worker_is_given_one_descriptor_and_no_capability(restore, container, user1, data):
    """By spawn: before the worker runs, its place is taken by a shell."""
    run = restore.start(container(user1), f"{data}/macvlan-x1")
    assert set(fds_of(run.pid)) == {0, 1, 2, 3}
    status = status_of(run.pid)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert set(status["Uid"].split()) == {str(user1.uid)}
    assert run.go().result().status == 0


def test_no_descriptor_leaks(relay, container, user1, written, x1):
    """The worker has as many before the second request of links as before the first one; and
    the session as after it was bound."""
    run = relay(container(user1), written(x1.like(300)))
    seen = []
    for request in run:
        if request.WhichOneof("op") == "link_create":
            seen.append((fds_of(run.worker.proc.pid), fds_of(run.session)))
    assert run.result().status == 0
    assert len(seen) == 3 and seen[0] == seen[1] == seen[2]
    # 0 to 2, the session, images, netns, lock, /proc/sys/net and four directories below it, two
    # sockets, the helper that runs nft, /dev/net/tun; a user namespace is open until it is joined.
    assert len(seen[0][0]) <= 17, seen[0][0]
    assert len(seen[0][1]) <= 10, seen[0][1]


def test_worker_without_standard_descriptors(restore, container, user1, data, own_host):
    """What it opens must not come to lie there: its first message would go into it."""
    box = container(user1)
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    restore(box, f"{data}/macvlan-x1", prefix=shell)
    assert_restored(box, f"{data}/macvlan-x1", own_host)


def test_K12_broken_pipes(restore, container, user1, data, own_host):
    """A reader that is gone does not end it in the middle."""
    box = container(user1)
    shell = ["sh", "-c", '"$@" 2>&1 | true; sleep 0.2', "sh"]
    restore(box, f"{data}/macvlan-x10", prefix=shell)
    wait_until(lambda: len(box.links()) == 11, "it goes on")
    assert_restored(box, f"{data}/macvlan-x10", own_host)


def test_session_ends_with_the_worker(restore, container, user1, data):
    run = restore.start(container(user1), f"{data}/macvlan-x1")
    run.to_worker(signal.SIGKILL)
    run.proc.wait()
    run.wait_session()
    assert comm(run.session) is None


@pytest.mark.parametrize("name,value", [
    ("LD_PRELOAD", "/nowhere.so"), ("LANG", "de_DE.UTF-8"), ("TZ", "../../etc/passwd"),
    ("MALLOC_PERTURB_", "165"), ("POSIXLY_CORRECT", "1")])
def test_environment_does_not_matter(restore, container, user1, data, own_host, name, value):
    box = container(user1)
    restore(box, f"{data}/macvlan-x1", prefix=["env", f"{name}={value}"])
    assert_restored(box, f"{data}/macvlan-x1", own_host)
