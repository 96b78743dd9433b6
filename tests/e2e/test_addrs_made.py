"""Addresses of the images in the target, as ip(8) tells them."""
import json
import os

import pytest

import saved_state as saved
from saved_state import base, place, put_back, source  # noqa: F401  fixtures


@pytest.mark.parametrize("n", [1, 10, 100])
def test_as_criu_saved_them(put_back, container, user1, stage, n):
    images = f"{stage}/data/macvlan-x{n}"
    box = container(user1)
    put_back(images, box)
    wanted = {}
    saw, = json.loads(saved.decoded(f"{images}/ifaddr-10.img", box, "-json", "-details", "addr",
                                    "showdump"))
    for one in saw["addr_info"]:
        wanted.setdefault(one.pop("index"), []).append(saved.lifeless(one))
    has = {link["ifindex"]: [saved.lifeless(a) for a in link["addr_info"]]
           for link in json.loads(box.ip("-json", "-details", "addr"))}
    assert has == wanted
    assert len(has) == n + 1


def test_not_tentative(put_back, container, user1, stage):
    """With DAD they would be, for a second and more."""
    box = container(user1)
    put_back(f"{stage}/data/macvlan-x10", box)
    assert "tentative" not in box.ip("addr")
    assert "inet6 fe80::" in box.ip("addr")
    # Nor is any of them left without it for ever.
    assert "nodad" not in box.ip("addr")


def same(put_back, box, source, base, place, *commands, before=()):
    source.batch(*commands)
    saved.settle(source)
    images = saved.images(f"{place}/images", base, source)
    for line in before:
        box.run(*line.split())
    put_back(images, box)
    for link, wanted in saved.addresses(source).items():
        assert saved.addresses(box)[link] == wanted
    assert "tentative" not in box.ip("addr")
    return images


def test_v4(put_back, container, user1, source, base, place):
    same(put_back, container(user1), source, base, place,
         "addr add 10.1.0.1/24 broadcast + dev mv1 label mv1:one",
         "addr add 10.1.0.2/24 dev mv1",
         "addr add 10.1.0.3/24 dev mv1 label mv1:x",
         "addr add 10.2.0.1/32 peer 10.2.0.2/32 dev mv1",
         "addr add 10.3.0.1 peer 10.3.1.0/24 dev mv1",
         "addr add 10.4.0.1/24 dev mv1 metric 77",
         "addr add 10.5.0.1/24 dev mv1 noprefixroute",
         "addr add 10.6.0.1/24 dev mv1 valid_lft 5000 preferred_lft 4000",
         "addr add 10.7.0.1/24 dev mv1 valid_lft 5000 preferred_lft 0",
         "addr add 10.8.0.1/24 dev mv1 scope link",
         "addr add 10.9.0.1/24 dev mv1 scope host",
         "addr add 10.11.0.1/32 dev lo",
         "addr add 169.254.7.7/16 broadcast 169.254.1.1 dev mv1 scope link")


def test_v6(put_back, container, user1, source, base, place):
    same(put_back, container(user1), source, base, place,
         "addr add 2001:db8:1::1/64 dev mv1",
         "addr add 2001:db8:1::2/64 dev mv1",
         "addr add 2001:db8:1::3/64 dev mv1 nodad",
         "addr add 2001:db8:2::1 peer 2001:db8:2::2/128 dev mv1",
         "addr add 2001:db8:3::1/64 dev mv1 metric 77",
         "addr add 2001:db8:4::1/64 dev mv1 noprefixroute",
         "addr add 2001:db8:5::1/64 dev mv1 home",
         "addr add 2001:db8:6::1/64 dev mv1 valid_lft 5000 preferred_lft 4000",
         "addr add 2001:db8:7::1/64 dev mv1 valid_lft 5000 preferred_lft 0",
         "addr add 2001:db8:8::1/64 dev mv1 mngtmpaddr",
         "addr add fe80::77/64 dev mv1",
         "addr add 2001:db8:a::1/128 dev lo")


def test_of_older_kernels(put_back, container, user1, source, base, place):
    """Without protocol and metric of an address; and made by hand, without a label."""
    saved.batch(source, "addr add 10.1.0.1/24 broadcast + dev mv1", "addr add 2001:db8::1/64 dev mv1")
    saved.settle(source)
    data = saved.save(source, "addr", "save")
    bare = data[:4] + b"".join(saved.without(m, 8, {3, 9, 11}) for m in saved.messages(data))
    box = container(user1)
    put_back(saved.images(f"{place}/images", base, source, ifaddr=bare), box)

    def without_protocol(ns):
        return {link: [{k: v for k, v in a.items() if k != "protocol"} for a in addresses]
                for link, addresses in saved.addresses(ns).items()}
    assert without_protocol(box) == without_protocol(source)


