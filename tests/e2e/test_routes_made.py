"""Routes of the images in the target, as ip(8) tells them."""
import ipaddress
import json
import resource
import struct

import pytest

import saved_state as saved
from saved_state import base, place, put_back, source  # noqa: F401  fixtures

ADDRESSES = ["addr add 10.1.0.1/24 dev mv1", "addr add 10.1.0.2/24 dev mv1",
             "addr add 2001:db8:1::1/64 dev mv1", "addr add 2001:db8:1::2/64 dev mv1"]


@pytest.mark.parametrize("n", [1, 10, 100])
def test_as_criu_saved_them(put_back, container, user1, stage, n):
    images = f"{stage}/data/macvlan-x{n}"
    box = container(user1)
    put_back(images, box)
    for name, family in (("route", "-4"), ("route6", "-6")):
        wanted = saved.decoded(f"{images}/{name}-10.img", box, "-details", "route", "showdump")
        has = box.ip(family, "-details", "route", "show")
        assert sorted(has.replace(" table main", "").splitlines()) == \
            sorted(wanted.replace(" table main", "").splitlines())
    assert box.ip("-6", "route", "show").count("fe80::/64") == n


def same(put_back, box, source, base, place, *commands, **raw):
    saved.batch(source, *ADDRESSES)
    saved.settle(source)
    saved.batch(source, *commands)
    images = saved.images(f"{place}/images", base, source, **raw)
    put_back(images, box)
    saved.routes_become(box, saved.routes(source))
    return images


def test_v4(put_back, container, user1, source, base, place):
    same(put_back, container(user1), source, base, place,
         "route add default via 10.1.0.254 metric 7",
         "route add default via 10.1.0.253 metric 8 src 10.1.0.2",
         "route add 10.2.0.0/16 via 10.1.0.254 mtu 1300 advmss 1200 initcwnd 20",
         "route add 10.3.0.0/16 via 10.1.0.254 mtu lock 1300 congctl reno quickack 1",
         "route add 10.4.0.0/16 dev mv1 scope link",
         "route add 10.5.0.0/16 via 10.4.0.1 dev mv1",
         "route add 10.6.0.0/16 via 192.0.2.1 dev mv1 onlink",
         "route add 10.7.0.0/16 nexthop via 10.1.0.251 weight 3 nexthop via 10.1.0.252 dev mv1",
         "route add 10.8.0.0/16 nexthop via 10.1.0.251 nexthop via 192.0.2.2 dev mv1 onlink",
         "route add blackhole 10.9.0.0/16", "route add unreachable 10.10.0.0/16",
         "route add prohibit 10.11.0.0/16", "route add throw 10.12.0.0/16 metric 3",
         "route add 10.13.0.0/16 dev lo", "route add 10.14.0.0/16 via 10.1.0.254 proto 77 realm 5",
         "route add 10.15.0.0/16 tos 0x10 via 10.1.0.254",
         "route append 10.15.0.0/16 tos 0x10 via 10.1.0.253",
         "route append 10.15.0.0/16 tos 0x10 via 10.1.0.252",
         "route add 10.16.0.0/16 via inet6 2001:db8:1::99 dev mv1",
         "route add local 10.17.0.0/16 dev lo table main",
         "route add broadcast 10.18.0.255 dev mv1 table main")


def test_v6(put_back, container, user1, source, base, place):
    same(put_back, container(user1), source, base, place,
         "route add default via 2001:db8:1::fe metric 7",
         "-6 route add default via fe80::1 dev mv1 metric 8 pref high",
         "route add 2001:db8:2::/48 via 2001:db8:1::fe mtu 1400 hoplimit 9",
         "route add 2001:db8:3::/48 dev mv1", "route add 2001:db8:4::/48 via 2001:db8:3::1",
         "route add 2001:db8:5::/48 via 2001:db8:ff::1 dev mv1 onlink",
         "route add 2001:db8:6::/48 nexthop via 2001:db8:1::fe weight 3 nexthop via "
         "2001:db8:1::fd",
         "route add blackhole 2001:db8:7::/48", "route add unreachable 2001:db8:8::/48",
         "route add prohibit 2001:db8:9::/48", "route add 2001:db8:a::/48 dev lo",
         "route add 2001:db8:b::/48 from 2001:db8:1::/64 via 2001:db8:1::fe",
         "route add 2001:db8:c::/48 via 2001:db8:1::fe src 2001:db8:1::2 proto 77",
         "route add 2001:db8:d::/48 via 2001:db8:1::fe expires 5000")


