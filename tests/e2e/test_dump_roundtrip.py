"""restore -> dump -> compare, with images that CRIU wrote; and dump -> restore -> dump."""
import os
import struct

import pytest

import criu_images as images

SETS = ["macvlan-uns", "macvlan-x1", "macvlan-x10", "macvlan-x100", "macvlan-x500", "netns-dev-uns"]

# Fields of net_device_entry.
FLAGS, NAME, CONF6, PEER_IFINDEX = 4, 5, 10, 12
IFF_RUNNING, IFF_LOWER_UP, IFF_DORMANT = 0x40, 0x10000, 0x20000
# They say how the medium is, which is the parent's and its peer's.
VOLATILE = IFF_RUNNING | IFF_LOWER_UP | IFF_DORMANT


def comparable(entry, is_macvlan):
    """The fields of a link, less what cannot be equal."""
    found = []
    for number, value in images.fields(entry):
        if number == FLAGS:
            value &= ~VOLATILE
        # The index of the parent on this host, which is another one's.
        if number == PEER_IFINDEX and is_macvlan:
            value = "the parent's"
        found.append((number, value))
    return found


def assert_same_links(old, new):
    """Byte by byte, in the order of the file and of the fields, but for comparable()."""
    assert old[:images.HEAD] == new[:images.HEAD]
    old, new = images.entries(old), images.entries(new)
    assert len(old) == len(new)
    for was, now in zip(old, new):
        is_macvlan = dict(images.fields(was))[1] == 7
        assert comparable(was, is_macvlan) == comparable(now, is_macvlan)


@pytest.fixture
def restored(broker, worker, host, user1, container):
    def make(path, **kwargs):
        box = container(user1, **kwargs)
        images.restore(broker, worker, host, user1, box, path)
        return box
    return make


@pytest.mark.parametrize("name", SETS)
def test_images_of_criu_come_back(restored, worker, user1, stage, name):
    old = f"{stage}/data/{name}"
    box = restored(old)
    with images.directory(user1) as new:
        images.dump(worker, box, new, user=user1)
        assert_same_links(images.read(old, "netdev-10.img"), images.read(new, "netdev-10.img"))
        assert images.read(old, "netns-10.img") == images.read(new, "netns-10.img")
        assert sorted(os.listdir(new)) == sorted(
            ["ids-1.img", "ifaddr-10.img", "inventory.img", "ip6tables-10.img", "iptables-10.img",
             "netdev-10.img", "netns-10.img", "nftables-10.img", "route-10.img", "route6-10.img",
             "rule-10.img"])
        # All rules that these images have are CRIU's lock.
        for kind in ("nftables", "iptables", "ip6tables"):
            assert images.read(new, f"{kind}-10.img") == b""


def without_last_field(data):
    """A netns image as a crit that does not know field 10 writes it."""
    entry, = images.entries(data)
    assert images.fields(entry)[-1][0] == 10
    size = len(images.fields(entry)[-1][1]) + 2
    return data[:images.HEAD] + struct.pack("=I", len(entry) - size) + entry[:-size]


def test_crit_reads_and_writes_the_same(restored, worker, user1, stage):
    box = restored(f"{stage}/data/macvlan-x10")
    with images.directory(user1) as new:
        images.dump(worker, box, new, user=user1)
        for name in ("netdev-10.img", "ids-1.img", "inventory.img"):
            assert images.recoded(os.path.join(new, name)) == images.read(new, name), name
        # Debian 12's crit is older than field 10, ipv4_sysctl, and drops it.
        data = images.read(new, "netns-10.img")
        assert images.recoded(os.path.join(new, "netns-10.img")) in (
            data, without_last_field(data))
        assert images.decode(os.path.join(new, "ids-1.img"))["entries"][0]["net_ns_id"] == 10
        assert images.decode(os.path.join(new, "inventory.img"))["entries"] == [
            {"img_version": 2}]


def differences(old, new):
    """(record, field's place, was, is) for people; sysctls follow the first seven fields."""
    return [(record, place, was, now)
            for record, (a, b) in enumerate(zip(images.entries(old), images.entries(new)))
            for place, (was, now) in enumerate(zip(images.fields(a), images.fields(b)))
            if was != now]


