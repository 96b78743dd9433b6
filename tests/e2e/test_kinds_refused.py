"""Images of kinds of links that cannot be meant: status 65, file and record named, nothing made."""
import pytest

from images import KINDS, MODES
from kinds_helpers import (MULTICAST, TAP, TUN, UP, alone, assert_as_in_images, kept,  # noqa: F401
                           made)
from restore_helpers import assert_same, snapshot


@pytest.fixture
def box(container, user1):
    return container(user1)


@pytest.fixture
def refused(alone, kept, box, made):
    """refused(record, text...)"""
    def check(number, *texts, status=65):
        before = snapshot(box)
        result = alone(box, kept(made), status=status)
        assert f"netdev-10.img: record {number}: " in result.said, result
        for text in texts:
            assert text in result.said, result
        assert len(result.said.splitlines()) == 1
        assert_same(box, before)
    return check


# --- masters


def test_master_is_missing(refused, made):
    made.pair("ve0", 20, "ve1", 21)[0].master = 5
    refused(2, "ve0", "index 5", "no link of the image has this index")


@pytest.mark.parametrize("kind", ["veth", "loopback", "tun", "extlink"])
def test_master_is_no_bridge(refused, made, box, kind):
    ve0, _ = made.pair("ve0", 20, "ve1", 21)
    made.tun("tun0", 22)
    box.ip("link", "add", "ext0", "type", "veth", "peer", "name", "far0")
    made.add("extlink", "ext0", 23)
    ve0.master = {"veth": 21, "loopback": 1, "tun": 22, "extlink": 23}[kind]
    refused(2, "ve0", "which is no bridge")


@pytest.mark.parametrize("length", [1, 2, 3, 40])
def test_masters_in_a_circle(refused, made, length):
    for i in range(length):
        made.add("bridge", f"br{i}", 10 + i, master=10 + (i + 1) % length)
    refused(2, "br0", "leads back to itself")


def test_circle_behind_a_port(refused, made):
    made.pair("ve0", 20, "ve1", 21)[0].master = 10
    made.add("bridge", "br0", 10, master=11)
    made.add("bridge", "br1", 11, master=10)
    refused(4, "br0", "leads back to itself")


def test_bridge_in_a_bridge(refused, made):
    made.add("bridge", "br0", 10)
    made.add("bridge", "br1", 11, master=10)
    refused(3, "br1", "is a bridge itself")


@pytest.mark.parametrize("kind", ["loopback", "tun", "sit"])
def test_port_is_no_ethernet_device(refused, made, kind):
    made.add("bridge", "br0", 10)
    if kind == "loopback":
        made.images["lo"].master = 10
    elif kind == "tun":
        made.tun("port0", 11, master=10)
    else:
        made.add("sit", "port0", 11, master=10).sit.ttl = 64
    refused(1 if kind == "loopback" else 3, "no Ethernet device")


# --- veth


@pytest.mark.parametrize("change, text", [
    ({"peer_ifindex": None}, "does not say"), ({"peer_ifindex": 20}, "which is its own"),
    ({"peer_ifindex": 77}, "no link of the image has"), ({"peer_ifindex": 5}, "is no veth's"),
    ({"peer_ifindex": 31}, "names another one"), ({"mtu": 67}, "MTU"), ({"mtu": 65536}, "MTU"),
    ({"address": b"\x01\0\0\0\0\x01"}, "unicast"), ({"address": b"\x02\0\0\0\0"}, "6 bytes")],
    ids=str)
def test_veth(refused, made, change, text):
    link, _ = made.pair("ve0", 20, "ve1", 21)
    made.pair("vo0", 30, "vo1", 31)
    made.add("bridge", "br0", 5)
    for key, value in change.items():
        if value is None:
            link.ClearField(key)
        else:
            setattr(link, key, value)
    refused(2, "veth ve0", text)


def test_veth_with_its_other_end_in_a_namespace_that_is_not_given(refused, made):
    link, _ = made.pair("ve0", 20, "ve1", 21)
    link.peer_nsid = 11
    refused(2, "veth ve0", "in namespace 11", "--netns 11=PATH", status=64)


def test_veth_with_its_other_end_outside(refused, made):
    """It is not guessed, nor passed over (defect 12 of CRIU)."""
    link, _ = made.pair("ve0", 20, "ve1", 21)
    link.ClearField("peer_nsid")
    refused(2, "veth ve0", "outside of the checkpoint", "--external 'veth[ve0]:OUT[@BRIDGE]'",
            "--external 'netdev[ve0]:DEVICE'", status=64)


@pytest.mark.parametrize("change", [{"peer_nsid": 11}, {"peer_nsid": None}, {"peer_ifindex": 5}],
                         ids=str)
def test_veth_that_is_not_named_back(refused, made, change):
    _, link = made.pair("ve0", 20, "ve1", 21)
    made.add("bridge", "br0", 5)
    for key, value in change.items():
        if value is None:
            link.ClearField(key)
        else:
            setattr(link, key, value)
    refused(2, "veth ve0", "names another one")


# --- tun


