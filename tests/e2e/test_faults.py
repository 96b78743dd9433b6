"""K: one side dies, stops, or is interrupted."""
import os
import signal

import pytest

from netcr_client import Ended
from nlmsg import newlink


def link(s, name):
    return s.create(("par0", newlink(name))).error


def advance(s, box, phase):
    """Bring a new session to @phase, by way of those before it."""
    for name, step in (("new", lambda: None), ("greeted", s.hello),
                       ("bound", lambda: s.bind(box)), ("after a link", lambda: link(s, "eth0"))):
        step()
        if name == phase:
            break


@pytest.mark.parametrize("phase", ["new", "greeted", "bound", "after a link"])
def test_K1_session_killed(session, container, user1, phase):
    """The worker sees an end, and no link half made."""
    s, box = session(), container(user1)
    advance(s, box, phase)
    s.send_signal(signal.SIGKILL)
    s.expect_status = -signal.SIGKILL
    assert s.agent.recv() == {"end": "eof"}
    with pytest.raises(BrokenPipeError):
        s.agent.send("00")
    assert ("eth0" in box.links()) == (phase == "after a link")
    again = session().ready(box)
    assert link(again, "eth1") == 0


def test_K1_killed_at_work(bound, pb):
    """Of many links some are there, each of them whole; the answer never comes."""
    s, box = bound
    create = pb.LinkCreate(links=[
        pb.Link(parent="par0", newlink=newlink(f"mv{i}", mtu=1400, ifindex=100 + i))
        for i in range(128)])
    s.expect_audit = False
    s.agent.send(s.encode(link_create=create).hex())
    s.send_signal(signal.SIGKILL)
    s.expect_status = -signal.SIGKILL
    with pytest.raises(Ended):
        s.reply()
        s.reply()
    for name, made in box.links().items():
        if name != "lo":
            assert (made["mtu"], made["ifindex"]) == (1400, 100 + int(name[2:]))
            assert made["linkinfo"]["info_data"]["mode"] == "bridge"


@pytest.mark.parametrize("phase", ["new", "greeted", "bound", "after a link"])
def test_K2_worker_killed(session, container, user1, phase):
    """The session ends by itself; the links are the container's, and stay."""
    s, box = session(), container(user1)
    advance(s, box, phase)
    s.proc.kill()
    assert s.wait() == 0
    assert ("eth0" in box.links()) == (phase == "after a link")


def test_K3_session_stopped_and_continued(bound):
    """The wait for a request goes on where it was."""
    s, _ = bound
    for i in range(3):
        s.wait_state("S")
        s.send_signal(signal.SIGSTOP)
        s.wait_state("T")
        s.send_signal(signal.SIGCONT)
        assert link(s, f"mv{i}") == 0


def test_K3_requests_while_it_is_stopped(bound, pb):
    s, _ = bound
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    s.agent.send(s.encode(nsid_alloc=pb.NsidAlloc(nsid=31)).hex())
    assert s.agent.recv(0.05) == {"timeout": True}
    s.send_signal(signal.SIGCONT)
    assert s.reply().nsid_alloc.nsid == 31


def test_K3_stopped_while_its_replies_are_not_read(bound, pb):
    """The other wait: for room."""
    s, _ = bound
    links = pb.LinkCreate(links=[pb.Link(parent="par0", newlink=b"")] * 128)
    frames = []
    first = s.next_id
    for _ in range(1500):
        frames.append(s.encode(link_create=links).hex())
        s.next_id += 1
    sent = s.agent.flood(frames, 1)
    assert sent < len(frames)
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    s.send_signal(signal.SIGCONT)
    for number in range(first, first + sent):
        assert s.reply().id == number
    s.next_id = first + sent
    assert link(s, "eth0") == 0


def test_K3_others_while_one_is_stopped(bound, session, container, user2):
    s, _ = bound
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    other = session(user=user2).ready(container(user2))
    assert link(other, "eth0") == 0
    s.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_that_end_a_session(bound, number):
    """Root may send them; it has no handlers that could go wrong."""
    s, _ = bound
    s.send_signal(number)
    s.expect_status = -number
    assert s.agent.recv() == {"end": "eof"}


def test_K6_parent_deleted(own_host, session, container, user1):
    box = container(user1)
    s = session(host=own_host).ready(box)
    assert link(s, "a0") == 0
    own_host.ip("link", "del", "par0")
    assert list(box.links()) == ["lo"]
    assert link(s, "a1") == 19  # ENODEV
    assert s.nsid(-1).error == 0


def test_K6_parent_down(own_host, session, container, user1):
    box = container(user1)
    s = session(host=own_host).ready(box)
    own_host.ip("link", "set", "par0", "down")
    assert s.create(("par0", newlink("a0", flags=1))).error == 0


def test_K7_target_that_dies(bound, host):
    """Its last process ends: the session's descriptor keeps it, until the session ends."""
    s, box = bound
    assert link(s, "a0") == 0
    inode = box.inode()
    box.close()
    assert link(s, "a1") == 0
    assert s.nsid(-1).error == 0
    assert f"net:[{inode}]" in s.fds().values()
    s.close()
    assert "par0" in host.links()


def test_X6_many_requests_leave_nothing(bound):
    """Creations that fail, and ones that succeed and are undone."""
    s, box = bound
    fds = s.fds()
    for _ in range(200):
        s.create(("par0", newlink("a0", mtu=9000)))
    for _ in range(5):
        assert s.create(*[("par0", newlink(f"mv{i}")) for i in range(20)]).error == 0
        box.batch(*[f"link set mv{i} group 77" for i in range(20)], "link del group 77")
    assert s.fds() == fds
    assert os.path.exists(f"/proc/{s.pid}")
