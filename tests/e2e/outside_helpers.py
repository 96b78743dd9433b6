"""Places with an outside: a bridge in a network namespace that a container's user may change, as
in Podman's rootless one, and a container beside it."""
import json
import os
import subprocess

import pytest

import images
from kinds_helpers import Made
from namespaces import Container, Netns, children, comm, wait_until
from restore_helpers import LIMIT, Result, lasting

PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class Inner(Netns):
    """A network namespace that was made from within the user namespace of @outside, and with
    @nested in a user namespace of its own below that."""

    def __init__(self, procs, outside, nested):
        self.user = outside.user
        super().__init__(procs, outside.user.argv(
            "nsenter", f"--target={outside.pid}", "--user", "--preserve-credentials", "--",
            "unshare", "-n", *(["-U", "--map-root-user"] if nested else [])))


class Place:
    """`outside` has the bridge br0, `box` is the container. restore() runs the worker as who has
    the right to both, if anybody has."""

    def __init__(self, worker, outside, box, argv, in_outside):
        self.worker, self.outside, self.box = worker, outside, box
        self._argv, self._in_outside = argv, in_outside
        # Its address is its own, and not that of its ports: the kernel would have no way back.
        outside.batch("link add br0 address 02:00:00:00:00:b0 type bridge", "link set br0 up")
        outside.ip("addr", "add", "192.0.2.1/24", "dev", "br0")

    def argv(self, directory, *externals, more=(), prefix=(), in_outside=False,
             where=None):
        """@in_outside: started there, and without --outside-netns; else that is @where."""
        before = self._in_outside if in_outside else self._argv
        where = [] if in_outside else ["--outside-netns", where or self.outside.path]
        keys = [word for e in externals for word in ("--external", e)]
        return [*before, *prefix, self.worker, "restore", "-D", str(directory), "--pid",
                str(self.box.pid), *where, *keys, *more]

    def restore(self, directory, *externals, status=0, **kwargs):
        done = subprocess.run(self.argv(directory, *externals, **kwargs), cwd="/", timeout=LIMIT,
                              env=PATH, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        result = Result(done.returncode, done.stdout, done.stderr)
        assert status is None or result.status == status, result
        return result

    def state(self):
        """What a restore may change, on both sides."""
        return [state_of(ns) for ns in (self.outside, self.box)]


def state_of(ns):
    """The links and addresses of @ns, without what a bridge has taken from its first port."""
    links = lasting(ns)
    for link in links.values():
        link.pop("tso_max_size", None)
    addresses = {link["ifname"]: link["addr_info"] for link in json.loads(ns.ip("-json", "addr"))}
    return links, {name: sorted((a["local"], a["prefixlen"]) for a in found if a["scope"] != "link")
                   for name, found in addresses.items()}


def no_helper():
    """A helper whose worker was killed is a child of the test; it undoes, and ends."""
    def gone():
        found = [pid for pid in children() if comm(pid) == "netcr-outside"]
        for pid in found:
            os.waitpid(pid, os.WNOHANG)
        return not found
    wait_until(gone, "no helper is there")


def rootless(procs, worker, user, nested):
    outside = Container(procs, user)
    box = Inner(procs, outside, nested)
    inside = user.argv("nsenter", f"--target={outside.pid}", "--user", "--net",
                       "--preserve-credentials", "--")
    return Place(worker, outside, box, user.argv(), inside)


def of_root(procs, worker, box):
    outside = Netns(procs)
    return Place(worker, outside, box, ["env"], outside.argv())


@pytest.fixture(params=["nested", "beside", "root", "root-without-userns"])
def place(request, procs, worker, user1):
    """All places in which there is the right."""
    if request.param == "root":
        return of_root(procs, worker, Container(procs, user1))
    if request.param == "root-without-userns":
        return of_root(procs, worker, Netns(procs))
    return rootless(procs, worker, user1, request.param == "nested")


@pytest.fixture
def nested(procs, worker, user1):
    return rootless(procs, worker, user1, True)


class MadeOutside(Made):
    """With one veth, eth0, whose other end is outside."""

    def __init__(self, stage):
        super().__init__(stage)
        self.eth0 = self.add("veth", "eth0", 77, mtu=1400, peer_ifindex=9)

    def extlink(self, name, index, **fields):
        return self.add("extlink", name, index, **({"mtu": 1300} | fields))


@pytest.fixture
def made(stage):
    return MadeOutside(stage)

