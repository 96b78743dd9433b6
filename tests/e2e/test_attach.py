"""attach and detach: a macvlan in a container that runs, whole or not at all."""
import hashlib
import json
import os
import stat

import pytest

from attach_helpers import (PLAN_GROUP, attach, heard, is_advertisement,  # noqa: F401
                            is_gratuitous_arp, listening, macvlans)
from namespaces import wait_until
from restore_helpers import assert_same, gone_later, snapshot, sysctl


@pytest.fixture
def peer(own_host, procs):
    """Somebody else on par0's network: a macvlan of a namespace of its own."""
    import namespaces
    ns = namespaces.Netns(procs)
    own_host.ip("link", "add", "p0", "link", "par0", "netns", str(ns.pid), "type", "macvlan",
                "mode", "bridge")
    ns.batch("address add 192.0.2.1/24 dev p0", "address add 2001:db8::1/64 dev p0 nodad",
             "link set p0 up")
    return ns


def addresses(box, name="eth0"):
    found = json.loads(box.ip("-json", "address", "show", "dev", name))[0]["addr_info"]
    return {f"{a['local']}/{a['prefixlen']}": a for a in found}


def routes(box, family):
    return {(r["dst"], r.get("gateway")): r
            for r in json.loads(box.ip("-json", family, "route", "show", "dev", "eth0"))}


def test_everything_at_once(attach, container, user1, peer):
    box = container(user1)
    done = attach(box, "--parent", "par0", "--mac", "02:00:00:00:00:42", "--mtu", "1400",
                  "--address", "192.0.2.2/24", "--address", "2001:db8::2/64",
                  "--gateway", "192.0.2.1", "--gateway", "2001:db8::1",
                  "--route", "198.51.100.0/24 via 192.0.2.1", "--route", "203.0.113.0/24",
                  "--route", "2001:db8:1::/48 via 2001:db8::1", "--json")
    link = box.links()["eth0"]
    assert link["linkinfo"]["info_data"]["mode"] == "bridge"
    assert link["address"] == "02:00:00:00:00:42" and link["mtu"] == 1400
    assert "UP" in link["flags"] and link["group"] == "default"
    found = addresses(box)
    assert found["192.0.2.2/24"]["broadcast"] == "192.0.2.255"
    assert not found["2001:db8::2/64"].get("tentative")
    assert {("default", "192.0.2.1"), ("198.51.100.0/24", "192.0.2.1"),
            ("203.0.113.0/24", None), ("192.0.2.0/24", None)} == set(routes(box, "-4"))
    assert {("default", "2001:db8::1"), ("2001:db8:1::/48", "2001:db8::1")} <= \
        set(routes(box, "-6"))
    assert done.json["links"] == [{
        "name": "eth0", "ifindex": link["ifindex"], "parent": "par0", "mode": "bridge",
        "mac": "02:00:00:00:00:42", "mtu": 1400,
        "addresses": ["192.0.2.2/24", "2001:db8::2/64"]}]
    assert done.json["netns_inode"] == box.inode() and done.json["warnings"] == []
    for target in ("192.0.2.1", "2001:db8::1"):
        box.run("ping", "-c", "1", "-w", "60", target)
    assert [line["op"] for line in done.audit] == ["hello", "target-bind", "link-create"]


def test_least(attach, container, user1):
    """No address, no gateway: up, with the parent's MTU and a MAC address of its own; IPv6 does
    what the network offers."""
    box = container(user1)
    done = attach(box, "--parent", "par0", "--name", "lan0")
    link = box.links()["lan0"]
    assert int(link["address"][:2], 16) & 3 == 2 and link["mtu"] == 1500
    assert "UP" in link["flags"]
    assert f"attached lan0, index {link['ifindex']}, to par0" in done.out
    assert sysctl(box, "ipv6/conf/lan0/accept_ra") == "1"
    wait_until(lambda: any(a.startswith("fe80:") for a in addresses(box, "lan0")), "IPv6 is on")


def test_no_ipv6(attach, container, user1):
    box = container(user1)
    attach(box, "--parent", "par0", "--address", "192.0.2.2/24", "--no-ipv6")
    assert list(addresses(box)) == ["192.0.2.2/24"]
    assert sysctl(box, "ipv6/conf/eth0/disable_ipv6") == "1"


@pytest.mark.parametrize("mode", ["private", "vepa", "bridge", "passthru"])
def test_modes(attach, container, user1, mode):
    box = container(user1)
    attach(box, "--parent", "par0", "--mode", mode, modes=[mode])
    assert macvlans(box)["eth0"]["linkinfo"]["info_data"]["mode"] == mode


