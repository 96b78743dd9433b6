"""veths whose other end is outside, and devices that are brought in: what comes of it."""
import os

import pytest

import images
from criu_images import directory, dump
from images import CONF4, put
from kinds_helpers import kept  # noqa: F401
from namespaces import wait_until
from outside_helpers import made, nested, place  # noqa: F401
from restore_helpers import inside, conf_differences, settable, sysctl


def assert_eth0(box, entry, kind="veth"):
    link = box.links()[entry["name"]]
    assert link["linkinfo"]["info_kind"] == kind
    assert (link["ifindex"], link["mtu"], link["address"], link["group"]) == (
        entry["ifindex"], entry["mtu"], images.mac_of(entry), "default")
    assert settable(link) == entry["flags"] & sum(images.FLAGS.values())
    with inside(box):
        wrong = conf_differences(f"ipv4/conf/{entry['name']}", entry["conf4"], images.CONF4)
        wrong |= conf_differences(f"ipv6/conf/{entry['name']}", entry["conf6"], images.CONF6)
    assert wrong == {}
    return link


def entry_of(path, name):
    found, = [e for e in images.oracle(path)[0] if e["name"] == name]
    return found


@pytest.mark.parametrize("in_outside", [False, True])
def test_veth_on_a_bridge(place, made, kept, in_outside):
    put(made.eth0.conf4, CONF4, forwarding=1, tag=5)
    path = kept(made)
    result = place.restore(path, "veth[eth0]:out0@br0", more=["--json"], in_outside=in_outside)
    assert result.json["links"][1] == {"name": "eth0", "kind": "veth", "ifindex": 77,
                                       "outside": "out0"}
    assert result.json["warnings"] == []
    link = assert_eth0(place.box, entry_of(path, "eth0"))
    outer = place.outside.links()["out0"]
    assert (outer["master"], outer["mtu"], outer["group"]) == ("br0", 1400, "default")
    assert "UP" in outer["flags"]
    assert (outer["link_index"], link["link_index"]) == (77, outer["ifindex"])
    place.box.ip("addr", "add", "192.0.2.2/24", "dev", "eth0")
    place.box.run("ping", "-c", "1", "-w", "60", "192.0.2.1")


def test_two_reach_each_other(place, made, kept):
    """Over the bridge. They are two links of one container, which answers for both."""
    made.add("veth", "eth1", 78, peer_ifindex=10)
    place.restore(kept(made), "veth[eth0]:out0@br0", "veth[eth1]:out1@br0")
    assert {place.outside.links()[name]["master"] for name in ("out0", "out1")} == {"br0"}
    place.box.ip("addr", "add", "192.0.2.2/24", "dev", "eth0")
    place.outside.run("ping", "-c", "1", "-w", "60", "192.0.2.2")


def test_without_a_bridge(place, made, kept):
    """As with CRIU the outer end is for somebody else to set up."""
    place.restore(kept(made), "veth[eth0]:out0")
    outer = place.outside.links()["out0"]
    assert "UP" not in outer["flags"] and "master" not in outer
    place.outside.batch("link set out0 up", "addr add 198.51.100.1/24 dev out0")
    place.box.ip("addr", "add", "198.51.100.2/24", "dev", "eth0")
    place.box.run("ping", "-c", "1", "-w", "60", "198.51.100.1")


def test_index_is_taken_outside(place, made, kept):
    place.outside.ip("link", "add", "mine", "index", "77", "type", "bridge")
    path = kept(made)
    place.restore(path, "veth[eth0]:out0@br0")
    assert_eth0(place.box, entry_of(path, "eth0"))


def test_images_of_criu(place, stage):
    path = f"{stage}/data/cr-veth-ns"
    place.restore(path, "veth[zdtmvthc0]:zdtmvthr0@br0")
    assert_eth0(place.box, entry_of(path, "zdtmvthc0"))
    assert place.outside.links()["zdtmvthr0"]["master"] == "br0"


def test_port_of_a_bridge_inside(place, made, kept):
    made.add("bridge", "inner0", 50)
    made.eth0.master = 50
    place.restore(kept(made), "veth[eth0]:out0@br0")
    assert place.box.links()["eth0"]["master"] == "inner0"


