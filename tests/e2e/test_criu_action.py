"""criu-action: what CRIU runs at the points of a dump and a restore, called as CRIU does it."""
import json
import os
import subprocess

import pytest

from attach_helpers import frames, heard, is_advertisement, is_gratuitous_arp, listening
from criu_helpers import LINK, MAC, RootBox, criu, fill, saved, served  # noqa: F401
from restore_helpers import assert_same, snapshot

EXTERNAL = {"NETCR_EXTERNAL": "macvlan[*]:par0"}
FLAGS = ("flags", "mtu", "address", "ifindex")


def tables(box):
    return [line for line in box.run("nft", "list", "tables").stdout.splitlines() if line]


def assert_equal_links(box, before):
    links = box.links()
    assert set(links) == set(before)
    for name, link in links.items():
        assert {k: link[k] for k in FLAGS} == {k: before[name][k] for k in FLAGS}


@pytest.mark.parametrize("n", [1, 10])
def test_a_whole_restore(served, saved, procs, n):
    directory, before = saved(n)
    box = RootBox(procs)
    done = served("setup-namespaces", box, directory, **EXTERNAL)
    assert f"{n} links made" in done.out and "netcr-worker" not in done.err, done
    assert_equal_links(box, before)
    assert tables(box) == ["table inet netcr_lock"]
    done = served("post-setup-namespaces", box, directory, **EXTERNAL)
    assert "is whole" in done.out and done.err == "", done
    assert tables(box) == []
    done = served("post-resume", box, directory, **EXTERNAL)
    # One of each family, and the link-local one.
    assert done.out == f"announced {3 * n} addresses\n" and done.err == ""
    routes = json.loads(box.ip("-json", "route", "show", "default"))
    assert [(r["gateway"], r["dev"]) for r in routes] == [("192.0.2.1", "eth0")]


def test_the_network_hears_of_it(served, saved, procs, lan):
    """At post-resume, and not before: until then all is locked."""
    directory, _ = saved()
    box, mac = RootBox(procs), bytes.fromhex(MAC.replace(":", ""))
    with listening(served.host, "par0") as sock:
        served("setup-namespaces", box, directory, **EXTERNAL)
        served("post-setup-namespaces", box, directory, **EXTERNAL)
        frames(sock)
        served("post-resume", box, directory)
        heard(sock, lambda f: is_gratuitous_arp(f, mac, "192.0.2.2"),
              lambda f: is_advertisement(f, mac, "2001:db8::2"))


def test_nothing_is_answered_while_it_is_locked(served, saved, procs):
    """A peer that sends while there are addresses and no sockets gets no reset."""
    directory, _ = saved()
    box, peer = RootBox(procs), RootBox(procs)
    served.host.ip("link", "add", "peer0", "link", "par0", "type", "macvlan", "mode", "bridge")
    served.host.ip("link", "set", "peer0", "netns", str(peer.pid))
    peer.batch("link set peer0 up", "addr add 192.0.2.9/24 dev peer0")
    ask = ["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/192.0.2.2/7"]
    served("setup-namespaces", box, directory, **EXTERNAL)
    assert peer.run(*ask, check=False).returncode == 124  # silence
    assert peer.run("ping", "-c1", "-W1", "192.0.2.2", check=False).returncode == 1
    served("post-setup-namespaces", box, directory, **EXTERNAL)
    assert peer.run(*ask, check=False).returncode == 1  # refused: there is no socket
    peer.run("ping", "-c1", "-w60", "192.0.2.2")


RULES = "table ip filter { chain in { type filter hook input priority 0; tcp dport 22 drop; }; }\n"


def test_rules_of_the_images_and_the_lock(served, saved, procs):
    """Rules of the images take the place of all tables, but not of the lock."""
    def prepare(box):
        box.run("nft", "-f", "-", input=RULES)
    directory, _ = saved(prepare=prepare)
    box = RootBox(procs)
    done = served("setup-namespaces", box, directory, **EXTERNAL)
    assert "netcr-worker" not in done.err, done
    assert sorted(tables(box)) == ["table inet netcr_lock", "table ip filter"]
    served("post-setup-namespaces", box, directory, **EXTERNAL)
    assert tables(box) == ["table ip filter"]
    assert "tcp dport 22 drop" in box.run("nft", "list", "ruleset").stdout


def test_a_refusal_aborts(served, saved, procs):
    directory, _ = saved()
    box = RootBox(procs)
    before = snapshot(box)
    done = served("setup-namespaces", box, directory, status=77, NETCR_EXTERNAL="macvlan[*]:par1")
    assert "netcr-worker: " in done.err and "the broker refuses it" in done.err, done
    assert_same(box, before)
    assert tables(box) == []


def test_no_broker(criu, saved, procs):
    directory, _ = saved()
    box = RootBox(procs)
    done = criu("setup-namespaces", box, directory, status=69,
                NETCR_BROKER=f"{directory}/nowhere.sock", **EXTERNAL)
    assert "nowhere.sock" in done.err and list(box.links()) == ["lo"]


