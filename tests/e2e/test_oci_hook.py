"""oci-hook: what a container's annotations ask for, before its process starts."""
import json

import pytest

from attach_helpers import attach, macvlans  # noqa: F401
from restore_helpers import assert_same, snapshot

KEY = "netcr.macvlan"


def test_one_link(attach, container, user1):
    box = container(user1)
    attach.hook(box, {KEY: "eth0:par0,address=192.0.2.2/24,gateway=192.0.2.1,mac=stable:box",
                      "org.example": "not ours"})
    assert macvlans(box)["eth0"]["flags"].count("UP") == 1
    route = json.loads(box.ip("-json", "route", "show", "default"))[0]
    assert route["gateway"] == "192.0.2.1" and route["dev"] == "eth0"


def test_several_links(attach, container, user1):
    box = container(user1)
    attach.hook(box, {KEY: "eth0:par0,mode=private;eth1:par0,mtu=1400,no-ipv6=yes"})
    links = macvlans(box)
    assert links["eth0"]["linkinfo"]["info_data"]["mode"] == "private"
    assert links["eth1"]["mtu"] == 1400


def test_no_annotation(attach, container, user1):
    box = container(user1)
    before = snapshot(box)
    done = attach.hook(box, {"org.example": "x"})
    assert done.audit == []
    assert_same(box, before)


def test_nothing_to_do_when_it_has_stopped(attach, container, user1):
    box = container(user1)
    before = snapshot(box)
    done = attach.hook(box, {KEY: "eth0:par0"}, state="stopped", pid=0)
    assert "nothing is left to do" in done.out and done.audit == []
    assert_same(box, before)


@pytest.mark.parametrize("text, status, why", [
    ("", 64, "does not begin with NAME:PARENT"),
    ("eth0", 64, "does not begin with NAME:PARENT"),
    (":par0", 64, "not a name that a link can have"),
    ("eth0:", 64, "not a name of an interface"),
    ("eth0:par0,", 64, "is not KEY=VALUE"),
    ("eth0:par0,address", 64, "is not KEY=VALUE"),
    ("eth0:par0,colour=red", 64, "no such key"),
    ("eth0:par0;", 64, "does not begin with NAME:PARENT"),
    ("eth0:par0;eth0:par0", 64, "eth0 is to be made twice"),
    ("eth0:par0,mac=02:00:00:00:00:01;eth1:par0,mac=02:00:00:00:00:01", 64,
     "are to have the same MAC address"),
    (";".join(f"e{i}:par0" for i in range(17)), 64, "more than 16 links"),
    ("eth0:par0," + "x" * 5000, 64, "more than"),
    ("eth0:par0;eth1:par1", 77, "the broker refuses"),
    ("eth0:par0;eth1:par0,gateway=192.0.2.1", 1, "eth1: cannot make the route"),
])
def test_refused(attach, container, user1, text, status, why):
    """The container does not start, and the runtime shows why; nothing is made, of none."""
    box = container(user1)
    before = snapshot(box)
    done = attach.hook(box, {KEY: text}, status=status)
    assert why in done.said, done
    assert_same(box, before)


@pytest.mark.parametrize("text, why", [
    ("", "not the JSON of a container's state"), ("[]", "not the JSON of a container's state"),
    ("{", "not the JSON of a container's state"),
    ('{"annotations": {"netcr.macvlan": "eth0:par0"}}', "names no process"),
    ('{"pid": -1, "annotations": {"netcr.macvlan": "eth0:par0"}}', "names no process"),
    ('{"pid": 1e3, "annotations": {"netcr.macvlan": "eth0:par0"}}', "names no process"),
    ('{"pid": 1, "pid": 2}', "not the JSON of a container's state"),
    (" " * (1 << 20), "more than"),
], ids=["empty", "list", "cut", "no pid", "negative", "real", "twice", "long"])
def test_bad_state(attach, user1, text, why):
    done = attach.run("oci-hook", user=user1, stdin=text)
    assert done.status == 64 and why in done.said, done
