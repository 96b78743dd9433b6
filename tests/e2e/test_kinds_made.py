"""Links that need nothing from outside, made up and restored by an ordinary user, each beside
what is refused."""
import json

import pytest

from images import CONF4, CONF6, get, put
from kinds_helpers import (BROADCAST, MULTICAST, MULTI_QUEUE, NO_PI, PERSIST, TAP, TUN,
                           UP, VNET_HDR, alone, assert_as_in_images, id_of, kept,
                           made)  # noqa: F401
from restore_helpers import (PLAN_GROUP, Restore, assert_same, restore, snapshot,  # noqa: F401
                             sysctl)


@pytest.fixture
def box(container, user1):
    return container(user1)


def restored(alone, kept, box, made, *more, **kwargs):
    path = kept(made)
    result = alone(box, path, *more, **kwargs)
    assert_as_in_images(box, path)
    return result


# --- bridges and their ports


def test_bridge_with_ports(alone, kept, box, made):
    """Ports come before their bridge in the image, and have other MTUs than it."""
    a, _ = made.pair("a0", 20, "a1", 21, mtu=9000)
    b, _ = made.pair("b0", 22, "b1", 23, mtu=1400)
    made.add("bridge", "br0", 5, mtu=1300)
    tap = made.tun("tap0", 6, TAP | NO_PI, address=b"\x02\0\0\0\0\x06", flags=0x1003)
    for port in (a, b, tap):
        port.master = 5
    restored(alone, kept, box, made)


def test_bridge_has_a_larger_mtu_than_its_ports(alone, kept, box, made):
    """The kernel lowers it when the port comes."""
    made.add("bridge", "br0", 5, mtu=9000)
    a, _ = made.pair("a0", 20, "a1", 21, mtu=1400)
    a.master = 5
    made.macvlan("mv0", 30, 5, mtu=9000)
    restored(alone, kept, box, made)


def test_two_bridges(alone, kept, box, made):
    a, b = made.pair("a0", 20, "a1", 21)
    a.master, b.master = 6, 5
    made.add("bridge", "br0", 5)
    made.add("bridge", "br1", 6, flags=BROADCAST | MULTICAST)
    restored(alone, kept, box, made)


def test_master_zero_is_none(alone, kept, box, made):
    made.add("bridge", "br0", 5, master=0)
    alone(box, kept(made))
    assert "master" not in box.links()["br0"]


# --- veth


@pytest.mark.parametrize("swapped", [False, True])
def test_pair(alone, kept, box, made, swapped):
    """Each end has its own of everything."""
    one, other = made.pair("ve0", 20, "ve1", 21)
    one.mtu, other.mtu = 1400, 9000
    put(one.conf6, CONF6, mtu=1400)
    put(other.conf6, CONF6, mtu=9000, hop_limit=77)
    one.flags, other.flags = BROADCAST | MULTICAST, UP | BROADCAST | 0x80
    put(one.conf4, CONF4, forwarding=1)
    if swapped:
        made.images.links.reverse()
    result = restored(alone, kept, box, made, "--json")
    assert len(result.json["links"]) == 3


def test_pair_without_addresses(alone, kept, box, made):
    made.pair("ve0", 20, "ve1", 21, address=None)
    restored(alone, kept, box, made)


def test_pair_is_one_step(alone, kept, box, made):
    made.pair("ve0", 20, "ve1", 21)
    out = alone(box, kept(made), "--dry-run").out
    assert "make veth ve0 with index 20, and its other end ve1 with index 21\n" in out
    assert out.count("make ") == 1


# --- tun


def test_tun_with_everything(alone, kept, box, made):
    made.tun("tun0", 20, TUN | NO_PI | VNET_HDR | MULTI_QUEUE | PERSIST, vnethdr=12, sndbuf=70000,
             flags=0x1090 | UP, mtu=1400)
    made.tun("tap0", 21, TAP, address=b"\x02\0\0\0\0\x21", mtu=9000)
    restored(alone, kept, box, made)


def test_tun_of_the_user(alone, kept, box, made, user1):
    """The images have ids of the host; the container has the user's alone, as its 0."""
    made.tun("tun0", 20, owner=user1.uid, group=user1.gid)
    restored(alone, kept, box, made)
    inside = box.run_inside("ip", "-json", "-details", "link", "show", "dev", "tun0").stdout
    assert '"user":"root"' in inside and '"group":"root"' in inside


