"""Several network namespaces of one container in one dump, and back."""
import json
import os
import signal
import subprocess

import pytest

import criu_images as images
import saved_state
from namespaces import wait_until
from restore_helpers import data  # noqa: F401
from spaces_helpers import SUB_VETH, assert_family, family, together  # noqa: F401
from test_dump_roundtrip import assert_same_links, without_last_field
from test_everything import records

KINDS = ["ifaddr", "route", "route6", "rule", "nftables", "iptables", "ip6tables", "netdev",
         "netns"]
SUB_VETH_IMAGES = "netns-sub-veth-uns"


def files_of(*ids):
    return {"inventory.img", "ids-1.img", *[f"{kind}-{i}.img" for kind in KINDS for i in ids]}


@pytest.fixture
def place(user1):
    with images.directory(user1) as path:
        yield path


@pytest.fixture
def other_place(user1):
    with images.directory(user1) as path:
        yield path


# --- images of CRIU


def test_images_of_criu_come_back(family, together, data, place):
    box, old = family(*SUB_VETH), f"{data}/{SUB_VETH_IMAGES}"
    together(box.user, "restore", old, *box.options())
    result = together(box.user, "dump", place, *box.options())
    assert ": lost" not in result.said
    assert set(os.listdir(place)) == files_of(*SUB_VETH)
    for ns_id in SUB_VETH:
        # Both ends are in the images: of veths, too, only the volatile flags cannot be equal.
        assert_same_links(images.read(old, f"netdev-{ns_id}.img"),
                          images.read(place, f"netdev-{ns_id}.img"))
        assert images.read(old, f"netns-{ns_id}.img") == images.read(place, f"netns-{ns_id}.img")
    ids, = images.decode(f"{place}/ids-1.img")["entries"]
    assert ids["net_ns_id"] == 10


def test_order_does_not_matter(family, together, data, place, other_place):
    """But for whose namespace is the root task's, which is that of the first."""
    box = family(*SUB_VETH)
    together(box.user, "restore", f"{data}/{SUB_VETH_IMAGES}", *box.options())
    together(box.user, "dump", place, *box.options())
    together(box.user, "dump", other_place, *box.options(17, 10, 16))
    for name in os.listdir(place):
        if name != "ids-1.img":
            assert images.read(place, name) == images.read(other_place, name), name
    ids, = images.decode(f"{other_place}/ids-1.img")["entries"]
    assert ids["net_ns_id"] == 17


def test_crit_reads_and_writes_the_same(family, together, data, place):
    box = family(*SUB_VETH)
    together(box.user, "restore", f"{data}/{SUB_VETH_IMAGES}", *box.options())
    together(box.user, "dump", place, *box.options())
    for name in ("inventory.img", "ids-1.img", *[f"netdev-{i}.img" for i in SUB_VETH]):
        assert images.recoded(f"{place}/{name}") == images.read(place, name), name
    for ns_id in SUB_VETH:
        # Debian 12's crit is older than field 10, ipv4_sysctl, and drops it.
        netns = images.read(place, f"netns-{ns_id}.img")
        assert images.recoded(f"{place}/netns-{ns_id}.img") in (netns, without_last_field(netns))


def test_root_task_by_pid(family, together, data, place):
    """Its id is in the ids-1.img of the rest of the checkpoint."""
    box, old = family(*SUB_VETH), f"{data}/{SUB_VETH_IMAGES}"
    together(box.user, "restore", old, *box.options())
    for name in ("inventory.img", "ids-1.img"):
        with open(f"{place}/{name}", "wb") as f:
            f.write(images.read(old, name))
        os.chmod(f"{place}/{name}", 0o644)
    result = together(box.user, "dump", place, "--pid", box.box.pid, *box.options(16, 17),
                      "--json").json
    assert set(result["files"]) == files_of(*SUB_VETH) - {"inventory.img", "ids-1.img"}
    assert [n["ns_id"] for n in result["namespaces"]] == list(SUB_VETH)
    assert [n["netns_inode"] for n in result["namespaces"]] == [box[i].inode() for i in SUB_VETH]
    assert [[link["name"] for link in n["links"]] for n in result["namespaces"]] == [
        ["lo", "zdtmbr", "zdtm0", "zdtm1"], ["lo", "zdtm0"], ["lo", "zdtm1"]]
    for ns_id in SUB_VETH:
        assert images.read(old, f"netns-{ns_id}.img") == images.read(place, f"netns-{ns_id}.img")


