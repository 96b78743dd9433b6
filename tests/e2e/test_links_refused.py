"""L and Q: what a worker may propose. The full sweep of the decoder is in the unit tests; here a
handful of each row goes all the way, to the real broker, and nothing may come of it. Each row
ends with a link that is fine, made by the same session."""
import errno
import struct

import pytest

import namespaces
import nlmsg as n
from nlmsg import attr, ifname, linkinfo, message, newlink, u16, u32

GOOD = ifname("mv0") + linkinfo()
INT_MAX = 2**31 - 1


def link_of(reply):
    """The one result of a reply about one link."""
    results = reply.link_create.results
    assert len(results) == 1
    return results[0]


def refused(s, data, error=errno.EINVAL, parent="par0"):
    """One link that is refused with @error. A refusal by policy says nothing at all."""
    reply = s.create((parent, data))
    assert errno.errorcode.get(reply.error) == errno.errorcode[error], data.hex()
    if error == errno.EPERM:
        assert not reply.HasField("link_create") and reply.message == ""
    else:
        assert link_of(reply).error == error
        assert link_of(reply).ifindex == 0
        assert link_of(reply).message, "it says what is wrong"


@pytest.fixture
def refusals(bound, unchanged):
    """refusals(cases, error): none of them is made, nothing changes, and then one is made."""
    s, box = bound

    def check(cases, error=errno.EINVAL):
        with unchanged(box):
            for data in cases:
                refused(s, data, error)
        assert s.create(("par0", newlink("fine0"))).error == 0
        assert "fine0" in box.links()
    return check


def test_L1_lengths_and_number_of_messages(refusals):
    good = newlink()
    cases = [message(GOOD, length=size)
             for size in (0, 1, 15, 16, 31, len(good) - 1, len(good) + 1, len(good) + 4, 2**32 - 1)]
    cases += [good + good, good + bytes(4), good + b"\0", good[:-1]]
    refusals(cases)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, n.RTM_DELLINK, 18, n.RTM_SETLINK, n.RTM_NEWADDR,
                                  n.RTM_NEWROUTE, 28, n.RTM_NEWNSID, 89, 108, 0xffff])
def test_L2_message_types(refusals, kind):
    refusals([newlink(kind=kind)])


def test_L3_header(refusals):
    others = [0, n.NLM_F_REQUEST, n.CREATE_FLAGS & ~n.NLM_F_EXCL, n.CREATE_FLAGS & ~n.NLM_F_ACK,
              n.CREATE_FLAGS & ~n.NLM_F_CREATE, n.CREATE_FLAGS | n.NLM_F_REPLACE,
              n.CREATE_FLAGS | n.NLM_F_APPEND, n.CREATE_FLAGS | 8, 0xffff]
    refusals([newlink(nl_flags=flags) for flags in others] +
             [newlink(pid=1), newlink(seq=1), newlink(family=7), newlink(dev_type=1)])


def test_L4_kinds(refusals):
    kinds = [b"veth\0", b"bridge\0", b"tun\0", b"ipvlan\0", b"macvtap\0", b"vxlan\0", b"dummy\0",
             b"macvlan\0x", b"macvlan", b"macvlanX\0", b"macvla\0", b"", b"\0", b"macvlan\0\0",
             b"macvlan" + b"\0" * 9, b"m" * 17 + b"\0", b"Macvlan\0"]
    refusals([message(ifname("mv0") + linkinfo(kind=kind)) for kind in kinds])


def test_L5_twice(refusals):
    mode = attr(n.IFLA_MACVLAN_MODE, u32(4))
    mac = attr(n.IFLA_ADDRESS, n.mac("02:00:00:00:00:01"))
    mtu = attr(n.IFLA_MTU, u32(1400))
    kind = attr(n.IFLA_INFO_KIND, b"macvlan\0")
    refusals([message(ifname("mv0") + GOOD), message(GOOD + linkinfo()),
              newlink(more=mac + mac), newlink(more=mtu + mtu), newlink(data={"more": mode}),
              message(ifname("mv0") + attr(n.LINKINFO, kind + kind + n.info_data())),
              message(ifname("mv0") + attr(n.LINKINFO, kind + n.info_data() + n.info_data()))])


