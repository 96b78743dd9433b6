"""Sysctls of links: netcr has most of them from rtnetlink, and an image has what /proc has."""
import criu_images as images
import everything
import pytest
from images import CONF4, CONF6

FAMILIES = (("ipv4", CONF4, "conf4"), ("ipv6", CONF6, "conf6"))
SECRET = "2001:0db8:0001:0203:0405:0607:0809:0a0b"
# Those that do not take a number that says which of them it is.
ODD = {"stable_secret": SECRET, "mtu": 1399, "hop_limit": 77, "accept_ra_min_hop_limit": 78}
# Seconds in the file, and milliseconds in what rtnetlink tells.
INTERVALS = ("router_probe_interval", "router_solicitation_delay", "router_solicitation_interval")


def distinct():
    """A value for each sysctl of a link: all numbers are different."""
    return {f"{family}/conf/LINK/{name}": ODD.get(name, 1000 + 100 * (family == "ipv6") + i)
            for family, names, _ in FAMILIES for i, name in enumerate(names)}


def expected(box, link):
    """{field: [value, or None where there is none]} of what /proc says of @link."""
    found = {}
    for family, names, field in FAMILIES:
        # A text that is not set reads as an error.
        texts = everything.read(box, [f"{family}/conf/{link}/{name}" for name in names])
        found[field] = [texts.get(f"{family}/conf/{link}/{name}") for name in names]
    return found


def saved(entry):
    """The same of an entry of the image."""
    def value(sysctl):
        text = sysctl.get("iarg", sysctl.get("sarg"))
        return None if text is None else str(text).rstrip("\n")
    return {field: [value(sysctl) for sysctl in entry[field]] for _, _, field in FAMILIES}


def dumped(worker, box, user):
    with images.directory(user) as path:
        images.dump(worker, box, path, user=user)
        return {e["name"]: saved(e) for e in images.decode(f"{path}/netdev-10.img")["entries"]}


@pytest.fixture
def box(user1, container):
    box = container(user1)
    box.batch("link set lo up", "link add br0 type bridge", "link add br1 mtu 1400 type bridge",
              "link add mv0 link br1 type macvlan mode bridge", "link set br1 up")
    return box


def assert_as_proc(worker, box, user):
    got = dumped(worker, box, user)
    assert set(got) == set(box.links())
    for name, sysctls in got.items():
        assert sysctls == expected(box, name), name
    return got


def test_every_place(worker, box, user1):
    """A link on which each sysctl has a number that no other one has, beside links as they come."""
    wanted = {key.replace("LINK", "br1"): value for key, value in distinct().items()}
    taken = everything.write(box, wanted)
    assert len(taken) >= 64, sorted(set(wanted) - set(taken))
    got = assert_as_proc(worker, box, user1)
    flat = [value for field in ("conf4", "conf6") for value in got["br1"][field]]
    assert len([v for v in flat if v is not None and 1000 <= int(v.split(":")[0]) < 1200]) >= 60
    assert SECRET in flat
    assert SECRET not in got["br0"]["conf6"]


def test_numbers_below_zero_and_great_ones(worker, box, user1):
    settings = {f"ipv4/conf/br0/{name}": value for name, value in
                (("medium_id", -1), ("tag", -(1 << 31)), ("arp_notify", (1 << 31) - 1))}
    settings |= {f"ipv6/conf/br0/{name}": value for name, value in
                 (("accept_source_route", -1), ("router_solicitations", -1),
                  ("mldv1_unsolicited_report_interval", 1003))}
    assert set(everything.write(box, settings)) >= set(settings) - {
        "ipv6/conf/br0/mldv1_unsolicited_report_interval"}
    assert_as_proc(worker, box, user1)


@pytest.mark.parametrize("seconds", [0, 1, 59, 86400, 2147483, 2147484, 4294968, -1, -4])
def test_intervals(worker, box, user1, seconds):
    everything.write(box, {f"ipv6/conf/br0/{name}": seconds for name in INTERVALS})
    got = assert_as_proc(worker, box, user1)
    if seconds in (0, 59, 86400):
        assert [got["br0"]["conf6"][CONF6.index(name)] for name in INTERVALS] == [str(seconds)] * 3


def test_links_without_a_family(worker, box, user1):
    """IPv6 leaves a link whose MTU is below 1280, and IPv4 one whose MTU is below 68."""
    box.batch("link set br0 mtu 1279", "link set lo mtu 67")
    got = assert_as_proc(worker, box, user1)
    assert set(got["br0"]["conf6"]) == {None} and None not in got["br0"]["conf4"]
    assert set(got["lo"]["conf4"]) == {None} and None not in got["lo"]["conf6"][:30]