def test_one_by_its_id(family, together, place):
    """--netns ID=PATH once is --netns PATH with --ns-id ID."""
    box = family(5)
    result = together(box.user, "dump", place, *box.options(), "--json").json
    assert result["ns_id"] == 5 and set(os.listdir(place)) == files_of(5)


# --- everything, and back


def connect(box):
    """Three namespaces: veths from 10 to 11 and 12 and from 11 to 12, with the same indexes at
    both ends or not, a macvlan in 11 on a bridge of 10, and one in 12 on a veth of 11."""
    for ns in box.spaces.values():
        ns.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
               "net.ipv6.conf.default.accept_dad=0")
        ns.ip("link", "set", "lo", "up")
    pids = {ns_id: str(ns.pid) for ns_id, ns in box.spaces.items()}
    box[10].batch("link add br0 index 5 address 02:00:00:00:10:05 type bridge",
                  "link add e11 index 6 address 02:00:00:00:10:06 type veth peer name eth0 "
                  f"index 6 address 02:00:00:00:11:06 netns {pids[11]}",
                  "link add e12 index 7 address 02:00:00:00:10:07 type veth peer name eth0 "
                  f"index 60 address 02:00:00:00:12:60 netns {pids[12]}",
                  "link add a0 index 8 address 02:00:00:00:10:08 type veth peer name a1 index 9 "
                  "address 02:00:00:00:10:09",
                  "link set e11 master br0", "link set e12 master br0",
                  f"link add mv0 link br0 index 70 address 02:00:00:00:11:70 netns {pids[11]} "
                  "type macvlan mode bridge",
                  *[f"link set {name} up" for name in ("br0", "e11", "e12", "a0", "a1")])
    box[11].batch("link add f12 index 61 mtu 1400 address 02:00:00:00:11:61 type veth peer name f11 "
                  f"index 62 address 02:00:00:00:12:62 netns {pids[12]}",
                  f"link add mv1 link f12 index 71 address 02:00:00:00:12:71 netns {pids[12]} "
                  "type macvlan mode private",
                  *[f"link set {name} up" for name in ("eth0", "mv0", "f12")])
    box[12].batch(*[f"link set {name} up" for name in ("eth0", "f11", "mv1")])


LINKS = {10: {"lo", "br0", "e11", "e12", "a0", "a1"}, 11: {"lo", "eth0", "mv0", "f12"},
         12: {"lo", "eth0", "f11", "mv1"}}

NFT = """\
table inet mine{ns_id} {{
	chain input {{
		type filter hook input priority filter; policy accept;
		tcp dport {ns_id} accept
	}}
}}
"""


def settle(box):
    wait_until(lambda: all(
        "tentative" not in ns.ip("addr") and all(
            link["operstate"] == "UP" for name, link in ns.links().items() if name != "lo")
        for ns in box.spaces.values()), "all links have their carriers")


def fill(box):
    """What the images hold besides links, in each."""
    for ns_id, ns in box.spaces.items():
        name = "br0" if ns_id == 10 else "eth0"
        settings = {"ipv4/conf/all/log_martians": ns_id % 2, "ipv4/conf/default/rp_filter": 2,
                    "ipv6/conf/default/hop_limit": ns_id, "ipv4/conf/lo/tag": -ns_id,
                    "unix/max_dgram_qlen": ns_id, f"ipv4/conf/{name}/arp_ignore": 1}
        for key, value in settings.items():
            ns.run("sysctl", "-qw", f"net.{key.replace('/', '.')}={value}")
        ns.batch(f"addr add 192.0.2.{ns_id}/24 dev {name}",
                 f"addr add 2001:db8::{ns_id}/64 dev {name}",
                 f"route add 198.51.100.{ns_id}/32 via 192.0.2.99 metric {ns_id}",
                 f"route add default via 192.0.2.98 table {ns_id}",
                 f"route add 2001:db8:{ns_id}::/48 via 2001:db8::99",
                 f"rule add from 192.0.2.{ns_id} lookup {ns_id} priority 10{ns_id}")
        ns.run("nft", "-f", "-", input=NFT.format(ns_id=ns_id))


