"""What goes wrong in one of several namespaces that are restored together: it is undone in all. And
what is killed, and what is begun twice."""
import ipaddress
import os
import random
import re
import struct
import subprocess

import pytest

import saved_state
from images import CONF4, CONF6, put
from kinds_helpers import NO_PI, TUN
from namespaces import Netns, wait_until
from restore_helpers import LIMIT, PLAN_GROUP, Result, data, differences, snapshot  # noqa: F401
from spaces_helpers import (SUB_VETH, assert_family, family, put_down, several,  # noqa: F401
                            together)

IDS = (10, 11, 12)
UP = 0x1003
NFT = """table inet before {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 1 accept
	}
}
"""
# What nft takes, and what only the kernel finds out.
GOOD = NFT.replace("before", "image").replace("dport 1", "dport 2")
BAD = """table inet image {
	chain one {
		jump two
	}
	chain two {
		jump one
	}
	chain input {
		type filter hook input priority filter; policy accept;
		jump one
	}
}
"""


def rules_with(scratch, priority):
    """What `ip rule save` writes of the default rules and one more."""
    scratch.ip("rule", "add", "from", "192.0.2.77", "lookup", "77", "priority", str(priority))
    saved = saved_state.save(scratch, "rule", "save")
    scratch.ip("rule", "del", "priority", str(priority))
    return saved


@pytest.fixture
def full(several, procs):
    """Links within and between three namespaces, sysctls of all levels, addresses, routes, rules
    and a ruleset."""
    scratch = Netns(procs)
    for ns_id in IDS:
        several[ns_id].add("bridge", "br0", 50)
        several[ns_id].pair("ve0", 20, "ve1", 21)
        several[ns_id].images["ve0"].peer_nsid = several[ns_id].images["ve1"].peer_nsid = ns_id
        several[ns_id].images["ve0"].master = 50
        several[ns_id].tun("tun0", 60, TUN | NO_PI)
        netns = several[ns_id].images.netns
        put(netns.all_conf4, CONF4, log_martians=1)
        put(netns.def_conf4, CONF4, rp_filter=2)
        put(netns.all_conf6, CONF6, hop_limit=77)
        put(netns.def_conf6, CONF6, hop_limit=78)
        put(several[ns_id].images["ve0"].conf4, CONF4, arp_ignore=1, rp_filter=2)
        netns.unix_conf[0].iarg = 33
        several[ns_id].images.rest = {
            **several[ns_id].images.rest,
            "ifaddr-10.img": struct.pack("=I", 0x47361222) + saved_state.address(
                f"192.0.2.{ns_id}", 24, ifindex=50,
                more=saved_state.attr(2, bytes((192, 0, 2, ns_id))) +
                saved_state.attr(3, b"br0\0")),
            "rule-10.img": rules_with(scratch, 1000 + ns_id),
            "nftables-10.img": GOOD.encode()}
    several.pair(10, 11, "far", 30, 31, flags=UP)
    several.pair(11, 12, "near", 40, 40)
    for ns_id, ids in ((10, {"n11": 5}), (11, {"n10": 5, "n12": 6}), (12, {"n11": 5})):
        several.knows(ns_id, **ids)
    return several


@pytest.fixture
def box(family):
    """With something in each that was there before."""
    box = family(*IDS)
    for ns in box.spaces.values():
        ns.batch("link add mine0 type veth peer name mine1", "link set mine0 mtu 1300 up",
                 "addr add 198.51.100.1/24 dev mine0", "rule add from 198.51.100.2 lookup 9")
        ns.run("sysctl", "-qw", "net.ipv4.conf.mine0.tag=7", "net.ipv4.conf.default.tag=8",
               "net.unix.max_dgram_qlen=44")
        ns.run("nft", "-f", "-", input=NFT)
    wait_until(lambda: all("tentative" not in ns.ip("addr") for ns in box.spaces.values()), "DAD")
    return box


