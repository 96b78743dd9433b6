"""Addresses, routes and rules: images of them made by ip(8), and what a namespace has of them.

The images are those of tests/data/macvlan-x1, with lo and one macvlan, mv1, of index 1001; what
`ip addr save` and its like write in a scratch namespace, with a veth of the same name, index and
address, takes the place of the raw ones."""
import contextlib
import ipaddress
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile

import pytest

import namespaces

LINK, INDEX = "mv1", 1001
RAW = {"ifaddr": ("addr", "save"), "route": ("-4", "route", "save"),
       "route6": ("-6", "route", "save"), "rule": ("rule", "save")}
MAGIC = {"ifaddr": 0x47361222, "route": 0x45311224, "route6": 0x45311224, "rule": 0x71706986}


def mac_of(base):
    """The address of mv1 in the images."""
    with open(os.path.join(base, "netdev-10.img"), "rb") as f:
        data = f.read()
    at = data.index(LINK.encode()) + len(LINK)
    return ":".join(f"{b:02x}" for b in data[at + 2:at + 8])


def scratch(procs, address):
    """A namespace with lo and mv1, both up."""
    ns, other = namespaces.Netns(procs), namespaces.Netns(procs)
    ns.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
           "net.ipv6.conf.default.accept_dad=0")
    ns.ip("link", "set", "lo", "up")
    ns.ip("link", "add", LINK, "index", str(INDEX), "address", address, "type", "veth", "peer",
          "name", "peer0", "netns", str(other.pid))
    other.ip("link", "set", "peer0", "up")
    ns.ip("link", "set", LINK, "up")
    namespaces.wait_until(lambda: "fe80::" in ns.ip("addr"), "the link is ready")
    settle(ns)
    return ns


def batch(ns, *lines):
    """Commands of ip(8), those with -6 last."""
    for family in ("-4", "-6"):
        some = [line.removeprefix("-6 ") for line in lines
                if line.startswith("-6 ") == (family == "-6")]
        if some:
            ns.run("ip", *[family] * (family == "-6"), "-batch", "-", input="\n".join(some) + "\n")


def settle(ns):
    """Even without probing an address is tentative for a moment."""
    namespaces.wait_until(lambda: "tentative" not in ns.ip("addr"), "no address is tentative")


def save(ns, *args):
    return subprocess.run(ns.argv("ip", *args), stdout=subprocess.PIPE, check=True,
                          timeout=60).stdout


def write(directory, name, data, ns_id=10):
    path = os.path.join(directory, f"{name}-{ns_id}.img")
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o644)


def images(directory, base, ns=None, **raw):
    """A copy of the image set @base with what ns has, or with @raw: bytes, or arguments of ip(8),
    or None for a file that is not there."""
    shutil.copytree(base, directory, copy_function=shutil.copyfile)
    os.chmod(directory, 0o755)
    for name in os.listdir(directory):
        os.chmod(os.path.join(directory, name), 0o644)
    for name in RAW:
        data = raw.get(name, save(ns, *RAW[name]) if ns else b"")
        if isinstance(data, tuple):
            data = save(ns, *data)
        if data is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(directory, f"{name}-10.img"))
        elif name in raw or ns:
            write(directory, name, data)
    return directory


def decoded(path, ns, *command):
    """What ip(8) prints of an image, with names of links as in @ns."""
    with open(path, "rb") as f:
        return ns.run("ip", *command, stdin=f).stdout


def messages(data):
    """Those of a raw image, one by one."""
    at = 4
    while at < len(data):
        size, = struct.unpack_from("=I", data, at)
        yield data[at:at + size + -size % 4]
        at += size + -size % 4


def attr(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def message(kind, body):
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 0, 0) + body


def without(data, head, kinds):
    """A message less the attributes of @kinds; @head: bytes of its header behind that of netlink."""
    kind, = struct.unpack_from("=H", data, 4)
    body, at = data[16:16 + head], 16 + head
    while at < len(data):
        size, number = struct.unpack_from("=HH", data, at)
        if number not in kinds:
            body += attr(number, data[at + 4:at + size])
        at += size + -size % 4
    return message(kind, body)