def test_tun_of_a_subordinate_id(alone, kept, container, made, user1):
    box = container(user1, subids=True)
    with open(f"/proc/{box.pid}/uid_map") as f:
        inside, outside, count = map(int, f.read().splitlines()[-1].split())
    assert count > 5
    made.tun("tun0", 20, owner=outside + 5)
    path = kept(made)
    alone(box, path)
    assert_as_in_images(box, path)
    said = box.run_inside("ip", "-json", "-details", "link", "show", "dev", "tun0").stdout
    data = json.loads(said)[0]["linkinfo"]["info_data"]
    assert id_of("user", data["user"]) == inside + 5


@pytest.mark.parametrize("what", ["owner", "group"])
@pytest.mark.parametrize("number", [0, 100005, -2])
def test_tun_of_somebody_elses(alone, kept, box, made, what, number):
    made.tun("tun0", 20, **{what: number})
    before = snapshot(box)
    result = alone(box, kept(made), status=65)
    assert f"record 2: {what} {number % 2**32} of tun tun0 has no id" in result.said
    assert "nothing was done" in result.said
    assert_same(box, before)


# --- macvlan inside


@pytest.mark.parametrize("mode", ["private", "vepa", "bridge", "passthru"])
@pytest.mark.parametrize("first", ["parent", "macvlan"])
def test_macvlan_on_a_veth(alone, kept, box, made, mode, first):
    one, _ = made.pair("ve0", 20, "ve1", 21)
    mv = made.macvlan("mv0", 30, 20, mode)
    if mode == "passthru":
        mv.address = one.address
    if first == "macvlan":
        made.images.links.reverse()
    restored(alone, kept, box, made)


@pytest.mark.parametrize("kind", ["bridge", "tap"])
def test_macvlan_on_others(alone, kept, box, made, kind):
    if kind == "bridge":
        made.add("bridge", "par", 5)
    else:
        made.tun("par", 5, TAP, address=b"\x02\0\0\0\0\x05", flags=0x1003)
    made.macvlan("mv0", 30, 5)
    made.macvlan("mv1", 31, 5, "private", flags=BROADCAST | MULTICAST)
    restored(alone, kept, box, made)


def test_external_wins_over_a_parent_inside(restore, kept, box, made, own_host):
    """If it names the macvlan; one for all is for those whose parent the images do not name."""
    made.pair("ve0", 20, "ve1", 21)
    made.macvlan("mv0", 30, 20)
    made.macvlan("mv1", 31, 20)
    restore(box, kept(made), "--external", "macvlan[*]:par0", external="macvlan[mv1]:par0")
    links = box.links()
    assert links["mv0"]["link"] == "ve0"
    assert links["mv1"]["link_index"] == own_host.links()["par0"]["ifindex"]
    assert "link_netnsid" in links["mv1"]


def test_outside_and_inside_together(restore, kept, box, made):
    made.pair("ve0", 20, "ve1", 21)
    made.macvlan("mv0", 30, 20)
    for i in range(3):
        made.add("macvlan", f"out{i}", 40 + i, peer_ifindex=2).macvlan.mode = 4
    restore(box, kept(made))
    links = box.links()
    assert set(links) == {"lo", "ve0", "ve1", "mv0", "out0", "out1", "out2"}
    assert all("link_netnsid" in links[f"out{i}"] for i in range(3))
    assert {link["group"] for link in links.values()} == {"default"}


# --- extlink, fallback


def test_extlink(alone, kept, box, made):
    """Address, MTU, flags and all sysctls; its index stays what it is. What equals the default
    is written, too, as the link was there before the default was set."""
    box.ip("link", "add", "ext0", "index", "99", "mtu", "1300", "type", "veth", "peer", "name",
           "far0")
    ext = made.add("extlink", "ext0", 7, address=b"\x02\0\0\0\0\x77", flags=UP | BROADCAST)
    put(ext.conf4, CONF4, forwarding=get(made.images.netns.def_conf4, CONF4, "forwarding"))
    box.run("sysctl", "-w", "net.ipv4.conf.ext0.forwarding=1", "net.ipv4.conf.ext0.tag=5")
    path = kept(made)
    far = box.links()["far0"]
    alone(box, path)
    assert box.links()["ext0"]["ifindex"] == 99
    assert box.links()["ext0"]["address"] == "02:00:00:00:00:77"
    assert box.links()["ext0"]["mtu"] == 1500
    assert sysctl(box, "ipv4/conf/ext0/forwarding") == "0"
    assert sysctl(box, "ipv4/conf/ext0/tag") == "0"
    assert box.links()["far0"]["address"] == far["address"]


