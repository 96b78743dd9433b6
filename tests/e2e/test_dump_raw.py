"""ifaddr, route, route6 and rule images beside what Debian's ip writes of the same namespace."""
import ipaddress
import os
import struct
import subprocess
import time

import pytest

import criu_images as images
import saved_state
from namespaces import wait_until

FILES = {"ifaddr-10.img": ("addr", "save"), "route-10.img": ("route", "save"),
         "route6-10.img": ("-6", "route", "save"), "rule-10.img": ("rule", "save")}
IFA_CACHEINFO = 6
RTA_CACHEINFO = 12


def saved(box, *args):
    return box.run("ip", *args, text=False).stdout


def attributes(data, header):
    at, found = header, []
    while at < len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        found.append((kind, data[at + 4:at + size]))
        at += size + 3 & ~3
    return found


def without_lifetimes(kind, body):
    """Seconds that are left pass while the test runs."""
    if kind == 20:  # RTM_NEWADDR: preferred, valid; when it was made and changed stays
        return [(t, v[8:] if t == IFA_CACHEINFO else v) for t, v in attributes(body, 8)], body[:8]
    if kind == 24:  # RTM_NEWROUTE: clntref, lastuse, expires, error ...
        return ([(t, v[12:] if t == RTA_CACHEINFO else v) for t, v in attributes(body, 12)],
                body[:12])
    return body


def comparable(data):
    """The magic number, and the messages less sequence numbers and port ids, which are of the
    conversation with the kernel, and lifetimes."""
    return data[:4], [(kind, flags, without_lifetimes(kind, body))
                      for kind, flags, seq, pid, body in images.messages(data)]


def assert_like_ip(box, path):
    for name, args in FILES.items():
        assert comparable(images.read(path, name)) == comparable(saved(box, *args)), name


def fill(box):
    # An address that is still looked for twice is another one a second later.
    box.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad")
    box.batch("link set lo up", "link add v0 type veth peer name v1", "link set v0 up",
              "link set v1 up", "link add mv0 link v0 type macvlan mode bridge",
              "link set mv0 up",
              "addr add 10.0.0.2/24 dev mv0", "addr add 10.0.0.3/24 dev mv0 label mv0:1",
              "addr add 10.9.9.1 peer 10.9.9.2/32 dev mv0 valid_lft 1000 preferred_lft 500",
              "addr add 2001:db8::2/64 dev mv0 nodad",
              "addr add 2001:db8::3/128 dev mv0 nodad valid_lft 1000 preferred_lft 500",
              "route add default via 10.0.0.1 metric 5 mtu 1400",
              "route add 192.0.2.0/24 via 10.0.0.1 src 10.0.0.3",
              "route add 198.51.100.0/24 nexthop via 10.0.0.1 weight 2 nexthop via 10.0.0.9",
              "route add blackhole 203.0.113.0/24", "route add 10.7.0.0/16 dev mv0 scope link",
              "route add default via 2001:db8::1 metric 7",
              "route add 2001:db8:1::/48 via 2001:db8::1 expires 1000",
              "route add unreachable 2001:db8:2::/48",
              "rule add from 10.0.0.3 lookup 100 priority 1000",
              "rule add fwmark 7 lookup 200 priority 1001",
              "rule add to 192.0.2.0/24 iif mv0 blackhole priority 1002")


def settle(box):
    """Wait until the kernel has told its protocols of every link that came up: routes and addresses
    follow in their own time."""
    def snapshot():
        return [without_lifetimes(kind, body) for args in FILES.values()
                for kind, flags, seq, pid, body in images.messages(saved(box, *args))]

    def is_still():
        before = snapshot()
        time.sleep(0.3)
        return snapshot() == before
    wait_until(is_still, "addresses and routes stand still")


def skip_veth(worker, box, path, *args, **kwargs):
    """Also of a version that cannot save them."""
    settle(box)
    return images.dump(worker, box, path, "--external", "netdev[*]:x", *args, **kwargs)


def test_a_namespace_as_it_begins(worker, user1, container):
    box = container(user1)
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        assert_like_ip(box, path)
        assert images.read(path, "route-10.img") == b"\x24\x12\x31\x45"
        assert images.read(path, "ifaddr-10.img") == b"\x22\x12\x36\x47"
        assert images.read(path, "route6-10.img") == b"\x24\x12\x31\x45"


