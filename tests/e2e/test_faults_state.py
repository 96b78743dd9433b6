"""A plan with every kind of step that there is, and one fault at a time: what the kernel or the
broker may refuse, and the end of the worker. By tests/lib/fault_spy.c.

The places are those of a restore that succeeds. Of those with one label (a kind of request, a level
of sysctls) the first and the last are taken; of a label that comes hundreds of times some."""
import re
import signal
import subprocess

import pytest

import criu_images as images
import everything
import namespaces
import saved_state
from conftest import TESTS
from kinds_helpers import WITH_TUN
from restore_helpers import (LIMIT, PLAN_GROUP, Result, all_sysctls, differences, lasting,
                             reap_sessions)
from namespaces import wait_until
from test_everything import dump, iptables

pytestmark = pytest.mark.no_sanitizer
ERRORS = {"send": "105", "ack": "12", "write": "5", "open": "24", "ioctl": "1", "recv": "12"}


@pytest.fixture(scope="module")
def place(stage, user1, worker, broker):
    """(host, directory of images, path of the spy)"""
    spy = f"{stage}/fault_spy.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", spy,
                    f"{TESTS}/lib/fault_spy.c"], check=True)
    with namespaces.Procs() as procs, images.directory(user1) as path:
        host, lan = namespaces.Netns(procs), namespaces.Netns(procs)
        for parent in everything.PARENTS:
            namespaces.connect(host, lan, parent)
        box = everything.container_of(procs, user1)
        everything.fill(box, host, user1, WITH_TUN)
        everything.write(box, SETTINGS)
        dump(worker, box, path)
        box.batch(*[f"link del {name}" for name in everything.OUTSIDE])
        gone(box)
        yield host, path, spy


SETTINGS = {"ipv4/conf/all/log_martians": 1, "ipv4/conf/default/arp_ignore": 3,
            "ipv6/conf/all/hop_limit": 70, "ipv6/conf/default/hop_limit": 71,
            "ipv4/conf/lan0/tag": 5, "ipv6/conf/lan0/hop_limit": 72, "ipv4/conf/ext0/tag": 6,
            "ipv4/conf/mo-bridge/tag": 7, "ipv6/conf/mo-bridge/accept_ra": 0,
            "unix/max_dgram_qlen": 33, "ipv4/ping_group_range": "0\t0"}


class Faulty:
    """faulty(box, fault=None): a restore, with a broker."""

    def __init__(self, place, broker, worker):
        self.host, self.path, self.spy = place
        self.broker, self.worker = broker, worker

    def __call__(self, box, fault=None, status=None):
        env = [f"LD_PRELOAD={self.spy}"] + [f"FAULT={fault}"] * (fault is not None)
        done = subprocess.run(
            self.host.argv(*WITH_TUN, self.broker, "spawn", *everything.ALLOWED, "--", "env", *env,
                           self.worker, "restore", "-D", self.path, "--pid", box.pid,
                           *everything.EXTERNALS),
            env=box.user.sudo_env(), cwd="/", timeout=LIMIT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False)
        reap_sessions()
        result = Result(done.returncode, done.stdout, done.stderr)
        assert status is None or result.status == status, result
        return result


@pytest.fixture
def faulty(place, broker, worker):
    return Faulty(place, broker, worker)


@pytest.fixture
def prepared(procs, user1):
    """prepared(): a container that has something of everything already. It has subordinate ids: in
    one with a single group nobody can bring back an empty ping_group_range."""
    return lambda: prepared_box(procs, user1)


def prepared_box(procs, user1):
    box = namespaces.Container(procs, user1, subids=True, then=("unshare", "-n"))
    everything.prepare(box)
    box.batch("link set lo up", "link add mine0 index 200 address 02:00:00:00:01:00 type veth "
              "peer name mine1 index 201 address 02:00:00:00:01:01",
              "link set mine0 up", "link set mine1 up", "addr add 10.200.0.1/24 dev mine0",
              "addr add 10.1.0.2/24 dev mine1", "addr add 2001:db8:200::1/64 dev mine0 nodad",
              "route add default via 10.200.0.2 table 100", "route add 192.0.2.0/24 dev mine0",
              "route add 2001:db8:201::/48 via 2001:db8:200::2",
              "rule add from 10.200.0.1 lookup 100 priority 1000",
              "rule add fwmark 9 lookup 100 priority 30000")
    box.run("sysctl", "-qw", "net.ipv4.conf.mine0.tag=3", "net.ipv4.conf.ext0.tag=7",
            "net.ipv4.conf.lo.arp_ignore=2", "net.ipv4.conf.default.arp_ignore=1",
            "net.ipv6.conf.mine1.hop_limit=33")
    box.run("nft", "-f", "-", input=MINE)
    # An old table that is there once is there for good.
    for name, source in (("iptables", "10.0.0.0/8"), ("ip6tables", "2001:db8::/32")):
        box.run(f"{name}-legacy-restore", input=everything.IPTABLES.format(source=source))
    wait_until(lambda: "tentative" not in box.ip("addr"), "no address is tentative")
    return box


