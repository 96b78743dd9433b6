"""Raw images that are no good: 65, with file and record named, and nothing made."""
import ipaddress
import os
import struct

import pytest

import saved_state as saved
from saved_state import attr, base, message, place, put_back  # noqa: F401  fixtures

WHERE = ipaddress.ip_address("10.7.0.0")
NET6 = ipaddress.ip_address("2001:db8::")


@pytest.fixture
def refused(put_back, container, user1, base, place, unchanged):
    def run(name, data, *words):
        if not isinstance(data, (bytes, type(None))):
            data = struct.pack("=I", saved.MAGIC[name]) + b"".join(data)
        images = saved.images(f"{place}/images", base, **{name: data})
        box = container(user1)
        before = saved.state(box)
        with unchanged(box):
            said = put_back(images, box, status=65)
        assert saved.state(box) == before
        for word in (f"{name}-10.img", *words):
            assert word in said, said
    return run


def good(name):
    """A message of each file that is fine."""
    if name == "ifaddr":
        return saved.address("10.7.0.1", 16, ifindex=saved.INDEX)
    if name == "rule":
        return saved.rule(50)
    return saved.route(WHERE if name == "route" else NET6, 16, oif=saved.INDEX)


NAMES = sorted(saved.RAW)


@pytest.mark.parametrize("name", NAMES)
def test_magic(refused, name):
    refused(name, b"\1\2\3\4" + good(name), "magic number")


@pytest.mark.parametrize("name", NAMES)
def test_byte_order(refused, name):
    refused(name, struct.pack(">I", saved.MAGIC[name]), "byte order")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut", [1, 4, 15, 16, 20])
def test_truncated(refused, name, cut):
    data = struct.pack("=I", saved.MAGIC[name]) + good(name) + good(name)[:-cut]
    refused(name, data, "record 2 at offset " + str(4 + len(good(name))))


@pytest.mark.parametrize("name", NAMES)
def test_cut_in_the_magic(refused, name):
    refused(name, struct.pack("=I", saved.MAGIC[name])[:3], "magic number")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1, 15, 0x7fffffff, 0xffffffff])
def test_length_of_a_message(refused, name, size):
    bad = struct.pack("=I", size) + good(name)[4:]
    refused(name, [good(name), bad], "record 2 at offset ")


@pytest.mark.parametrize("name", NAMES)
def test_type_of_a_message(refused, name):
    bad = good(name)
    refused(name, [good(name), bad[:4] + struct.pack("=H", 16) + bad[6:]],
            "record 2 at offset ", "type 16")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 3, 5, 0xffff])
def test_misnested(refused, name, size):
    bad = good(name) + struct.pack("=HH", size, 1)
    bad = struct.pack("=I", len(bad)) + bad[4:]
    refused(name, [good(name), bad], "record 2 at offset ", "4 bytes are left")


@pytest.mark.parametrize("name", NAMES)
def test_unknown_attribute(refused, name):
    bad = good(name) + attr(200, b"abcd")
    refused(name, [struct.pack("=I", len(bad)) + bad[4:]], "record 1 at offset 4", "200")


@pytest.mark.parametrize("name", NAMES)
def test_family(refused, name):
    bad = bytearray(good(name))
    bad[16] = 128
    refused(name, [bytes(bad)], "record 1 at offset 4", "family 128")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["symlink", "directory", "fifo", "large"])
def test_kind_of_file(put_back, container, user1, base, place, name, what):
    images = saved.images(f"{place}/images", base, **{name: None})
    path = os.path.join(images, f"{name}-10.img")
    if what == "symlink":
        os.symlink(os.path.join(base, f"{name}-10.img"), path)
    elif what == "directory":
        os.mkdir(path)
    elif what == "fifo":
        os.mkfifo(path)
    else:
        with open(path, "wb") as f:
            f.write(struct.pack("=I", saved.MAGIC[name]))
            f.truncate(2 << 30)
    os.chmod(path, 0o755)
    assert f"{name}-10.img: " in put_back(images, container(user1), status=65)


def test_address_of_no_link(refused):
    refused("ifaddr", [saved.address("10.7.0.1", 16, ifindex=77)], "record 1",
            "10.7.0.1/16 dev 77", "not in the images")


@pytest.mark.parametrize("name, where", [("route", WHERE), ("route6", NET6)])
def test_route_on_no_link(refused, name, where):
    refused(name, [good(name), saved.route(where, 16, oif=77)], "record 2 at offset ",
            "link 77, which is not in the images")


def test_nexthop_on_no_link(refused):
    hop = struct.pack("=HBBi", 8, 0, 0, 77)
    refused("route", [saved.route(WHERE, 16, more=attr(9, hop))], "record 1",
            "link 77, which is not in the images")


@pytest.mark.parametrize("prefix, family", [(33, 4), (129, 6), (255, 4)])
def test_prefix(refused, prefix, family):
    text = "10.7.0.1" if family == 4 else "2001:db8::1"
    refused("ifaddr", [saved.address(text, prefix, ifindex=saved.INDEX)], f"prefix of {prefix}")


def test_route_prefix(refused):
    refused("route", [saved.route(WHERE, 33, oif=saved.INDEX)], "prefix of 33")


def test_bits_behind_the_prefix(refused):
    refused("route", [saved.route(ipaddress.ip_address("10.7.0.1"), 16, oif=saved.INDEX)],
            "beyond its prefix")


@pytest.mark.parametrize("kind, payload, word", [
    (22, attr(1, struct.pack("=I", 5)), "lightweight tunnels"),
    (21, struct.pack("=H", 1), "lightweight tunnels"),
    (19, struct.pack("=I", 5), "MPLS")])
def test_what_cannot_be_restored(refused, kind, payload, word):
    refused("route", [saved.route(WHERE, 16, oif=saved.INDEX, more=attr(kind, payload))], word)


@pytest.mark.parametrize("name, where", [("route", WHERE),
                                         ("route6", ipaddress.ip_address("2001:db8:7::"))])
def test_nexthop_object_alone(refused, name, where):
    """The kernel told no gateway and no link beside it."""
    refused(name, [saved.route(where, 16 if name == "route" else 48,
                               more=attr(30, struct.pack("=I", 5)))],
            "nexthop object 5, and nexthop objects are not in the images")


def test_goto_nowhere(refused):
    refused("rule", [saved.rule(50, action=2)], "goes to nowhere")


def test_too_many_addresses(refused):
    refused("ifaddr", [good("ifaddr")] * 65537, "more than 65536 records")


def test_show_refuses_it_too(worker, base, place, host):
    data = struct.pack("=I", saved.MAGIC["route"]) + saved.route(WHERE, 16, oif=77)
    images = saved.images(f"{place}/images", base, route=data)
    done = host.run(worker, "show", "-D", images, check=False)
    assert done.returncode == 65
    assert "link 77" in done.stderr
