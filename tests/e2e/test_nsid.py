"""nsid-alloc: the id of the host's netns inside the container. (Q9)"""
import errno
import re
import struct

import pytest

import nlmsg as n
from nlmsg import attr, newlink, u32

NETNSA_NSID, NETNSA_FD = 1, 3
INT_MAX = 2**31 - 1


def granted(s, wanted, nsid):
    reply = s.nsid(wanted)
    assert (reply.error, reply.nsid_alloc.nsid) == (0, nsid)


def refused(s, wanted, error):
    reply = s.nsid(wanted)
    assert errno.errorcode.get(reply.error) == errno.errorcode[error]
    assert not reply.HasField("nsid_alloc")


def ids(box):
    """The ids that there are in the container, by its own ip(8)."""
    return [int(i) for i in re.findall(r"nsid (\d+)", box.ip("netns", "list-id"))]


def id_of(box, ns):
    """RTM_GETNSID in @box for the namespace of @ns, as root asks it."""
    fd = ns.open()
    with box.netlink() as sock, open(fd, "rb", buffering=0):
        payload = struct.pack("=B3x", 0) + attr(NETNSA_FD, u32(fd))
        sock.send(struct.pack("=IHHII", 16 + len(payload), n.RTM_GETNSID, n.NLM_F_REQUEST, 1, 0)
                  + payload)
        answer = sock.recv(4096)
    assert struct.unpack_from("=H", answer, 4)[0] == n.RTM_NEWNSID
    return struct.unpack_from("=i", answer, 16 + 4 + 4)[0]


def give_id(box, ns, nsid):
    """RTM_NEWNSID in @box, as root does it."""
    fd = ns.open()
    with box.netlink() as sock, open(fd, "rb", buffering=0):
        payload = struct.pack("=B3x", 0) + attr(NETNSA_FD, u32(fd)) + attr(NETNSA_NSID, u32(nsid))
        sock.send(struct.pack("=IHHII", 16 + len(payload), n.RTM_NEWNSID, 5, 1, 0) + payload)
        assert struct.unpack_from("=i", sock.recv(4096), 16)[0] == 0


@pytest.mark.parametrize("wanted", [0, 1, 31, 4242, INT_MAX])
def test_wanted(bound, host, wanted):
    s, box = bound
    granted(s, wanted, wanted)
    assert id_of(box, host) == wanted
    assert ids(box) == [wanted]


def test_any(bound, host):
    s, box = bound
    reply = s.nsid(-1)
    assert reply.error == 0
    assert id_of(box, host) == reply.nsid_alloc.nsid >= 0
    granted(s, -1, reply.nsid_alloc.nsid)


def test_Q9_again(bound, host):
    """An id is for good: the same one is granted again, another is not."""
    s, box = bound
    granted(s, 31, 31)
    granted(s, 31, 31)
    granted(s, -1, 31)
    refused(s, 32, errno.EEXIST)
    refused(s, 0, errno.EEXIST)
    granted(s, 31, 31)
    assert id_of(box, host) == 31


def test_Q9_again_in_another_session(bound, session):
    s, box = bound
    granted(s, 31, 31)
    granted(session().ready(box), 31, 31)


@pytest.mark.parametrize("wanted", [-2, -3, -2**31])
def test_Q9_below_minus_one(bound, wanted):
    """The kernel would take it for any."""
    s, box = bound
    refused(s, wanted, errno.EINVAL)
    assert ids(box) == []
    granted(s, 3, 3)


def test_Q9_used_by_another_netns(bound, host, lan):
    s, box = bound
    give_id(box, lan, 7)
    refused(s, 7, errno.EEXIST)
    assert id_of(box, host) == -1
    granted(s, 8, 8)
    assert (id_of(box, lan), id_of(box, host)) == (7, 8)


def test_Q9_given_by_the_kernel_with_the_first_link(bound, host):
    """A worker that wants an id asks before the first link: later it is taken."""
    s, box = bound
    assert s.create(("par0", newlink("eth0"))).error == 0
    reply = s.nsid(-1)
    assert reply.nsid_alloc.nsid == id_of(box, host) == box.links()["eth0"]["link_netnsid"]
    refused(s, reply.nsid_alloc.nsid + 1, errno.EEXIST)


def test_links_show_it(bound):
    s, box = bound
    granted(s, 31, 31)
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert box.links()["eth0"]["link_netnsid"] == 31


def test_host_learns_nothing(bound, host, unchanged):
    """The id is the container's; in the host there is none for the container."""
    s, box = bound
    before = ids(host)
    with unchanged(box):
        granted(s, 31, 31)
    assert ids(host) == before
