"""Parents in another namespace, a router's, say: a served broker whose policy names it, and the
worker as an ordinary user, as people run both."""
import json
import os
import signal
import subprocess

import pytest

import namespaces
from netcr_client import audit_lines
from restore_helpers import (assert_restored, assert_same, data, snapshot,  # noqa: F401
                             written, x1)

CONF = """[rule router]
user = {user}
parent = {parents}
max-links = 2
[netns blue]
path = {path}
"""


class Router(namespaces.Netns):
    """A namespace with par0, whose other end is in the namespace `peer`, and the file `path` that
    it is mounted on, as `ip netns add` does it."""

    def __init__(self, procs, path):
        super().__init__(procs)
        self.peer, self.file, self.mounted = namespaces.Netns(procs), path, True
        namespaces.connect(self, self.peer)
        self.mount(path)
        procs.at_end(self.unmount)

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.file], check=True)
        self.mounted = False


@pytest.fixture
def router(procs, stage):
    path = f"{stage}/router-{os.urandom(4).hex()}"
    yield Router(procs, path)
    procs.stop()
    os.unlink(path)


class Place:
    """The service with its policy file, and commands of the worker that use it."""

    def __init__(self, svc, worker):
        self.svc, self.worker = svc, worker

    def run(self, user, *args, status=0, stdin=None):
        done = subprocess.run(user.argv(self.worker, *args), capture_output=True, text=True,
                              timeout=60, check=False, cwd="/", input=stdin or "",
                              env={"PATH": "/usr/bin:/bin", "NETCR_BROKER": self.svc.paths[0],
                                   **namespaces.QUIET})
        assert done.returncode == status, (done, self.svc.stderr()[-2000:])
        return done

    def restore(self, box, directory, parent="blue/par0", *more, **kwargs):
        return self.run(box.user, "restore", "-D", directory, "--pid", str(box.pid),
                        "--external", f"macvlan[*]:{parent}", *more, **kwargs)

    def attach(self, box, parent="blue/par0", *more, **kwargs):
        return self.run(box.user, "attach", "--pid", str(box.pid), "--parent", parent, *more,
                        **kwargs)

    def hook(self, box, annotation, **kwargs):
        state = {"ociVersion": "1.0.2", "id": "box", "status": "created", "pid": box.pid,
                 "bundle": "/", "annotations": {"netcr.macvlan": annotation}}
        return self.run(box.user, "oci-hook", stdin=json.dumps(state), **kwargs)

    def last(self):
        return audit_lines(self.svc.stderr())[-1]


@pytest.fixture
def serve(service, worker, router, user1):
    """serve(parents): the service with a policy for user1, which is read again at SIGHUP."""
    path = router.file + ".conf"

    def start(parents="blue/par0"):
        with open(path, "w") as f:
            f.write(CONF.format(user=user1.name, path=router.file, parents=parents))
        os.chmod(path, 0o644)
        return Place(service(options=("--policy", path)), worker)
    yield start
    os.unlink(path)


@pytest.fixture
def place(serve):
    return serve()


def test_restored(place, container, user1, router, data):  # noqa: F811
    box = container(user1)
    place.restore(box, f"{data}/macvlan-x1")
    assert_restored(box, f"{data}/macvlan-x1", router)
    assert place.last()["op"] == "link-create" and place.last()["parent"] == "blue/par0"


def test_up_with_its_flags(place, container, user1, router, written, x1):  # noqa: F811
    """Kernels that make it in the parent's namespace first hand it over down."""
    entry = x1.links[1]
    entry.flags |= 0x1 | 0x80  # UP and NOARP
    directory = written(x1)
    box = container(user1)
    place.restore(box, directory)
    assert_restored(box, directory, router)
    link = box.links()[entry.name]
    assert {"UP", "NOARP"} <= set(link["flags"]) and link["group"] == "default"


@pytest.mark.parametrize("parent, of_router", [("blue/par0", True), ("par0", False)])
def test_the_nsid_of_the_images(serve, container, user1, router, host, written, x1,  # noqa: F811
                                parent, of_router):
    """What was the id of the host is the id of where the parent is now, here or there."""
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    place, box = serve("par0, blue/par0"), container(user1)
    place.restore(box, written(x1), parent)
    link = box.links()["mv1"]
    assert link["link_netnsid"] == 5
    assert link["link_index"] == (router if of_router else host).links()["par0"]["ifindex"]


def test_dry_run(place, container, user1, data):  # noqa: F811
    box = container(user1)
    before = snapshot(box)
    done = place.restore(box, f"{data}/macvlan-x1", "blue/par0", "--dry-run")
    assert "make macvlan mv1 with index 1001 on blue/par0" in done.stdout
    assert_same(box, before)


