"""oci-hook: what a container's annotations ask for, before its process starts."""
import json
import os
import re
import subprocess

import pytest

from attach_helpers import attach, macvlans  # noqa: F401
from conftest import SOURCE
from restore_helpers import assert_same, snapshot

KEY, IMAGES, EXTERNAL = "netcr.macvlan", "netcr.images", "netcr.external"


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


def test_blanks_for_commas(attach, container, user1):
    """Podman 4.3 cuts what it is given at commas. A value keeps the blanks that it has."""
    box = container(user1)
    attach.hook(box, {KEY: "eth0:par0 address=192.0.2.2/24 route=198.51.100.0/24 via 192.0.2.1 "
                      "mtu=1400"})
    assert macvlans(box)["eth0"]["mtu"] == 1400
    (route,) = json.loads(box.ip("-json", "route", "show", "198.51.100.0/24"))
    assert route["gateway"] == "192.0.2.1"


@pytest.mark.parametrize("text", [
    " eth0:par0  mtu=1400   address=192.0.2.2/24 ", "eth0:par0 , mtu=1400 ,  address=192.0.2.2/24",
    "eth0:par0,mtu=1400 address=192.0.2.2/24; eth1:par0 ;  eth2:par0"])
def test_more_blanks(attach, container, user1, text):
    """Those around a part are nobody's."""
    box = container(user1)
    attach.hook(box, {KEY: text})
    assert len(macvlans(box)) == text.count(":") and macvlans(box)["eth0"]["mtu"] == 1400
    assert "192.0.2.2/24" in box.ip("address", "show", "dev", "eth0")


def test_blanks_within_a_value_stay(attach, container, user1):
    one, two = container(user1), container(user1)
    attach.hook(one, {KEY: "eth0:par0 mac=stable:a  b mtu=1400"})
    attach(two, "--parent", "par0", "--mac", "stable:a  b", "--mode", "private", status=1)
    attach(two, "--parent", "par0", "--mac", "stable:a b")
    assert macvlans(one)["eth0"]["address"] != macvlans(two)["eth0"]["address"]


def test_passthru_has_the_parents_mac(attach, container, user1):
    """For networks with one MAC address a port, as docs/podman.md has it."""
    box = container(user1)
    attach.hook(box, {KEY: "eth0:par0 mode=passthru"}, modes=("passthru",))
    assert macvlans(box)["eth0"]["address"] == attach.host.links()["par0"]["address"]


