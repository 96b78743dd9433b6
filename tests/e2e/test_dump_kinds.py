"""Links that need nothing from outside, saved by an ordinary user: what CRIU wrote comes back, and
what is saved, restored and saved again is the same."""
import os
import subprocess

import pytest

import criu_images as images
from kinds_helpers import (MULTI_QUEUE, NO_PI, PERSIST, TAP, TUN, UP, VNET_HDR,  # noqa: F401
                           WITH_TUN, alone, kept, made)
from namespaces import wait_until
from test_dump_roundtrip import VOLATILE

# One namespace each, and nothing from outside.
SETS = ["bridge-uns", "tun-uns", "netns-dev-uns", "netns-nf-ns", "netns-nft-uns"]

# Fields of net_device_entry, and its first two of tun_link_entry.
TYPE, FLAGS, NAME, TUN_PART = 1, 4, 5, 6


def comparable(entry):
    """The fields of a link, less what cannot be equal."""
    found = []
    for number, value in images.fields(entry):
        # They say how the medium is, and whether somebody has a tun open.
        if number == FLAGS:
            value &= ~VOLATILE
        # Every tun that is restored is persistent: the process that had it open is not there.
        if number == TUN_PART:
            (first, flags), *rest = images.fields(value)
            value = [(first, flags | PERSIST), *rest]
        found.append((number, value))
    return found


def assert_same_links(old, new):
    """Byte by byte, in the order of the file and of the fields, but for comparable()."""
    assert old[:images.HEAD] == new[:images.HEAD]
    assert [comparable(e) for e in images.entries(old)] == [
        comparable(e) for e in images.entries(new)]


def wait_for_carriers(box):
    """The kernel tells of them a little later than they come, or go: nobody has tun0 open."""
    for name, state in CARRIERS.items():
        wait_until(lambda name=name, state=state: box.links()[name]["operstate"] == state,
                   f"{name} to be {state}")


def links_of(path):
    return {e["name"]: e for e in images.decode(f"{path}/netdev-10.img")["entries"]}


@pytest.mark.parametrize("name", SETS)
def test_images_of_criu_come_back(alone, worker, container, user1, stage, name):
    old, box = f"{stage}/data/{name}", container(user1)
    alone(box, old)
    with images.directory(user1) as new:
        images.dump(worker, box, new, user=user1)
        assert_same_links(images.read(old, "netdev-10.img"), images.read(new, "netdev-10.img"))
        assert images.read(old, "netns-10.img") == images.read(new, "netns-10.img")
        assert images.recoded(f"{new}/netdev-10.img") == images.read(new, "netdev-10.img")


def everything(made, user):
    """Every kind that this kernel has, in the order of the kernel: by index."""
    made.add("bridge", "br0", 5, mtu=1400)
    one, other = made.pair("ve0", 6, "ve1", 7, mtu=1400)
    one.master = 5
    other.mtu = 9000
    made.macvlan("mv0", 8, 7, "private")
    made.tun("tun0", 9, TUN | NO_PI | MULTI_QUEUE | PERSIST, owner=user.uid, group=user.gid,
             flags=0x1090 | UP, mtu=1300)
    tap = made.tun("tap0", 10, TAP | PERSIST, address=b"\x02\0\0\0\0\x10", mtu=1400)
    tap.master = 5
    made.add("bridge", "br1", 11, flags=0x1002)


CARRIERS = dict.fromkeys(("br0", "ve0", "ve1", "mv0", "mv1"), "UP") | {"tun0": "DOWN"}
RULES = """\
table inet mine {
	set ports {
		type inet_service
		elements = { 22, 80 }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport @ports accept
		iifname "ve0" counter packets 0 bytes 0 drop
	}
}
"""


def test_dump_restore_dump(alone, kept, made, worker, broker, own_host, container, user1):
    """With a macvlan on a parent outside, and rules of nftables."""
    first, second = container(user1), container(user1)
    everything(made, user1)
    alone(first, kept(made))
    own_host.ip("link", "add", "mv1", "link", "par0", "netns", str(first.pid), "type", "macvlan",
                "mode", "bridge")
    first.ip("link", "set", "mv1", "up")
    first.run("nft", "-f", "-", input=RULES)
    wait_for_carriers(first)
    with images.directory(user1) as one, images.directory(user1) as two:
        images.dump(worker, first, one, user=user1)
        links = links_of(one)
        assert [e["type"] for e in links.values()] == [
            "LOOPBACK", "MACVLAN", "BRIDGE", "VETH", "VETH", "MACVLAN", "TUN", "TUN", "BRIDGE"]
        first.ip("link", "del", "mv1")  # its address is taken while it is up
        done = own_host.run(*WITH_TUN, broker, "spawn", "--allow-parent", "par0", "--", worker,
                            "restore", "-D", one, "--pid", second.pid, "--external",
                            "macvlan[mv1]:par0", env=user1.sudo_env(), check=False)
        assert done.returncode == 0, done.stderr
        wait_for_carriers(second)
        images.dump(worker, second, two, user=user1)
        for name in ("netdev-10.img", "netns-10.img", "nftables-10.img", "iptables-10.img"):
            assert images.read(one, name) == images.read(two, name), name
        assert images.read(two, "nftables-10.img").decode() == RULES
        assert images.recoded(f"{two}/netdev-10.img") == images.read(two, "netdev-10.img")