def talk(router, box):
    """The peer behind the router's parent and the container reach each other."""
    router.peer.ip("address", "add", "192.0.2.1/24", "dev", "par0p")
    box.run("ping", "-c", "1", "-w", "60", "192.0.2.1")
    router.peer.run("ping", "-c", "1", "-w", "60", "192.0.2.2")


def test_attached_and_detached(place, container, user1, router):
    box = container(user1)
    done = place.attach(box, "blue/par0", "--address", "192.0.2.2/24", "--json")
    link = box.links()["eth0"]
    assert json.loads(done.stdout)["links"][0]["parent"] == "blue/par0"
    assert "UP" in link["flags"] and link["group"] == "default" and "link_netnsid" in link
    assert link["link_index"] == router.links()["par0"]["ifindex"]
    talk(router, box)
    before = set(router.links())
    place.run(user1, "detach", "--pid", str(box.pid))
    assert set(box.links()) == {"lo"} and set(router.links()) == before


def test_by_the_hook(place, container, user1, router):
    box = container(user1)
    place.hook(box, "eth0:blue/par0,address=192.0.2.2/24")
    talk(router, box)


def test_restored_traffic(place, container, user1, router, data):  # noqa: F811
    box = container(user1)
    place.restore(box, f"{data}/macvlan-x1")
    box.batch("address add 192.0.2.2/24 dev mv1", "link set mv1 up")
    talk(router, box)


def test_what_fails_later_is_undone(place, container, user1, router):
    box = container(user1)
    before = snapshot(box), set(router.links())
    done = place.attach(box, "blue/par0", "--address", "192.0.2.2/24", "--mtu", "9000", status=1)
    assert "cannot make macvlan eth0 on blue/par0: EINVAL" in done.stderr
    done = place.attach(box, "blue/par0", "--gateway", "198.51.100.1", status=1)
    assert "eth0: cannot make the route 0.0.0.0/0 via 198.51.100.1" in done.stderr
    assert_same(box, before[0])
    assert set(router.links()) == before[1]


def test_quota(place, container, user1):
    box, other = container(user1), container(user1)
    place.attach(box)
    place.attach(other)
    done = place.attach(box, "blue/par0", "--name", "eth1", status=77)
    assert "EDQUOT" in done.stderr and place.last()["verdict"] == "quota"
    place.run(user1, "detach", "--pid", str(other.pid))
    place.attach(box, "blue/par0", "--name", "eth1")


REFUSED = "cannot make macvlan mv1 on {}: EPERM: the broker refuses it; its audit log has the reason"


@pytest.mark.parametrize("parent, reason", [
    ("red/par0", "no such namespace of parents"),
    ("blue/par1", "no such parent, and none of that name is allowed"),
    ("blue/par0p", "the parent is not allowed"), ("par0", "the parent is not allowed")])
def test_Q6_what_no_rule_lists(place, container, user1, router, data, parent,  # noqa: F811
                                reason):
    """NAME that policy does not have; IF that is not there, or that is and is not listed; a parent
    of the broker's namespace that has the name of one that is listed elsewhere."""
    router.ip("link", "add", "par0p", "type", "bridge")
    box = container(user1)
    before = snapshot(box)
    done = place.restore(box, f"{data}/macvlan-x1", parent, status=77)
    assert REFUSED.format(parent) in done.stderr
    assert place.last()["reason"] == reason
    done = place.attach(box, parent, status=77)
    assert f"the broker refuses eth0 on {parent}" in done.stderr
    done = place.hook(box, f"eth0:{parent}", status=77)
    assert f"the broker refuses eth0 on {parent}" in done.stderr
    assert_same(box, before)


def test_Q6_another_user(place, container, user2):
    """Who is not named in a rule does not learn that the namespace exists."""
    place.attach(container(user2), "blue/par0", status=77)
    assert place.last()["reason"] == "no such parent, and none of that name is allowed"


def test_unlisted_name_and_an_nsid(place, container, user1, written, x1):  # noqa: F811
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    done = place.restore(container(user1), written(x1), "red/par0", status=77)
    assert ("cannot give the broker's network namespace red the nsid 5: EPERM: the broker refuses"
            in done.stderr)


@pytest.mark.parametrize("parent", ["/par0", "blue/", "blue//par0", "a/b/c", "blue/lo", "-a/par0",
                                    "a234567890123456/par0", "blue/a234567890123456", "a b/par0",
                                    "blue/%d", "../par0"])