def test_announced(attach, container, user1, peer):
    """Whoever knew the addresses elsewhere learns where they are: ARP and neighbour discovery."""
    box = container(user1)
    mac = bytes.fromhex("020000000042")
    wanted = (lambda f: is_gratuitous_arp(f, mac, "192.0.2.2"),
              lambda f: is_advertisement(f, mac, "2001:db8::2"),
              lambda f: is_advertisement(f, mac, "fe80::ff:fe00:42"))
    with listening(peer, "p0") as sock:
        attach(box, "--parent", "par0", "--mac", "02:00:00:00:00:42",
               "--address", "192.0.2.2/24", "--address", "2001:db8::2/64")
        seen = heard(sock, *wanted)
    assert [sum(is_it(f) for f in seen) for is_it in wanted] == [1, 1, 1]


def test_duplicate_address_is_undone(attach, container, user1, peer):
    box = container(user1)
    before = snapshot(box)
    done = attach(box, "--parent", "par0", "--address", "2001:db8::1/64", status=1)
    assert "eth0: cannot give it the address 2001:db8::1/64: EADDRINUSE" in done.said
    assert "somebody on the network has it" in done.said
    assert_same(box, before)


@pytest.mark.parametrize("address, waits", [("192.0.2.2/24", False), ("2001:db8::2/64", True)])
def test_who_waits_for_duplicate_address_detection(attach, container, user1, own_host, address,
                                                   waits):
    """Who asked for an IPv6 address; without a carrier it does not end. The kernel's own link-local
    one is in doubt then, too, and is nobody's concern."""
    own_host.batch("link add par9 type veth peer name par9p", "link set par9 up")
    box = container(user1)
    done = attach(box, "--parent", "par9", "--address", address, allow=("par9",))
    assert ("duplicate address detection goes on still" in done.said) == waits


# --- MAC addresses


def mac_of(box, name="eth0"):
    return box.links()[name]["address"]


def test_stable_mac(attach, container, user1):
    """The same each time, and another for another id or another name. How it is derived is for
    ever, and docs/podman.md says how."""
    digest = hashlib.sha256(b"netcr stable MAC\0web\0eth0\0").digest()[:6]
    mac = bytes([digest[0] & 0xfc | 2, *digest[1:]]).hex(":")
    box = container(user1)
    attach(box, "--parent", "par0", "--mac", "stable:web")
    attach(box, "--parent", "par0", "--mac", "stable:web2", "--name", "eth1")
    attach(box, "--parent", "par0", "--mac", "stable:web", "--name", "eth2")
    assert len({mac_of(box, f"eth{i}") for i in range(3)}) == 3
    assert mac_of(box) == mac
    attach(box, "--name", "eth0", command="detach")
    attach(box, "--parent", "par0", "--mac", "stable:web")
    assert mac_of(box) == mac


@pytest.fixture
def kept(user1, tmp_path, stage):
    """A path that user1 can write to."""
    directory = os.path.join(stage, f"kept-{os.urandom(4).hex()}")
    os.mkdir(directory)
    os.chown(directory, user1.uid, user1.gid)
    return os.path.join(directory, "mac")


def test_kept_mac(attach, container, user1, kept):
    box, twin = container(user1), container(user1)
    attach(box, "--parent", "par0", "--mac", f"keep:{kept}")
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    with open(kept) as f:
        assert f.read() == mac_of(box) + "\n"
    box.close()
    wait_until(lambda: not os.path.exists(f"/proc/{box.pid}"), "the first container is gone")

    # The kernel takes the first namespace down in its own time, and its macvlan with it.
    def again():
        done = attach.run("attach", "--pid", twin.pid, "--parent", "par0", "--mac",
                          f"keep:{kept}", user=user1)
        assert done.status == 0 or "has this MAC address" in done.said, done
        return done.status == 0
    wait_until(again, "the address is free again")
    with open(kept) as f:
        assert f.read() == mac_of(twin) + "\n"


@pytest.mark.parametrize("content, why", [
    ("nonsense\n", "does not hold one MAC address"), ("01:00:00:00:00:01\n", "not a MAC address"),
    ("02:00:00:00:00:01", "does not hold"), ("02:00:00:00:00:01\n\n", "does not hold")])
def test_kept_mac_that_is_none(attach, container, user1, kept, content, why):
    box = container(user1)
    with open(kept, "w") as f:
        f.write(content)
    os.chown(kept, user1.uid, user1.gid)
    done = attach(box, "--parent", "par0", "--mac", f"keep:{kept}", status=64)
    assert why in done.said and kept in done.said
    assert macvlans(box) == {}
    with open(kept) as f:
        assert f.read() == content


