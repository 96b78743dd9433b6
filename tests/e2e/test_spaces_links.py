"""Links between namespaces that are restored together, and links that lead outside of all."""
import pytest

from images import MODES
from outside_helpers import no_helper, state_of
from restore_helpers import snapshot
from spaces_helpers import (assert_family, family, put_down, several,  # noqa: F401
                            together)

UP = 0x1003


def macvlan(several, ns_id, name, index, parents, parent, mode="bridge", **fields):
    """In @ns_id, on link @parent of namespace @parents."""
    link = several[ns_id].add("macvlan", name, index, peer_ifindex=parent, peer_nsid=parents,
                              **fields)
    link.macvlan.mode = MODES[mode]
    return link


# --- macvlans on a parent in another namespace of the container


@pytest.fixture
def parents(several):
    """A bridge and a veth in 10, and ids by which 11 and 12 know 10, and 12 knows 11."""
    several[10].add("bridge", "br0", 5)
    several[10].pair("ve0", 6, "ve1", 7)
    several.knows(11, n10=3)
    several.knows(12, n10=0, n11=1)
    return several


@pytest.mark.parametrize("order", [(10, 11, 12), (12, 11, 10)])
def test_macvlan_on_a_parent_elsewhere(family, together, parents, put_down, order):
    """On a bridge, a veth, and an end of a veth between the two; also where the parent's namespace
    is named after the macvlan's."""
    parents.knows(10, n11=7)
    parents.pair(10, 11, "far", 20, 21)
    macvlan(parents, 11, "mv0", 30, 10, 5)
    macvlan(parents, 11, "mv1", 31, 10, 6, "private", mtu=1400)
    macvlan(parents, 12, "mv2", 32, 10, 20, "vepa")
    macvlan(parents, 12, "mv3", 32 + 1, 11, 21, "source")
    macvlan(parents, 12, "mv4", 34, 10, 7, "passthru")
    box, path = family(10, 11, 12), put_down(parents)
    together(box.user, "restore", path, *box.options(*order))
    # That of a passthru is its parent's.
    assert box[12].links()["mv4"]["address"] == box[10].links()["ve1"]["address"]
    next(link for link in parents[12].images.links if link.name == "mv4").address = (
        parents[10].images["ve1"].address)
    assert_family(box, put_down(parents))


def test_macvlans_that_are_up(family, together, parents, put_down):
    """With the same name and index in two, on one parent."""
    macvlan(parents, 11, "mv0", 30, 10, 6, flags=UP)
    macvlan(parents, 12, "mv0", 30, 10, 6, flags=UP, address=b"\2\0\0\0\0\x99")
    box, path = family(10, 11, 12), put_down(parents)
    together(box.user, "restore", path, *box.options())
    assert_family(box, path)


@pytest.mark.parametrize("parents_of, parent, status, text", [
    (13, 5, 64, "add --external 'macvlan[mv0]:PARENT'"),
    (10, 55, 65, "is to have index 55 in netdev-10.img, which no other link of the image has"),
    (10, 8, 65, "the parent of macvlan mv0 is tun0, and a tun cannot have macvlans"),
    (10, 30, 65, "the parent of macvlan mv0 is mvx, and a macvlan cannot have macvlans")])
def test_parent_that_cannot_be(family, together, parents, put_down, parents_of, parent, status,
                               text):
    parents[10].tun("tun0", 8)
    parents[10].macvlan("mvx", 30, 5)
    macvlan(parents, 11, "mv0", 30, parents_of, parent)
    parents[12].add("bridge", "br0", 5)
    box, path = family(10, 11, 12), put_down(parents)
    before = box.snapshot()
    result = together(box.user, "restore", path, *box.options(), status=status)
    assert text in result.said
    assert box.snapshot() == before


@pytest.mark.parametrize("change, status, text", [
    (lambda one, other: setattr(other, "peer_ifindex", 99), 65, "names another one"),
    (lambda one, other: setattr(other, "peer_nsid", 11), 65, "names another one"),
    (lambda one, other: other.ClearField("peer_nsid"), 65, "names another one"),
    (lambda one, other: setattr(one, "peer_nsid", 12), 65, "which no link of the image has"),
    (lambda one, other: setattr(one, "peer_nsid", 99), 64, "in namespace 99 of the images, which is "
                                                           "not given")])