def test_L9_names_that_are_none(place, container, user1, data, parent):  # noqa: F811
    box = container(user1)
    why = "not a name of an interface, nor NAMESPACE/INTERFACE"
    assert why in place.restore(box, f"{data}/macvlan-x1", parent, status=64).stderr
    assert why in place.attach(box, parent, status=64).stderr
    # In an annotation, the next part begins behind a blank.
    if " " in parent:
        why = "'b/par0' is not KEY=VALUE"
    assert why in place.hook(box, f"eth0:{parent}", status=64).stderr
    assert "op=" not in place.svc.stderr().replace("op=policy-load", "")


# --- the namespace goes


GONE = "cannot make macvlan mv1 on blue/par0: ENODEV (the parent is gone): the parent is not there"


def test_Q5_gone_after_load(place, container, user1, router, data):  # noqa: F811
    """The name is still listed: that it is gone may be told. It comes back by the same name."""
    box = container(user1)
    before = snapshot(box)
    router.unmount()
    assert GONE in place.restore(box, f"{data}/macvlan-x1", status=1).stderr
    done = place.attach(box, status=1)
    assert "cannot make macvlan eth0 on blue/par0: ENODEV (the parent is gone)" in done.stderr
    assert_same(box, before)
    os.unlink(router.file)
    assert GONE in place.restore(box, f"{data}/macvlan-x1", status=1).stderr
    os.symlink(router.path, router.file)
    assert GONE in place.restore(box, f"{data}/macvlan-x1", status=1).stderr
    os.unlink(router.file)
    router.mount(router.file)
    router.mounted = True
    place.restore(box, f"{data}/macvlan-x1")


def test_Q5_the_parent_in_it_goes_and_comes(place, container, user1, router, data):  # noqa: F811
    box = container(user1)
    router.ip("link", "del", "par0")
    assert GONE in place.restore(box, f"{data}/macvlan-x1", status=1).stderr
    namespaces.connect(router, router.peer)
    place.restore(box, f"{data}/macvlan-x1")


# --- what a policy file may call a namespace


def no_namespace(path):
    with open(path, "w"):
        pass


WRONG = {
    "file": (no_namespace, "not a network namespace"),
    "directory": (os.mkdir, "not a network namespace"),
    "fifo": (os.mkfifo, "not a network namespace"),
    "symlink": (lambda path: os.symlink(f"/proc/{os.getpid()}/ns/net", path), "a symbolic link"),
    "absent": (lambda path: None, "ENOENT"),
}


def start(run_broker, user, tmp_path, path, parents="blue/par0"):
    conf = tmp_path / "netcr.conf"
    conf.write_text(CONF.format(user=user.name, path=path, parents=parents))
    conf.chmod(0o644)
    return run_broker("spawn", "--policy", conf, "--", "true", env=user.sudo_env())


@pytest.mark.parametrize("what", WRONG)
def test_Q2_a_path_that_is_no_namespace(run_broker, user1, tmp_path, what):
    make, text = WRONG[what]
    make(tmp_path / "ns")
    done = start(run_broker, user1, tmp_path, tmp_path / "ns")
    assert done.returncode == 78
    assert f"netns blue: {tmp_path}/ns: {text}" in done.stderr


@pytest.mark.parametrize("kind, text", [("mnt", "not a network namespace"),
                                        ("net", "the broker's own namespace")])
def test_Q2_a_namespace_of_another_kind(run_broker, user1, host, procs, tmp_path, kind, text):
    """Also the broker's own, whose parents have names without a '/'."""
    path = tmp_path / "ns"
    no_namespace(path)
    source = host.path if kind == "net" else f"/proc/{os.getpid()}/ns/uts"
    subprocess.run(["mount", "--bind", source, path], check=True)
    procs.at_end(lambda: subprocess.run(["umount", "--lazy", path], check=True))
    done = start(run_broker, user1, tmp_path, path)
    assert done.returncode == 78 and f"netns blue: {path}: {text}" in done.stderr


def test_Q2_a_namespace_that_has_no_section(run_broker, user1, tmp_path, router):
    assert start(run_broker, user1, tmp_path, router.file).returncode == 0
    done = start(run_broker, user1, tmp_path, router.file, "blue/par0, red/par0")
    assert done.returncode == 78 and "parent red/: there is no [netns red]" in done.stderr


def test_Q1_hup_while_the_namespace_is_gone(place, container, user1, router):
    """A policy with a name that leads nowhere is a bad one: the old one stays."""
    router.unmount()
    os.kill(place.svc.pid, signal.SIGHUP)
    place.svc.said("netns blue: ")
    place.svc.said("the old one stays in force")
    done = place.attach(container(user1), status=1)
    assert "ENODEV" in done.stderr