@pytest.mark.parametrize("what", ["symlink", "fifo", "directory"])
def test_kept_mac_in_no_file(attach, container, user1, kept, what):
    box = container(user1)
    if what == "symlink":
        os.symlink("/etc/hostname", kept)
    elif what == "fifo":
        os.mkfifo(kept)
        os.chown(kept, user1.uid, user1.gid)
    else:
        os.mkdir(kept)
    done = attach(box, "--parent", "par0", "--mac", f"keep:{kept}", status=71)
    assert kept in done.said
    assert macvlans(box) == {}


# --- refusals and failures: nothing stays


@pytest.mark.parametrize("options, status, why", [
    (("--parent", "par1"), 77, "the broker refuses eth0 on par1: its policy does not allow it; "
     "netcr-worker check says which parents are allowed"),
    (("--parent", "par0", "--mode", "passthru"), 77, "the broker refuses eth0 on par0"),
    (("--parent", "par0", "--name", "lo"), 64, "name lo: every namespace has its own"),
    (("--parent", "par0", "--mtu", "9000"), 1,
     "cannot make macvlan eth0 on par0: EINVAL (the parent takes no macvlan of this MTU"),
    (("--parent", "par0", "--gateway", "192.0.2.1"), 1,
     "eth0: cannot make the route 0.0.0.0/0 via 192.0.2.1: ENETUNREACH (no address and no route of "
     "the link leads to this gateway)"),
    (("--parent", "par0", "--gateway", "2001:db8::1"), 1,
     "eth0: cannot make the route ::/0 via 2001:db8::1: EHOSTUNREACH (no address and no route of "
     "the link leads to this gateway)"),
    (("--parent", "par0", "--address", "192.0.2.2/24", "--route", "10.0.0.0/8 via 10.0.0.1"), 1,
     "cannot make the route 10.0.0.0/8 via 10.0.0.1"),
    (("--parent", "par0", "--route", "10.0.0.0/8", "--route", "10.0.0.0/8"), 1,
     "cannot make the route 10.0.0.0/8: EEXIST (there is such a route already)"),
    (("--parent", "par0", "--address", "192.0.2.2/24", "--gateway", "192.0.2.2"), 64,
     "the gateway of 0.0.0.0/0 via 192.0.2.2 is an address of eth0 itself"),
    (("--parent", "par0", "--address", "192.0.2.2"), 64,
     "address 192.0.2.2: its prefix is missing, as in 192.0.2.2/24"),
    (("--parent", "par0", "--address", "2001:db8::2"), 64, "its prefix is missing"),
    (("--parent", "par0", "--address", "192.0.2.0/24"), 64,
     "address 192.0.2.0/24: it is the network's, or its broadcast address"),
    (("--parent", "par0", "--address", "192.0.2.255/24"), 64, "it is the network's"),
    ((), 64, "the parent of eth0 is missing"),
    (("--parent", "a/b/c"), 64, "parent a/b/c: not a name of an interface"),
    (("--parent", "par0", "--mode", "bridges"), 64, "no such mode"),
    (("--parent", "par0", "--mac", "01:00:00:00:00:00"), 64, "not a MAC address of one host"),
    (("--parent", "par0", "--mac", "02:00:00:00:00"), 64, "not a MAC address of one host"),
    (("--parent", "par0", "--mac", "stable:"), 64, "eth0: mac stable: the ID is missing"),
    (("--parent", "par0", "--mac", "stable"), 64, "eth0: mac stable: not a MAC address of one host"),
    (("--parent", "par0", "--mtu", "67"), 64, "not a number within 68..65535"),
    (("--parent", "par0", "--mtu", "+1400"), 64, "not a number within 68..65535"),
    (("--parent", "par0", "--address", "192.0.2.2/33"), 64, "not an address with its prefix"),
    (("--parent", "par0", "--address", "224.0.0.1/24"), 64, "no host can have it"),
    (("--parent", "par0", "--address", "0.0.0.0/0"), 64, "no host can have it"),
    (("--parent", "par0", "--address", "ff02::1/64"), 64, "no host can have it"),
    (("--parent", "par0", "--address", "::1/64x"), 64, "not an address with its prefix"),
    (("--parent", "par0", "--address", "192.0.2.2/24", "--address", "192.0.2.2/25"), 64,
     "it is given twice"),
    (("--parent", "par0", "--gateway", "::1/64"), 64, "not an address of a gateway"),
    (("--parent", "par0", "--gateway", "192.0.2.1", "--gateway", "192.0.2.3"), 64,
     "there is a default route of its family"),
    (("--parent", "par0", "--route", "192.0.2.1/24"), 64, "bits behind its prefix"),
    (("--parent", "par0", "--route", "192.0.2.0/24 via ::1"), 64, "of the route's family"),
    (("--parent", "par0", "--route", "x" * 300), 64, "not a route"),
    (("--parent", "par0", "--no-ipv6", "--address", "2001:db8::2/64"), 64, "and no IPv6"),
    (("--parent", "par0", "--no-ipv6", "--gateway", "2001:db8::2"), 64, "and no IPv6"),
])
def test_refused(attach, container, user1, options, status, why):
    box = container(user1)
    before = snapshot(box)
    done = attach(box, *options, status=status)
    assert why in done.said, done
    assert_same(box, before)