def assert_same_files(one, two, ids):
    """Byte by byte, but for what of addresses and routes runs, and the order of the routes to
    fe80::/64: test_everything.records()."""
    assert set(os.listdir(one)) == set(os.listdir(two)) == files_of(*ids)
    for name in sorted(os.listdir(one)):
        was, now = images.read(one, name), images.read(two, name)
        if name.startswith(("ifaddr-", "route-", "route6-")):
            was, now = records(was), records(now)
        assert was == now, name


@pytest.fixture
def filled(family):
    box = family(10, 11, 12)
    connect(box)
    settle(box)
    fill(box)
    settle(box)
    return box


def test_restore_dump_restore_dump(family, together, filled, place, other_place):
    result = together(filled.user, "dump", place, *filled.options())
    assert ": lost" not in result.said
    state = {ns_id: saved_state.state(ns) for ns_id, ns in filled.spaces.items()}
    new = family(10, 11, 12)
    together(new.user, "restore", place, *new.options())
    assert {ns_id: set(ns.links()) for ns_id, ns in new.spaces.items()} == LINKS
    assert_family(new, place)
    settle(new)
    together(new.user, "dump", other_place, *new.options())
    assert_same_files(place, other_place, (10, 11, 12))
    for ns_id, ns in new.spaces.items():
        assert saved_state.state(ns) == state[ns_id], ns_id
        assert f"mine{ns_id}" in ns.run("nft", "list", "ruleset").stdout


def test_what_the_images_say_of_the_other_ends(together, filled, place):
    together(filled.user, "dump", place, *filled.options())
    found = {}
    for ns_id in (10, 11, 12):
        entries = images.decode(f"{place}/netdev-{ns_id}.img")["entries"]
        found |= {(ns_id, e["name"]): (e["peer_nsid"], e["peer_ifindex"]) for e in entries}
    assert found == {
        (10, "lo"): (10, 1), (10, "br0"): (10, 5), (10, "e11"): (11, 6), (10, "e12"): (12, 60),
        (10, "a0"): (10, 9), (10, "a1"): (10, 8),
        (11, "lo"): (11, 1), (11, "eth0"): (10, 6), (11, "mv0"): (10, 5), (11, "f12"): (12, 62),
        (12, "lo"): (12, 1), (12, "eth0"): (10, 7), (12, "f11"): (11, 61), (12, "mv1"): (11, 61)}
    # Each has an id for those that its links lead to, which the kernel gave; or, by a macvlan made
    # from there, for others.
    for ns_id in (10, 11, 12):
        netns, = images.decode(f"{place}/netns-{ns_id}.img")["entries"]
        ids = [n["target_ns_id"] for n in netns["nsids"]]
        assert ids == sorted(ids) and set(ids) | {ns_id} == {10, 11, 12}


def test_some_of_them(together, filled, place):
    """What leads to a namespace that is not saved has no peer_nsid: it is outside. That namespace
    has no entry among the ids."""
    together(filled.user, "dump", place, *filled.options(11, 12))
    assert set(os.listdir(place)) == files_of(11, 12)
    links = {e["name"]: e for e in images.decode(f"{place}/netdev-11.img")["entries"]}
    assert "peer_nsid" not in links["eth0"] and "peer_nsid" not in links["mv0"]
    assert links["f12"]["peer_nsid"] == 12
    netns, = images.decode(f"{place}/netns-11.img")["entries"]
    assert [n["target_ns_id"] for n in netns["nsids"]] == [12]


def test_external_among_them(together, filled, place):
    """Of it only the key is saved, and for the others it is outside."""
    together(filled.user, "dump", place, *filled.options(), "--external",
             f"net[{filled[10].inode()}]:key")
    assert set(os.listdir(place)) == files_of(11, 12) | {"netns-10.img"}
    netns, = images.decode(f"{place}/netns-10.img")["entries"]
    assert netns["ext_key"] == "key"
    links = {e["name"]: e for e in images.decode(f"{place}/netdev-12.img")["entries"]}
    assert "peer_nsid" not in links["eth0"] and links["f11"]["peer_nsid"] == 11