def test_like_what_was_restored(alone, kept, made, worker, container, user1):
    """The dump says what the images said from which all was made, in their order."""
    box = container(user1)
    everything(made, user1)
    path = kept(made)
    alone(box, path)
    with images.directory(user1) as new:
        images.dump(worker, box, new, user=user1)
        was, now = links_of(path), links_of(new)
        assert list(was) == list(now)
        for name, link in was.items():
            for key in ("type", "ifindex", "mtu", "address", "tun", "macvlan", "master",
                        *["peer_ifindex", "peer_nsid"] * (link["type"] in ("VETH", "MACVLAN"))):
                assert link.get(key) == now[name].get(key), (name, key)


# --- tun


def tun_of(path, name="tun0"):
    return links_of(path)[name]["tun"]


def test_tun_of_a_subordinate_id(alone, kept, made, worker, container, user1):
    """The images get the id of the host: CRIU would read the same there."""
    box = container(user1, subids=True)
    with open(f"/proc/{box.pid}/uid_map") as f:
        _, outside, _ = map(int, f.read().splitlines()[-1].split())
    made.tun("tun0", 20, owner=outside + 5)
    alone(box, kept(made))
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        assert (tun_of(path)["owner"], tun_of(path)["group"]) == (outside + 5, -1)


def test_tun_of_nobody_here(worker, container, user1):
    """Made from outside for somebody who has no id in the container: to write that it has no owner
    would open it to everyone."""
    box = container(user1)
    box.run(*WITH_TUN, "ip", "tuntap", "add", "tun0", "mode", "tun", "user", "0")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, user=user1, check=False)
        assert done.returncode == 65
        assert "tun tun0 has an owner that has no id" in done.stderr
        assert os.listdir(path) == []
        images.dump(worker, box, path, "--skip-kind", "tun", user=user1)
        assert list(links_of(path)) == ["lo"]


def state_of(box):
    return box.ip("-details", "-stats", "addr", "show", "dev", "tun0")


def test_tun_is_left_alone(alone, kept, made, worker, container, user1):
    """What only who has it open is told is taken for its default, and said."""
    box = container(user1)
    made.tun("tun0", 20, TUN | VNET_HDR, vnethdr=12, sndbuf=70000, flags=0x1090 | UP)
    alone(box, kept(made))
    wait_until(lambda: box.links()["tun0"]["operstate"] == "DOWN", "tun0 to have no carrier")
    before = state_of(box)
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, user=user1)
        assert state_of(box) == before
        assert "tun tun0: the kernel tells the size of its packet header" in done.stderr
        assert "send buffer" not in done.stderr
        assert tun_of(path) == {"flags": tun_of(path)["flags"], "owner": -1, "group": -1,
                                "vnethdr": 10, "sndbuf": 2**31 - 1}


HOLD = """
import fcntl, os, struct
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"tun0", 0x1001))
print("open", flush=True)
input()
"""


def test_tun_that_is_open(worker, container, user1):
    box = container(user1)
    holder = subprocess.Popen(box.argv(*WITH_TUN, "/usr/bin/python3", "-c", HOLD),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"open\n"
        with images.directory(user1) as path:
            done = images.dump(worker, box, path, user=user1)
            assert "tun tun0: it is open" in done.stderr
            assert int(str(tun_of(path)["flags"]), 0) == TUN | NO_PI
    finally:
        holder.communicate(b"\n")


# --- what is lost, and what is elsewhere


def test_options_of_a_bridge(worker, container, user1):
    box = container(user1)
    box.batch("link add br0 type bridge", "link add br1 type bridge stp_state 1 ageing_time 100")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, user=user1)
        assert ("link br1: the images cannot hold its stp_state of 1, its ageing_time of 100: "
                "lost") in done.stderr
        assert "br0" not in done.stderr


def test_other_end_outside(worker, own_host, container, user1):
    """As CRIU writes it: its index there, and no namespace."""
    box = container(user1)
    own_host.ip("link", "add", "out0", "type", "veth", "peer", "name", "eth0", "netns",
                str(box.pid))
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        link = links_of(path)["eth0"]
        assert link["peer_ifindex"] == own_host.links()["out0"]["ifindex"]
        assert "peer_nsid" not in link
        assert images.recoded(f"{path}/netdev-10.img") == images.read(path, "netdev-10.img")
