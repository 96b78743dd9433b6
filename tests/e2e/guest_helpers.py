"""A container with a server in it, and CRIU: for tests that run in a guest of tests/vm, where CRIU works."""
import contextlib
import ctypes
import os
import re
import shutil
import socket
import subprocess
import tempfile
import traceback

import pytest

from criu_helpers import Criu
from namespaces import LIMIT, Netns, QUIET, User, wait_until
from restore_helpers import inside
from saved_state import settle

PORT, BASE = 7777, 100000  # the first id of the container's, outside
NEW = {"user": 0x10000000, "mnt": 0x20000, "net": 0x40000000, "pid": 0x20000000, "ipc": 0x8000000,
       "uts": 0x4000000}
MS_REC_PRIVATE, MS_BIND, MNT_DETACH, SYS_PIVOT_ROOT = 0x44000, 0x1000, 2, 155

libc = ctypes.CDLL(None, use_errno=True)


def call(what, *args):
    if getattr(libc, what)(*args) < 0:
        raise OSError(ctypes.get_errno(), what)


def gone(pid):
    """Whether it has ended. Orphans are children of the test."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not os.path.exists(f"/proc/{pid}")


class Target(Netns):
    """The namespaces of a process that somebody else started."""

    def __init__(self, pid):
        self._pid = pid

    @property
    def pid(self):
        return self._pid

    def kill(self):
        os.kill(self._pid, 9)
        wait_until(lambda: gone(self._pid), "it is gone", LIMIT)


def mount(source, where, kind, flags):
    call("mount", source, where, kind, ctypes.c_ulong(flags), None)


def become_container(root):
    """Process 1 of a new pid namespace: into @root, and the server in its place."""
    os.setsid()
    mount(None, b"/", None, MS_REC_PRIVATE)
    mount(root.encode(), root.encode(), None, MS_BIND)
    os.chdir(root)
    mount(b"proc", b"proc", b"proc", 0)
    if libc.syscall(SYS_PIVOT_ROOT, b".", b".") < 0:
        raise OSError(ctypes.get_errno(), "pivot_root")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")
    os.execv("/tcp_echo", ["tcp_echo", str(PORT)])


def unshared(root, ready, go):
    call("unshare", sum(NEW.values()))
    os.write(ready, b"x")
    os.read(go, 1)  # the maps are written
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if os.fork() == 0:
        become_container(root)
    os._exit(0)


def servers():
    return [int(pid) for pid in subprocess.run(["pidof", "tcp_echo"], capture_output=True, text=True,
                                               check=False).stdout.split()]


def start(root, echo):
    """A container whose process 1 is the server, with namespaces of its own of every kind."""
    os.mkdir(f"{root}/proc")
    shutil.copy(echo, f"{root}/tcp_echo")
    os.chmod(f"{root}/tcp_echo", 0o755)
    os.chown(root, BASE, BASE)
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            unshared(root, ready[1], go[0])
        except OSError:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.read(ready[0], 1)
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{name}", "w") as f:
            f.write(f"0 {BASE} 65536")
    os.write(go[1], b"x")
    assert os.waitpid(pid, 0)[1] == 0
    for fd in (*ready, *go):
        os.close(fd)
    found = wait_until(servers, "the server runs", LIMIT)
    assert len(found) == 1, found
    return Target(found[0])


class Checkpoint(Criu):
    """CRIU on that container, in the host."""

    def __init__(self, worker, host, directory):
        super().__init__(worker, host)
        self.root, self.images, self.pidfile = (f"{directory}/{n}" for n in ("root", "images", "pid"))
        os.mkdir(self.images)
        os.mkdir(self.root)
        for path in (directory, self.root):
            os.chmod(path, 0o755)

    def criu(self, *args, status=0, **env):
        """criu(8) in the host. Returns its log."""
        log = f"{self.images}/{args[0]}.log"
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **QUIET} | env
        if self.broker:
            env["NETCR_BROKER"] = self.broker
        done = subprocess.run(
            self.host.argv("criu", *args, "-D", self.images, "-o", log, "-v4", "--root", self.root,
                           "--tcp-established"), env=env, capture_output=True, text=True,
            timeout=LIMIT, check=False, stdin=subprocess.DEVNULL)
        with open(log, errors="replace") as f:
            text = f.read()
        shown = [line for line in text.splitlines() if re.search("rror|netcr|arn ", line)]
        assert status is None or (done.returncode == 0) == (status == 0), "\n".join(shown[-60:])
        return text

    def dump(self, target, *more, **env):
        log = self.criu("dump", "-t", target.pid, *more, **env)
        wait_until(lambda: gone(target.pid), "it is gone", LIMIT)
        return log

    def restore(self, *more, status=0, **env):
        """Returns the container, or with another @status the log."""
        log = self.criu("restore", "-d", "--pidfile", self.pidfile, *more, status=status, **env)
        self.log = log
        if status:
            return log
        with open(self.pidfile) as f:
            return Target(int(f.read()))

    def restore_by_netcr(self, external, status=0, **env):
        return self.restore("--empty-ns", "net", "--action-script", self.program, status=status,
                            NETCR_EXTERNAL=external, **env)


@pytest.fixture(scope="session")
def echo():
    return os.path.join(os.environ["NETCR_BUILD"], "tests", "tcp_echo")


@pytest.fixture
def checkpoint(worker, own_host, service, stage):
    c = Checkpoint(worker, own_host, tempfile.mkdtemp(prefix="guest-", dir=stage))
    policy = os.path.join(stage, f"guest-{os.urandom(4).hex()}.conf")
    with open(policy, "w") as f:
        f.write("[rule criu]\nuser = root\nparent = par0, lan7\n")
    os.chmod(policy, 0o644)
    own_host.ip("link", "set", "lo", "up")  # CRIU looks what the kernel can do, by connecting there
    c.service = service(options=("--policy", policy), host=own_host)
    c.broker = c.service.paths[0]
    yield c
    for pid in servers():
        Target(pid).kill()


class Peer:
    """Another host on the parent's network, with a connection to the server."""

    def __init__(self, host, procs):
        self.ns = Netns(procs)
        host.ip("link", "add", "peer0", "link", "par0", "index", "900", "type", "macvlan", "mode",
                "bridge")
        host.ip("link", "set", "peer0", "netns", str(self.ns.pid))
        self.ns.batch("link set peer0 up", "addr add 192.0.2.1/24 dev peer0",
                      "addr add 2001:db8::1/64 dev peer0 nodad")
        settle(self.ns)

    def connect(self, address):
        """A connection; its first exchange may take a while, until the network has learned."""
        with inside(self.ns):
            sock = socket.create_connection((address, PORT), timeout=LIMIT)
        exchange(sock, b"before")
        return sock