def test_no_parent_is_named(served, saved, procs):
    directory, _ = saved()
    done = served("setup-namespaces", RootBox(procs), directory, status=64)
    assert "the images do not name the parent of macvlan eth0" in done.err


@pytest.mark.parametrize("change, why", [
    (("link", "set", "eth0", "mtu", "1400"), "eth0 came out with MTU"),
    (("link", "set", "eth0", "down"), "eth0 came out with flags"),
    (("link", "set", "eth0", "address", "02:00:00:00:99:99"), "with another address"),
    (("link", "del", "eth0"), "the target has no eth0 with index"),
    (("addr", "del", "192.0.2.2/24", "dev", "eth0"), "ifaddr-"),
    (("route", "del", "default"), "route-"),
    (("link", "set", "eth0", "type", "macvlan", "mode", "private"), "with mode"),
])
def test_what_is_not_whole_aborts(served, saved, procs, change, why):
    directory, _ = saved()
    box = RootBox(procs)
    served("setup-namespaces", box, directory, **EXTERNAL)
    box.ip(*change)
    done = served("post-setup-namespaces", box, directory, status=1, **EXTERNAL)
    assert why in done.err, done
    assert tables(box) == ["table inet netcr_lock"]  # nothing is let through


@pytest.mark.parametrize("action", [
    "pre-dump", "post-dump", "pre-restore", "post-restore", "network-unlock", "network-lock",
    "pre-resume", "orphan-pts-master", "of-a-later-version"])
def test_nothing_to_do(criu, tmp_path, action):
    """Of these not even the process needs to be there."""
    done = criu(action, None, tmp_path, CRTOOLS_IMAGE_DIR=None)
    assert (done.out, done.err) == ("", "")


@pytest.mark.parametrize("variables, why", [
    ({"CRTOOLS_SCRIPT_ACTION": None}, "CRTOOLS_SCRIPT_ACTION is not set"),
    ({"CRTOOLS_INIT_PID": None}, "CRTOOLS_INIT_PID is not set"),
    ({"CRTOOLS_INIT_PID": ""}, "CRTOOLS_INIT_PID is not set"),
    ({"CRTOOLS_INIT_PID": "0"}, "not a number"),
    ({"CRTOOLS_INIT_PID": "-1"}, "not a number"),
    ({"CRTOOLS_INIT_PID": "1;2"}, "not a number"),
    ({"CRTOOLS_IMAGE_DIR": None}, "CRTOOLS_IMAGE_DIR is not set"),
    ({"NETCR_NS_ID": "x"}, "--ns-id x: not a number"),
    ({"NETCR_EXTERNAL": "macvlan[eth0]:par0 nonsense"}, "nonsense: not of the form"),
    ({"NETCR_EXTERNAL": "x" * 65536}, "NETCR_EXTERNAL has more than"),
    ({"NETCR_EXTERNAL": " ".join(f"macvlan[e{i}]:p" for i in range(1100))}, "more than"),
])
def test_bad_environment(criu, procs, tmp_path, variables, why):
    box = RootBox(procs)
    before = snapshot(box)
    done = criu("setup-namespaces", box, tmp_path, status=64, **variables)
    assert why in done.err, done
    assert_same(box, before)


def test_arguments_are_refused(criu, tmp_path):
    done = criu("pre-dump", None, tmp_path, status=64, argv=[criu.program, "--help"])
    assert "takes no arguments" in done.err
    criu("pre-dump", None, tmp_path, argv=[criu.worker, "criu-action"])


# --- netcr.options


def write_options(directory, text):
    with open(os.path.join(directory, "netcr.options"), "wb") as f:
        f.write(text.encode() if isinstance(text, str) else text)


def test_options_beside_the_images(served, saved, procs):
    directory, before = saved()
    write_options(directory, "# moved here\n\n external = macvlan[eth0]:par0\r\nns-id = 10\n")
    box = RootBox(procs)
    served("setup-namespaces", box, directory)
    assert_equal_links(box, before)
    served("post-setup-namespaces", box, directory)


@pytest.mark.parametrize("theirs, ours", [
    ("macvlan[eth0]:par9", "macvlan[eth0]:par0"), ("macvlan[eth0]:par9", "macvlan[*]:par0"),
    ("macvlan[*]:par9", "macvlan[eth0]:par0")])
def test_the_environment_comes_first(served, saved, procs, theirs, ours):
    directory, before = saved()
    write_options(directory, f"external = {theirs}\nns-id = 99\n")
    box = RootBox(procs)
    served("setup-namespaces", box, directory, NETCR_EXTERNAL=ours, NETCR_NS_ID="10")
    assert_equal_links(box, before)


