"""What the design takes for granted of the kernel, without netcr. It runs on the machine's kernel and on
those of tests/vm; where they differ, both sides of the difference are asserted."""
import ctypes
import fcntl
import json
import os
import struct

import pytest

from namespaces import DEADLINE, Netns
from nlmsg import (CREATE_FLAGS, IFF_MULTICAST, IFF_NOARP, IFF_UP, IFLA_GROUP, IFLA_IFALIAS, IFLA_LINK,
                   IFLA_LINK_NETNSID, IFLA_NET_NS_FD, IFLA_PROP_LIST, IFLA_TARGET_NETNSID, IFLA_TXQLEN,
                   NLA_F_NESTED, NLM_F_ACK, NLM_F_EXCL, NLM_F_REQUEST, RTM_DELLINK,
                   RTM_GETNSID, RTM_NEWNSID, RTM_SETLINK, attr, ifname, message, newlink, u32)

EPERM, EEXIST, EBUSY, EINVAL, ENODEV = 1, 17, 16, 22, 19
EADDRINUSE, EOPNOTSUPP, ENOTTY, EBADF = 98, 95, 25, 9
RTM_DELNSID, RTM_GETLINK, NLMSG_ERROR, NLMSG_DONE = 89, 18, 2, 3
IFLA_NEW_IFINDEX, IFLA_ALT_IFNAME = 49, 53
NETNSA_NSID, NETNSA_FD = 1, 3
SOL_NETLINK, NETLINK_EXT_ACK, NETLINK_CAP_ACK = 270, 11, 10
NLM_F_DUMP = 0x300
NS_GET_USERNS, NS_GET_PARENT, NS_GET_NSTYPE, NS_GET_OWNER_UID = 0xb701, 0xb702, 0xb703, 0xb704
NS_GET_ID = 0x8008b70d
PIDFD_GET_NET_NAMESPACE = 0xff04
SIOCGSKNS, CLONE_NEWNET, CLONE_NEWUSER = 0x894c, 0x40000000, 0x10000000
GROUP = 0x6e657463
KERNEL = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
IN_TARGET = KERNEL >= (6, 15)  # where names and indexes of new links are looked up


class Sock:
    """An rtnetlink socket in @ns."""

    def __init__(self, ns):
        self.sock = ns.netlink()
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.sock.settimeout(DEADLINE)

    def replies(self, data):
        """Send it; (type, payload) of all that comes until the ack or the end of a dump."""
        self.sock.send(data)
        while True:
            rest = self.sock.recv(1 << 17)
            while len(rest) >= 16:
                size, kind = struct.unpack("=IH", rest[:6])
                yield kind, rest[16:size]
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    return
                rest = rest[size + -size % 4:]

    def talk(self, data):
        """The errno of its ack."""
        for kind, payload in self.replies(data):
            if kind in (NLMSG_ERROR, NLMSG_DONE):
                return -struct.unpack("=i", payload[:4])[0]
        return None


@pytest.fixture
def target(container, user1):
    return container(user1)


@pytest.fixture
def make(own_host, target):
    """make(name, …): the request that the broker sends, with all that newlink() can do."""
    sock, fd = Sock(own_host), target.open()
    parent = own_host.links()["par0"]["ifindex"]

    def send(name="mv0", link=parent, more=b"", **kwargs):
        return sock.talk(newlink(name, more=attr(IFLA_LINK, u32(link)) +
                                 attr(IFLA_NET_NS_FD, u32(fd)) + more, **kwargs))
    send.sock, send.fd, send.parent = sock, fd, parent
    yield send
    os.close(fd)


def nsid_request(kind, fd, nsid=None, flags=0):
    body = bytes(4) + attr(NETNSA_FD, u32(fd))
    if nsid is not None:
        body += attr(NETNSA_NSID, struct.pack("=i", nsid))
    head = struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0)
    return head + body


def nsid_of(sock, fd):
    found = [payload for kind, payload in sock.replies(nsid_request(RTM_GETNSID, fd))
             if kind == RTM_NEWNSID]
    return struct.unpack("=i", found[0][8:12])[0]


# --- creation