def test_local_and_anycast(put_back, container, user1, source, base, place):
    """Those that somebody made; the kernel's own come with the addresses."""
    same(put_back, container(user1), source, base, place, "route add local 10.9.0.0/16 dev lo",
         "-6 route add local 2001:db8:9::/64 dev lo",
         "-6 route add local 2001:db8:a::/64 dev lo table main",
         "-6 route add anycast 2001:db8:b::/64 dev mv1",
         "-6 route add anycast 2001:db8:c::7 dev mv1 table main", "-6 route add throw 2001:db8:d::/48",
         route6=("-6", "route", "save", "table", "all"), route=("-4", "route", "save", "table", "all"))


def default6(via, proto, metric=1024, more=b""):
    return saved.route(ipaddress.ip_address("::"), 0, via=via, oif=saved.INDEX, proto=proto,
                       metric=metric, more=more)


@pytest.mark.parametrize("protos", [(9, 9), (3, 9), (9, 3, 9)], ids=str)
def test_several_routers(put_back, container, user1, base, place, protos):
    """The kernel keeps a route of each router's advertisements, to the same destination and with the
    same metric, and takes them from nobody else: they are nexthops of one."""
    mtu = saved.attr(8, saved.attr(2, (1400).to_bytes(4, "little")))
    expires = saved.attr(12, struct.pack("=IIiIIIII", 0, 0, 180000, 0, 0, 0, 0, 0))
    there = [default6(f"fe80::{i + 1}", proto, more=mtu + expires + saved.attr(20, b"\1"))
             for i, proto in enumerate(protos)]
    # One of another metric stays by itself, and one that is there twice is there once.
    there += [default6("fe80::9", 9, metric=1025), there[1]]
    box = container(user1)
    images = saved.images(f"{place}/images", base,
                          route6=saved.MAGIC["route6"].to_bytes(4, "little") + b"".join(there))
    said = put_back(images, box)
    assert said.count("\n") >= 1
    one, other = sorted((json.loads(r) for r in saved.routes(box) if '"default"' in r),
                        key=lambda r: r["metric"])
    assert [hop["gateway"] for hop in one["nexthops"]] == [f"fe80::{i + 1}" for i in
                                                           range(len(protos))]
    assert (one["metric"], one["pref"]) == (1024, "high")
    assert one["metrics"] == [{"mtu": 1400}]
    assert (other["metric"], other["gateway"]) == (1025, "fe80::9")
    assert "expires" in box.ip("-6", "route", "show", "default", "metric", "1024")


def test_all_tables(put_back, container, user1, source, base, place):
    """Both families in one file, with what the kernel made by itself."""
    same(put_back, container(user1), source, base, place,
         "route add default via 10.1.0.254 table 100", "route add 10.9.0.0/16 via 10.1.0.254 "
         "table 100000", "route add default via 2001:db8:1::fe table 100",
         "route add blackhole default table 101 metric 9",
         route=("route", "save", "table", "all"), route6=None)