@pytest.mark.parametrize("text, why", [
    ("external = veth[eth0]:out0@br0\n", "line 1: of external only macvlan"),
    ("external = netdev[eth0]:eth0\n", "line 1: of external only macvlan"),
    ("\nexternal = macvlan[eth0]\n", "line 2: external is not of the form"),
    ("external = macvlan[eth0]:\n", "line 1: what external has is no name"),
    ("external = macvlan[]:par0\n", "line 1: what external has is no name"),
    ("external = macvlan[eth0]:par0/../x\n", "line 1: what external has is no name"),
    ("external = macvlan[eth0]:" + "p" * 16, "line 1: what external has is no name"),
    ("external\n", "line 1: is not KEY = VALUE"),
    ("broker = /tmp/mine.sock\n", "line 1: has a key other than"),
    ("outside-netns = /proc/1/ns/net\n", "line 1: has a key other than"),
    ("ns-id = 0\n", "line 1: ns-id is not a number"),
    ("ns-id = 4294967296\n", "line 1: ns-id is not a number"),
    ("ns-id = 1\0\n", "has a NUL"),
    ("\n" * 2000, "line 1025: is one too many"),
    ("#" * 70000, "has more than 65535 bytes"),
    (b"\xff\xfe=\n", "line 1: has a key other than"),
])
def test_hostile_options(served, saved, procs, text, why):
    directory, _ = saved()
    write_options(directory, text)
    box = RootBox(procs)
    before = snapshot(box)
    done = served("setup-namespaces", box, directory, status=65)
    assert "netcr.options: " in done.err and why in done.err, done
    assert_same(box, before)
    assert tables(box) == []


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_hostile_options_file(served, saved, procs, kind):
    directory, _ = saved()
    path = os.path.join(directory, "netcr.options")
    if kind == "link":
        os.symlink("/etc/passwd", path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.mkdir(path)
    done = served("setup-namespaces", RootBox(procs), directory, status=65)
    assert "netcr.options: " in done.err and "root:" not in done.err


# --- a dump


def test_images_at_post_dump(criu, procs, own_host, tmp_path):
    box = RootBox(procs)
    fill(box, own_host)
    criu("post-dump", box, tmp_path, NETCR_DUMP="no", **EXTERNAL)
    assert os.listdir(tmp_path) == []
    done = criu("post-dump", box, tmp_path, NETCR_DUMP="yes", NETCR_NS_ID="12")
    assert "saved net:" in done.out
    assert {"netdev-12.img", "netns-12.img", "ifaddr-12.img"} <= set(os.listdir(tmp_path))
    done = criu("post-dump", box, tmp_path, NETCR_DUMP="maybe", status=64)
    assert "NETCR_DUMP is 'maybe'" in done.err


def test_a_dump_that_fails_aborts(criu, procs, tmp_path):
    box = RootBox(procs)
    box.ip("link", "add", "vx0", "type", "vxlan", "id", "1", "dstport", "4789")
    done = criu("post-dump", box, tmp_path, NETCR_DUMP="yes", status=65)
    assert "vx0" in done.err and os.listdir(tmp_path) == []
    criu("post-dump", box, tmp_path, NETCR_DUMP="yes", NETCR_SKIP_KIND="vxlan")
    assert "netdev-10.img" in os.listdir(tmp_path)


# --- who runs it


def test_an_ordinary_user(saved, container, user1, own_host, broker, criu):
    """CRIU can be run without root, too; then the broker is whoever's it is."""
    directory, before = saved()
    box = container(user1)
    env = user1.sudo_env() | {"CRTOOLS_SCRIPT_ACTION": "setup-namespaces",
                              "CRTOOLS_INIT_PID": str(box.pid),
                              "CRTOOLS_IMAGE_DIR": str(directory)} | EXTERNAL
    argv = own_host.argv(broker, "spawn", "--allow-parent", "par0", "--", criu.program)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False,
                          cwd="/")
    assert done.returncode == 0, done.stderr
    assert_equal_links(box, before)


def test_another_users_container(saved, container, user1, user2, own_host, broker, criu):
    directory, _ = saved()
    box = container(user2)
    before = snapshot(box)
    env = user1.sudo_env() | {"CRTOOLS_SCRIPT_ACTION": "setup-namespaces",
                              "CRTOOLS_INIT_PID": str(box.pid),
                              "CRTOOLS_IMAGE_DIR": str(directory)} | EXTERNAL
    argv = own_host.argv(broker, "spawn", "--allow-parent", "par0", "--", criu.program)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False,
                          cwd="/")
    assert done.returncode == 77, done.stderr
    assert_same(box, before)


def test_a_broker_for_just_this(criu, saved, procs, broker):
    """The script of docs/criu.md."""
    directory, before = saved()
    box = RootBox(procs)
    criu("setup-namespaces", box, directory, **EXTERNAL,
         argv=[broker, "spawn", "--allow-parent", "par0", "--", criu.program])
    assert_equal_links(box, before)
