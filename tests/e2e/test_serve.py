"""netcr-broker serve: sessions of ordinary users, each in a process of its own."""
import errno
import os
import re
import signal
import socket
import subprocess

import pytest

from namespaces import DEADLINE, comm, status_of, wait_until
from netcr_client import Ended
from nlmsg import newlink
from service import run_id

NET_ADMIN = "0000000000001000"
NOTHING = "0000000000000000"


def works(s, box, name="eth0"):
    s.ready(box)
    assert s.create(("par0", newlink(name))).error == 0
    assert name in box.links()


def test_two_users_several_at_once(service, container, user1, user2):
    svc = service()
    boxes = [container(u) for u in (user1, user2, user1)]
    sessions = [svc.session(box.user) for box in boxes]
    for i, (s, box) in enumerate(zip(sessions, boxes)):
        assert s.hello().hello.uid == box.user.uid
        assert s.bind(box).error == 0
        assert s.create(("par0", newlink(f"mv{i}"))).error == 0
        assert f"mv{i}" in box.links()
    assert len({s.pid for s in sessions}) == 3
    assert {a["uid"] for a in sessions[1].audit()} == {str(user2.uid)}


def test_N1_anothers_container(service, container, user1, user2, unchanged):
    """The authority is that of the uid that connected."""
    s, box = service().session(user1), container(user2)
    s.hello()
    netns, rtnl = box.open(), box.netlink()
    with unchanged(box):
        assert s.bind(fds=s.agent.give(netns, rtnl.fileno())).error == errno.EPERM
    os.close(netns)
    rtnl.close()


def test_N8_a_caller_inside_of_the_container(service, container, user1):
    """Root there is an ordinary uid here."""
    svc, box = service(), container(user1)
    code = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "s.connect(sys.argv[1]); s.send(bytes.fromhex(sys.argv[2])); s.recv(65536)")
    import netcr_client
    pb = netcr_client.pb
    hello = pb.Request(id=1, hello=pb.Hello(version_min=1, version_max=1)).SerializeToString()
    box.run_inside("/usr/bin/python3", "-c", code, svc.paths[0], hello.hex())
    svc.said("op=hello")
    assert f"uid={user1.uid} " in svc.stderr()


def test_N8_a_subordinate_uid_is_a_user_of_its_own(service, container, user1):
    svc, box = service(), container(user1, subids=True)
    code = ("import os, socket, sys; os.setgid(1); os.setuid(1)\n"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "s.connect(sys.argv[1]); s.send(b'x'); s.recv(65536)")
    box.run_inside("/usr/bin/python3", "-c", code, svc.paths[0], check=False)
    svc.said("verdict=violation")
    uid = int(re.search(r"uid=(\d+)", svc.stderr()).group(1))
    assert uid not in (0, 1, user1.uid) and uid > 65536


@pytest.mark.parametrize("uid", [65534, 2**32 - 2])
def test_N8_a_uid_that_is_nobodys(service, uid):
    """65534 is what a uid that cannot be named reads as; others are ordinary ones."""
    svc = service()
    code = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "s.connect(sys.argv[1])\n"
            "try: s.send(b'x')\n"
            "except BrokenPipeError: pass\n"
            "try: s.recv(65536)\n"
            "except ConnectionResetError: pass")
    subprocess.run(["setpriv", f"--reuid={uid}", "--clear-groups", "/usr/bin/python3", "-c", code,
                    svc.paths[0]], check=True, timeout=60)
    if uid == 65534:
        svc.said("stands for nobody")
        assert "netcr-audit" not in svc.stderr()
    else:
        svc.said(f"uid={uid} ")


def test_several_sockets(service, container, user1):
    svc = service(sockets=3)
    for i, path in enumerate(svc.paths):
        assert os.stat(path).st_mode & 0o777 == 0o666
        works(svc.session(user1, path=path), container(user1), f"mv{i}")


