"""Restores of links that need nothing from outside: made up, run without a broker, and compared
field by field with what crit says of the images."""
import grp
import itertools
import pwd
import subprocess

import pytest

import images
from images import CONF4, CONF6, KINDS, put
from restore_helpers import (LIMIT, Result, conf_differences, inside,
                             netns_differences, settable)

UP, MULTICAST, BROADCAST = 0x1, 0x1000, 0x2
TUN, TAP, MULTI_QUEUE, PERSIST, NO_PI, VNET_HDR = 1, 2, 0x100, 0x800, 0x1000, 0x4000

# A /dev/net/tun for everyone, for this command alone.
WITH_TUN = ["unshare", "--mount", "--propagation=private", "sh", "-c",
            "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && "
            'exec "$@"', "sh"]
WITHOUT_TUN = ["unshare", "--mount", "--propagation=private", "sh", "-c",
               'mount -t tmpfs -o mode=755 none /dev/net && exec "$@"', "sh"]


class Made:
    """Images of one namespace that are put together by a test. Each add() gives the message."""

    def __init__(self, stage):
        self.images = images.Images.read(f"{stage}/data/macvlan-x1")
        self._like = self.images["mv1"]
        self.images.links = [self.images["lo"]]

    def add(self, kind, name, ifindex, mtu=1500, flags=UP | BROADCAST | MULTICAST, **fields):
        link = images.schema().NetDevice(type=KINDS[kind], ifindex=ifindex, mtu=mtu, flags=flags,
                                         name=name)
        link.conf4.MergeFrom(self._like.conf4)
        link.conf6.MergeFrom(self._like.conf6)
        put(link.conf6, CONF6, mtu=mtu)
        if kind in ("bridge", "veth", "macvlan"):
            link.address = bytes((2, 0, 0xcc, 0, ifindex >> 8, ifindex & 255))
        for key, value in fields.items():
            if value is None:
                link.ClearField(key)
            else:
                setattr(link, key, value)
        self.images.links.append(link)
        return link

    def pair(self, one, i, other, j, **fields):
        """Both ends of a veth."""
        return (self.add("veth", one, i, peer_ifindex=j, peer_nsid=10, **fields),
                self.add("veth", other, j, peer_ifindex=i, peer_nsid=10, **fields))

    def macvlan(self, name, ifindex, parent, mode="bridge", **fields):
        """On a parent inside."""
        link = self.add("macvlan", name, ifindex, peer_ifindex=parent, peer_nsid=10, **fields)
        link.macvlan.mode = images.MODES[mode]
        return link

    def tun(self, name, ifindex, form=TUN, owner=-1, group=-1, vnethdr=10, sndbuf=2**31 - 1,
            **fields):
        fields = {"flags": 0x1090 if form & TUN else 0x1002} | fields
        link = self.add("tun", name, ifindex, **fields)
        for key, value in (("flags", form), ("owner", owner), ("group", group),
                           ("vnethdr", vnethdr), ("sndbuf", sndbuf)):
            setattr(link.tun, key, value)
        return link


@pytest.fixture
def made(stage):
    return Made(stage)


class Alone:
    """alone(box, directory, option...): the worker as the user of @box, without a broker."""

    def __init__(self, worker):
        self.worker = worker

    def argv(self, box, directory, *more, prefix=(), before=WITH_TUN):
        """@prefix is before the worker's command line and run by the user, @before is before all
        and run by root."""
        return [*before, *box.user.argv(*prefix, self.worker, "restore", "-D", directory, "--pid",
                                        str(box.pid), *more)]

    def __call__(self, box, directory, *more, status=0, **kwargs):
        done = subprocess.run(self.argv(box, directory, *more, **kwargs), cwd="/", timeout=LIMIT,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False)
        result = Result(done.returncode, done.stdout, done.stderr)
        assert status is None or result.status == status, result
        return result


@pytest.fixture
def alone(worker):
    return Alone(worker)


_numbers = itertools.count()


@pytest.fixture
def kept(stage):
    """kept(Made or Images): the path of a directory with them."""
    def write(what):
        path = f"{stage}/kinds-{next(_numbers)}"
        return getattr(what, "images", what).write(path)
    return write


# --- comparing


def id_of(key, text):
    """A user or a group as ip(8) prints it, which is a name where there is one."""
    if text.isdigit():
        return int(text)
    return pwd.getpwnam(text).pw_uid if key == "user" else grp.getgrnam(text).gr_gid


def tun_differences(data, tun):
    wrong = {}
    wanted = {"type": "tun" if tun["flags"] & TUN else "tap", "pi": not tun["flags"] & NO_PI,
              "vnet_hdr": bool(tun["flags"] & VNET_HDR), "persist": True,
              "multi_queue": bool(tun["flags"] & MULTI_QUEUE)}
    for key, value in wanted.items():
        if data.get(key, False) != value:
            wrong[key] = (value, data.get(key))
    for key, field in (("user", "owner"), ("group", "group")):
        now = id_of(key, str(data[key])) if key in data else -1
        if now != tun[field]:
            wrong[key] = (tun[field], now)
    return wrong


def link_differences(link, entry, names):
    """One link of `ip -json -details link` against crit's entry; @names: index -> name."""
    wrong = {}

    def compare(what, is_, should):
        if is_ != should:
            wrong[f"{entry['name']}.{what}"] = (should, is_)

    kind = entry["type"].lower()
    if kind != "extlink":
        compare("ifindex", link["ifindex"], entry["ifindex"])
    compare("mtu", link["mtu"], entry["mtu"])
    compare("flags", settable(link), entry["flags"] & sum(images.FLAGS.values()))
    compare("group", link["group"], "default")
    compare("master", link.get("master"), names.get(entry.get("master")))
    if "address" in entry and kind != "sit":
        compare("address", link["address"], images.mac_of(entry))
    if kind in ("loopback", "extlink"):
        return wrong
    compare("kind", link["linkinfo"]["info_kind"], kind)
    if kind in ("veth", "macvlan"):
        compare("link", link.get("link"), names[entry["peer_ifindex"]])
        compare("netnsid", "link_netnsid" in link, False)
    if kind == "macvlan":
        compare("mode", images.MODES[link["linkinfo"]["info_data"]["mode"]],
                entry["macvlan"]["mode"])
    if kind == "tun":
        for key, value in tun_differences(link["linkinfo"]["info_data"],
                                          entry["tun"]).items():
            wrong[f"{entry['name']}.{key}"] = value
    return wrong


def assert_as_in_images(box, directory):
    """Everything in @box is as crit says of @directory, and there is nothing else."""
    entries, netns = images.oracle(directory)
    names = {e["ifindex"]: e["name"] for e in entries}
    links = box.links()
    assert set(links) == {e["name"] for e in entries}
    wrong = {}
    for entry in entries:
        wrong |= link_differences(links[entry["name"]], entry, names)
    with inside(box):
        wrong |= netns_differences(netns)
        for e in entries:
            wrong |= conf_differences(f"ipv4/conf/{e['name']}", e.get("conf4", []), CONF4)
            wrong |= conf_differences(f"ipv6/conf/{e['name']}", e.get("conf6", []), CONF6)
    assert wrong == {}, wrong