def test_everything_in_one_request(make, target):
    assert make("a", address="02:00:00:00:00:05", mtu=1400, ifindex=4242,
                flags=IFF_UP | IFF_NOARP, change=IFF_UP | IFF_NOARP | IFF_MULTICAST,
                more=attr(IFLA_TXQLEN, u32(77)) + attr(IFLA_GROUP, u32(GROUP))) == 0
    link = target.links()["a"]
    assert (link["ifindex"], link["address"], link["mtu"], link["txqlen"], link["group"]) == (
        4242, "02:00:00:00:00:05", 1400, 77, str(GROUP))
    assert {"UP", "NOARP"} <= set(link["flags"]) and "MULTICAST" not in link["flags"]


def test_silently_ignored(make, target):
    """So the worker sets them afterwards."""
    names = attr(IFLA_PROP_LIST | NLA_F_NESTED, attr(IFLA_ALT_IFNAME, b"other\0"))
    assert make("a", more=attr(IFLA_IFALIAS, b"alias") + names +
                attr(IFLA_NEW_IFINDEX, u32(999))) == 0
    link = target.links()["a"]
    assert "ifalias" not in link and "altnames" not in link and link["ifindex"] != 999


@pytest.mark.parametrize("taken", ["macvlan", "bridge"])
def test_an_index_of_the_senders_namespace(make, target, own_host, taken):
    kind = ("link", "par0", "index", "77", "type", "macvlan") if taken == "macvlan" else (
        "index", "77", "type", "bridge")
    own_host.ip("link", "add", "mine", *kind)
    before = own_host.links()["mine"]["address"]
    assert make("a", ifindex=77) == (0 if IN_TARGET else EEXIST)
    assert own_host.links()["mine"]["address"] == before


def test_a_name_of_the_senders_namespace(make, target):
    assert make("par0") == (0 if IN_TARGET else EEXIST)
    assert make("par0", ifindex=78) == (EEXIST if IN_TARGET else 0)
    assert "par0" in target.links()


def test_an_index_or_a_name_of_the_target(make, target):
    assert make("a", ifindex=4242) == 0
    assert make("b", ifindex=4242) == (EEXIST if IN_TARGET else EBUSY)
    assert make("a", ifindex=4243) == EEXIST
    assert make("c", ifindex=1) in (EEXIST, EBUSY)


def test_without_EXCL_a_link_of_the_host_is_taken(make, target, own_host):
    """The reason for which no byte of the worker's header reaches the kernel."""
    own_host.ip("link", "add", "mine", "link", "par0", "index", "77", "type", "macvlan")
    assert make("a", ifindex=77, nl_flags=CREATE_FLAGS & ~NLM_F_EXCL) == 0
    assert "mine" not in own_host.links() and target.links()["a"]["ifindex"] == 77


@pytest.mark.parametrize("kwargs, error", [
    ({"mtu": 9000}, EINVAL), ({"ifindex": -5}, EINVAL), ({"link": 99999}, ENODEV),
    ({"link": 1}, EINVAL), ({"name": "a/b"}, EINVAL), ({"name": "all"}, EINVAL),
    ({"mode": 3}, EINVAL), ({"address": "01:00:00:00:00:01"}, 99)])
def test_refused(make, target, kwargs, error):
    assert make(**kwargs) == error
    assert set(target.links()) == {"lo"}


def test_names_are_expanded_and_the_last_wins(make, target):
    """Why the broker's decoder refuses both."""
    assert make("mv%d") == 0
    assert make("a", more=ifname("b")) == 0
    assert {"mv0", "b"} <= set(target.links())


def test_one_address_twice(make, target):
    """Two links may have it, and one may be up."""
    assert make("a", address="02:00:00:00:00:05") == 0
    assert make("b", address="02:00:00:00:00:05") == 0
    target.ip("link", "set", "dev", "a", "up")
    done = target.run("ip", "link", "set", "dev", "b", "up", check=False)
    assert done.returncode != 0 and "in use" in done.stderr
    assert make("c", address="02:00:00:00:00:05", flags=IFF_UP) == EADDRINUSE
    assert "c" not in target.links()