def test_E9_the_acceptor(service, user1):
    svc = service()
    svc.session(user1).connect()
    now = status_of(svc.pid)
    assert {k: now[k] for k in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {
        "CapEff": NET_ADMIN, "CapPrm": NET_ADMIN, "CapBnd": NOTHING, "CapInh": NOTHING,
        "CapAmb": NOTHING}
    assert now["NoNewPrivs"] == "1" and now["Groups"] == "" and now["Threads"] == "1"
    assert now["Uid"].split() == [str(run_id()[0])] * 4
    assert now["Gid"].split() == [str(run_id()[1])] * 4
    assert int(now["SigCgt"], 16) == 0
    assert os.stat(f"/proc/{svc.pid}/environ").st_uid == 0, "not dumpable"
    with open(f"/proc/{svc.pid}/limits") as f:
        limits = f.read()
    assert re.search(r"Max core file size +0 +0 ", limits)

    def kinds():
        return sorted(what.split(":")[0] for fd, what in svc.fds().items() if fd > 2)
    # It may have the session's connection for a moment still.
    wait_until(lambda: kinds() == ["anon_inode", "socket", "socket"],
               f"signals, one socket, notify: {kinds()}")


def test_E9_a_session(service, container, user1, host):
    svc, box = service(), container(user1)
    s = svc.session(user1)
    fds = s.fds()
    assert sorted(what.split(":")[0] for fd, what in fds.items() if fd > 2) == [
        "net", "socket", "socket"]
    assert fds[0] == fds[1] == "/dev/null" and f"net:[{host.inode()}]" in fds.values()
    assert not set(fds.values()) & {what for fd, what in svc.fds().items() if fd > 2}
    s.ready(box)
    now = status_of(s.pid)
    assert {k: now[k] for k in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {
        "CapEff": NET_ADMIN, "CapPrm": NET_ADMIN, "CapBnd": NOTHING, "CapInh": NOTHING,
        "CapAmb": NOTHING}
    assert (now["NoNewPrivs"], now["Seccomp"], now["Seccomp_filters"]) == ("1", "2", "1")
    assert now["Groups"] == "" and now["Name"] == "netcr-session" and now["Threads"] == "1"
    assert set(now["Uid"].split()) == {str(run_id()[0])}
    assert int(now["SigCgt"], 16) == int(now["SigBlk"], 16) == 0, "SIGTERM is let in as it waits"
    assert os.stat(f"/proc/{s.pid}/environ").st_uid == 0
    assert os.getsid(s.pid) == s.pid and os.readlink(f"/proc/{s.pid}/cwd") == "/"
    with open(f"/proc/{s.pid}/limits") as f:
        limits = f.read()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert re.search(r"Max open files +48 +48 ", limits)


@pytest.mark.parametrize("what", ["open", "kill", "pidfd_getfd"])
def test_E8_the_acceptor_is_not_the_users(service, user1, what):
    svc = service()
    s = svc.session(user1)
    source = {"open": "os.listdir(f'/proc/{pid}/fd')", "kill": "os.kill(pid, 15)",
              "pidfd_getfd": "(lambda r: r if r >= 0 else raise_(ctypes.get_errno()))"
                             "(libc.syscall(438, os.pidfd_open(pid), 3, 0))"}[what]
    s.agent.evaluate("globals().update(raise_=lambda e: (_ for _ in ()).throw(OSError(e, '')))")
    s.agent.evaluate(f"globals().update(pid={svc.pid})")
    with pytest.raises(PermissionError):
        s.agent.evaluate(source)


def test_K2_a_killed_worker_leaves_no_session(service, container, user1):
    svc = service()
    for step in range(3):
        box = container(user1)
        s = svc.session(user1).connect()
        if step > 0:
            s.hello()
        if step > 1:
            s.bind(box)
        s.proc.kill()
        s.wait()
        s.close()
    works(svc.session(user1), container(user1))


def test_K1_a_killed_session_is_its_workers_loss(service, container, user1, user2):
    svc = service()
    s, other, box = svc.session(user1), svc.session(user2), container(user1)
    s.hello()
    s.send_signal(signal.SIGKILL)
    with pytest.raises((Ended, BrokenPipeError)):
        s.bind(box)
    s.expect_audit = False
    svc.said("was ended by signal 9")
    works(other, container(user2))
    works(svc.session(user1), container(user1))


def test_K1_a_killed_acceptor_is_not_its_sessions_end(service, container, user1):
    svc, box = service(), container(user1)
    s = svc.session(user1)
    s.hello()
    svc.proc.kill()
    svc.proc.wait(DEADLINE)
    assert s.bind(box).error == 0
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert os.path.exists(svc.paths[0])
    # An orphan of the test's, now.
    s.agent.hang_up()
    wait_until(lambda: comm(s.pid) is None or status_of(s.pid)["State"][0] == "Z", "it ends")
    os.waitpid(s.pid, 0)


def test_K3_a_stopped_acceptor_keeps_no_session(service, container, user1):
    svc, box = service(), container(user1)
    s = svc.session(user1).connect()
    os.kill(svc.pid, signal.SIGSTOP)
    try:
        works(s, box)
        late = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        late.connect(svc.paths[0])
    finally:
        os.kill(svc.pid, signal.SIGCONT)
    late.settimeout(DEADLINE)
    late.send(b"x")
    assert late.recv(100) == b"", "it was accepted, and broke the protocol"
    late.close()


def test_K3_a_stopped_worker_is_nobodys_loss(service, container, user1, user2):
    svc = service(options=("--allow-parent", "par0", "--idle-timeout", "5"))
    box, s = container(user2), svc.session(user1)
    s.hello()
    s.proc.send_signal(signal.SIGSTOP)
    works(svc.session(user2), box)
    s.wait()
    s.proc.send_signal(signal.SIGCONT)
    s.violations += 1
    assert s.audit()[-1]["reason"] == "no request in time"


def test_credentials_are_those_of_the_connection(service, user1):
    """A descriptor that root connected and gave away acts for root, whoever sends on it."""
    svc = service()
    s = svc.session(user1).connect()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(svc.paths[0])
    s.agent.evaluate("sessions.clear()")
    number, = s.agent.give(sock.fileno())
    s.agent.evaluate(f"os.dup2({number}, 3)")
    sock.close()
    assert s.hello().hello.uid == 0
    s.expect_audit = False