def test_L6_unknown_attributes_and_flag_bits(refusals):
    cases = [newlink(more=attr(kind, u32(1))) for kind in (0, 9, 15, 25, 66, 200, 4000, 0x3fff)]
    cases += [newlink(more=attr(n.IFLA_MTU | bit, u32(1400)))
              for bit in (n.NLA_F_NESTED, n.NLA_F_NET_BYTEORDER)]
    cases += [message(attr(n.IFLA_IFNAME | n.NLA_F_NESTED, b"mv0\0") + linkinfo()),
              message(ifname("mv0") + attr(n.IFLA_LINKINFO, linkinfo()[4:])),
              newlink(data={"more": attr(60, u32(1))})]
    refusals(cases)


def nest(depth):
    data = b""
    for _ in range(depth):
        data = attr(n.LINKINFO, data)
    return data


def test_L7_lengths_of_attributes(refusals):
    cases = [newlink(more=attr(n.IFLA_MTU, u32(1400), length=size)) for size in (0, 1, 3, 4, 5, 9)]
    cases += [message(GOOD + attr(n.IFLA_MTU, u32(1400), length=size)) for size in (9, 500, 65535)]
    cases += [message(GOOD + b"\x08\x00"), message(GOOD + b"\x08\x00\x04\x00"),
              message(ifname("mv0") + nest(10)),
              message(ifname("mv0") + attr(n.LINKINFO, attr(n.IFLA_INFO_KIND, b"macvlan\0") +
                                           attr(n.INFO_DATA, b"", length=200))),
              newlink(data={"more": attr(n.IFLA_MACVLAN_FLAGS, u16(0), length=100)}),
              message(ifname("mv0") + attr(n.LINKINFO, attr(n.IFLA_INFO_KIND, b"macvlan\0",
                                                            length=400)))]
    refusals(cases)


@pytest.mark.parametrize("kind", [n.IFLA_NET_NS_PID, n.IFLA_NET_NS_FD, n.IFLA_TARGET_NETNSID,
                                  n.IFLA_LINK_NETNSID, n.IFLA_LINK, 49])
def test_L8_places(refusals, kind):
    """Where a link goes, and what it sits on, is the broker's to say. (49: IFLA_NEW_NETNSID)"""
    refusals([newlink(more=attr(kind, u32(value))) for value in (0, 1, 3, 5, 2**32 - 1)])


def test_L9_names(refusals):
    names = ["", ".", "..", "a/b", "a:b", "a b", "mv%d", "%d", "mv%s", "x" * 16, "all", "default",
             "lo", "a\x01", "a\x7f", "\t", "a\n"]
    raw = [b"", b"\0", b"abc", b"ab\0cd\0", b"mv0\0\0", b"\xff\xfe\0", "mvö\0".encode(),
           b"x" * 16 + b"\0", b"x" * 255 + b"\0"]
    refusals([newlink(name) for name in names + raw])


L10 = [n.IFLA_BROADCAST, n.IFLA_MASTER, n.IFLA_MAP, n.IFLA_IFALIAS, n.IFLA_NUM_VF,
       n.IFLA_VFINFO_LIST, n.IFLA_AF_SPEC, n.IFLA_CARRIER, n.IFLA_PROTO_DOWN, n.IFLA_XDP,
       n.IFLA_EVENT, n.IFLA_PROP_LIST, 16, 17, 24, 25, 30]


def test_L10_attributes_that_are_not_on_the_list(refusals):
    """(16 OPERSTATE, 17 LINKMODE, 24 VF_PORTS, 25 PORT_SELF, 30 PROMISCUITY)"""
    refusals([newlink(more=attr(kind | bit, payload)) for kind in L10
              for bit in (0, n.NLA_F_NESTED) for payload in (b"", u32(1), bytes(32))])