def test_what_is_left_out_elsewhere(together, filled, place):
    result = together(filled.user, "dump", place, *filled.options(), "--skip-kind", "bridge")
    assert ("namespace 11: link mv0: what it is on, the link with index 5 in namespace 10, is left "
            "out: it cannot be restored without it") in result.said
    assert "namespace 10: link e11: its master is left out: lost" in result.said


# --- refused


@pytest.mark.parametrize("name", ["netns-11.img", "netdev-12.img", "rule-10.img"])
def test_file_that_is_there(together, filled, place, name):
    with open(f"{place}/{name}", "w") as f:
        f.write("old")
    result = together(filled.user, "dump", place, *filled.options(), status=1)
    assert f"{name} is in the image directory already" in result.said
    assert os.listdir(place) == [name]


def test_kind_that_the_images_cannot_hold(together, filled, place):
    """In any of them: nothing is written of the others."""
    filled[11].ip("link", "add", "odd", "type", "ifb")
    result = together(filled.user, "dump", place, *filled.options(), status=65)
    assert "namespace 11: link odd is of kind ifb" in result.said
    assert os.listdir(place) == []


def test_one_is_locked(together, filled, place):
    holder = subprocess.Popen(
        filled.user.argv("flock", filled[11].path, "sh", "-c", "echo; cat"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.read(1)
        result = together(filled.user, "dump", place, *filled.options(), status=1)
        assert "namespace 11: another restore into this network namespace" in result.said
        assert os.listdir(place) == []
    finally:
        holder.communicate()


@pytest.mark.parametrize("size, fits", [("32k", False), ("64k", False), ("1m", True)])
def test_no_space(worker, filled, size, fits):
    command = filled.user.argv(worker, "dump", "-D", "/mnt", *filled.options())
    script = (f"mount -t tmpfs -o size={size},mode=777 none /mnt && {' '.join(command)}; s=$?; "
              "echo; ls -A /mnt; exit $s")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True,
                          timeout=60)
    if fits:
        assert done.returncode == 0 and files_of(10, 11, 12) <= set(done.stdout.split())
    else:
        assert done.returncode in (1, 71) and "No space left on device" in done.stderr
        assert done.stdout.split() == []


@pytest.mark.parametrize("options, text", [
    (["--netns", "10=A", "--netns", "10=B"], "namespace 10 is given twice"),
    (["--netns", "A", "--netns", "11=B"], "has no id, and others have"),
    (["--netns", "10=A", "--netns", "11=A"], "is given as two namespaces of the images"),
    (["--ns-id", "9", "--netns", "10=A"], "the id is named already"),
    (["--pid", "PID", "--netns", "10=B"], "is that of the root task"),
    (["--pid", "PID", "--ns-id", "11", "--netns", "11=B"], "another --netns has it")])
def test_command_line(family, together, place, options, text):
    box = family(1, 2)
    words = {"A": box[1].path, "B": box[2].path, "PID": str(box[1].pid)}
    for word, path in words.items():
        options = [path if o == word else o.replace(f"={word}", f"={path}") for o in options]
    assert text in together(box.user, "dump", place, *options, status=64).said
    assert os.listdir(place) == []


def test_namespace_of_somebody_else(family, together, procs, user2, container, place):
    box = family(1)
    other = container(user2)
    result = together(box.user, "dump", place, *box.options(), "--netns", f"2={other.path}",
                      status=None)
    assert result.status in (71, 77) and os.listdir(place) == []


def test_interrupted(together, filled, place, procs):
    """By SIGTERM at any time: all files or none. By SIGKILL: no netns image before all others."""
    def run(number, delay):
        proc = procs.start(together.argv(filled.user, "dump", place, *filled.options()),
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, cwd="/")
        try:
            proc.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            proc.send_signal(number)
        proc.wait(60)
        found = set(os.listdir(place))
        for name in found:
            os.unlink(f"{place}/{name}")
        return found

    whole = files_of(10, 11, 12)
    for i in range(12):
        assert run(signal.SIGTERM, 0.01 * i) in (set(), whole)
    for i in range(12):
        found = {n for n in run(signal.SIGKILL, 0.01 * i) if not n.startswith(".")}
        assert not any(n.startswith("netns-") for n in found) or (
            whole - {f"netns-{n}.img" for n in (10, 11, 12)} <= found)
    assert json.loads(together(filled.user, "dump", place, *filled.options(), "--json").out)
    assert set(os.listdir(place)) == whole
