"""F: datagrams, their order, and how a session ends. Ids are those of the threat model."""
import array
import errno
import os
import signal
import socket
import struct

import pytest

from netcr_client import Ended
from nlmsg import newlink

MAX_DATAGRAM = 65536


def test_F1_zero_length(session):
    session().breach(b"")


def test_F1_zero_length_in_mid_session(bound):
    s, _ = bound
    s.breach(b"")


def test_F1_zero_length_with_descriptors(session):
    s = session()
    s.breach(b"", [s.agent.open_path("/dev/null")])


def test_F2_longer_than_the_limit(session, pb):
    """A request that would be fine, but for the bytes behind it."""
    s = session()
    hello = s.encode(hello=pb.Hello(version_min=1, version_max=1))
    s.breach(hello + bytes(MAX_DATAGRAM + 1 - len(hello)))


def test_F2_as_long_as_the_limit(session):
    session().breach(bytes(MAX_DATAGRAM))


def max_rss(session, size, sndbuf):
    """Of a session that is sent @size bytes, or as many below that as the kernel lets through."""
    s = session()
    s.hello()
    while True:
        try:
            s.agent.send_big(size, sndbuf)
            break
        except OSError as e:
            assert e.errno in (errno.ENOBUFS, errno.EMSGSIZE) and size > MAX_DATAGRAM
            size = size * 3 // 4
    s.breached()
    return s.usage.ru_maxrss


def test_F3_huge_datagrams(session):
    """What is too long is not read: memory stays what it is for one byte too much."""
    with open("/proc/sys/net/core/wmem_max") as f:
        most = 2 * int(f.read())
    small = max_rss(session, MAX_DATAGRAM + 1, None)
    for size in (200_000, most):
        assert max_rss(session, size, most) - small < 256, "KiB"


@pytest.mark.parametrize("field", [6, 7, 100, 2**29 - 1])
def test_F4_unknown_op(session, field):
    tag, out = field << 3 | 2, b""
    while tag > 127:
        out += bytes([tag & 127 | 128])
        tag >>= 7
    session().breach(b"\x08\x01" + out + bytes([tag]) + b"\x00")


def test_F4_no_op(session):
    session().breach(b"\x08\x01")


@pytest.mark.parametrize("low, high", [(2, 2), (2, 9), (2**32 - 1, 2**32 - 1)])
def test_F5_version_that_is_not_spoken(session, low, high):
    s = session()
    reply = s.hello(low, high)
    assert reply.error == errno.EPROTONOSUPPORT
    assert "1 to 1" in reply.message, "it says what it speaks"
    assert not reply.HasField("hello")
    assert s.agent.recv() == {"end": "eof"}


@pytest.mark.parametrize("low, high", [(0, 0), (0, 1), (2, 1)])
def test_F5_empty_range(session, low, high):
    assert session().hello(low, high).error == errno.EINVAL


def test_F5_range_that_goes_further(session):
    reply = session().hello(1, 7)
    assert (reply.error, reply.hello.version) == (0, 1)
    assert (reply.hello.max_links, reply.hello.max_datagram) == (128, MAX_DATAGRAM)


def an_op(pb, name):
    return {"hello": pb.Hello(version_min=1, version_max=1),
            "target_bind": pb.TargetBind(),
            "nsid_alloc": pb.NsidAlloc(nsid=-1),
            "link_create": pb.LinkCreate(links=[pb.Link(parent="par0", newlink=newlink())])}[name]


def fds_of(s, name, container, user):
    return s.target_fds(container(user)) if name == "target_bind" else []


@pytest.mark.parametrize("op", ["target_bind", "nsid_alloc", "link_create"])
def test_F6_before_hello(session, container, user1, pb, op):
    s = session()
    s.breach(s.encode(**{op: an_op(pb, op)}), fds_of(s, op, container, user1))


@pytest.mark.parametrize("op", ["hello", "nsid_alloc", "link_create"])
def test_F6_between_hello_and_bind(session, pb, op):
    s = session()
    s.hello()
    s.breach(s.encode(**{op: an_op(pb, op)}))


@pytest.mark.parametrize("op", ["hello", "target_bind"])
def test_F6_twice(bound, container, user1, pb, op):
    s, _ = bound
    s.breach(s.encode(**{op: an_op(pb, op)}), fds_of(s, op, container, user1))


def test_F6_bind_again_after_a_refusal(session, container, user1, pb):
    """Once means asked once: a worker does not get to try descriptors one after the other."""
    s = session()
    s.hello()
    null = s.agent.open_path("/dev/null")
    assert s.bind(fds=[null, null]).error == errno.EPERM
    s.breach(s.encode(target_bind=pb.TargetBind()), s.target_fds(container(user1)))


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_F7_first_number(session, pb, number):
    s = session()
    s.next_id = number
    s.breach(s.encode(hello=an_op(pb, "hello")))


@pytest.mark.parametrize("step", [-2, -1, 1, 2**31])
def test_F7_number_out_of_order(bound, pb, step):
    s, _ = bound
    s.next_id += step
    s.breach(s.encode(nsid_alloc=pb.NsidAlloc(nsid=-1)))


def test_F7_no_number(session):
    session().breach(b"\x12\x04\x08\x01\x10\x01")