def gone(box):
    """Without waiting for its end, in which its macvlans are in the way of others."""
    box.batch(*[f"link del {name}" for name in everything.OUTSIDE if name in box.links()])
    box.close()


MINE = """\
table ip mine {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 25 drop
	}
}
"""


def whole(box):
    """All that a restore may change."""
    addresses, routes, rules = saved_state.state(box)
    return {"links": lasting(box), "sysctls": all_sysctls(box), "addresses": addresses,
            "routes": dict.fromkeys(routes), "rules": {"all": rules},
            "nftables": {"all": box.run("nft", "list", "ruleset").stdout},
            "iptables": {"all": iptables(box.run("iptables-legacy-save").stdout.encode())},
            "ip6tables": {"all": iptables(box.run("ip6tables-legacy-save").stdout.encode())}}


def made(box):
    """The same of a restore that was done, but for sysctls, some of which are the machine's."""
    found = whole(box)
    del found["sysctls"]
    return found


def places(told):
    """{what: numbers} of those that stand for all, from what the spy told."""
    found = {}
    for what in ERRORS:
        by_label = {}
        for n, label in enumerate(re.findall(f"^fault-spy: {what} (.*)$", told, re.M), 1):
            # One level for all links that are made, and one for the rest of the tree.
            label = re.sub(r"(?<=conf/)(?!all|default|lo|ext0)[^/ ]+", "LINK", label)
            # Each answer of the broker and of the helper, and some of the kernel's many.
            label += {"socket": f" {n}", "netlink": f" {n // 50}"}.get(label, "")
            by_label.setdefault(label, []).append(n)
        # The worker reads hundreds of sysctls.
        found[what] = sorted({n for some in by_label.values()
                              for n in (some[0], some[0 if what == "open" else -1])})
    return found


@pytest.fixture(scope="module")
def clean(place, broker, worker, user1):
    """(places, made()) of a restore without a fault."""
    with namespaces.Procs() as procs:
        box = prepared_box(procs, user1)
        told = Faulty(place, broker, worker)(box, status=0).err
        everything.settle(box)
        return places(told), made(box)


@pytest.mark.parametrize("what", sorted(ERRORS))
def test_fault(faulty, prepared, clean, what):
    """All that was done is undone, and the status says so. Where the worker loses the helper that
    loads rulesets, in the middle of it, these are left, and named."""
    box, failures = None, 0
    for n in clean[0][what]:
        if not box:
            box = prepared()
            before = whole(box)
        result = faulty(box, f"{what}:{n}:{ERRORS[what]}")
        if result.status == 0:
            # It was got over, or a number that differs from run to run was not reached.
            everything.settle(box)
            assert differences(clean[1], made(box)) == {}, (what, n)
            box = gone(box)
            continue
        changed = differences(before, whole(box))
        assert "fault-spy: here\n" in result.err, (what, n, result)
        if result.status == 2:
            changed = {key: value for key, value in changed.items()
                       if not re.search(f"the rules of {key.split('.')[0]} (are|may be) left",
                                        result.said)}
            box = gone(box)
        assert result.status in (1, 2, 65, 69, 71) and changed == {}, (what, n, result, changed)
        failures += 1
    assert failures >= len(clean[0][what]) // 2

def test_no_fault(faulty, prepared):
    """What the container has already stands in nobody's way."""
    faulty(prepared(), status=0)


@pytest.mark.parametrize("what", ["send", "write", "ioctl"])
def test_killed(faulty, prepared, clean, what):
    """Links are left in the group of unfinished ones, or all are released; the next run succeeds
    and makes everything right, also where a rule that is left forbids all gateways."""
    for n in clean[0][what][::4]:
        box = prepared()
        before = set(box.links())
        result = faulty(box, f"{what}:{n}:die")
        assert result.status == -signal.SIGSYS and "fault-spy: here\n" in result.err, (n, result)
        left = {name: link["group"] for name, link in box.links().items() if name not in before}
        if set(left.values()) != {"default"}:
            assert set(left.values()) <= {str(PLAN_GROUP)}, (what, n, left)
            # One that fails does not miss what the first one left.
            faulty(box, "write:8:5", status=1)
            faulty(box, status=0)
        everything.settle(box)
        assert differences(clean[1], made(box)) == {}, (what, n)
        gone(box)
