"""Addresses, routes and rules that somebody else makes while a restore is under way, which then
fails: its own are taken back, and no others."""
import json
import subprocess

import pytest

import saved_state as saved
from conftest import TESTS
from restore_helpers import reap_sessions
from saved_state import base, place, source  # noqa: F401  fixtures

pytestmark = pytest.mark.no_sanitizer

OTHERS = ["addr add 10.55.0.1/32 dev lo", "route add blackhole 10.66.0.0/16",
          "route add 10.67.0.0/16 dev lo metric 9", "route add unreachable default table 88",
          "-6 route add blackhole 2001:db8:66::/48", "-6 route add 2001:db8:9::/48 dev lo",
          "-6 addr add 2001:db8:55::1/128 dev lo", "rule add priority 50 lookup 61",
          "rule add priority 51 from 10.0.0.0/8 prohibit", "-6 rule add priority 9 lookup 8"]


@pytest.fixture
def spied(own_host, stage, user1, broker, worker):
    """spied(images, box, fault, meanwhile): a restore under the spy. Returns (status, stderr)."""
    spy = f"{stage}/fault_spy.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", spy,
                    f"{TESTS}/lib/fault_spy.c"], check=True)

    def run(images, box, fault=None, meanwhile=None):
        env = [f"LD_PRELOAD={spy}"] + [f"FAULT={fault}"] * (fault is not None)
        worker_argv = ["env", *env, worker, "restore", "-D", images, "--pid", box.pid, "--external",
                       "macvlan[*]:par0"]
        argv = own_host.argv(broker, "spawn", "--allow-parent", "par0", "--", *worker_argv)
        with subprocess.Popen(argv, env=user1.sudo_env(), cwd="/", stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as done:
            said = ""
            if meanwhile:
                while "fault-spy: here\n" not in said:
                    line = done.stderr.readline()
                    assert line, said
                    said += line
                meanwhile()
                done.stdin.write("\n")
            said += done.communicate(timeout=60)[1]
        reap_sessions()
        return done.returncode, said
    return run


def backward(source):
    """A rule that the kernel refuses, behind everything else."""
    return saved.save(source, "rule", "save") + saved.rule(40000, action=2, goto=40000)


def full(source):
    saved.batch(source, "addr add 10.1.0.1/24 dev mv1", "addr add 10.2.0.1/32 dev lo",
                "-6 addr add 2001:db8:1::1/64 dev mv1", "-6 addr add 2001:db8:2::1/128 dev lo")
    saved.settle(source)
    saved.batch(source, "route add default via 10.1.0.254", "route add blackhole 10.9.0.0/16",
                "route add 10.8.0.0/16 dev lo", "route add prohibit default table 77",
                "-6 route add unreachable 2001:db8:9::/48", "rule add priority 50 lookup 60",
                "rule add priority 60 from all lookup 60", "rule del priority 0",
                "rule add priority 1 lookup local")


def number_of(said, label):
    """Of the first request with this type, and a flag that makes something, counted by the spy."""
    sent = [line.split()[2] for line in said.splitlines() if line.startswith("fault-spy: send ")]
    found = [i for i, text in enumerate(sent, 1) if text.startswith(label)]
    assert found, sorted(set(sent))
    return found


@pytest.mark.parametrize("when", ["first address", "first route", "last rule"])
def test_what_others_made_stays(spied, place, base, source, container, user1, when):
    full(source)
    images = saved.images(f"{place}/images", base, source, rule=backward(source))
    box, twin = container(user1), container(user1)
    for ns in (box, twin):
        ns.ip("link", "set", "lo", "up")
        saved.batch(ns, "rule add priority 7 lookup 8", "route add blackhole 10.98.0.0/16",
                    "-6 route add blackhole 2001:db8:98::/48")
    status, said = spied(images, box)
    assert status == 1 and "everything is as it was before" in said, said
    numbers = {"first address": number_of(said, "20.")[0], "first route": number_of(said, "24.")[0],
               "last rule": number_of(said, "32.")[-1]}
    # Those of the undo are among them, behind the ones of the restore.
    if when == "last rule":
        numbers[when] = next(n for n in number_of(said, "32.") if n > number_of(said, "24.")[-1])
    status, said = spied(images, box, f"send:{numbers[when]}:wait",
                         lambda: saved.batch(box, *OTHERS))
    assert status == 1, said
    assert "everything is as it was before" in said
    saved.batch(twin, *OTHERS)
    saved.settle(box)
    saved.settle(twin)
    assert saved.addresses(box) == saved.addresses(twin)
    saved.routes_become(box, saved.routes(twin))
    assert saved.rules(box) == saved.rules(twin)


def test_route_that_is_left_is_named(spied, place, base, source, container, user1):
    """One that cannot be deleted, as the kernel does not take the request."""
    full(source)
    images = saved.images(f"{place}/images", base, source, rule=backward(source))
    box = container(user1)
    status, said = spied(images, box)
    assert status == 1
    deleted = number_of(said, "25.")
    for n in deleted:
        status, said = spied(images, box, f"send:{n}:105")
        if status == 2:
            break
        assert status == 1, said
    assert "route " in said and "is left" in said
    left = [r["dst"] for r in json.loads(box.ip("-json", "route", "show", "table", "all"))]
    named = said.split("route ", 1)[1]
    assert any(dst in named for dst in left), (named, left)


def test_rule_that_is_left_is_named(spied, place, base, source, container, user1):
    full(source)
    images = saved.images(f"{place}/images", base, source, rule=backward(source))
    box = container(user1)
    _, said = spied(images, box)
    # The last that is sent is the way back of the rules, whichever is the first of them.
    rules = [n for label in ("32.", "33.") for n in number_of(said, label)
             if n > number_of(said, "25.")[-1]]
    status, said = spied(images, box, f"send:{max(rules)}:105")
    assert status == 2 and "rule " in said and ("is left" in said or "is gone" in said), said


@pytest.mark.parametrize("rules", [
    ["rule add priority 5 from all blackhole"],
    ["rule del priority 32766", "rule del priority 32767"],
    ["rule add priority 0 from all unreachable"],
], ids=["blackhole", "no main", "unreachable first"])
def test_rules_that_forbid_everything(spied, place, base, source, container, user1, rules):
    """Of the images, and left in the target by a restore that was killed."""
    full(source)
    saved.batch(source, *rules)
    images = saved.images(f"{place}/images", base, source)
    box = container(user1)
    saved.batch(box, "rule del priority 0", "rule add priority 3 from all prohibit", *rules)
    status, said = spied(images, box)
    assert status == 0, said
    assert saved.rules(box) == saved.rules(source)
    assert any('"gateway": "10.1.0.254"' in route for route in saved.routes(box))


def test_rules_that_forbid_everything_come_back(spied, place, base, source, container, user1):
    """With routes by gateways that would not be found by them."""
    full(source)
    images = saved.images(f"{place}/images", base, source, rule=backward(source))
    box = container(user1)
    saved.batch(box, "link set lo up", "link add br0 type bridge", "link set br0 up",
                "addr add 10.44.0.1/24 dev br0", "route add 10.45.0.0/16 via 10.44.0.2",
                "rule add priority 3 from all prohibit")
    saved.settle(box)
    before = saved.state(box)
    status, said = spied(images, box)
    assert status == 1 and "everything is as it was before" in said, said
    assert saved.state(box) == before
