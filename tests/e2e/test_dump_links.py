"""Which links are saved as what, and by whom."""
import json
import os
import struct

import pytest

import criu_images as images


def links_of(path):
    return {e["name"]: e for e in images.decode(f"{path}/netdev-10.img")["entries"]}


def make_macvlan(box, *more):
    """On an Ethernet device of a kind that no image holds, which CRIU would not save either."""
    box.batch("link add v0 index 2 type ifb",
              "link add mv0 index 4 link v0 address 02:00:00:00:00:07 mtu 1400 type macvlan "
              "mode private", *more)


PARENT = ("--external", "netdev[v0]:x")


@pytest.mark.parametrize("as_root", [False, True])
def test_macvlan_on_a_parent_inside(worker, user1, container, as_root):
    """Of an ordinary user's container, by the user and by root of the machine."""
    box = container(user1)
    make_macvlan(box)
    user = None if as_root else user1
    with images.directory(user) as path:
        images.dump(worker, box, path, *PARENT, user=user)
        link = links_of(path)["mv0"]
        assert (link["type"], link["ifindex"], link["mtu"]) == ("MACVLAN", 4, 1400)
        assert link["macvlan"] == {"mode": 1}
        # The parent, and that it is in the same namespace.
        assert (link["peer_ifindex"], link["peer_nsid"]) == (2, 10)
        assert os.stat(f"{path}/netdev-10.img").st_uid == (0 if as_root else user1.uid)


def test_container_of_root(worker, host, lan, procs):
    """Without a user namespace."""
    import namespaces
    box = namespaces.Netns(procs)
    make_macvlan(box)
    with images.directory() as path:
        images.dump(worker, box, path, *PARENT)
        assert links_of(path)["mv0"]["peer_nsid"] == 10
        assert os.stat(f"{path}/netdev-10.img").st_mode & 0o7777 == 0o600


def test_container_with_subordinate_ids(worker, user1, container):
    box = container(user1, subids=True)
    make_macvlan(box)
    with images.directory(user1) as path:
        images.dump(worker, box, path, *PARENT, user=user1)
        netns = images.fields(images.entries(images.read(path, "netns-10.img"))[0])
        assert netns[-1] == (10, b"\x08\x05")  # the default: no value


def test_parent_outside(worker, own_host, user1, container):
    box = container(user1)
    own_host.ip("link", "add", "mv0", "link", "par0", "netns", str(box.pid), "type", "macvlan")
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        link = links_of(path)["mv0"]
        assert link["peer_ifindex"] == own_host.links()["par0"]["ifindex"]
        assert "peer_nsid" not in link
        # lo: without an address
        lo = links_of(path)["lo"]
        assert (lo["type"], lo["peer_ifindex"], lo["peer_nsid"]) == ("LOOPBACK", 1, 10)
        assert "address" not in lo


def give_own_id(box, nsid):
    """RTM_NEWNSID of the namespace in itself, which ip has no words for."""
    fd = box.open()
    with box.netlink() as sock:
        attrs = struct.pack("=HHIHHi", 8, 3, fd, 8, 1, nsid)  # NETNSA_FD, NETNSA_NSID
        sock.send(struct.pack("=IHHII", 20 + len(attrs), 88, 5, 1, 0) + bytes(4) + attrs)
        assert struct.unpack_from("=i", sock.recv(4096), 16) == (0,)
    os.close(fd)


def test_own_nsid(worker, user1, container):
    """A namespace that has an id for itself, as with a link from it to it."""
    box = container(user1)
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        assert "nsids" not in images.decode(f"{path}/netns-10.img")["entries"][0]
    give_own_id(box, 5)
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        assert images.decode(f"{path}/netns-10.img")["entries"][0]["nsids"] == [
            {"target_ns_id": 10, "netnsid_value": 5}]