def test_in_the_containers_namespaces(attach, container, user1, worker):
    """As crun runs the stage createContainer: there is no pid."""
    box = container(user1)
    state = json.dumps({"pid": 0, "status": "created", "annotations": {KEY: "eth0:par0"}})
    argv = attach.argv("oci-hook")
    argv[argv.index(worker):argv.index(worker)] = ["nsenter", f"--target={box.pid}", "--user",
                                                   "--net", "--preserve-credentials", "--"]
    done = subprocess.run(argv, env=user1.sudo_env(), timeout=60, check=False, input=state,
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    assert "eth0" in macvlans(box)


def test_never_in_the_hosts_namespaces(attach, user1):
    done = attach.run("oci-hook", user=user1, stdin=json.dumps(
        {"pid": 0, "status": "created", "annotations": {KEY: "eth0:par0"}}))
    assert done.status != 0 and not done.audit, done


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
    ("eth0:par0,address", 64, "'address' is not KEY=VALUE; this is about eth0; this is from the "
     "container's annotation netcr.macvlan"),
    ("eth0:par0;eth1:par0 no-ipv6", 64, "'no-ipv6' is not KEY=VALUE; this is about eth1"),
    ("eth0:par0 Mtu=1400", 64, "no such key"),
    ("eth0: par0", 64, "parent : not a name of an interface"),
    ("eth0:par0 address=192.0.2.2", 64, "its prefix is missing"),
    ("eth0:par0 mac=keep:mac", 64, "eth0: mac keep:mac: a hook needs an absolute path"),
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


def test_images(attach, container, user1, stage):
    """What is restored is what the images say, not what an annotation does."""
    box = container(user1)
    done = attach.hook(box, {IMAGES: f"{stage}/data/macvlan-x1", EXTERNAL: "macvlan[*]:par0"})
    with open(f"{stage}/data/macvlan-x1/netdev-10.img", "rb") as f:
        image = f.read()
    (name, link), = macvlans(box).items()
    assert name.encode() in image and bytes.fromhex(link["address"].replace(":", "")) in image
    assert "1 links made" in done.out


def test_images_as_json(attach, container, user1, stage):
    done = attach.hook(container(user1), {IMAGES: f"{stage}/data/macvlan-x10",
                                          EXTERNAL: "macvlan[*]:par0"}, "--json")
    assert done.json["command"] == "oci-hook"
    assert [link["parent"] for link in done.json["links"] if link["kind"] == "macvlan"] == \
        ["par0"] * 10


@pytest.mark.parametrize("annotations, status, why", [
    ({IMAGES: "{data}/macvlan-x1"}, 64, "--external 'macvlan["),
    ({IMAGES: "{data}/macvlan-x1", EXTERNAL: "macvlan[*]:par1"}, 77, "the broker refuses"),
    ({IMAGES: "{data}/macvlan-x1", EXTERNAL: "macvlan[*]:par0;macvlan"}, 64,
     "this is from the container's annotation netcr.external"),
    ({IMAGES: "{data}/macvlan-x1", EXTERNAL: ""}, 64,
     "this is from the container's annotation netcr.external"),
    ({IMAGES: "data/macvlan-x1"}, 64, "netcr.images is not an absolute path: data/macvlan-x1"),
    ({IMAGES: ""}, 64, "netcr.images is not an absolute path"),
    ({IMAGES: "{data}/none"}, 65, "{data}/none"),
    ({IMAGES: "{data}/macvlan-x1", KEY: "eth0:par0"}, 64,
     "the annotations netcr.macvlan and netcr.images: one of them"),
    ({EXTERNAL: "macvlan[*]:par0"}, 64, "netcr.external without netcr.images"),
    ({"netcr.macvlans": "eth0:par0"}, 64, "the annotation netcr.macvlans, which is not one of"),
    ({KEY: "eth0:par0", "netcr.": "x"}, 64, "the annotation netcr., which is not one of"),
    ({KEY: "eth0:par0", "address": "192.0.2.2/24"}, 64,
     "an annotation 'address', which was cut off from netcr.macvlan at a comma"),
    ({KEY: "eth0:par0 address"}, 64, "'address' is not KEY=VALUE"),
    ({KEY: ["eth0:par0"]}, 64, "netcr.macvlan is not a string"),
])
def test_annotations_refused(attach, container, user1, stage, annotations, status, why):
    """A container without the network that it was to have must not start."""
    def there(text):
        return text.replace("{data}", f"{stage}/data") if isinstance(text, str) else text
    box = container(user1)
    before = snapshot(box)
    done = attach.hook(box, {k: there(v) for k, v in annotations.items()}, status=status)
    assert there(why) in done.said, done
    assert_same(box, before)


@pytest.mark.parametrize("annotations", [{KEY: "eth0:par0"}, {IMAGES: "{data}/macvlan-x1"}])
def test_no_broker(container, user1, worker, own_host, stage, annotations):
    box = container(user1)
    state = {"pid": box.pid, "status": "created", "annotations": {
        k: v.replace("{data}", f"{stage}/data") for k, v in annotations.items()}}
    done = subprocess.run(own_host.argv(*user1.argv(worker, "oci-hook")), timeout=60, check=False,
                          input=json.dumps(state), capture_output=True, text=True,
                          env={"NETCR_BROKER": "/nonexistent/broker.sock"})
    assert done.returncode == 69 and "/nonexistent/broker.sock" in done.stderr


@pytest.mark.parametrize("prefix, where", [
    ("/usr", "/usr/share"), ("/usr/local", "/usr/share"), ("/opt/netcr", "/opt/netcr/share")])
def test_definition_is_installed(tmp_path, prefix, where):
    """Where Podman and CRI-O look; what is in it names the program that is installed."""
    subprocess.run(["meson", "setup", "-Dtests=disabled", "-Dsystemd=disabled",
                    f"--prefix={prefix}", tmp_path / "build", SOURCE], check=True,
                   capture_output=True)
    subprocess.run(["meson", "install", "-C", tmp_path / "build", "--no-rebuild", "--tags",
                    "oci-hooks", "--destdir", tmp_path / "dest"], check=True, capture_output=True)
    found = [os.path.join(d, n) for d, _, names in os.walk(tmp_path / "dest") for n in names]
    assert found == [f"{tmp_path}/dest{where}/containers/oci/hooks.d/netcr.json"]
    with open(found[0]) as f:
        hook = json.load(f)
    assert hook["version"] == "1.0.0" and hook["stages"] == ["createRuntime", "poststop"]
    assert hook["hook"]["path"] == f"{prefix}/bin/netcr-worker"
    assert hook["hook"]["args"] == ["netcr-worker", "oci-hook"]
    (name,) = hook["when"]["annotations"]
    assert all(re.search(name, key) for key in (KEY, IMAGES, EXTERNAL, "netcr.macvlans"))
    assert not re.search(name, "org.netcr.macvlan")