def test_L11_queues(refusals):
    refusals([newlink(more=attr(kind, u32(value)))
              for kind in (n.IFLA_NUM_TX_QUEUES, n.IFLA_NUM_RX_QUEUES)
              for value in (0, 65, 4096, 4097, 2**32 - 1)])


def test_L12_mtu_out_of_range(refusals):
    refusals([newlink(mtu=mtu) for mtu in (0, 1, 67, 65536, 2**31, 2**32 - 1)])


def test_L12_mtu_above_the_parents(bound, unchanged):
    """The kernel refuses it: its errno, and no link."""
    s, box = bound
    with unchanged(box):
        reply = s.create(("par0", newlink(mtu=1501)))
        assert (reply.error, link_of(reply).error) == (errno.EINVAL, errno.EINVAL)
        assert s.audit()[-1]["stage"] == "execute"
    assert s.create(("par0", newlink(mtu=1500))).error == 0


def test_L13_addresses_of_the_wrong_length(refusals):
    refusals([newlink(address=b"\x02" * size) for size in (0, 1, 5, 7, 8, 20, 32)])


def test_L13_addresses_that_are_none(refusals):
    refusals([newlink(address=mac) for mac in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff",
                                               "01:00:5e:00:00:01", "03:00:00:00:00:01")],
             error=errno.EADDRNOTAVAIL)


def test_L13_address_of_the_parent(bound, unchanged, host):
    s, box = bound
    with unchanged(box):
        data = newlink(address=host.links()["par0"]["address"], flags=n.IFF_UP)
        assert link_of(s.create(("par0", data))).error == errno.EADDRINUSE


def test_L14_ifindex(refusals):
    refusals([newlink(ifindex=index) for index in (-1, 1, -5, -2**31)])


def test_L14_ifindex_that_is_taken(bound):
    s, box = bound
    assert s.create(("par0", newlink("a0", ifindex=INT_MAX))).error == 0
    before = box.links()
    reply = s.create(("par0", newlink("a1", ifindex=INT_MAX)))
    assert link_of(reply).error in (errno.EEXIST, errno.EBUSY)  # EBUSY: before Linux 6.15
    assert box.links() == before


def test_L14_name_that_is_taken(bound):
    s, box = bound
    assert s.create(("par0", newlink("a0"))).error == 0
    before = box.links()
    assert link_of(s.create(("par0", newlink("a0")))).error == errno.EEXIST
    assert box.links() == before


def test_L15_flags_that_are_not_within_change(refusals):
    refusals([newlink(flags=n.IFF_UP, change=0), newlink(flags=0, change=2**32 - 1),
              newlink(flags=n.IFF_UP, change=2**32 - 1), newlink(flags=1 << 16),
              newlink(flags=1 << 31), newlink(flags=2),
              newlink(flags=n.IFF_UP, change=n.IFF_NOARP)])


def test_L15_flags_that_policy_does_not_allow(refusals):
    refusals([newlink(flags=flags) for flags in
              (n.IFF_PROMISC, n.IFF_ALLMULTI, n.IFF_UP | n.IFF_PROMISC)] +
             [newlink(flags=0, change=n.IFF_PROMISC)], error=errno.EPERM)


def test_L16_modes_and_macvlan_attributes(refusals):
    mac = n.mac("02:00:00:00:00:01")
    cases = [newlink(mode=mode) for mode in (None, 0, 3, 5, 6, 32, 2**32 - 1)]
    cases += [newlink(data={"flags": flags}) for flags in (4, 8, 0xffff)]
    cases += [newlink(data={"bc_queue_len": size}) for size in (10001, 2**32 - 1)]
    cases += [newlink(data={"more": more}) for more in (
        attr(n.IFLA_MACVLAN_MACADDR_MODE, u32(0)), attr(n.IFLA_MACVLAN_MACADDR, mac),
        attr(n.IFLA_MACVLAN_MACADDR_DATA, attr(n.IFLA_MACVLAN_MACADDR, mac)),
        attr(n.IFLA_MACVLAN_MACADDR_DATA | n.NLA_F_NESTED, attr(n.IFLA_MACVLAN_MACADDR, mac)),
        attr(n.IFLA_MACVLAN_MACADDR_COUNT, u32(1)),
        attr(n.IFLA_MACVLAN_BC_QUEUE_LEN_USED, u32(1)),
        attr(n.IFLA_MACVLAN_BC_CUTOFF, struct.pack("=i", -2)),
        attr(n.IFLA_MACVLAN_FLAGS, u32(1)))]
    cases += [newlink(mode="source", data={"more": attr(n.IFLA_MACVLAN_MACADDR_DATA |
                                                        n.NLA_F_NESTED, b"")})]
    refusals(cases)