def test_a_group_goes_at_once(make, target):
    """The way back of a restore."""
    for i in range(20):
        assert make(f"a{i}", more=attr(IFLA_GROUP, u32(GROUP))) == 0
    assert make("other") == 0
    request = message(attr(IFLA_GROUP, u32(GROUP)), kind=RTM_DELLINK,
                      nl_flags=NLM_F_REQUEST | NLM_F_ACK)
    assert Sock(target).talk(request) == 0
    assert set(target.links()) == {"lo", "other"}
    assert Sock(target).talk(request) == ENODEV


def test_a_move_with_a_new_index(make, target, own_host, procs):
    """The detour before 6.15: away, and back with the index that is wanted."""
    own_host.ip("link", "add", "mine", "index", "77", "type", "bridge")
    assert make("tmp", address="02:00:00:00:00:05") == 0
    away, sock = Netns(procs, target.user.argv("nsenter", f"--target={target.pid}", "--user",
                                               "--preserve-credentials", "--", "unshare", "-n")), Sock(target)
    there, here = away.open(), target.open()
    flags = NLM_F_REQUEST | NLM_F_ACK
    index = target.links()["tmp"]["ifindex"]
    assert sock.talk(message(attr(IFLA_NET_NS_FD, u32(there)), ifindex=index, change=0,
                             kind=RTM_SETLINK, nl_flags=flags)) == 0
    index = away.links()["tmp"]["ifindex"]
    assert Sock(away).talk(message(attr(IFLA_NET_NS_FD, u32(here)) + attr(IFLA_NEW_IFINDEX, u32(77)) +
                                   ifname("eth0"), ifindex=index, change=0, kind=RTM_SETLINK,
                                   nl_flags=flags)) == 0
    link = target.links()["eth0"]
    assert (link["ifindex"], link["address"]) == (77, "02:00:00:00:00:05")
    assert (link["link_index"], link["link_netnsid"]) == (make.parent, 0)
    os.close(there)
    os.close(here)


# --- ids of namespaces


def test_nsids(own_host, target, procs):
    sock, fd = Sock(own_host), target.open()
    other = Netns(procs)
    other_fd = other.open()
    assert nsid_of(sock, fd) == -1
    assert sock.talk(nsid_request(RTM_NEWNSID, fd, 31)) == 0
    assert nsid_of(sock, fd) == 31
    assert sock.talk(nsid_request(RTM_NEWNSID, fd, 31)) == EEXIST  # though it is the same
    assert sock.talk(nsid_request(RTM_NEWNSID, fd, 32)) == EEXIST
    assert sock.talk(nsid_request(RTM_NEWNSID, other_fd, 31)) == EEXIST
    assert sock.talk(nsid_request(RTM_DELNSID, fd)) == EOPNOTSUPP
    assert sock.talk(nsid_request(RTM_NEWNSID, other_fd, -1)) == 0
    assert nsid_of(sock, other_fd) >= 0
    os.close(fd)
    os.close(other_fd)


def test_an_nsid_over_the_targets_socket(own_host, target):
    """By the broker, which alone holds a descriptor of its namespace."""
    sock, fd = Sock(target), own_host.open()
    assert sock.talk(nsid_request(RTM_NEWNSID, fd, 42)) == 0
    assert nsid_of(sock, fd) == 42
    found = fcntl.ioctl(sock.sock.fileno(), SIOCGSKNS)
    assert os.fstat(found).st_ino == target.inode()
    for one in (found, fd):
        os.close(one)


def test_the_kernel_gives_an_nsid_by_itself(make, target, own_host):
    """At the first link, so one that is wanted has to be given before."""
    sock, fd = Sock(target), own_host.open()
    assert nsid_of(sock, fd) == -1
    assert make("a") == 0
    assert nsid_of(sock, fd) == 0
    os.close(fd)


def test_links_of_a_target_by_its_nsid(make, target):
    """How the broker counts."""
    assert make.sock.talk(nsid_request(RTM_NEWNSID, make.fd, 0x40000007)) == 0
    for i in range(5):
        assert make(f"a{i}") == 0
    target.ip("link", "add", "br0", "type", "bridge")
    info = attr(18 | NLA_F_NESTED, attr(1, b"macvlan\0"))

    def dump(nsid):
        request = message(attr(IFLA_TARGET_NETNSID, u32(nsid)) + info, kind=RTM_GETLINK,
                          nl_flags=NLM_F_REQUEST | NLM_F_DUMP)
        return [(kind, payload) for kind, payload in make.sock.replies(request)]
    assert sum(kind == 16 for kind, _ in dump(0x40000007)) == 5
    kind, payload = dump(0x40000008)[-1]
    error = -struct.unpack("=i", payload[:4])[0]
    assert error in (0, EINVAL)  # an unknown one: nothing, or an error, by the version