@pytest.mark.parametrize("change, text", [
    ({"flags": 0}, "neither a tun nor a tap"), ({"flags": 3}, "neither a tun nor a tap"),
    ({"flags": 0x10001}, "not known"), ({"flags": 0x80000002}, "not known"),
    ({"vnethdr": 9}, "header"), ({"vnethdr": 65536}, "header"), ({"sndbuf": 0}, "send buffer"),
    ({"sndbuf": 2**31}, "send buffer")], ids=str)
def test_tun(refused, made, change, text):
    link = made.tun("tun0", 20)
    for key, value in change.items():
        setattr(link.tun, key, value)
    refused(2, "tun0", text)


@pytest.mark.parametrize("change", [{"mtu": 67}, {"address": b"\x01\0\0\0\0\x01"}], ids=str)
def test_tap(refused, made, change):
    made.tun("tap0", 20, TAP, **change)
    refused(2, "tap tap0")


# --- macvlan inside


@pytest.mark.parametrize("parent, text", [
    (77, "no other link of the image has"), (30, "no other link of the image has"),
    (1, "a loopback cannot have macvlans"), (22, "a tun cannot have macvlans"),
    (31, "a macvlan cannot have macvlans")])
def test_parent_inside(refused, made, parent, text):
    made.pair("ve0", 20, "ve1", 21)
    made.tun("tun0", 22)
    made.macvlan("mv0", 30, parent)
    made.macvlan("mv1", 31, 20)
    refused(5, "macvlan mv0", text)


def test_same_address_on_a_parent_inside(refused, made):
    made.pair("ve0", 20, "ve1", 21)
    first = made.macvlan("mv0", 30, 20)
    made.macvlan("mv1", 31, 20, address=first.address)
    refused(5, "mv1", "mv0 (record 4)", "both are up")


def test_same_address_on_two_parents(alone, kept, box, made):
    made.pair("ve0", 20, "ve1", 21)
    first = made.macvlan("mv0", 30, 20)
    made.macvlan("mv1", 31, 21, address=first.address)
    path = kept(made)
    alone(box, path)
    assert_as_in_images(box, path)


def test_no_parent_is_named(refused, made):
    made.add("macvlan", "mv0", 30, peer_ifindex=2).macvlan.mode = MODES["bridge"]
    refused(2, "macvlan mv0", "--external", status=64)


# --- sit


@pytest.mark.parametrize("change, text", [
    ({"local": [1, 2]}, "not one word"), ({"remote": [1, 2, 3, 4]}, "not one word"),
    ({"ttl": 256}, "ttl 256"), ({"tos": 256}, "tos"), ({"flags": 65536}, "flags"),
    ({"proto": 256}, "proto"), ({"encap_type": 65536}, "encap_type"),
    ({"encap_sport": 65536}, "encap_sport"), ({"rd_prefixlen": 16}, "6rd prefix"),
    ({"rd_prefix": [1, 2, 3, 4]}, "6rd prefix"),
    ({"rd_prefixlen": 129, "rd_prefix": [1, 2, 3, 4]}, "rd_prefixlen"),
    ({"relay_prefixlen": 8, "relay_prefix": [1]}, "relay prefix"),
    ({"rd_prefixlen": 16, "rd_prefix": [1, 2, 3, 4], "relay_prefix": [1]}, "relay prefix"),
    ({"rd_prefixlen": 16, "rd_prefix": [1, 2, 3, 4], "relay_prefixlen": 33, "relay_prefix": [1]},
     "relay_prefixlen"),
    ({"link": 77}, "bound to index 77"), ({"link": 20}, "bound to index 20")], ids=str)
def test_sit(refused, made, change, text):
    link = made.add("sit", "sit1", 20, flags=0x80, mtu=1480)
    link.sit.SetInParent()
    for key, value in change.items():
        if isinstance(value, list):
            getattr(link.sit, key).extend(value)
        else:
            setattr(link.sit, key, value)
    refused(2, "sit sit1", text)


# --- all of them


@pytest.mark.parametrize("kind", ["bridge", "veth", "tun", "macvlan"])
@pytest.mark.parametrize("what", ["name", "index"])
def test_name_or_index_is_taken(alone, kept, box, made, kind, what):
    """By a link that the target has already; nothing is done then."""
    made.pair("ve0", 20, "ve1", 21)
    made.add("bridge", "br0", 5)
    made.tun("tun0", 6)
    made.macvlan("mv0", 7, 20)
    name, index = {"bridge": ("br0", 5), "veth": ("ve1", 21), "tun": ("tun0", 6),
                   "macvlan": ("mv0", 7)}[kind]
    if what == "name":
        box.ip("link", "add", name, "index", "99", "type", "ifb")
    else:
        box.ip("link", "add", "mine", "index", str(index), "type", "ifb")
    before = snapshot(box)
    result = alone(box, kept(made), status=1)
    assert f"{kind} {name}" in result.said and "nothing was done" in result.said
    assert_same(box, before)


def test_kinds_are_all_there(made):
    """So that a new one is not forgotten here."""
    assert set(KINDS) == {"loopback", "veth", "tun", "extlink", "venet", "bridge", "macvlan", "sit"}
    assert (TUN, UP, MULTICAST) == (1, 1, 0x1000)
