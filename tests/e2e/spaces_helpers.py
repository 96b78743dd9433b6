"""Several network namespaces of one container: made, restored together, and compared with what
crit says of their images."""
import itertools
import os
import subprocess

import pytest

import criu_images
import images
from images import CONF4, CONF6
from kinds_helpers import WITH_TUN, Made, link_differences
from namespaces import Container, Netns
from restore_helpers import LIMIT, Result, conf_differences, inside, netns_differences, snapshot

SUB_VETH = (10, 16, 17)  # the ids in netns-sub-veth-uns, of which 10 is the root task's


class Family:
    """A container of @user with a network namespace for each of @ids: {id: Netns}."""

    def __init__(self, procs, user, ids):
        self.user, self.procs = user, procs
        self.box = Container(procs, user)
        self.spaces = {ids[0]: self.box}
        for ns_id in ids[1:]:
            self.add(ns_id)

    def add(self, ns_id):
        enter = self.user.argv("nsenter", f"--target={self.box.pid}", "--user",
                               "--preserve-credentials", "--", "unshare", "-n")
        self.spaces[ns_id] = Netns(self.procs, enter)
        return self.spaces[ns_id]

    def __getitem__(self, ns_id):
        return self.spaces[ns_id]

    def options(self, *ids):
        """--netns for each of @ids, or for all."""
        found = []
        for ns_id in ids or self.spaces:
            found += ["--netns", f"{ns_id}={self.spaces[ns_id].path}"]
        return found

    def snapshot(self):
        return {ns_id: snapshot(ns) for ns_id, ns in self.spaces.items()}


@pytest.fixture
def family(procs, user1):
    return lambda *ids: Family(procs, user1, ids)


class Together:
    """together(user, command, directory, option...): the worker without a broker."""

    def __init__(self, worker):
        self.worker = worker

    def argv(self, user, command, directory, *more, before=WITH_TUN, prefix=()):
        """@prefix is before the worker's command line and run by the user, @before is before all
        and run by root."""
        return [*before, *user.argv(*prefix, self.worker, command, "-D", directory,
                                    *[str(m) for m in more])]

    def __call__(self, user, command, directory, *more, status=0, **kwargs):
        done = subprocess.run(self.argv(user, command, directory, *more, **kwargs), cwd="/",
                              timeout=LIMIT, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False)
        result = Result(done.returncode, done.stdout, done.stderr)
        assert status is None or result.status == status, result
        return result


@pytest.fixture
def together(worker):
    return Together(worker)


# --- comparing


def entries_of(directory, ns_id):
    """What crit says: (links, namespace)."""
    links = criu_images.decode(os.path.join(directory, f"netdev-{ns_id}.img"))["entries"]
    netns, = criu_images.decode(os.path.join(directory, f"netns-{ns_id}.img"))["entries"]
    return links, netns


def nsids_of(ns):
    """The ids that it has for others."""
    return sorted(int(line.split()[1]) for line in ns.ip("netns", "list-id").splitlines()
                  if line.startswith("nsid"))


def space_differences(family, directory, ns_id):
    """What in one namespace is not as crit says of its images."""
    entries, netns = entries_of(directory, ns_id)
    ids = {e["target_ns_id"]: e["netnsid_value"] for e in netns.get("nsids", [])}
    ns = family[ns_id]
    links, wrong = ns.links(), {}
    if set(links) != {e["name"] for e in entries}:
        wrong["links"] = (sorted(links), sorted(e["name"] for e in entries))
    names = {e["ifindex"]: e["name"] for e in entries}
    for e in entries:
        link, known = links[e["name"]], dict(names)
        if e.get("peer_nsid", ns_id) != ns_id:
            # Of an end that is elsewhere, ip(8) tells the index there and the namespace's id.
            far = (link.get("link_index"), link.pop("link_netnsid", None))
            if far != (e["peer_ifindex"], ids[e["peer_nsid"]]):
                wrong[f"{e['name']}.link"] = far
            known[e["peer_ifindex"]] = link.get("link")
        wrong |= link_differences(link, e, known)
    if not set(ids.values()) <= set(nsids_of(ns)):
        wrong["nsids"] = (ids, nsids_of(ns))
    with inside(ns):
        wrong |= netns_differences(netns)
        for e in entries:
            wrong |= conf_differences(f"ipv4/conf/{e['name']}", e.get("conf4", []), CONF4)
            wrong |= conf_differences(f"ipv6/conf/{e['name']}", e.get("conf6", []), CONF6)
    return wrong


def assert_family(family, directory):
    wrong = {ns_id: space_differences(family, directory, ns_id) for ns_id in family.spaces}
    assert wrong == {ns_id: {} for ns_id in family.spaces}, wrong


# --- images that are put together


class Several:
    """several[ID]: what kinds_helpers.Made is for one namespace."""

    def __init__(self, stage):
        self.stage, self.spaces = stage, {}

    def __getitem__(self, ns_id):
        if ns_id not in self.spaces:
            self.spaces[ns_id] = Made(self.stage)
        return self.spaces[ns_id]

    def pair(self, one, other, name, i, j, **fields):
        """A veth @name with index @i in @one, whose other end has index @j in @other."""
        return (self[one].add("veth", name, i, peer_ifindex=j, peer_nsid=other, **fields),
                self[other].add("veth", name, j, peer_ifindex=i, peer_nsid=one, **fields))

    def knows(self, ns_id, **ids):
        """Ids of @ns_id for others: n11=0 is 0 for namespace 11."""
        for name, nsid in ids.items():
            self[ns_id].images.netns.nsids.add(target_ns_id=int(name[1:]), netnsid_value=nsid)

    def write(self, path):
        for ns_id, made in self.spaces.items():
            for link in made.images.links:
                if link.type == images.KINDS["loopback"]:
                    link.peer_nsid = ns_id
            files = made.images.files()
            images.write_files(path, {name.replace("-10.", f"-{ns_id}."): content
                                      for name, content in files.items()})
        return path


@pytest.fixture
def several(stage):
    return Several(stage)


_numbers = itertools.count()


@pytest.fixture
def put_down(stage):
    """put_down(Several): the path of a directory with them."""
    return lambda what: what.write(f"{stage}/several-{next(_numbers)}")