def state(box):
    return {ns_id: (*snapshot(ns), saved_state.state(ns), ns.run("nft", "list", "ruleset").stdout)
            for ns_id, ns in box.spaces.items()}


def assert_as_before(box, before):
    now = state(box)
    for ns_id in box.spaces:
        links, sysctls, *rest = before[ns_id]
        now_links, now_sysctls, *now_rest = now[ns_id]
        assert differences(links, now_links) == {}, ns_id
        assert differences(sysctls, now_sysctls) == {}, ns_id
        assert rest == now_rest, ns_id


def test_without_a_fault(together, box, full, put_down):
    path = put_down(full)
    together(box.user, "restore", path, *box.options())
    for ns_id, ns in box.spaces.items():
        ns.ip("link", "del", "mine0")
        assert f"192.0.2.{ns_id}/24" in ns.ip("addr", "show", "dev", "br0")
        assert f"{1000 + ns_id}:" in ns.ip("rule")
        assert "table inet image" in ns.run("nft", "list", "ruleset").stdout
    assert_family(box, path)


@pytest.mark.parametrize("what, which", [("link", 11), ("flags", 10), ("route", 12),
                                         ("ruleset", 10), ("ruleset", 12)])
def test_failure_in_one_is_undone_in_all(together, box, full, put_down, which, what):
    """Early or late, in the first, the middle or the last. All that was done in the others by then
    is undone: links, sysctls, addresses, rules and rulesets."""
    made = full[which]
    if what == "link":
        # More than its parent has, which is found out when it is made.
        made.macvlan("mv0", 70, 21, mtu=9000).peer_nsid = which
    elif what == "flags":
        box[which].ip("link", "add", "ext9", "type", "ifb")
        made.add("extlink", "ext9", 69, address=b"\2\0\0\0\0\x69")
    elif what == "route":
        # By a gateway that no route of the link leads to.
        made.images.rest["route-10.img"] = struct.pack("=I", 0x45311224) + saved_state.route(
            ipaddress.ip_address("203.0.113.0"), 24, via="198.18.0.1", oif=50)
    else:
        made.images.rest["nftables-10.img"] = BAD.encode()
    path, before = put_down(full), state(box)
    result = together(box.user, "restore", path, *box.options(), status=1)
    assert f"namespace {which}: " in result.said
    assert "everything is as it was before" in result.said
    assert "but for the nsids that were given" in result.said
    assert_as_before(box, before)


def strace(call, n, log):
    return ["strace", "-f", "-qq", "-o", log, f"--trace={call},seccomp,prctl",
            *([f"--inject={call}:signal=KILL:when={n}"] if n else [])]


@pytest.fixture
def log(stage):
    path = f"{stage}/several-strace.log"
    with open(path, "w"):
        pass
    os.chmod(path, 0o666)
    return path


NAMES = {10: {"br0", "ve0", "ve1", "tun0", "far"}, 11: {"br0", "ve0", "ve1", "tun0", "far", "near"},
         12: {"br0", "ve0", "ve1", "tun0", "near"}}


def is_released(ns_id, ns):
    """Whether the links in @ns are whole; else there are none, or all are in the group."""
    links = ns.links()
    groups = {links[name]["group"] for name in set(links) - {"lo"}}
    assert set(links) <= NAMES[ns_id] | {"lo"}
    assert groups <= {"default"} or groups == {str(PLAN_GROUP)}, groups
    assert groups != {"default"} or set(links) == NAMES[ns_id] | {"lo"}
    return groups == {"default"}