def change(box, settings):
    for key, value in settings.items():
        box.run_inside("sh", "-c", f"printf '%s\\n' '{value}' >/proc/sys/net/{key}")


def test_secret_of_the_default(worker, broker, host, user1, container):
    """A text with its newline. In a namespace without links: a new one inherits it."""
    first, second = container(user1), container(user1)
    change(first, {"ipv6/conf/default/stable_secret": "2001:db8::1"})
    with images.directory(user1) as one, images.directory(user1) as two:
        images.dump(worker, first, one, user=user1)
        images.restore(broker, worker, host, user1, second, one)
        images.dump(worker, second, two, user=user1)
        netns = images.read(two, "netns-10.img")
        assert netns == images.read(one, "netns-10.img")
        secret = b"2001:0db8:0000:0000:0000:0000:0000:0001\n"
        assert (5, b"\x08\x05\x1a\x28" + secret) in images.fields(images.entries(netns)[0])


def test_dump_restore_dump(restored, worker, user1, stage):
    """With sysctls changed at every level."""
    first = restored(f"{stage}/data/macvlan-x10")
    settings = {
        "ipv4/conf/all/log_martians": "1", "ipv4/conf/default/rp_filter": "2",
        "ipv4/conf/default/tag": "-7", "ipv4/conf/mv3/arp_ignore": "6",
        "ipv4/conf/mv3/forwarding": "1", "ipv4/conf/lo/route_localnet": "1",
        "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/hop_limit": "77",
        "ipv6/conf/all/disable_ipv6": "0",
        "ipv6/conf/mv5/stable_secret": "2001:db8:0:0:1:2:3:4",
        "ipv6/conf/mv5/mtu": "1300", "ipv6/conf/mv6/accept_source_route": "-1",
        "ipv6/conf/lo/disable_ipv6": "1",
        "ipv4/ping_group_range": "0\t0", "unix/max_dgram_qlen": "33",
    }
    change(first, settings)
    with images.directory(user1) as one, images.directory(user1) as two:
        images.dump(worker, first, one, user=user1)
        # Their addresses are taken while they are up.
        first.batch(*[f"link set mv{i} down" for i in range(1, 11)])
        second = restored(one)
        images.dump(worker, second, two, user=user1)
        assert differences(images.read(one, "netdev-10.img"),
                           images.read(two, "netdev-10.img")) == []
        for name in ("netdev-10.img", "netns-10.img", "ids-1.img", "inventory.img"):
            assert images.read(one, name) == images.read(two, name), name
        for key, value in settings.items():
            assert second.run_inside("cat", f"/proc/sys/net/{key}").stdout.split() in (
                value.split(), ["2001:0db8:0000:0000:0001:0002:0003:0004"]), key
        netns = images.fields(images.entries(images.read(two, "netns-10.img"))[0])
        # type CTL_STR, and the text with its newline
        assert (10, b"\x08\x05\x1a\x040\t0\n") in netns
        assert (9, b"\x08\x06\x10\x21") in netns


@pytest.mark.parametrize("mode, flag, bits", [("bridge", "nodst", 2), ("passthru", "nopromisc", 1)])
def test_macvlan_flags_with_their_presence(own_host, broker, worker, user1, container, mode, flag,
                                           bits):
    """CRIU writes them without, and loses them."""
    first, second = container(user1), container(user1)
    own_host.ip("link", "add", "mv0", "link", "par0", "netns", str(first.pid), "type",
                "macvlan", "mode", mode, flag)
    with images.directory(user1) as one, images.directory(user1) as two:
        images.dump(worker, first, one, user=user1)
        entry = images.decode(os.path.join(one, "netdev-10.img"))["entries"][1]
        assert entry["macvlan"]["flags"] == bits
        assert images.recoded(f"{one}/netdev-10.img") == images.read(one, "netdev-10.img")
        first.ip("link", "del", "mv0")
        images.restore(broker, worker, own_host, user1, second, one)
        assert flag in second.ip("-details", "link", "show", "mv0")
        images.dump(worker, second, two, user=user1)
        assert images.read(one, "netdev-10.img") == images.read(two, "netdev-10.img")