def test_lifetimes_are_those_that_are_left(put_back, container, user1, source, base, place):
    box = container(user1)
    same(put_back, box, source, base, place,
         "addr add 10.6.0.1/24 dev mv1 valid_lft 5000 preferred_lft 4000",
         "addr add 2001:db8:6::1/64 dev mv1 valid_lft 5000 preferred_lft 4000")
    link, = json.loads(box.ip("-json", "addr", "show", "dev", "mv1"))
    ends = [(a["valid_life_time"], a["preferred_life_time"]) for a in link["addr_info"]
            if a["valid_life_time"] < 0xffffffff]
    assert len(ends) == 2
    assert all(4900 < valid <= 5000 and 3900 < preferred <= 4000 for valid, preferred in ends)


def test_deleted_ones_do_not_come_back(put_back, container, user1, source, base, place):
    """The kernel makes them when links come up; they were deleted when the images were made."""
    link_local, = [a["local"] for a in saved.addresses(source)["mv1"]]
    box = container(user1)
    same(put_back, box, source, base, place, f"addr del {link_local}/64 dev mv1",
         "addr del ::1/128 dev lo", "addr del 127.0.0.1/8 dev lo",
         "addr add 10.1.0.1/24 dev mv1", "addr add 127.0.0.2/8 dev lo")


def test_those_of_lo_that_differ(put_back, container, user1, source, base, place):
    box = container(user1)
    same(put_back, box, source, base, place, "addr del 127.0.0.1/8 dev lo",
         "addr add 127.0.0.1/8 dev lo label lo:x scope link",
         before=["ip link set lo up"])


def test_prepared_ones_stay(put_back, container, user1, base):
    box = container(user1)
    box.ip("link", "set", "lo", "up")
    box.ip("addr", "add", "10.99.0.1/32", "dev", "lo")
    put_back(base, box)
    assert "10.99.0.1" in [a["local"] for a in saved.addresses(box)["lo"]]


def test_tentative_one_is_probed(put_back, container, user1, procs, base, place):
    """One that had not passed yet has to pass now."""
    source = saved.scratch(procs, saved.mac_of(base))
    source.run("sysctl", "-qw", "net.ipv6.conf.mv1.accept_dad=1",
               "net.ipv6.conf.mv1.dad_transmits=200")
    source.ip("addr", "add", "2001:db8::7/64", "dev", "mv1")
    assert "tentative" in source.ip("addr")
    images = saved.images(f"{place}/images", base, source)
    box = container(user1)
    put_back(images, box)
    by_local = {a["local"]: a for a in saved.addresses(box)["mv1"]}
    assert by_local["2001:db8::7"].get("tentative")
    assert [a for a in by_local if not by_local[a].get("tentative")]


def test_temporary_one_becomes_ordinary(put_back, host, container, user1, procs, base, place):
    source = saved.scratch(procs, saved.mac_of(base))
    source.run("sysctl", "-qw", "net.ipv6.conf.mv1.use_tempaddr=2")
    source.ip("addr", "add", "2001:db8::7/64", "dev", "mv1", "mngtmpaddr", "valid_lft", "5000",
              "preferred_lft", "4000")
    temporary, = [a for a in saved.addresses(source)["mv1"] if a.get("temporary")]
    images = saved.images(f"{place}/images", base, source)
    box = container(user1)
    put_back(images, box)
    by_local = {a["local"]: a for a in saved.addresses(box)["mv1"]}
    assert "temporary" not in by_local[temporary["local"]]
    assert not by_local[temporary["local"]]["valid_life_time"]
    assert by_local["2001:db8::7"].get("mngtmpaddr")


@pytest.mark.parametrize("data", [None, b"", b"\x22\x12\x36\x47"], ids=["none", "empty", "magic"])
def test_nothing_there(put_back, container, user1, base, place, data):
    box = container(user1)
    put_back(saved.images(f"{place}/images", base, ifaddr=data), box)
    # The kernel's own, as there is nobody to say otherwise.
    assert [a["family"] for a in saved.addresses(box)["mv1"]] == ["inet6"]


def test_many(put_back, container, user1, source, base, place):
    lines = [f"addr add 10.{i // 250}.{i % 250}.1/24 dev mv1" for i in range(1000)]
    lines += [f"addr add 2001:db8:{i:x}::1/64 dev mv1" for i in range(1000)]
    same(put_back, container(user1), source, base, place, *lines)


def test_dry_run_says_it(put_back, container, user1, base, unchanged):
    box = container(user1)
    with unchanged(box):
        said = put_back(base, box, "--dry-run")
    assert "add what is missing of 3 addresses" in said
    assert "add what is missing of the 1 routes of route6-10.img" in said
    assert "bring the policy rules to the 3 that there were" in said
    assert os.path.exists(os.path.join(base, "ifaddr-10.img"))
