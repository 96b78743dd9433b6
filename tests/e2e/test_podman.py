"""Debian's Podman, run by ordinary users, against the served broker with a policy file: containers on
the LAN. The hook is found where it is installed, and the broker where workers look for it."""
import json
import os
import socket

import pytest

from namespaces import wait_until
from podman import IMAGE, LAN4, LAN6, PARENT, WORKER, Inside, reaches
from podman_helpers import (  # noqa: F401
    containers, macvlan, one, served, stable_mac, two)
from restore_helpers import inside


def test_they_reach_each_other(world, one, two):
    """Two containers of one user, one of another, and a second host."""
    with containers((one, "a", *macvlan(10)), (one, "b", *macvlan(11)),
                    (two, "c", *macvlan(12))) as (a, b, c):
        places = {1: world.lan, 10: a, 11: b, 12: c}
        for here, ns in places.items():
            for there in places.keys() - {here}:
                reaches(ns, f"{LAN4}.{there}")
                reaches(ns, f"{LAN6}{there}")


@pytest.mark.parametrize("shape", [
    (), ("--userns=keep-id",), ("--userns=nomap",), ("--userns=auto",),
    ("--uidmap=0:1:1000", "--gidmap=0:1:1000"), ("--uidmap=0:5000:1", "--gidmap=0:5000:1")],
    ids=lambda shape: " ".join(shape) or "default")
def test_user_namespaces(world, one, shape):
    """The container's is Podman's own, or one below it; the hook is in Podman's."""
    # devpts gives terminals to group 5, which one of the shapes has not.
    pts = ("--volume=/dev/pts:/dev/pts",) if "--uidmap=0:5000:1" in shape else ()
    with containers((one, "shape", *macvlan(20, "mac=stable:shape"), *shape, *pts)) as (box,):
        assert box.links()["eth0"]["address"] == stable_mac("shape")
        assert box.addresses() == [f"{LAN4}.20/24", f"{LAN6}20/64"]
        reaches(world.lan, f"{LAN4}.20")
        own = box.userns() == one.userns()
        assert own == (shape == ())


def test_without_addresses(one):
    """IPv6 autoconfiguration is the network's affair; the link is up."""
    with containers((one, "bare", "--annotation", f"netcr.macvlan=eth0:{PARENT}")) as (box,):
        assert "UP" in box.links()["eth0"]["flags"] and box.addresses() == []


def test_inside_of_the_container(one):
    """What it sees itself: its own link, index 2, and the gateway answers a ping of its own."""
    with containers((one, "self", *macvlan(21, f"gateway={LAN4}.1"), "--cap-add=NET_RAW")):
        assert "2: eth0@" in one.podman("exec", "self", "ip", "link").stdout
        wait_until(lambda: one.podman("exec", "self", "ping", "-c", "1", "-W", "1", f"{LAN4}.1",
                                      check=False).returncode == 0, "the gateway answers")


@pytest.mark.parametrize("mac", ["stable:again", "keep:{home}/mac"])
def test_same_mac_and_addresses_after_recreation(one, mac):
    """The file of mac=keep is below the user's home, which the hook sees."""
    seen = []
    for _ in range(2):
        with containers((one, "again", *macvlan(22, "mac=" + mac.format(home=one.home)))) as (box,):
            seen.append((box.links()["eth0"]["address"], box.addresses()))
    assert seen[0] == seen[1]
    assert mac != "stable:again" or seen[0][0] == stable_mac("again")


# --- who shares a network, and the end

@pytest.fixture
def pod(one):
    """Its id."""
    yield one.podman("pod", "create", "--name", "pod", "--network", "none", "--infra-image", IMAGE,
                     "--infra-command", "sleep 100000").stdout.strip()
    one.podman("pod", "rm", "--force", "--time", "0", "pod")


def infra_pid(one):
    infra = one.podman("pod", "inspect", "--format", "{{.InfraContainerID}}", "pod").stdout.strip()
    return one.podman("inspect", "--format", "{{.State.Pid}}", infra).stdout.strip()


def in_the_pod(one, name, *options, check=True):
    return one.podman("run", "--detach", "--pod", "pod", "--name", name, *options, IMAGE, "sleep",
                      "100000", check=check)


def test_a_pod_whose_infra_container_is_attached(world, one, pod):
    one.podman("pod", "start", "pod")
    one.at(WORKER, "attach", "--pid", infra_pid(one), "--parent", PARENT, "--address",
           f"{LAN4}.23/24")
    for name in ("p1", "p2"):
        in_the_pod(one, name)
        one.podman("restart", "--time", "0", name)
        assert f"{LAN4}.23/24" in one.podman("exec", name, "ip", "addr").stdout
    reaches(world.lan, f"{LAN4}.23")