def test_macvlan_on_it(place, made, kept):
    made.macvlan("mv0", 60, 77, mtu=1400)
    place.restore(kept(made), "veth[eth0]:out0@br0")
    assert place.box.links()["mv0"]["link"] == "eth0"


def test_nsid_of_the_outside(place, made, kept):
    """What the dumper's namespace was is outside now, and needs no broker."""
    made.images.netns.nsids.add(target_ns_id=2, netnsid_value=4)
    place.restore(kept(made), "veth[eth0]:out0@br0")
    assert place.box.links()["eth0"]["link_netnsid"] == 4


def test_dry_run(place, made, kept):
    made.extlink("ext0", 60)
    place.outside.ip("link", "add", "pre0", "type", "ifb")
    before = place.state()
    said = place.restore(kept(made), "veth[eth0]:out0@br0", "netdev[ext0]:pre0",
                         more=["--dry-run"]).out
    assert "make veth eth0 with index 77, and its other end out0 outside, up and a port of br0" \
        in said
    assert "bring pre0 in from outside, as ext0 with index 60" in said
    assert place.state() == before


# --- devices that are brought in


@pytest.mark.parametrize("in_outside", [False, True])
def test_device(place, made, kept, in_outside):
    link = made.extlink("ext0", 60, address=b"\2\0\0\0\0\x60")
    put(link.conf4, CONF4, tag=9)
    place.outside.batch("link add pre0 index 33 link br0 type macvlan", "link set pre0 up")
    path = kept(made)
    place.restore(path, "veth[eth0]:out0@br0", "netdev[ext0]:pre0", in_outside=in_outside)
    assert_eth0(place.box, entry_of(path, "ext0"), kind="macvlan")
    assert "pre0" not in place.outside.links()
    assert sysctl(place.box, "ipv4/conf/ext0/tag") == "9"


def test_veth_that_is_prepared(place, made, kept):
    """As CRIU has it: a pair of which one end is brought in."""
    place.outside.batch("link add pre0 type veth peer name post0", "link set post0 master br0 up")
    path = kept(made)
    place.restore(path, "netdev[eth0]:pre0")
    assert_eth0(place.box, entry_of(path, "eth0"))
    assert place.outside.links()["post0"]["master"] == "br0"
    place.box.ip("addr", "add", "192.0.2.2/24", "dev", "eth0")
    place.box.run("ping", "-c", "1", "-w", "60", "192.0.2.1")


def test_name_of_the_device_is_taken_inside(place, made, kept):
    """By another link, which the kernel would not let it pass by."""
    made.extlink("ext0", 60)
    made.add("bridge", "pre0", 61)
    place.outside.ip("link", "add", "pre0", "link", "br0", "type", "macvlan")
    place.restore(kept(made), "veth[eth0]:out0", "netdev[ext0]:pre0")
    links = place.box.links()
    assert (links["ext0"]["ifindex"], links["pre0"]["ifindex"]) == (60, 61)


def test_extlink_without_the_key_is_as_ever(place, made, kept):
    made.extlink("ext0", 60)
    place.box.ip("link", "add", "ext0", "type", "ifb")
    place.restore(kept(made), "veth[eth0]:out0")
    assert place.box.links()["ext0"]["ifindex"] != 60


# --- and back


def test_dump_and_restore(place, made, kept, worker):
    """What is saved of such links has no peer_nsid, and can be restored by the same keys."""
    path = kept(made)
    place.restore(path, "veth[eth0]:out0@br0")
    with directory() as saved:
        dump(worker, place.box, saved, "--external", "veth[eth0]:out0@br0")
        entry = entry_of(saved, "eth0")
        old = entry_of(path, "eth0")
        assert entry["type"] == "VETH" and "peer_nsid" not in entry
        assert entry["peer_ifindex"] == place.outside.links()["out0"]["ifindex"]
        place.box.ip("link", "del", "eth0")
        wait_until(lambda: "out0" not in place.outside.links(), "the pair is gone")
        path = kept_copy(saved, kept)
        place.restore(path, "veth[eth0]:out0@br0")
        assert_eth0(place.box, old)


def kept_copy(directory_, kept):
    """Where every user can read it."""
    files = {}
    for name in os.listdir(directory_):
        with open(f"{directory_}/{name}", "rb") as f:
            files[name] = f.read()

    class Files:
        @staticmethod
        def write(path):
            images.write_files(path, files)
            return path
    return kept(Files)