def test_extlink_as_a_port_and_as_a_parent(alone, kept, box, made):
    """They are meant by their indexes in the image."""
    box.ip("link", "add", "ext0", "index", "99", "type", "veth", "peer", "name", "ext1")
    made.add("bridge", "br0", 5)
    made.add("extlink", "ext0", 7, master=5)
    made.add("extlink", "ext1", 99 + 1)
    made.macvlan("mv0", 30, 100)
    alone(box, kept(made))
    links = box.links()
    assert links["ext0"]["master"] == "br0"
    assert links["mv0"]["link"] == "ext1"


def test_extlink_is_missing(alone, kept, box, made):
    made.add("extlink", "ext0", 7)
    made.add("bridge", "br0", 5)
    before = snapshot(box)
    result = alone(box, kept(made), status=1)
    assert "record 2: link ext0" in result.said and "nothing was done" in result.said
    assert_same(box, before)


def test_extlink_has_a_master(alone, kept, box, made):
    box.batch("link add other type bridge", "link add ext0 type veth", "link set ext0 master other")
    made.add("extlink", "ext0", 7)
    before = snapshot(box)
    result = alone(box, kept(made), status=1)
    assert "record 2: link ext0 of the target has a master already" in result.said
    assert_same(box, before)


@pytest.mark.parametrize("name", ["sit0", "tunl0", "ip6tnl0", "gre0", "gretap0", "erspan0",
                                  "ip_vti0", "ip6_vti0", "ip6gre0"])
def test_fallback_that_was_down(alone, kept, box, made, name):
    """It is not made: either the kernel put it there, or there is a warning."""
    there = name in box.links()
    made.add("extlink", name, 77, flags=0x80, mtu=1480)
    result = alone(box, kept(made))
    assert (name in box.links()) == there
    assert (f"has no {name}" in result.err) == (not there)


def test_fallback_that_was_up(alone, kept, box, made):
    """It is set up where the kernel put it there, and missed where it did not."""
    there = "sit0" in box.links()
    made.add("sit", "sit0", 77, flags=0x81, mtu=1480)
    before = snapshot(box)
    if there:
        alone(box, kept(made))
        assert "UP" in box.links()["sit0"]["flags"]
        return
    result = alone(box, kept(made), status=71)
    assert "record 2: sit0" in result.said and "nothing was done" in result.said
    assert_same(box, before)


def test_fallback_by_name_only(alone, kept, box, made):
    """A link of another kind may have such a name, and a device that has it is looked at."""
    made.add("bridge", "sit0", 5)
    restored(alone, kept, box, made)
    made.images.links[1:] = []
    made.add("sit", "sit0", 77, flags=0x80)
    result = alone(box, kept(made), status=1)
    assert "sit0 of the target is a 'bridge'" in result.said


# --- kinds that this kernel may not have


@pytest.mark.parametrize("kind", ["venet", "sit"])
def test_kind_that_the_kernel_has_not(alone, kept, box, made, kind):
    link = made.add(kind, "odd0", 7, flags=0x80, mtu=1480)
    if kind == "sit":
        link.sit.ttl = 64
    made.add("bridge", "br0", 5)
    before = snapshot(box)
    result = alone(box, kept(made), status=None)
    if kind == "sit" and result.status == 0:
        assert box.links()["odd0"]["linkinfo"]["info_kind"] == "sit"
        return
    assert result.status == 71
    for text in (f"record 2: link odd0 is of kind {kind}", "EOPNOTSUPP", "nothing was done"):
        assert text in result.said
    assert_same(box, before)


# --- again


def test_leftovers_of_all_kinds_are_cleared(alone, kept, box, made):
    """What a killed restore leaves is in the group, and gone before the next begins."""
    box.batch(f"link add br0 group {PLAN_GROUP} type bridge",
              f"link add ve0 group {PLAN_GROUP} type veth peer name ve1 group {PLAN_GROUP}",
              f"link add mv0 link ve0 group {PLAN_GROUP} type macvlan",
              "tuntap add tap0 mode tap", f"link set tap0 group {PLAN_GROUP}")
    made.add("bridge", "br0", 5)
    made.pair("ve0", 20, "ve1", 21)
    result = restored(alone, kept, box, made)
    assert "interrupted" in result.err


def test_five_hundred_of_each(alone, kept, box, made):
    made.add("bridge", "br0", 5)
    for i in range(250):
        one, _ = made.pair(f"a{i}", 1000 + i, f"b{i}", 2000 + i)
        one.master = 5
        made.macvlan(f"m{i}", 3000 + i, 2000 + i)
    restored(alone, kept, box, made)