def test_a_pod_where_one_container_has_the_annotation(one, pod):
    """As docs/podman.md has it: not a second one, and not itself again but with the pod."""
    in_the_pod(one, "p1", *macvlan(24))
    done = in_the_pod(one, "p2", *macvlan(24), check=False)
    assert done.returncode != 0 and "eth0: the target has a link of this name" in done.stderr
    done = one.podman("restart", "--time", "0", "p1", check=False)
    assert done.returncode != 0 and "eth0: the target has a link of this name" in done.stderr
    one.podman("rm", "--force", "p2")
    one.podman("pod", "kill", "pod")
    one.podman("pod", "start", "pod")
    assert f"{LAN4}.24/24" in one.podman("exec", "p1", "ip", "addr").stdout


def test_restart_stop_and_start(one):
    with containers((one, "again", *macvlan(25, "mac=stable:again"))) as (box,):
        for command in (("restart", "--time", "0"), ("stop", "--time", "0"), ("kill",)):
            one.podman(*command, "again")
            one.podman("start", "again")
            again = Inside(one, "again")
            assert again.pid != box.pid
            assert again.addresses() == [f"{LAN4}.25/24", f"{LAN6}25/64"]
            assert again.links()["eth0"]["address"] == stable_mac("again")
            assert f"{LAN4}.25/24" in one.podman("exec", "again", "ip", "addr").stdout


def test_poststop_has_nothing_left_to_do(world, one):
    """Podman keeps to itself what a hook of this stage says, so this one writes it down."""
    hooks, said = f"{one.home}/hooks.d", f"{one.home}/said"
    with open(world.file("/usr/share/containers/oci/hooks.d/netcr.json")) as f:
        hook = json.load(f)
    assert hook["stages"] == ["createRuntime", "poststop"]
    hook["hook"] |= {"path": "/bin/sh", "args": [
        "sh", "-c", f"{WORKER} oci-hook >>{said} 2>&1; echo status $? >>{said}"]}
    one.at("mkdir", hooks)
    one.at("sh", "-c", f"cat >{hooks}/netcr.json", input=json.dumps(hook))
    one.podman("--hooks-dir", hooks, "run", "--rm", "--network", "none", *macvlan(26), IMAGE, "true")
    assert one.at("cat", said).stdout.splitlines() == [
        "status 0", "nothing is left to do: links go with their network namespace", "status 0"]


# --- images


def say_hello(world, address):
    """What a server in the container says to somebody on the LAN."""
    with inside(world.lan), socket.create_connection((address, 7777), timeout=5) as sock:
        return sock.makefile("rb").readline()


def answers(world, address):
    def try_it():
        try:
            return say_hello(world, address) == b"hello\n"
        except OSError:
            return False
    wait_until(try_it, f"{address} says hello")


def what_it_has(box):
    (link,) = [link for link in box.links().values() if link["ifname"] == "eth0"]
    keys = ("ifindex", "address", "mtu", "flags")
    return ({key: link[key] for key in keys}, link["linkinfo"]["info_data"]["mode"],
            box.addresses(), box.ip("route"), box.ip("-6", "route"))


@pytest.mark.parametrize("shape", [(), ("--userns=auto",)], ids=["default", "auto"])
def test_dump_and_restore_into_the_twin(world, one, shape, request):
    """Dumped while it runs, by the user; its twin gets all of it by netcr.images."""
    server = ("nc", "-ll", "-p", "7777", "-e", "echo", "hello")
    images = f"{one.home}/images-{request.node.callspec.id}"
    os.mkdir(world.file(images))
    os.chown(world.file(images), one.user.uid, one.user.gid)
    options = macvlan(40, f"gateway={LAN4}.1", "mtu=1400",
                      f"route=198.51.100.0/24 via {LAN4}.2")
    with containers((one, "old", *options, *shape)) as (box,):
        before = what_it_has(box)
        one.at(WORKER, "dump", "-D", images, "--pid", box.pid)
    try:
        box = one.run("twin", "--annotation", f"netcr.images={images}", "--annotation",
                      f"netcr.external=macvlan[eth0]:{PARENT}", *shape, command=server)
        assert what_it_has(box) == before
        answers(world, f"{LAN4}.40")
        answers(world, f"{LAN6}40")
    finally:
        one.remove("twin")
