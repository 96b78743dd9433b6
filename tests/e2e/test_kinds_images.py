"""What CRIU wrote of real containers, one network namespace each, restored by an ordinary user
without a broker, and compared with crit and ip(8) field by field."""
import json
import subprocess

import pytest

from kinds_helpers import (WITHOUT_TUN, alone, assert_as_in_images,  # noqa: F401
                           tun_differences)
from restore_helpers import (PLAN_GROUP, assert_same, data, snapshot,  # noqa: F401
                             sysctl)

ALONE = ["bridge-uns", "tun-uns", "netns-dev-uns", "netns-nf-ns", "netns-nft-uns"]


@pytest.mark.parametrize("name", ALONE)
def test_restored(alone, container, user1, data, name):
    box = container(user1)
    alone(box, f"{data}/{name}")
    assert_as_in_images(box, f"{data}/{name}")


@pytest.mark.parametrize("name", ALONE)
def test_dry_run_changes_nothing(alone, container, user1, data, name):
    box = container(user1)
    before = snapshot(box)
    steps = alone(box, f"{data}/{name}", "--dry-run").out
    assert "read everything back" in steps
    if name == "bridge-uns":
        assert "make bridge zdtmbr0 with index 2\n" in steps
    if name == "tun-uns":
        assert "make tun tapx0 with index 5\n" in steps
    assert_same(box, before)


def test_json(alone, container, user1, data):
    result = alone(container(user1), f"{data}/bridge-uns", "--json").json
    assert result["links"][1] == {"name": "zdtmbr0", "kind": "bridge", "ifindex": 2}


def test_stable_secret_of_loopback(alone, container, user1, data):
    """It is a text in the images, and the only one that has it is netns-dev-uns."""
    box = container(user1)
    alone(box, f"{data}/netns-dev-uns")
    assert sysctl(box, "ipv6/conf/lo/stable_secret")


@pytest.mark.parametrize("name, ns, status, texts", [
    ("cr-veth-ns", "10", 64, ("record 2: veth zdtmvthc0", "index 2", "outside of the checkpoint",
                              "--external 'veth[zdtmvthc0]:OUT[@BRIDGE]'")),
    ("netns-sub-veth-uns", "10", 64, ("record 3: veth zdtm0", "index 12", "--netns 16=PATH")),
    ("netns-sub-veth-uns", "16", 64, ("record 2: veth zdtm0", "index 12", "--netns 10=PATH")),
    ("netns-sub-veth-uns", "17", 64, ("record 2: veth zdtm1", "index 22", "--netns 10=PATH"))])
def test_other_end_elsewhere(alone, container, user1, data, name, ns, status, texts):
    """What is missing is said, with the link, before anything is done."""
    box = container(user1)
    before = snapshot(box)
    result = alone(box, f"{data}/{name}", "--ns-id", ns, status=status)
    for text in (f"netdev-{ns}.img", "nothing was done", *texts):
        assert text in result.said
    assert_same(box, before)


def test_tun_without_the_device(alone, container, user1, data):
    box = container(user1)
    before = snapshot(box)
    result = alone(box, f"{data}/tun-uns", status=71, before=WITHOUT_TUN)
    for text in ("record 2: link tunx0", "kind tun", "/dev/net/tun", "nothing was done"):
        assert text in result.said
    assert_same(box, before)


def test_others_do_not_need_the_device(alone, container, user1, data):
    box = container(user1)
    alone(box, f"{data}/bridge-uns", before=WITHOUT_TUN)
    assert_as_in_images(box, f"{data}/bridge-uns")


def show(worker, *args):
    return subprocess.run([worker, "show", *args], check=True, capture_output=True, text=True).stdout


def test_show(worker, data):
    text = show(worker, "-D", f"{data}/tun-uns")
    assert "tunx1            tun       down    1500  -                  tun pi multi_queue\n" in text
    assert "tun persistent pi\n" in text
    links = json.loads(show(worker, "-D", f"{data}/tun-uns", "--json"))["namespaces"][0]["links"]
    assert links[4]["tun"] == {"type": "tap", "flags": 2, "header_bytes": 10,
                               "sndbuf_bytes": 2147483647, "owner": None, "group": None}