# --- L17, Q5: parents


@pytest.mark.parametrize("parent", ["nosuch", "par0p", "par1", "eth0", "par"])
def test_L17_parents_that_are_not_allowed(bound, unchanged, parent):
    """Whether there is one of that name makes no difference."""
    s, box = bound
    with unchanged(box):
        refused(s, newlink(), errno.EPERM, parent)
    assert s.create(("par0", newlink())).error == 0


def test_L17_loopback(bound, unchanged):
    s, box = bound
    with unchanged(box):
        refused(s, newlink(), errno.EINVAL, "lo")


@pytest.fixture
def two_parents(own_host, procs):
    """par0 and par1, of which only par0 will be allowed."""
    namespaces.connect(own_host, namespaces.Netns(procs), "par1")
    return own_host


@pytest.fixture
def own_bound(session, container, user1):
    """Like bound, on a host of the test's own."""
    def start(host, **kwargs):
        box = container(user1)
        return session(host=host, **kwargs).ready(box), box
    return start


def test_L17_another_parent_that_is_there(two_parents, own_bound):
    s, box = own_bound(two_parents)
    before = two_parents.links()
    refused(s, newlink(), errno.EPERM, "par1")
    assert two_parents.links() == before and list(box.links()) == ["lo"]


def test_L17_one_that_is_not_allowed_among_others(two_parents, own_bound):
    """All are judged before the first is made."""
    s, box = own_bound(two_parents)
    reply = s.create(*[("par0", newlink(f"mv{i}")) for i in range(5)], ("par1", newlink("mv5")))
    assert (reply.error, reply.HasField("link_create")) == (errno.EPERM, False)
    assert list(box.links()) == ["lo"]


def test_L17_one_that_is_malformed_among_others(bound, unchanged):
    s, box = bound
    with unchanged(box):
        reply = s.create(*[("par0", newlink(f"mv{i}")) for i in range(3)],
                         ("par0", newlink("a/b")), ("par0", newlink("mv4")))
        assert [r.error for r in reply.link_create.results] == [
            errno.ECANCELED] * 3 + [errno.EINVAL, errno.ECANCELED]


def test_L17_macvlan_on_an_allowed_parent(two_parents, own_bound):
    """It stands for its lowest device, both ways."""
    two_parents.ip("link", "add", "up0", "link", "par0", "type", "macvlan", "mode", "bridge")
    two_parents.ip("link", "add", "up1", "link", "par1", "type", "macvlan", "mode", "bridge")
    s, box = own_bound(two_parents)
    assert s.create(("up0", newlink())).error == 0
    assert box.links()["mv0"]["link_index"] == two_parents.links()["par0"]["ifindex"]
    refused(s, newlink("mv1"), errno.EPERM, "up1")


def test_L17_macvlan_that_was_allowed_by_name(two_parents, own_bound):
    """--allow-parent with a macvlan's name allows its lowest device."""
    two_parents.ip("link", "add", "up0", "link", "par0", "type", "macvlan", "mode", "bridge")
    s, box = own_bound(two_parents, options=("--allow-parent", "up0"))
    assert s.create(("up0", newlink("a0")), ("par0", newlink("a1"))).error == 0
    refused(s, newlink(), errno.EPERM, "par1")
    assert len(box.links()) == 3