def test_name_is_taken(attach, container, user1):
    box = container(user1)
    attach(box, "--parent", "par0")
    before = snapshot(box)
    done = attach(box, "--parent", "par0", status=1)
    assert "eth0: the target has a link of this name" in done.said
    assert_same(box, before)


def test_mac_is_taken(attach, container, user1, own_host):
    box = container(user1)
    mac = own_host.links()["par0"]["address"]
    done = attach(box, "--parent", "par0", "--mac", mac, status=1)
    assert "cannot bring it up: EADDRINUSE" in done.said and "has this MAC address" in done.said
    assert macvlans(box) == {}


def test_mac_is_taken_for_a_while(attach, container, user1, own_host):
    mac = "02:00:00:00:00:77"
    own_host.batch(f"link add old link par0 address {mac} up type macvlan mode bridge")
    box = container(user1)
    with gone_later(own_host, "old", box):
        attach(box, "--parent", "par0", "--mac", mac)
    assert macvlans(box)["eth0"]["address"] == mac


def test_what_a_killed_run_left(attach, container, user1):
    """It is known by its group, and in nobody's way."""
    box = container(user1)
    box.run_inside("ip", "link", "add", "eth0", "type", "ifb")
    box.run_inside("ip", "link", "set", "eth0", "group", str(PLAN_GROUP))
    done = attach(box, "--parent", "par0")
    assert "links that an interrupted run had left were deleted" in done.said
    assert list(macvlans(box)) == ["eth0"]


@pytest.mark.parametrize("address, bits", [("192.0.2.0", 31), ("192.0.2.255", 32), ("192.0.2.1", 30)])
def test_addresses_at_the_ends_of_small_networks(attach, container, user1, address, bits):
    """Of 31 bits both addresses are hosts' (RFC 3021), and of 32 the only one."""
    box = container(user1)
    attach(box, "--parent", "par0", "--address", f"{address}/{bits}")
    assert f"{address}/{bits}" in addresses(box)


def test_somebody_elses_container(attach, container, user1, user2):
    box = container(user2)
    done = attach.run("attach", "--pid", box.pid, "--parent", "par0", user=user1)
    assert done.status == 77 and macvlans(box) == {}
    assert "Permission denied; it has to be of a container of this user's" in done.said


def test_a_container_that_does_not_run(attach, user1):
    """Podman says that its pid is 0."""
    done = attach.run("attach", "--pid", "0", "--parent", "par0", user=user1)
    assert done.status == 64 and "a container that does not run" in done.said


def test_no_broker(container, user1, worker, own_host):
    import subprocess
    box = container(user1)
    done = subprocess.run(own_host.argv(*user1.argv(worker, "attach", "--pid", str(box.pid),
                                                    "--parent", "par0", "--json")),
                          capture_output=True, text=True, timeout=60, check=False,
                          env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 69
    assert "no broker" in done.stdout or "none is there" in done.stdout
    assert macvlans(box) == {}


# --- detach


def test_detach(attach, container, user1):
    box = container(user1)
    before = snapshot(box)
    attach(box, "--parent", "par0", "--address", "192.0.2.2/24")
    done = attach(box, "--name", "eth0", command="detach")
    assert done.out == "detached eth0\n"
    # lo may have come up with nothing: what attach made is gone, and nothing else has changed.
    assert_same(box, before)
    done = attach(box, "--name", "eth0", "--json", command="detach", status=1)
    assert done.json["error"] == "the target has no link eth0"


@pytest.mark.parametrize("make", [("lo",), ("v0", "type", "veth", "peer", "name", "v1"),
                                  ("m0", "link", "v1", "type", "macvlan")])
def test_detach_only_what_attach_makes(attach, container, user1, make):
    box = container(user1)
    box.run_inside("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    if make[0] == "m0":
        box.run_inside("ip", "link", "add", *make)
    before = snapshot(box)
    done = attach(box, "--name", make[0], command="detach", status=1 if make[0] != "lo" else 64)
    assert "it stays" in done.said or "name lo: every namespace has its own" in done.said
    assert_same(box, before)