@pytest.mark.no_sanitizer
def test_killed_anywhere_and_run_again(family, together, full, put_down, log):
    """SIGKILL leaves links in the group, which the next run clears away: in all of them. Only
    between the releases of two namespaces may one have its links whole, which are in the way."""
    for ns_id in IDS:
        # Helpers of the tools would be killed with their nth call, too.
        del full[ns_id].images.rest["nftables-10.img"]
    path = put_down(full)
    first_box = family(*IDS)
    together(first_box.user, "restore", path, *first_box.options(),
             prefix=strace("sendmsg", 0, log))
    with open(log) as f:
        calls = re.findall(r"^(\d+) +(\w+)\(", f.read(), re.M)
    worker = calls[0][0]
    mine = [call for pid, call in calls if pid == worker]
    last = mine.count("sendmsg")
    confined = max(i for i, call in enumerate(mine) if call == "seccomp")
    first = mine[:confined].count("sendmsg") + 1
    assert last - first > 40
    for n in [*range(first, last - 4, 1 + (last - first) // 5), last - 2, last]:
        box = family(*IDS)
        killed = together(box.user, "restore", path, *box.options(),
                          prefix=strace("sendmsg", n, log), status=None)
        assert killed.status == -9, (n, killed)
        released = [ns_id for ns_id, ns in box.spaces.items() if is_released(ns_id, ns)]
        assert not released or n >= last - 4
        again = together(box.user, "restore", path, *box.options(), status=None)
        if released:
            assert again.status == 1 and "nothing was done" in again.said
            assert any(f"namespace {ns_id}: " in again.said for ns_id in released)
            for ns_id in released:
                for name in NAMES[ns_id] & set(box[ns_id].links()):
                    box[ns_id].run("ip", "link", "del", name, check=False)
            again = together(box.user, "restore", path, *box.options())
        assert again.status == 0, (n, again)
        assert all(is_released(ns_id, ns) for ns_id, ns in box.spaces.items())
    assert_family(box, path)


def test_two_at_once_in_opposite_order(family, together, data, procs):
    """They take the locks in one order, whatever is named first: one of the two has all, and none
    waits for the other."""
    box, path = family(*SUB_VETH), f"{data}/netns-sub-veth-uns"
    seen = []
    while len(seen) < 6 or (True not in seen and len(seen) < 100):
        orders = list(random.sample([SUB_VETH, SUB_VETH[::-1]], 2))
        running = [procs.start(together.argv(box.user, "restore", path, *box.options(*order)),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, cwd="/") for order in orders]
        results = []
        for proc in running:
            out, err = proc.communicate(timeout=LIMIT)
            results.append(Result(proc.returncode, out, err))
        good, bad = sorted(results, key=lambda r: r.status)
        assert (good.status, bad.status) == (0, 1), (good, bad)
        # Or it came when the other had done all.
        text = "another restore into this network namespace is going on"
        assert text in bad.said or "the target has a link of this name" in bad.said
        assert "nothing was done" in bad.said
        seen.append(text in bad.said)
        assert_family(box, path)
        for ns_id in SUB_VETH:
            for name in set(box[ns_id].links()) - {"lo"}:
                box[ns_id].run("ip", "link", "del", name, check=False)
    # Or there was nothing to see.
    assert True in seen


def test_some_of_the_same(family, together, data, procs, several, put_down):
    """Of one that has two of the three, and one that has all, one comes to its end."""
    several.pair(16, 17, "x0", 200, 200)
    several.knows(16, n17=9)
    several.knows(17, n16=9)
    box, all_, two = family(*SUB_VETH), f"{data}/netns-sub-veth-uns", put_down(several)
    commands = [together.argv(box.user, "restore", all_, *box.options(17, 16, 10)),
                together.argv(box.user, "restore", two, *box.options(16, 17))]
    running = [procs.start(c, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, cwd="/") for c in commands]
    found = [proc.wait(LIMIT) for proc in running]
    assert set(found) <= {0, 1} and 0 in found
    for command, status in zip(commands, found):
        if status:
            subprocess.run(command, cwd="/", timeout=LIMIT, check=True, capture_output=True)
    assert {"x0", "zdtm1"} <= set(box[17].links())