def test_addresses_routes_and_rules(worker, user1, container):
    box = container(user1)
    fill(box)
    with images.directory(user1) as path:
        skip_veth(worker, box, path, user=user1)
        assert_like_ip(box, path)
        # What is the same twice gives the same bytes twice.
        with images.directory(user1) as again:
            skip_veth(worker, box, again, user=user1)
            for name in ("rule-10.img", "route-10.img"):
                assert images.read(path, name) == images.read(again, name)


def test_what_is_left_out(worker, user1, container):
    """The table local, and what the kernel cloned: as ip does. Other tables are not, though ip
    does not save them unasked: they stand behind those of main."""
    box = container(user1)
    fill(box)
    box.batch("route add default via 10.0.0.1 table 100",
              "route add 192.0.2.0/24 via 10.0.0.1 table 100",
              "route add default via 10.0.0.9 table 70000",
              "route add default via 2001:db8::1 table 100")
    box.run("ping", "-c1", "-W1", "10.0.0.99", check=False)
    with images.directory(user1) as path:
        skip_veth(worker, box, path, user=user1)
        for name, family in (("route-10.img", "-4"), ("route6-10.img", "-6")):
            ours = comparable(images.read(path, name))
            main = comparable(saved(box, family, "route", "save"))
            assert ours[0] == main[0]
            assert ours[1][:len(main[1])] == main[1]
            # The flag NLM_F_DUMP_FILTERED is of an answer about one table.
            others = [(kind, flags | 0x20, body) for kind, flags, body in ours[1][len(main[1]):]]
            tables = ("100", "70000") if family == "-4" else ("100",)
            expected = [m for table in tables
                        for m in comparable(saved(box, family, "route", "save", "table",
                                                  table))[1]]
            assert sorted(map(repr, others)) == sorted(map(repr, expected))