def test_ends_that_do_not_fit(family, together, several, put_down, change, status, text):
    change(*several.pair(10, 11, "far", 20, 21))
    several[12].add("bridge", "br0", 5)
    box, path = family(10, 11, 12), put_down(several)
    before = box.snapshot()
    result = together(box.user, "restore", path, *box.options(), status=status)
    assert text in result.said
    assert box.snapshot() == before


# --- ends of veths outside of all of them


@pytest.fixture
def place(family, several):
    """Two namespaces with a veth each that leads to the bridge br0 in a third, which belongs to the
    same user namespace and is not in the images; and one between the two."""
    for ns_id, name in ((10, "eth0"), (11, "eth1")):
        several[ns_id].add("veth", name, 20, peer_ifindex=ns_id)
    several.pair(10, 11, "far", 30, 30)
    several.knows(10, n11=2)
    several.knows(11, n10=2)
    box = family(10, 11, "outside")
    box["outside"].batch("link add br0 address 02:00:00:00:00:b0 type bridge", "link set br0 up")
    return box


KEYS = ["--external", "veth[eth0]:out0@br0", "--external", "veth[eth1]:out1@br0"]


def where(box):
    return [*box.options(10, 11), "--outside-netns", box["outside"].path]


def everything_of(box):
    return [snapshot(box[10]), snapshot(box[11]), state_of(box["outside"])]


def test_outside_ends(together, place, several, put_down):
    path = put_down(several)
    together(place.user, "restore", path, *where(place), *KEYS)
    assert set(place[10].links()) == {"lo", "eth0", "far"}
    assert set(place[11].links()) == {"lo", "eth1", "far"}
    outside = place["outside"].links()
    assert set(outside) == {"lo", "br0", "out0", "out1"}
    for ns_id, name, out in ((10, "eth0", "out0"), (11, "eth1", "out1")):
        link = place[ns_id].links()[name]
        assert (link["ifindex"], link["link_index"]) == (20, outside[out]["ifindex"])
        assert outside[out]["link_index"] == 20
        assert outside[out]["master"] == "br0" and "UP" in outside[out]["flags"]
    no_helper()


def test_a_device_for_each(together, place, several, put_down):
    """Brought in by the helper of its namespace."""
    place["outside"].batch("link add pre0 type veth peer name post0",
                           "link add pre1 type veth peer name post1")
    for ns_id, name in ((10, "ext0"), (11, "ext1")):
        several[ns_id].add("extlink", name, 40, mtu=1300, address=b"\2\0\0\0\0" + bytes([ns_id]))
    keys = [*KEYS, "--external", "netdev[ext0]:pre0", "--external", "netdev[ext1]:pre1"]
    together(place.user, "restore", put_down(several), *where(place), *keys)
    for ns_id, name in ((10, "ext0"), (11, "ext1")):
        link = place[ns_id].links()[name]
        assert (link["ifindex"], link["mtu"], link["address"]) == (
            40, 1300, f"02:00:00:00:00:{ns_id:02x}")
    assert set(place["outside"].links()) == {"lo", "br0", "out0", "out1", "post0", "post1"}


def test_outside_ends_are_undone(together, place, several, put_down):
    """What fails in one takes back what leads outside from the other."""
    # Which takes no address: but that is found out when the pairs are there.
    place[11].ip("link", "add", "ext9", "type", "ifb")
    several[11].add("extlink", "ext9", 69, address=b"\2\0\0\0\0\x69")
    path = put_down(several)
    before = everything_of(place)
    result = together(place.user, "restore", path, *where(place), *KEYS, status=1)
    assert "namespace 11: " in result.said and "ext9" in result.said
    assert everything_of(place) == before
    no_helper()


def test_one_name_in_two_namespaces(together, place, several, put_down):
    """--external is for links of that name in each, and there is one such end outside."""
    several[11].images["eth1"].name = "eth0"
    before = everything_of(place)
    result = together(place.user, "restore", put_down(several), *where(place), *KEYS[:2],
                      status=64)
    assert ("namespace 11: veth eth0 is in namespace 10, too, and both would have out0 outside; "
            "nothing was done") in result.said
    assert everything_of(place) == before
    no_helper()


def test_without_the_key(together, place, several, put_down):
    before = everything_of(place)
    result = together(place.user, "restore", put_down(several), *where(place), *KEYS[:2], status=64)
    assert "namespace 11: " in result.said and "--external 'veth[eth1]:OUT[@BRIDGE]'" in result.said
    assert everything_of(place) == before
    no_helper()
