"""Images as other versions of CRIU wrote them: made by crit out of those of CRIU 4.2, with what these
versions did not have taken away, and restored."""
import json
import os
import shutil
import subprocess

import pytest

import criu_images as images
from kinds_helpers import alone, assert_as_in_images  # noqa: F401
from restore_helpers import data, sysctl  # noqa: F401

RAW = ("ifaddr", "route", "route6", "rule", "iptables", "ip6tables", "nftables")


def encode(path, content):
    done = subprocess.run([*images.CRIT, "encode", "-o", path], input=json.dumps(content),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    os.chmod(path, 0o644)


class Set:
    """A copy of a set that tests/data has, to be changed."""

    def __init__(self, source, path):
        shutil.copytree(source, path, copy_function=shutil.copyfile)
        os.chmod(path, 0o755)
        self.path = path
        for name in os.listdir(path):
            os.chmod(f"{path}/{name}", 0o644)

    def change(self, name, how):
        content = images.decode(f"{self.path}/{name}")
        for entry in content["entries"]:
            how(entry)
        encode(f"{self.path}/{name}", content)

    def remove(self, *names):
        for name in names:
            os.unlink(f"{self.path}/{name}")


@pytest.fixture
def old(stage, data, tmp_path_factory):
    """old(name): a set to be changed, where every user can read it."""
    def make(name):
        return Set(f"{data}/{name}", f"{stage}/versions-{tmp_path_factory.mktemp('v').name}")
    return make


def drop(*keys):
    def how(entry):
        for key in keys:
            entry.pop(key, None)
    return how


def numbers(entries):
    """The form that CRIU had until 2.6: numbers of IPv4 alone, -1 for what is not there."""
    return [entry.get("iarg", -1) for entry in entries]


def to_numbers(entry):
    for key in ("conf", "def_conf", "all_conf"):
        if f"{key}4" in entry:
            entry[key] = numbers(entry.pop(f"{key}4"))
        entry.pop(f"{key}6", None)


ALONE = ("bridge-uns", "netns-dev-uns", "netns-nf-ns")


@pytest.mark.parametrize("name", ALONE)
def test_recoded_by_crit(alone, container, user1, old, name):
    """Debian's crit, of 3.17, loses field 10 of the namespace."""
    some = old(name)
    for image in ("netdev-10.img", "netns-10.img", "ids-1.img", "inventory.img"):
        some.change(image, lambda entry: None)
    box = container(user1)
    alone(box, some.path)
    assert_as_in_images(box, some.path)


@pytest.mark.parametrize("name", ALONE)
def test_sysctls_of_the_namespace_that_came_later(alone, container, user1, old, name):
    some = old(name)
    some.change("netns-10.img", drop("unix_conf", "ipv4_sysctl", "nsids"))
    box = container(user1)
    alone(box, some.path)
    assert_as_in_images(box, some.path)


@pytest.mark.parametrize("name", ALONE)
def test_sysctls_as_numbers(alone, container, user1, old, name):
    some = old(name)
    before = images.decode(f"{some.path}/netdev-10.img")["entries"]
    for image in ("netdev-10.img", "netns-10.img"):
        some.change(image, to_numbers)
    some.change("netns-10.img", drop("unix_conf", "ipv4_sysctl", "nsids"))
    some.change("netdev-10.img", drop("peer_ifindex", "peer_nsid"))
    box = container(user1)
    alone(box, some.path)
    links = box.links()
    assert {e["name"] for e in before} == set(links)
    for entry in before:
        assert sysctl(box, f"ipv4/conf/{entry['name']}/tag") == str(entry["conf4"][26]["iarg"])


def test_link_without_any_sysctls(alone, container, user1, old):
    some = old("bridge-uns")
    some.change("netdev-10.img", drop("conf4", "conf6", "address", "peer_ifindex", "peer_nsid"))
    box = container(user1)
    alone(box, some.path)
    assert "zdtmbr0" in box.links()


@pytest.mark.parametrize("gone", [RAW, ("nftables",), ("route6", "rule"), ("ip6tables", "iptables")],
                         ids="-".join)
def test_raw_images_that_are_not_there(alone, container, user1, old, gone):
    some = old("bridge-uns")
    some.remove(*[f"{name}-10.img" for name in gone])
    box = container(user1)
    alone(box, some.path)
    assert_as_in_images(box, some.path)


@pytest.mark.parametrize("ns_id", ["1", "4294967295"])
def test_ids_of_namespaces(alone, container, user1, old, ns_id):
    """The number in the names is that of the namespace, whatever it is."""
    some = old("bridge-uns")
    for name in os.listdir(some.path):
        if name.endswith("-10.img"):
            os.rename(f"{some.path}/{name}", f"{some.path}/{name[:-6]}{ns_id}.img")
    some.change("ids-1.img", lambda entry: entry.update(net_ns_id=int(ns_id)))
    some.change(f"netdev-{ns_id}.img",
                lambda entry: "peer_nsid" in entry and entry.update(peer_nsid=int(ns_id)))
    box = container(user1)
    alone(box, some.path)
    assert "zdtmbr0" in box.links()


def test_without_ids_and_inventory(alone, container, user1, old):
    """Only the images of the network: whose they are is not in doubt where there is one namespace."""
    some = old("bridge-uns")
    some.remove("ids-1.img", "ids-5.img", "inventory.img")
    box = container(user1)
    alone(box, some.path)
    assert_as_in_images(box, some.path)


def test_inventory_of_version_1(alone, container, user1, old):
    """All images begin with their own number then, and none with the common one."""
    some = old("bridge-uns")
    some.change("inventory.img", lambda entry: entry.update(img_version=1))
    for name in ("netdev-10.img", "netns-10.img", "ids-1.img", "ids-5.img"):
        content = images.read(some.path, name)
        with open(f"{some.path}/{name}", "wb") as f:
            f.write(content[4:])
    box = container(user1)
    alone(box, some.path)
    assert_as_in_images(box, some.path)


def test_ids_of_processes_that_came_later(alone, container, user1, old):
    some = old("bridge-uns")
    some.change("ids-1.img", drop("cgroup_ns_id", "time_ns_id", "user_ns_id"))
    some.change("inventory.img", lambda entry: [entry.pop(key) for key in list(entry) if key not in
                                                ("img_version", "root_ids")])
    box = container(user1)
    alone(box, some.path)
    assert_as_in_images(box, some.path)