def send(sock, data):
    sock.sendall(data)


def receive(sock, data):
    got = b""
    while len(got) < len(data):
        part = sock.recv(len(data) - len(got))
        assert part, f"the connection ended after {got}"
        got += part
    assert got == data


def exchange(sock, data):
    send(sock, data)
    receive(sock, data)


def network(target):
    """All that is to be the same again, of links, addresses and routes."""
    found = {}
    for name, link in target.links().items():
        for key in ("link_index", "link_netnsid", "promiscuity"):
            link.pop(key, None)
        found[f"link {name}"] = link
    for what in ("-4 addr", "-6 addr", "-4 route", "-6 route", "rule", "-6 rule"):
        lines = target.ip(*what.split()).splitlines()
        found[what] = sorted(re.sub(r"@if\d+|valid_lft.*|link-netnsid \d+", "", line).strip()
                             for line in lines)
    return found


def addressed(target, host, n, first=None):
    """@n macvlans on par0 that are up; @first: the index of the first, else the kernel's choice,
    as of links that are made for a container."""
    for i in range(n):
        index = () if first is None else ("index", str(first + i))
        host.ip("link", "add", f"eth{i}", "netns", str(target.pid), "link", "par0", *index,
                "address", f"02:00:00:00:12:{i:02x}", "type", "macvlan", "mode", "bridge")
        target.batch(f"link set eth{i} up", f"addr add 192.0.{2 + i}.2/24 dev eth{i}",
                     f"addr add 2001:db8:0:{i:x}::2/64 dev eth{i} nodad")
    target.batch("link set lo up", "route add default via 192.0.2.1")
    target.ip("-6", "route", "add", "default", "via", "2001:db8::1")
    settle(target)