def test_by_nexthop_objects(put_back, container, user1, source, base, place):
    """In images that CRIU wrote: the kernel tells the object's id beside what it resolves to."""
    by_object = ["nexthop add id 1 via 10.1.0.254 dev mv1", "nexthop add id 2 via 10.1.0.253 dev mv1",
                 "nexthop add id 3 group 1,3/2", "nexthop add id 4 blackhole",
                 "nexthop add id 5 dev mv1", "nexthop add id 6 via 2001:db8:1::fe dev mv1",
                 "nexthop add id 7 via 192.0.2.1 dev mv1 onlink",
                 "route add 10.2.0.0/16 nhid 1", "route add 10.3.0.0/16 nhid 3",
                 "route add 10.4.0.0/16 nhid 4", "route add 10.5.0.0/16 nhid 5",
                 "route add 10.6.0.0/16 nhid 6", "route add 10.7.0.0/16 nhid 7"]
    by_object6 = ["-6 nexthop add id 10 blackhole", "-6 nexthop add id 11 dev mv1",
                  "-6 route add 2001:db8:2::/48 nhid 6", "-6 route add 2001:db8:3::/48 nhid 10",
                  "-6 route add 2001:db8:4::/48 nhid 11"]
    saved.batch(source, *ADDRESSES)
    saved.settle(source)
    saved.batch(source, *by_object, *by_object6)
    images = saved.images(f"{place}/images", base, source)
    box = container(user1)
    put_back(images, box)
    assert box.ip("nexthop") == ""
    has = [json.loads(route) for route in saved.routes(box)]
    found = {r["dst"]: r for r in has if "dst" in r and r["dst"].endswith(("/16", "/48"))}
    assert found["10.2.0.0/16"]["gateway"] == "10.1.0.254"
    assert [(h["gateway"], h["weight"]) for h in found["10.3.0.0/16"]["nexthops"]] == [
        ("10.1.0.254", 3), ("10.1.0.253", 1)]
    assert found["10.4.0.0/16"]["type"] == "blackhole"
    assert found["10.5.0.0/16"]["dev"] == "mv1" and "gateway" not in found["10.5.0.0/16"]
    assert found["10.6.0.0/16"]["via"]["host"] == "2001:db8:1::fe"
    assert "onlink" in found["10.7.0.0/16"]["flags"]
    assert found["2001:db8:2::/48"]["gateway"] == "2001:db8:1::fe"
    assert found["2001:db8:3::/48"]["type"] == "blackhole"
    assert found["2001:db8:4::/48"]["dev"] == "mv1"


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_order_does_not_matter(put_back, container, user1, source, base, place, family):
    """Gateways before the routes by which they are reached, as no kernel writes them."""
    if family == "-4":
        lines = ["route add 10.200.0.0/16 dev mv1 scope link",
                 "route add 10.2.0.0/16 via 10.200.0.1"]
        name = "route"
    else:
        lines = ["route add 2001:db8:f::/48 dev mv1", "route add 2001:db8:2::/48 via 2001:db8:f::1"]
        name = "route6"
    saved.batch(source, *ADDRESSES, *lines)
    saved.settle(source)
    data = saved.save(source, *saved.RAW[name])
    raw = {name: data[:4] + b"".join(reversed(list(saved.messages(data))))}
    images = saved.images(f"{place}/images", base, source, **raw)
    box = container(user1)
    put_back(images, box)
    saved.routes_become(box, saved.routes(source))


def test_replaced_ones_do_not_come_back(put_back, container, user1, source, base, place):
    """The kernel makes a route with an address; it was another one when the images were made."""
    same(put_back, container(user1), source, base, place,
         "route del 10.1.0.0/24 dev mv1", "route add 10.1.0.0/24 dev mv1 mtu 1400 proto static",
         "route del 2001:db8:1::/64 dev mv1", "route add 2001:db8:1::/64 dev mv1 metric 5")


def test_expiry_is_that_which_is_left(put_back, container, user1, source, base, place):
    box = container(user1)
    same(put_back, box, source, base, place,
         "route add 2001:db8:d::/48 via 2001:db8:1::fe expires 5000")
    words = box.ip("-6", "route", "show", "2001:db8:d::/48").split()
    assert 4900 < int(words[words.index("expires") + 1].rstrip("sec")) <= 5000


@pytest.mark.parametrize("data", [None, b"", b"\x24\x12\x31\x45"], ids=["none", "empty", "magic"])
def test_nothing_there(put_back, container, user1, base, place, data):
    box = container(user1)
    put_back(saved.images(f"{place}/images", base, route=data, route6=data), box)
    assert box.ip("-6", "route", "show").count("fe80::/64") == 1


def many(n, family):
    """Messages as `ip route save` writes them, for 2 n routes, the first half via gateways."""
    gateway = "10.1.0.254" if family == 4 else "2001:db8:1::fe"
    start = int(ipaddress.ip_address("11.0.0.0" if family == 4 else "2001:db9::"))
    for i in range(n):
        where = ipaddress.ip_address(start + (i << (0 if family == 4 else 64)))
        yield saved.route(where, 32 if family == 4 else 64, via=gateway, oif=saved.INDEX)


def timed(put_back, box, images):
    """The time that it takes the processor, and the kernel for it: others may be at work, too."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    begin = used()
    put_back(images, box)
    return used() - begin


@pytest.mark.parametrize("family", [4, 6])
def test_100000_in_linear_time(put_back, container, user1, source, base, place, family,
                               record_property):
    saved.batch(source, *ADDRESSES)
    saved.settle(source)
    name = "route" if family == 4 else "route6"
    took = {}
    for n in (10000, 100000):
        raw = {name: (saved.MAGIC[name]).to_bytes(4, "little") + b"".join(many(n, family))}
        images = saved.images(f"{place}/images{n}", base, source, **raw)
        box = container(user1)
        took[n] = timed(put_back, box, images)
        assert box.ip(f"-{family}", "route", "show").count(" via ") == n
        box.close()
    record_property("seconds", took)
    print(took)
    # Ten times as many take ten times as long, and not a hundred times; with room for noise.
    assert took[100000] < 25 * max(took[10000], 0.1), took
