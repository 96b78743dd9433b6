"""What Debian's kernels have and the machine's may not: sit with every field, fallback devices, other kinds
of parent, kinds that the images cannot hold. In a guest of tests/vm that has the modules sit and fou."""
import json
import os
import re
import subprocess

import pytest

from criu_helpers import RootBox
from restore_helpers import data, restore, written, x1  # noqa: F401

pytestmark = pytest.mark.guest

SITS = """
link add s-plain index 50 type sit local 192.0.2.1 remote 192.0.2.2
link add s-all index 51 type sit local 192.0.2.1 remote 192.0.2.3 ttl 32 tos 0x10 pmtudisc dev lo mode ip6ip
link add s-nopmtu index 52 type sit local 192.0.2.1 remote 192.0.2.4 ttl inherit tos inherit nopmtudisc
link add s-any index 53 type sit local 192.0.2.1 remote any mode any isatap
link add s-6rd index 54 type sit local 192.0.2.5 remote any ttl 64
link add s-encap index 55 type sit local 192.0.2.6 remote 192.0.2.7 encap fou encap-sport 5555 encap-dport 5556 encap-csum
link set s-all mtu 1300 up
link set s-encap up
"""
RD = "tunnel 6rd dev s-6rd 6rd-prefix 2001:db8::/32 6rd-relay_prefix 192.0.0.0/16"


def crit(path):
    return json.loads(subprocess.run(["/usr/bin/python3", "/usr/bin/crit", "decode", "-i", path],
                                     capture_output=True, check=True).stdout)["entries"]


def dump(worker, box, directory, *more):
    os.mkdir(directory)
    return subprocess.run([worker, "dump", "-D", directory, "--pid", str(box.pid), *more],
                          capture_output=True, text=True, timeout=120, check=False)


def sits(box):
    """{name: what ip says of it}, down to the last word, but for names of other ends."""
    text = box.ip("-details", "link", "show", "type", "sit")
    parts = re.split(r"^\d+: ", text, flags=re.M)[1:]
    return {re.split("[:@]", part)[0]: part for part in parts}


def test_sit_with_every_field(worker, procs, tmp_path):
    box = RootBox(procs)
    box.ip("link", "set", "lo", "up")
    box.batch(*SITS.strip().splitlines(), RD)
    done = dump(worker, box, tmp_path / "one")
    assert done.returncode == 0, done.stderr
    entries = {e["name"]: e.get("sit") for e in crit(tmp_path / "one" / "netdev-10.img")}
    fields = set().union(*(e or {} for e in entries.values()))
    assert {"local", "remote", "ttl", "tos", "pmtudisc", "proto", "link", "flags", "encap_type",
            "encap_flags", "encap_sport", "encap_dport", "rd_prefixlen", "rd_prefix",
            "relay_prefixlen", "relay_prefix"} <= fields
    again = RootBox(procs)
    done = subprocess.run([worker, "restore", "-D", tmp_path / "one", "--pid", str(again.pid)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert sits(again) == sits(box)
    done = dump(worker, again, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    for name in ("netdev-10.img", "netns-10.img"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_fallback_device_is_matched(worker, procs, tmp_path):
    box, again = RootBox(procs), RootBox(procs)
    assert "sit0" in box.links()
    box.ip("link", "set", "sit0", "up")
    box.run("sysctl", "-qw", "net.ipv6.conf.sit0.hop_limit=33")
    assert dump(worker, box, tmp_path / "one").returncode == 0
    done = subprocess.run([worker, "restore", "-D", tmp_path / "one", "--pid", str(again.pid)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "UP" in again.links()["sit0"]["flags"]
    assert again.run("sysctl", "-n", "net.ipv6.conf.sit0.hop_limit").stdout == "33\n"


@pytest.mark.parametrize("kind", ["dummy", "vlan"])
def test_other_kinds_of_parent(restore, container, user1, data, own_host, kind):
    add = ("type", "dummy") if kind == "dummy" else ("link", "par0", "type", "vlan", "id", "5")
    own_host.ip("link", "add", "p0", *add)
    own_host.ip("link", "set", "p0", "up")
    box = container(user1)
    restore(box, f"{data}/macvlan-x1", allow=("p0",), external="macvlan[*]:p0")
    link = box.links()["mv1"]
    assert link["ifindex"] == 1001 and "UP" in link["flags"]
    assert link["link_index"] == own_host.links()["p0"]["ifindex"]


def test_a_parent_that_takes_no_macvlan(restore, container, user1, data, own_host):
    """One that ipvlans are on: refused by the kernel, and its words are passed on."""
    own_host.ip("link", "add", "i0", "link", "par0", "type", "ipvlan")
    box = container(user1)
    result = restore(box, f"{data}/macvlan-x1", status=1)
    assert "cannot make macvlan mv1 on par0" in result.said
    assert "mv1" not in box.links()


@pytest.mark.parametrize("kind, add", [
    ("dummy", ("type", "dummy")), ("vlan", ("link", "ve0", "type", "vlan", "id", "5")),
    ("ipvlan", ("link", "ve0", "type", "ipvlan"))])
def test_kinds_that_images_cannot_hold(worker, procs, tmp_path, kind, add):
    box = RootBox(procs)
    box.ip("link", "add", "ve0", "type", "veth", "peer", "name", "ve1")
    box.ip("link", "add", "odd0", *add)
    done = dump(worker, box, tmp_path / "one")
    assert done.returncode == 65 and f"link odd0 is of kind {kind}" in done.stderr
    assert os.listdir(tmp_path / "one") == []
    done = dump(worker, box, tmp_path / "two", "--skip-kind", kind)
    assert done.returncode == 0 and "odd0" in done.stderr, done.stderr