def test_what_is_lost_is_named(worker, user1, container):
    # In a netns that was made by its root: it may see that there is no old iptables.
    box = container(user1, then=("unshare", "-n"))
    make_macvlan(box, "link set mv0 alias uplink", "link property add dev mv0 altname other",
                 "link set mv0 group 7", "link set mv0 txqueuelen 500")
    box.ip("link", "add", "mv1", "index", "5", "link", "v0", "type", "macvlan", "mode", "source")
    box.ip("link", "set", "mv1", "type", "macvlan", "macaddr", "add", "02:00:00:00:00:99")
    box.ip("link", "set", "mv1", "type", "macvlan", "bcqueuelen", "2000")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, *PARENT, "--json", user=user1)
        out = json.loads(done.stdout)
        assert out["warnings"] == [
            "link mv0: the images cannot hold its alias, its 1 alternative names, its group 7, "
            "its transmit queue of 500 packets: lost",
            "link mv1: the images cannot hold its list of 1 source addresses, its broadcast "
            "queue of 2000 packets: lost"]
        assert (out["status"], out["ns_id"], out["netns_inode"]) == (0, 10, box.inode())
        assert {link["name"]: link["kind"] for link in out["links"]} == {
            "lo": "loopback", "v0": "extlink", "mv0": "macvlan", "mv1": "macvlan"}
        assert set(out["files"]) == set(os.listdir(path))


def test_declared_as_made_elsewhere(worker, user1, container):
    """--external netdev[NAME] makes it an extlink: its parameters alone."""
    box = container(user1)
    box.batch("link add d0 type ifb", "link set d0 mtu 1300")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, "--external", "netdev[d0]:eth9", "--external",
                           "macvlan[mv7]:eth0", user=user1)
        link = links_of(path)["d0"]
        assert (link["type"], link["mtu"]) == ("EXTLINK", 1300)
        assert "macvlan[mv7]" in done.stderr  # no link asks for it
        assert "netdev" not in done.stderr


def test_namespace_that_is_external(worker, user1, container):
    """net[INODE]:KEY as in CRIU: the key is all that is written."""
    box = container(user1)
    with images.directory(user1) as path:
        images.dump(worker, box, path, "--external", f"net[{box.inode()}]:pod", user=user1)
        assert sorted(os.listdir(path)) == ["ids-1.img", "inventory.img", "netns-10.img"]
        assert images.decode(f"{path}/netns-10.img")["entries"] == [{"ext_key": "pod"}]


def test_which_id(worker, user1, container, stage):
    box = container(user1)
    with images.directory(user1) as path:
        # That of the rest of the checkpoint, where there is one.
        with open(f"{path}/ids-1.img", "wb") as f:
            f.write(images.read(stage, "data/macvlan-x1/ids-1.img").replace(b"\x30\x0a",
                                                                            b"\x30\x2a"))
        os.chmod(f"{path}/ids-1.img", 0o644)
        before = images.read(path, "ids-1.img")
        images.dump(worker, box, path, user=user1)
        images.dump(worker, box, path, "--ns-id", "7", user=user1)
        assert images.read(path, "ids-1.img") == before
        assert {"netns-42.img", "netns-7.img", "netdev-42.img"} <= set(os.listdir(path))
        lo = images.decode(f"{path}/netdev-7.img")["entries"][0]
        assert lo["peer_nsid"] == 7
    with images.directory(user1) as path:
        images.dump(worker, box, path, "--ns-id", "4294967295", user=user1)
        assert images.decode(f"{path}/ids-1.img")["entries"][0]["net_ns_id"] == 4294967295


def test_by_path_and_from_inside(worker, user1, container):
    box = container(user1)
    with images.directory(user1) as path:
        box.run_inside(worker, "dump", "-D", path)
        box.run_inside(worker, "dump", "-D", path, "--ns-id", "11", "--netns",
                       "/proc/self/ns/net")
        assert images.read(path, "netns-10.img") == images.read(path, "netns-11.img")
        assert "lo" in links_of(path)