def route(where, bits, via=None, oif=None, table=254, kind=1, scope=0, proto=4, metric=1024,
          more=b"", family=None):
    """RTM_NEWROUTE as `ip route save` writes it."""
    family = family or (socket.AF_INET if where.version == 4 else socket.AF_INET6)
    body = struct.pack("=BBBBBBBBI", family, bits, 0, 0, table, proto, scope, kind, 0)
    body += attr(15, struct.pack("=I", table)) + attr(1, where.packed)
    body += attr(6, struct.pack("=I", metric))
    if via:
        body += attr(5, ipaddress.ip_address(via).packed)
    if oif:
        body += attr(4, struct.pack("=I", oif))
    return message(24, body + more)


def address(text, prefix, ifindex=INDEX, flags=0x80, more=b""):
    """RTM_NEWADDR as `ip addr save` writes it."""
    where = ipaddress.ip_address(text)
    family = socket.AF_INET if where.version == 4 else socket.AF_INET6
    return message(20, struct.pack("=BBBBI", family, prefix, flags, 0, ifindex) +
                   attr(1, where.packed) + more)


def rule(priority, action=1, table=77, goto=None, family=socket.AF_INET, more=b""):
    """RTM_NEWRULE as `ip rule save` writes it."""
    body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, action, 0)
    body += attr(6, struct.pack("=I", priority)) + attr(15, struct.pack("=I", table))
    if goto is not None:
        body += attr(4, struct.pack("=I", goto))
    return message(32, body + more)


def addresses(ns):
    """By link: the addresses in the kernel's order, without what runs."""
    found = {}
    for link in json.loads(ns.ip("-json", "-details", "addr")):
        found[link["ifname"]] = [lifeless(a) for a in link["addr_info"]]
    return found


def lifeless(address):
    """Lifetimes run, so only whether they end; and what an address had before it had passed."""
    address = dict(address)
    for key in ("valid_life_time", "preferred_life_time"):
        address[key] = address[key] == 0xffffffff
    address.pop("nodad", None)
    return address


def routes(ns, *which):
    """`ip route show table all` of both families, without what runs, sorted."""
    found = []
    for family in ("-4", "-6"):
        for route in json.loads(ns.ip(family, "-json", "-details", "route", "show", "table",
                                      "all")):
            route = {k: v for k, v in route.items() if k not in ("expires", "used", "users", "age")}
            route["family"] = family
            found.append(json.dumps(route, sort_keys=True))
    return sorted(found)


def routes_become(ns, wanted):
    """Whether @ns has @wanted in the end. The route by which an IPv6 address is its own is made by
    a kernel's worker, a moment after the address (addrconf_dad_completed())."""
    with contextlib.suppress(AssertionError):
        namespaces.wait_until(lambda: routes(ns) == wanted, "the routes are the same")
    assert "\n".join(routes(ns)) == "\n".join(wanted)


def rules(ns):
    return [json.loads(ns.ip(f, "-json", "-details", "rule")) for f in ("-4", "-6")]


def state(ns):
    return addresses(ns), routes(ns), rules(ns)



# --- fixtures, for the files that import them


@pytest.fixture
def place(stage):
    """A directory that every user can read."""
    with tempfile.TemporaryDirectory(dir=stage) as path:
        os.chmod(path, 0o755)
        yield path


@pytest.fixture
def base(stage):
    return os.path.join(stage, "data", "macvlan-x1")


@pytest.fixture
def source(procs, base):
    """A namespace to save from."""
    return scratch(procs, mac_of(base))


@pytest.fixture
def put_back(own_host, user1, broker, worker):
    """put_back(images, container, ..., status=0): restore, as user1. Returns what it said."""
    def run(directory, box, *more, status=0):
        done = own_host.run(broker, "spawn", "--allow-parent", "par0", "--", worker, "restore", "-D",
                        directory, "--pid", box.pid, "--external", "macvlan[*]:par0", *more,
                        env=user1.sudo_env(), check=False)
        said = "\n".join(line for line in done.stderr.splitlines()
                         if not line.startswith("netcr-audit"))
        assert done.returncode == status, said
        return said if status else done.stdout
    return run
