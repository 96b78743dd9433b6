"""Debian's Podman, run by ordinary users, against the served broker with a policy file: containers on
the LAN. The hook is found where it is installed, and the broker where workers look for it."""
import os
import socket

import pytest

from namespaces import wait_until
from podman import LAN4, LAN6, PARENT, WORKER, reaches
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