def test_L17_macvlan_whose_lowest_device_is_elsewhere(own_host, own_bound, procs):
    """A name of this netns, a parent in another."""
    other = namespaces.Netns(procs)
    namespaces.connect(other, namespaces.Netns(procs), "far0")
    other.ip("link", "add", "up0", "link", "far0", "netns", str(own_host.pid), "type", "macvlan")
    s, box = own_bound(own_host)
    refused(s, newlink(), errno.EPERM, "up0")
    assert list(box.links()) == ["lo"]


def test_L17_alternative_name(own_host, own_bound):
    """The kernel takes it for the device's; so it is judged as that."""
    own_host.ip("link", "property", "add", "dev", "par0", "altname", "other0")
    s, box = own_bound(own_host)
    assert s.create(("other0", newlink())).error == 0
    assert "mv0" in box.links()


def test_Q5_parent_renamed(own_host, own_bound):
    s, box = own_bound(own_host)
    own_host.batch("link set par0 down", "link set par0 name new0", "link set new0 up")
    refused(s, newlink(), errno.EPERM, "new0")
    refused(s, newlink(), errno.ENODEV, "par0")
    own_host.batch("link set new0 down", "link set new0 name par0", "link set par0 up")
    assert s.create(("par0", newlink())).error == 0
    assert "mv0" in box.links()


def test_Q5_parent_replaced(own_host, own_bound, procs):
    """Another device of the same name is another parent."""
    s, box = own_bound(own_host)
    own_host.ip("link", "del", "par0")
    namespaces.connect(own_host, namespaces.Netns(procs))
    refused(s, newlink(), errno.EPERM)
    assert list(box.links()) == ["lo"]


def test_Q5_names_swapped(two_parents, own_bound):
    s, box = own_bound(two_parents)
    two_parents.batch("link set par0 down", "link set par1 down", "link set par0 name tmp0",
                      "link set par1 name par0", "link set tmp0 name par1")
    refused(s, newlink(), errno.EPERM, "par0")
    refused(s, newlink(), errno.EPERM, "par1")
    assert list(box.links()) == ["lo"]


def test_Q5_index_taken_over(two_parents, own_bound):
    """The name and the index of the parent, but not on one device."""
    s, box = own_bound(two_parents)
    index = two_parents.links()["par0"]["ifindex"]
    two_parents.batch("link del par0", "link set par1 down", "link set par1 name par0",
                      f"link add sneak0 index {index} type veth peer name sneak1")
    refused(s, newlink(), errno.EPERM, "par0")
    refused(s, newlink(), errno.EPERM, "sneak0")
    assert list(box.links()) == ["lo"]


def test_Q5_parent_moved_away(own_host, own_bound, procs):
    s, box = own_bound(own_host)
    own_host.ip("link", "set", "par0", "netns", str(namespaces.Netns(procs).pid))
    refused(s, newlink(), errno.ENODEV)
    assert list(box.links()) == ["lo"]


# --- Q6: modes


@pytest.mark.parametrize("mode", ["passthru", "source"])
def test_Q6_modes_that_are_not_allowed(bound, unchanged, mode):
    s, box = bound
    with unchanged(box):
        refused(s, newlink(mode=mode), errno.EPERM)
    assert s.create(("par0", newlink())).error == 0


@pytest.mark.parametrize("mode", ["passthru", "source"])
def test_Q6_modes_that_were_asked_for(own_host, own_bound, mode):
    """--allow-mode allows what it says, and no longer the default ones."""
    s, box = own_bound(own_host, options=("--allow-parent", "par0", "--allow-mode", mode))
    refused(s, newlink(mode="bridge"), errno.EPERM)
    refused(s, newlink(mode={"source": "passthru", "passthru": "source"}[mode]), errno.EPERM)
    assert s.create(("par0", newlink(mode=mode))).error == 0
    assert box.links()["mv0"]["linkinfo"]["info_data"]["mode"] == mode


def test_Q6_without_a_parent_nothing_is_allowed(session, container, user1, unchanged):
    box = container(user1)
    s = session(options=()).ready(box)
    with unchanged(box):
        refused(s, newlink(), errno.EPERM)
    assert "nothing is allowed" in s.stderr()
