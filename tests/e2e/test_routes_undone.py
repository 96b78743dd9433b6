"""A restore that fails among addresses, routes and rules leaves the namespace as it was."""
import ipaddress
import subprocess

import pytest

import saved_state as saved
from saved_state import base, place, put_back, source  # noqa: F401  fixtures

SYSCTLS = ("net.ipv4.conf.all", "net.ipv4.conf.default", "net.ipv4.conf.lo", "net.ipv6.conf.all",
           "net.ipv6.conf.default", "net.ipv6.conf.lo", "net.unix.max_dgram_qlen",
           "net.ipv4.ping_group_range")


def everything(box):
    sysctls = subprocess.run(box.argv("sysctl", "-a"), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False, text=True).stdout
    links = box.links()
    # Once it was up, lo has the qdisc that belongs to a link that is up.
    links["lo"].pop("qdisc")
    return (saved.state(box), links,
            [line for line in sysctls.splitlines() if line.startswith(SYSCTLS)])


def prepare(box):
    """State of the target's own, of each kind, on lo and on no link."""
    box.ip("link", "set", "lo", "up")
    saved.batch(box, "addr add 10.99.0.1/32 dev lo", "addr add 10.99.0.2/32 dev lo label lo:x",
                "-6 addr add 2001:db8:99::1/128 dev lo", "route add blackhole 10.98.0.0/16",
                "route add 10.97.0.0/16 dev lo metric 5", "route add unreachable default table 9",
                "-6 route add blackhole 2001:db8:98::/48", "rule add priority 7 lookup 8",
                "rule add priority 7 from 10.0.0.0/8 lookup 9", "rule del priority 32767",
                "-6 rule add priority 9 lookup 8", "nexthop add id 70 blackhole",
                "nexthop add id 71 dev lo", "route add 10.95.0.0/16 nhid 70",
                "route add 10.94.0.0/16 nhid 71")


def full(source):
    saved.batch(source, "addr add 10.1.0.1/24 dev mv1", "addr add 10.2.0.1/32 dev lo",
                "-6 addr add 2001:db8:1::1/64 dev mv1", "-6 addr add 2001:db8:2::1/128 dev lo")
    saved.settle(source)
    saved.batch(source, "route add default via 10.1.0.254", "route add blackhole 10.9.0.0/16",
                "route add 10.8.0.0/16 dev lo", "route add prohibit default table 77",
                "-6 route add default via 2001:db8:1::fe", "rule add priority 50 lookup 60",
                "-6 route add unreachable 2001:db8:9::/48", "rule add priority 7 lookup 60",
                "rule del priority 0", "rule add priority 1 lookup local")


@pytest.fixture
def failing(put_back, container, user1, source, base, place):
    """failing(changes of the images): a restore that fails with 1, and everything is as before."""
    def run(prepared, status=1, **raw):
        full(source)
        raw = {name: data(source) for name, data in raw.items()}
        images = saved.images(f"{place}/images", base, source, **raw)
        box = container(user1)
        if prepared:
            prepare(box)
        before = everything(box)
        said = put_back(images, box, status=status)
        assert "everything is as it was before" in said
        after = everything(box)
        for one, other in zip(before, after):
            assert one == other
        return said
    return run


def with_stranger(source):
    """A route by a gateway to which there is no way."""
    return saved.save(source, *saved.RAW["route"]) + \
        saved.route(ipaddress.ip_address("10.77.0.0"), 16, via="192.0.2.1", oif=saved.INDEX,
                    metric=5)


@pytest.mark.parametrize("prepared", [False, True], ids=["fresh", "prepared"])
def test_gateway_out_of_reach(failing, prepared):
    said = failing(prepared, route=with_stranger)
    assert "route-10.img: record " in said
    assert "10.77.0.0/16 via 192.0.2.1" in said
    assert "ENETUNREACH" in said and "Nexthop has invalid gateway" in said


@pytest.mark.parametrize("prepared", [False, True], ids=["fresh", "prepared"])
def test_gateway6_out_of_reach(failing, prepared):
    def stranger(source):
        return saved.save(source, *saved.RAW["route6"]) + \
            saved.route(ipaddress.ip_address("2001:db8:77::"), 48, via="2001:db8:66::1",
                        oif=saved.INDEX)
    said = failing(prepared, route6=stranger)
    assert "route6-10.img: record " in said and "EHOSTUNREACH" in said


@pytest.mark.parametrize("prepared", [False, True], ids=["fresh", "prepared"])
def test_rule_that_the_kernel_refuses(failing, prepared):
    """A goto to itself, last, when all else is done."""
    def backward(source):
        return saved.save(source, "rule", "save") + saved.rule(40000, action=2, goto=40000)
    said = failing(prepared, rule=backward)
    assert "rule-10.img: record " in said and "goto" in said.lower()


def test_address_that_the_kernel_refuses(failing):
    def multicast(source):
        return saved.save(source, "addr", "save") + \
            saved.address("ff02::77", 64, ifindex=saved.INDEX)
    said = failing(True, ifaddr=multicast)
    assert "ifaddr-10.img: record " in said and "ff02::77/64 dev mv1" in said


def test_route_that_did_not_come_out(failing):
    """The kernel takes it and makes another one of it: reading back tells."""
    def masked(source):
        return saved.save(source, *saved.RAW["route6"]) + \
            saved.route(ipaddress.ip_address("2001:db8:55::1"), 48, oif=saved.INDEX)
    said = failing(False, route6=masked)
    assert "or it came out otherwise" in said


def test_many_on_no_link_are_taken_back(failing):
    """They do not go with a link; and that the last step failed is known only when all are made."""
    def blackholes(source):
        start = int(ipaddress.ip_address("11.0.0.0"))
        return saved.save(source, *saved.RAW["route"]) + b"".join(
            saved.route(ipaddress.ip_address(start + i), 32, kind=6) for i in range(20000))

    def backward(source):
        return saved.save(source, "rule", "save") + saved.rule(40000, action=2, goto=40000)
    failing(True, route=blackholes, rule=backward)