def test_prefixes_that_somebody_made_local(worker, user1, container):
    """They are in table local, among what the kernel makes by itself."""
    box, again = container(user1), container(user1)
    for ns in (box, again):
        ns.ip("link", "set", "lo", "up")
    box.batch("addr add 10.1.0.1/24 dev lo", "route add local 10.9.0.0/16 dev lo")
    for prefix in ("2001:db8:1::/64", "2001:db8:2::/64 metric 7"):
        box.ip("-6", "route", "add", "local", *prefix.split(), "dev", "lo")
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        assert len(images.messages(images.read(path, "route-10.img"))) == 1
        assert len(images.messages(images.read(path, "route6-10.img"))) == 2
        done = subprocess.run(user1.argv(worker, "restore", "-D", path, "--pid", str(again.pid)),
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    assert saved_state.routes(again) == saved_state.routes(box)


def test_ip_reads_it(worker, user1, container):
    box, other = container(user1), container(user1)
    fill(box)
    box.batch("route add default via 10.0.0.1 table 100")
    with images.directory(user1) as path:
        skip_veth(worker, box, path, user=user1)
        for name, command in (("ifaddr-10.img", "addr"), ("route-10.img", "route")):
            with open(f"{path}/{name}", "rb") as f:
                shown = box.run("ip", "-N", command, "showdump", stdin=f).stdout
            assert "10.0.0.3" in shown and "mv0" in shown
        with open(f"{path}/rule-10.img", "rb") as f:
            other.run("ip", "rule", "flush")
            other.run("ip", "rule", "del", "table", "local")
            other.run("ip", "rule", "restore", stdin=f)
    # mv0 is not there.
    assert other.ip("rule").replace(" [detached]", "") == box.ip("rule")


def test_rules_of_ipv6_are_named(worker, user1, container):
    box = container(user1)
    box.ip("-6", "rule", "add", "from", "2001:db8::/64", "lookup", "100", "priority", "77")
    with images.directory(user1) as path:
        done = images.dump(worker, box, path, user=user1)
        assert "1 rules of IPv6" in done.stderr
        assert_like_ip(box, path)


OBJECTS = ["nexthop add id 1 via 10.0.0.1 dev mv0", "nexthop add id 2 via 10.0.0.9 dev mv0",
           "nexthop add id 3 group 1,3/2", "nexthop add id 4 blackhole",
           "nexthop add id 5 dev mv0", "nexthop add id 6 via 2001:db8::1 dev mv0",
           "nexthop add id 7 via 2001:db8::9 dev mv0", "nexthop add id 8 group 6/7,5",
           "nexthop add id 9 via 192.0.2.1 dev mv0 onlink",
           "-6 nexthop add id 10 blackhole", "-6 nexthop add id 11 dev mv0"]
# Each by an object, and as an ordinary one.
BY_OBJECT = [("172.16.1.0/24 nhid 1 metric 5", "172.16.1.0/24 via 10.0.0.1 metric 5"),
             ("172.16.3.0/24 nhid 3",
              "172.16.3.0/24 nexthop via 10.0.0.1 weight 3 nexthop via 10.0.0.9"),
             ("blackhole 172.16.4.0/24", "blackhole 172.16.4.0/24"),
             ("172.16.5.0/24 nhid 5", "172.16.5.0/24 dev mv0 scope global"),
             ("172.16.6.0/24 nhid 6", "172.16.6.0/24 via inet6 2001:db8::1 dev mv0"),
             ("172.16.9.0/24 nhid 9 table 77", "172.16.9.0/24 via 192.0.2.1 dev mv0 onlink "
              "table 77"),
             ("172.16.10.0/24 nhid 4", "blackhole 172.16.10.0/24"),
             ("-6 2001:db8:6::/48 nhid 6", "-6 2001:db8:6::/48 via 2001:db8::1"),
             ("-6 2001:db8:8::/48 nhid 8", "-6 2001:db8:8::/48 nexthop via 2001:db8::1 "
              "nexthop via 2001:db8::9 weight 5"),
             ("-6 2001:db8:a::/48 nhid 10", "-6 blackhole 2001:db8:a::/48"),
             ("-6 2001:db8:b::/48 nhid 11", "-6 2001:db8:b::/48 dev mv0")]


def add_routes(box, routes):
    for route in routes:
        words = route.split()
        family = ["-6"] * (words[0] == "-6")
        box.ip(*family, "route", "add", *words[len(family):])


def add_objects(box):
    for line in OBJECTS:
        box.ip(*line.split())
    add_routes(box, [by_object for by_object, _ in BY_OBJECT])


def added_routes(path):
    """The messages of both files that are about destinations of BY_OBJECT, sorted."""
    wanted = {ipaddress.ip_network(next(w for w in ordinary.split() if "/" in w)).network_address
              .packed for _, ordinary in BY_OBJECT}
    return sorted(repr(m) for name in ("route-10.img", "route6-10.img")
                  for m in comparable(images.read(path, name))[1]
                  if wanted & {value for kind, value in m[2][0] if kind == 1})


def test_routes_by_nexthop_objects_become_ordinary_ones(worker, user1, container):
    """Byte by byte what the kernel tells of ordinary routes to the same places."""
    one, other = container(user1), container(user1)
    for box in (one, other):
        fill(box)
    add_objects(one)
    add_routes(other, [ordinary for _, ordinary in BY_OBJECT])
    with images.directory(user1) as path, images.directory(user1) as ordinary:
        done = skip_veth(worker, one, path, user=user1)
        for n in (6, 4):  # of IPv4, where one is ordinary, and of IPv6
            assert f"{n} routes go by nexthop objects, which the images cannot hold: they are " \
                "saved as ordinary routes" in done.stderr
        done = skip_veth(worker, other, ordinary, user=user1)
        assert "nexthop object" not in done.stderr
        assert len(added_routes(path)) == len(BY_OBJECT)
        assert added_routes(path) == added_routes(ordinary)


def test_route_by_an_object_alone_is_an_error(worker, user1, container):
    """Where the kernel is told not to say where the object leads."""
    box = container(user1)
    fill(box)
    box.batch("nexthop add id 7 via 10.0.0.1 dev mv0", "route add 172.16.0.0/12 nhid 7",
              "nexthop add id 8 blackhole", "route add 172.32.0.0/12 nhid 8")
    box.run("sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0")
    with images.directory(user1) as path:
        done = skip_veth(worker, box, path, user=user1, check=False)
        assert done.returncode == 65
        assert "route 172.16.0.0/12 goes by nexthop object 7" in done.stderr
        assert "nexthop_compat_mode" in done.stderr
        assert "172.32" not in done.stderr  # leads nowhere, and that is told
        assert os.listdir(path) == []


def test_what_goes_by_a_link_that_is_left_out(worker, user1, container):
    box = container(user1)
    fill(box)
    box.batch("link add d0 index 7777 type ifb", "link set d0 up", "addr add 10.5.0.1/24 dev d0",
              "addr add 2001:db8:5::1/64 dev d0 nodad",
              "route add 10.6.0.0/16 via 10.5.0.2",
              "route add 10.8.0.0/16 nexthop via 10.0.0.1 nexthop via 10.5.0.2")
    with images.directory(user1) as path:
        skip_veth(worker, box, path, user=user1)
        assert b"d0" in images.read(path, "netdev-10.img")
    with images.directory(user1) as path:
        settle(box)
        images.dump(worker, box, path, "--external", "netdev[v0]:x", "--external",
                    "netdev[v1]:x", "--skip-kind", "ifb", user=user1)
        assert b"d0" not in images.read(path, "netdev-10.img")
        assert all(b"d0" not in images.read(path, name) for name in FILES)
        index = struct.pack("=I", 7777)
        for name in FILES:
            assert index not in images.read(path, name), name
        # Without the link these are what ip sees, too.
        box.ip("link", "del", "d0")
        assert_like_ip(box, path)


@pytest.mark.parametrize("n", [2000])
def test_more_than_one_buffer(worker, user1, container, n):
    box = container(user1)
    fill(box)
    box.batch(*[f"route add 100.{i // 250}.{i % 250}.0/24 via 10.0.0.1" for i in range(n)],
              *[f"addr add 100.64.{i // 250}.{i % 250}/32 dev mv0" for i in range(n // 2)])
    with images.directory(user1) as path:
        skip_veth(worker, box, path, user=user1)
        assert_like_ip(box, path)
        assert len(images.messages(images.read(path, "route-10.img"))) > n


def test_ip_restores_it(worker, user1, container):
    """`ip addr restore` and `ip route restore` take all of a dump in a twin of the namespace, and have
    the same to save then. Not of a link without a carrier: no kernel takes the mark of its routes."""
    box, twin = container(user1), container(user1)
    for ns in (box, twin):
        ns.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
               "net.ipv6.conf.default.accept_dad=0")
        ns.batch("link set lo up", "link add ve0 index 7 address 02:00:00:00:00:07 type veth "
                 "peer name ve1 index 8 address 02:00:00:00:00:08", "link set ve1 up",
                 "link set ve0 up")
    box.batch("addr add 10.0.0.2/24 dev ve0", "addr add 10.0.0.3/24 dev ve0 label ve0:1",
              "addr add 2001:db8::2/64 dev ve0 nodad", "route add 192.0.2.0/24 via 10.0.0.1",
              "route add 198.51.100.0/24 via 10.0.0.9 metric 7 mtu 1400",
              "route add blackhole 203.0.113.0/24", "route add 2001:db8:1::/48 via 2001:db8::1",
              "route add unreachable 2001:db8:2::/48 metric 9")
    settle(box)
    with images.directory(user1) as path:
        images.dump(worker, box, path, user=user1)
        for name, command in (("ifaddr-10.img", ("addr",)), ("route-10.img", ("route",)),
                              ("route6-10.img", ("-6", "route"))):
            with open(f"{path}/{name}", "rb") as f:
                twin.run("ip", *command, "restore", stdin=f)
        settle(twin)
        for name in ("route-10.img", "route6-10.img"):
            ours = comparable(images.read(path, name))
            theirs = comparable(saved(twin, *FILES[name]))
            assert ours[0] == theirs[0]
            assert sorted(map(repr, ours[1])) == sorted(map(repr, theirs[1])), name
        assert "10.0.0.3/24" in twin.ip("addr") and "2001:db8::2/64" in twin.ip("addr")