def test_a_parent_in_a_third_namespace(target, own_host, procs):
    """Before 6.15 the link is made there and moved, and comes out down."""
    router = Netns(procs)
    router.ip("link", "add", "lan0", "type", "bridge")
    router.ip("link", "set", "lan0", "up")
    index = router.links()["lan0"]["ifindex"]
    fds = router.open(), target.open()
    assert Sock(target).talk(nsid_request(RTM_NEWNSID, fds[0], 9)) == 0
    more = (attr(IFLA_LINK, u32(index)) + attr(IFLA_LINK_NETNSID, u32(9)) +
            attr(IFLA_NET_NS_FD, u32(fds[1])))
    assert Sock(own_host).talk(newlink("a", address="02:00:00:00:00:05", ifindex=4242, flags=IFF_UP,
                                       more=more)) == 0
    link = target.links()["a"]
    assert (link["ifindex"], link["address"], link["link_netnsid"]) == (4242, "02:00:00:00:00:05", 9)
    assert ("UP" in link["flags"]) == IN_TARGET
    for fd in fds:
        os.close(fd)


# --- whose a namespace is


def ask(fd, request, size=None):
    """What an ioctl says, or the errno as a negative number."""
    try:
        if size is None:
            return fcntl.ioctl(fd, request)
        return int.from_bytes(fcntl.ioctl(fd, request, bytes(size)), "little")
    except OSError as e:
        return -e.errno


def test_whose_a_namespace_is(target, own_host, user1):
    net, host = target.open(), own_host.open()
    assert ask(net, NS_GET_NSTYPE) == CLONE_NEWNET
    assert ask(net, NS_GET_OWNER_UID, 4) == -EINVAL
    user = ask(net, NS_GET_USERNS)
    assert ask(user, NS_GET_NSTYPE) == CLONE_NEWUSER
    assert ask(user, NS_GET_OWNER_UID, 4) == user1.uid
    above = ask(user, NS_GET_PARENT)
    assert ask(above, NS_GET_OWNER_UID, 4) == 0
    assert ask(above, NS_GET_PARENT) == -EPERM
    owner = ask(host, NS_GET_USERNS)
    assert os.fstat(owner).st_ino == os.fstat(above).st_ino
    path = os.open(target.path, os.O_PATH)
    assert ask(path, NS_GET_NSTYPE) == -EBADF
    null = os.open("/dev/null", os.O_RDONLY)
    assert ask(null, NS_GET_NSTYPE) == -ENOTTY
    for fd in (net, host, user, above, owner, path, null):
        os.close(fd)


def test_what_newer_kernels_have(target, worker):
    """Used where it is there; netcr-worker check says of each whether it is."""
    net, pidfd = target.open(), os.pidfd_open(target.pid)
    has_id = ask(net, NS_GET_ID, 8) > 0
    assert has_id == (KERNEL >= (6, 18))
    by_pidfd = ask(pidfd, PIDFD_GET_NET_NAMESPACE)
    assert by_pidfd == -ENOTTY if KERNEL < (6, 11) else by_pidfd >= 0
    abi = ctypes.CDLL(None).syscall(444, None, 0, 1)  # landlock_create_ruleset: its version
    assert abi == {(6, 1): 2, (6, 12): 6}.get(KERNEL, abi)
    said = json.loads(target.run(worker, "check", "--json", check=False).stdout)["kernel"]
    assert said["netns-id"] == has_id and said["landlock-abi"] == max(abi, 0)
    assert said["pidfd-namespaces"] == (by_pidfd >= 0) and said["exact-index"] == IN_TARGET
    os.close(net)
    os.close(pidfd)
    if by_pidfd >= 0:
        os.close(by_pidfd)