def test_F8_half_close(bound, pb):
    """What was asked before is done and answered, and then it is over."""
    s, box = bound
    create = pb.LinkCreate(links=[pb.Link(parent="par0", newlink=newlink("eth0"))])
    s.agent.send(s.encode(link_create=create).hex())
    s.agent.hang_up("SHUT_WR")
    assert s.reply().error == 0
    assert s.agent.recv() == {"end": "eof"}
    assert "eth0" in box.links()


def test_F8_half_close_at_once(session):
    s = session()
    s.agent.hang_up("SHUT_WR")
    assert s.agent.recv() == {"end": "eof"}


def test_F8_shut_down_for_reading(bound, pb):
    """The reply cannot be sent; that ends the session and nothing else."""
    s, _ = bound
    s.agent.hang_up("SHUT_RD")
    s.expect_audit = False
    s.agent.send(s.encode(nsid_alloc=pb.NsidAlloc(nsid=-1)).hex())
    assert s.wait() == 0


def test_F9_gone_before_the_reply(bound, pb):
    """No SIGPIPE; and for a worker that is gone before its turn nothing is made."""
    s, box = bound
    create = pb.LinkCreate(links=[pb.Link(parent="par0", newlink=newlink("eth0"))])
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    s.agent.send(s.encode(link_create=create).hex())
    s.requests += 1
    s.agent.hang_up()
    s.send_signal(signal.SIGCONT)
    assert s.wait() == 0
    assert "eth0" not in box.links()
    assert (s.audit()[-1]["verdict"], s.audit()[-1]["errno"]) == ("failed", "ECANCELED")


def test_F9_unread_replies(bound, pb):
    """Several are under way: it ends with the first whose reply finds nobody."""
    s, _ = bound
    for _ in range(20):
        s.agent.send(s.encode(nsid_alloc=pb.NsidAlloc(nsid=-1)).hex())
        s.next_id += 1
    s.expect_audit = False
    s.agent.hang_up()
    assert s.wait() == 0


def test_F9_requests_under_way(bound, pb):
    """Several at once are answered in their order."""
    s, _ = bound
    first = s.next_id
    for _ in range(50):
        s.agent.send(s.encode(nsid_alloc=pb.NsidAlloc(nsid=-1)).hex())
        s.next_id += 1
    assert [s.reply().id for _ in range(50)] == list(range(first, first + 50))


def test_F10_peer_that_never_reads(bound, session, container, user2, pb):
    """The session ends by itself, and others are served while it waits."""
    s, _ = bound
    links = pb.LinkCreate(links=[pb.Link(parent="par0", newlink=b"")] * 128)
    frames = []
    for _ in range(1500):
        frames.append(s.encode(link_create=links).hex())
        s.next_id += 1
    s.expect_audit = False
    assert s.agent.flood(frames, 1) < len(frames), "its queue is full"
    other = session(user=user2).ready(container(user2))
    assert other.create(("par0", newlink("eth0"))).error == 0
    assert s.wait() == 0
    with pytest.raises(Ended):
        s.reply()


def test_F11_ten_thousand_messages_at_once(bound, pb):
    """Answered in their order, by a session that does not grow."""
    s, _ = bound
    n = 10000
    assert s.nsid(-1).error == 0
    frames = [pb.Request(id=s.next_id + i, nsid_alloc=pb.NsidAlloc(nsid=-1)).SerializeToString().hex()
              for i in range(n)]
    memory, fds = s.rss(), s.fds()
    s.agent.evaluate("__import__('threading').Thread(target=flood, daemon=True, "
                     f"args=({frames!r}, 60)).start()")
    while n:
        part = s.agent.evaluate(f"[session().recv(RECV_MAX).hex() for _ in range({min(n, 1000)})]")
        for reply in map(pb.Reply.FromString, map(bytes.fromhex, part)):
            assert (reply.id, reply.error) == (s.next_id, 0)
            s.next_id += 1
            s.requests += 1
        n -= len(part)
    assert s.rss() - memory < 256 * 1024
    assert s.fds() == fds


def credentials(s):
    pid = s.agent.evaluate("os.getpid()")
    return struct.pack("=iII", pid, s.user.uid, s.user.gid).hex()


def test_F13_credentials(session, pb):
    """One's own are allowed by the kernel, and passed over: nobody asked for them."""
    s = session()
    hello = s.encode(hello=an_op(pb, "hello")).hex()
    s.agent.send_cmsgs(hello, [[socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials(s)]])
    assert s.reply().hello.uid == s.user.uid


def test_F13_forged_credentials(session, pb):
    s = session()
    with pytest.raises(PermissionError):
        s.agent.send_cmsgs(s.encode(hello=an_op(pb, "hello")).hex(),
                           [[socket.SOL_SOCKET, socket.SCM_CREDENTIALS, bytes(12).hex()]])


def test_F13_credentials_and_a_descriptor(session, pb):
    s = session()
    null = s.agent.open_path("/dev/null", os.O_RDONLY)
    rights = array.array("i", [null]).tobytes().hex()
    s.agent.send_cmsgs(s.encode(hello=an_op(pb, "hello")).hex(),
                       [[socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials(s)],
                        [socket.SOL_SOCKET, socket.SCM_RIGHTS, rights]])
    s.breached()


def test_F13_rights_that_are_none(session, pb):
    """A list of no descriptors, and one of three bytes: the kernel delivers nothing."""
    s = session()
    s.agent.send_cmsgs(s.encode(hello=an_op(pb, "hello")).hex(),
                       [[socket.SOL_SOCKET, socket.SCM_RIGHTS, "000000"]])
    assert s.reply().error == 0
