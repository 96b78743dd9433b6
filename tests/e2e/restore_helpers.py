"""Running netcr-worker restore as a test wants it, and looking at what came of it."""
import contextlib
import ctypes
import itertools
import json
import os
import socket
import subprocess
import tempfile
import threading

import pytest

import images
from namespaces import LIMIT, children, comm, wait_until
from netcr_client import audit_lines

PLAN_GROUP = 0x6e657463  # of links that are not finished
CLONE_NEWNET = 0x40000000
SYS_PIDFD_GETFD = 438

libc = ctypes.CDLL(None, use_errno=True)


# --- looking


@contextlib.contextmanager
def inside(ns):
    """This process in the network namespace of @ns; /proc/sys/net is that of who looks."""
    home, there = os.open("/proc/self/ns/net", os.O_RDONLY), ns.open()
    try:
        if libc.setns(there, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)


def read_text(path):
    """What a sysctl says, or None where it says nothing."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(fd, 4096).decode().rstrip("\n")
    except OSError:
        return None  # stable_secret, while it is not set
    finally:
        os.close(fd)


def sysctl(ns, name):
    """One value of /proc/sys/net in @ns."""
    with inside(ns):
        return read_text(f"/proc/sys/net/{name}")


# They count or age, whatever anybody does.
VOLATILE = ("nf_conntrack_count", "inode-nr", "file-nr")


def all_sysctls(ns):
    """Every value below /proc/sys/net in @ns."""
    with inside(ns):
        return {f"{where}/{name}": read_text(f"{where}/{name}")
                for where, _, names in os.walk("/proc/sys/net") for name in names
                if name not in VOLATILE}


def lasting(ns):
    """links() without what the kernel changes in its own time, or has no way back from: carrier,
    timers of bridges, the queue that a device gets when it is up for the first time, and that a
    parent that cannot filter addresses listens to all while a macvlan on it is up."""
    links = ns.links()
    for link in links.values():
        for key in ("operstate", "qdisc", "promiscuity"):
            link.pop(key)
        link["flags"] = sorted(set(link["flags"]) - {"NO-CARRIER", "LOWER_UP"})
        for part in ("info_data", "info_slave_data"):
            data = link.get("linkinfo", {}).get(part, {})
            for key in [key for key in data if key.endswith("_timer")]:
                data.pop(key)
    return links


def snapshot(ns):
    """All that a restore may change in @ns."""
    return lasting(ns), all_sysctls(ns)


def assert_same(ns, before):
    links, sysctls = before
    now_links, now_sysctls = snapshot(ns)
    assert differences(links, now_links) == {}
    assert differences(sysctls, now_sysctls) == {}


def differences(before, after):
    """Of two dictionaries: {key: (before, after)}, down to the leaves."""
    found = {}
    for key in sorted(set(before) | set(after)):
        one, other = before.get(key), after.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found |= {f"{key}.{k}": v for k, v in differences(one, other).items()}
        elif one != other:
            found[key] = (one, other)
    return found


def settable(link):
    """The flags of `ip -json link` that user space can set, as a number."""
    return sum(images.FLAGS.get(flag, 0) for flag in link["flags"])


def conf_differences(where, entries, names):
    """What of crit's list is not in force. Called inside of the namespace."""
    wrong = {}
    for name, value in images.values_of(entries, names).items():
        now = read_text(f"/proc/sys/net/{where}/{name}")
        if str(value).split() != (now or "").split():
            wrong[f"{where}/{name}"] = (value, now)
    return wrong


def assert_link(link, entry, parent):
    """One link of `ip -json -details link` against crit's entry for it."""
    assert link["ifindex"] == entry["ifindex"]
    assert link["mtu"] == entry["mtu"]
    assert settable(link) == entry["flags"] & sum(images.FLAGS.values())
    assert link["group"] == "default"
    if entry["type"] == "LOOPBACK":
        return
    info = link["linkinfo"]
    assert info["info_kind"] == "macvlan"
    assert images.MODES[info["info_data"]["mode"]] == entry["macvlan"]["mode"]
    assert link["link_index"] == parent
    assert "link_netnsid" in link
    if entry["macvlan"]["mode"] != images.MODES["passthru"]:
        assert link["address"] == images.mac_of(entry)


def macvlan_flags(ns):
    """{name: flags} as `ip -details link` prints them, which its JSON does not."""
    found, name = {}, None
    for line in ns.ip("-details", "link").splitlines():
        if line[:1].isdigit():
            name = line.split(": ")[1].split("@")[0]
        elif line.split()[:1] == ["macvlan"]:
            found[name] = ("nopromisc" in line) * 1 | ("nodst" in line) * 2
    return found


def assert_restored(box, directory, host, parent="par0", parents=None, every=1):
    """Everything in @box is as crit says of @directory. @parents: {name: parent}. The sysctls
    are looked at of one link in @every."""
    entries, netns = images.oracle(directory)
    indexes = {name: link["ifindex"] for name, link in host.links().items()}
    links = box.links()
    assert set(links) == {"lo"} | {e["name"] for e in entries}
    flags = macvlan_flags(box)
    for entry in entries:
        above = indexes[(parents or {}).get(entry["name"], parent)]
        assert_link(links[entry["name"]], entry, above)
        if entry.get("macvlan", {}).get("flags") is not None:
            assert flags[entry["name"]] == entry["macvlan"]["flags"]
    with inside(box):
        wrong = netns_differences(netns)
        for e in entries[::every]:
            if e.get("conf4"):
                wrong |= conf_differences(f"ipv4/conf/{e['name']}", e["conf4"], images.CONF4)
            if e.get("conf6"):
                wrong |= conf_differences(f"ipv6/conf/{e['name']}", e["conf6"], images.CONF6)
    assert wrong == {}, wrong


def netns_differences(netns):
    wrong = {}
    for key, where, names in (
            ("all_conf4", "ipv4/conf/all", images.CONF4),
            ("def_conf4", "ipv4/conf/default", images.CONF4),
            ("all_conf6", "ipv6/conf/all", images.CONF6),
            ("def_conf6", "ipv6/conf/default", images.CONF6),
            ("unix_conf", "unix", ["max_dgram_qlen"]),
            ("ipv4_sysctl", "ipv4", ["ping_group_range"])):
        wrong |= conf_differences(where, netns.get(key, []), names)
    return wrong


# --- running


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        assert "Sanitizer" not in err and "runtime error" not in err, err
        self.audit = audit_lines(err)
        # What the worker itself said.
        self.said = "\n".join(line for line in err.splitlines() if line.startswith("netcr-worker"))

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}\n{self.out[-2000:]}\n{self.err[-4000:]}"


class Running:
    """A command under the broker that waits for go(). `pid` will be the worker, `session` the
    session process."""

    def __init__(self, procs, argv, env, before):
        self._out, self._err = tempfile.TemporaryFile("a+b"), tempfile.TemporaryFile("a+b")
        self.proc = procs.start(argv, stdin=subprocess.PIPE, stdout=self._out, stderr=self._err,
                                env=env, cwd="/")
        self.pid = self.proc.pid
        procs.at_end(self._close)
        # The broker becomes the command once the session is locked down.
        wait_until(lambda: comm(self.pid) == "sh" or self.proc.poll() is not None, "it starts")
        assert self.proc.poll() is None, self.text(self._err)
        found = [p for p in set(children()) - before if comm(p) == "netcr-session"]
        self.session = found[0]
        self.reaped = False

    @staticmethod
    def text(file):
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    def go(self):
        self.proc.stdin.write(b"\n")
        self.proc.stdin.flush()
        return self

    def to_session(self, number):
        os.kill(self.session, number)
        return self

    def to_worker(self, number):
        os.kill(self.pid, number)
        return self

    def is_worker(self):
        return comm(self.pid) == "netcr-worker"

    def state(self):
        """Of the worker: the letter of proc(5)."""
        with open(f"/proc/{self.pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]

    def waits_in(self, call):
        """Whether the worker is in system call @call."""
        try:
            with open(f"/proc/{self.pid}/syscall") as f:
                return f.read().split()[0] == str(call)
        except (ProcessLookupError, FileNotFoundError):
            return False

    def result(self, limit=LIMIT):
        """Wait for the command, then for the session."""
        self.proc.wait(limit)
        self.wait_session()
        return Result(self.proc.returncode, self.text(self._out), self.text(self._err))

    def wait_session(self):
        if not self.reaped:
            wait_until(lambda: os.waitpid(self.session, os.WNOHANG)[0], "the session ends")
            self.reaped = True

    def _close(self):
        if not self.reaped:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.session, 9)
                os.waitpid(self.session, 0)
        self._out.close()
        self._err.close()


class Relay:
    """A restore with the test between worker and session, so that it can act at each step:

        for request in relay:              each request of the worker, when it was received
            if request.WhichOneof("op") == "link_create":
                ...
            relay.forward()                to the session
            reply = relay.answer()         from it
            relay.back()                   to the worker
        result = relay.result()
    """

    def __init__(self, restore, pb, box, directory, *more, allow=("par0",),
                 external="macvlan[*]:par0"):
        self.pb = pb
        # A command that only holds the session, for us to take it over.
        broker = [restore.broker, "spawn", *[f"--allow-parent={p}" for p in allow], "--"]
        before = set(children())
        self.holder = Running(restore.procs, restore.host.argv(*broker, "sh", "-c", "read -r go"),
                              box.user.sudo_env(), before)
        self.session = self.holder.session
        pidfd = os.pidfd_open(self.holder.pid)
        self.up = socket.socket(fileno=libc.syscall(SYS_PIDFD_GETFD, pidfd, 3, 0))
        os.close(pidfd)
        self.holder.go()
        self.worker = FreeWorker(restore, box, directory, *more, "--external", external)
        self.down = self.worker.sock
        self._request = self._reply = None
        restore.procs.at_end(self.hang_up)

    @staticmethod
    def _take(sock):
        """A datagram with its descriptors, or None at the end."""
        sock.settimeout(LIMIT)
        try:
            data, fds, _, _ = socket.recv_fds(sock, 1 << 17, 8)
        except ConnectionResetError:
            return None
        return (data, fds) if data else None

    @staticmethod
    def _send(sock, message):
        data, fds = message
        if fds:
            socket.send_fds(sock, [data], fds)
        else:
            sock.send(data)
        for fd in fds:
            os.close(fd)

    def __iter__(self):
        while True:
            self._request = self._take(self.down)
            if not self._request:
                return
            yield self.pb.Request.FromString(self._request[0])
            if self._request:
                self.forward()
            if self.answer():
                self.back()
            else:
                return

    def forward(self):
        request, self._request = self._request, None
        with contextlib.suppress(BrokenPipeError):
            self._send(self.up, request)

    def answer(self):
        """The session's reply, or None if it ended."""
        if not self._reply:
            self._reply = self._take(self.up)
        return self._reply and self.pb.Reply.FromString(self._reply[0])

    def back(self):
        reply, self._reply = self._reply, None
        with contextlib.suppress(BrokenPipeError):
            self._send(self.down, reply)

    def hang_up(self):
        """Both connections end, as they do when either process dies."""
        for fd in (self._request or (b"", ()))[1]:
            os.close(fd)
        self._request = None
        self.up.close()
        self.down.close()

    def result(self):
        self.hang_up()
        self.holder.wait_session()
        return self.worker.result()


class FreeWorker:
    """A worker whose session is a socket of the test: `sock`."""

    def __init__(self, restore, box, directory, *more, user=None):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._out, self._err = tempfile.TemporaryFile("a+b"), tempfile.TemporaryFile("a+b")
        argv = (user or box.user).argv(restore.worker, "restore", "-D", directory, "--pid",
                                       box.pid, "--broker", f"fd:{theirs.fileno()}", *more)
        self.proc = restore.procs.start(argv, stdin=subprocess.DEVNULL, stdout=self._out,
                                        stderr=self._err, pass_fds=[theirs.fileno()], cwd="/")
        theirs.close()

    def result(self, limit=LIMIT):
        self.proc.wait(limit)
        return Result(self.proc.returncode, Running.text(self._out), Running.text(self._err))


def reap_sessions():
    """Sessions whose command has ended are children of the test process."""
    for pid in children():
        if comm(pid) == "netcr-session":
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


class Restore:
    """restore(box, directory, option...): the worker under a broker in @host, as the user of
    @box. Keyword arguments: see argv()."""

    def __init__(self, procs, broker, worker, host):
        self.procs, self.broker, self.worker, self.host = procs, broker, worker, host

    def argv(self, box, directory, *more, allow=("par0",), modes=(), external="macvlan[*]:par0",
             host=None, target=None, prefix=(), hold=False, worker=None):
        """@target: options in the place of --pid; @prefix: a command line before the worker's;
        @hold: the command waits for a line on its stdin."""
        target = ("--pid", box.pid) if target is None else target
        broker = [self.broker, "spawn"]
        for parent in allow:
            broker += ["--allow-parent", parent]
        for mode in modes:
            broker += ["--allow-mode", mode]
        if hold:
            prefix = ["sh", "-c", 'read -r go; exec "$@"', "sh", *prefix]
        external = () if external is None else ("--external", external)
        return (host or self.host).argv(*broker, "--", *prefix, worker or self.worker, "restore",
                                        "-D", directory, *target, *external, *more)

    def __call__(self, box, directory, *more, user=None, status=0, **kwargs):
        user = user or box.user
        done = subprocess.run(self.argv(box, directory, *more, **kwargs), env=user.sudo_env(),
                              cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT, errors="replace", check=False)
        reap_sessions()
        result = Result(done.returncode, done.stdout, done.stderr)
        assert status is None or result.status == status, result
        return result

    def start(self, box, directory, *more, user=None, **kwargs):
        before = set(children())
        return Running(self.procs, self.argv(box, directory, *more, hold=True, **kwargs),
                       (user or box.user).sudo_env(), before)


@pytest.fixture
def restore(procs, broker, worker, own_host):
    return Restore(procs, broker, worker, own_host)


@pytest.fixture
def relay(restore, pb):
    return lambda *args, **kwargs: Relay(restore, pb, *args, **kwargs)


@pytest.fixture
def x1(stage):
    """What CRIU wrote of one macvlan, mv1, to be changed."""
    return images.Images.read(f"{stage}/data/macvlan-x1")


@pytest.fixture
def data(stage):
    return f"{stage}/data"


_numbers = itertools.count()


@pytest.fixture
def written(stage):
    """written(images or {name: bytes}): the path of a directory with them."""
    def write(what):
        path = f"{stage}/made-{next(_numbers)}"
        if isinstance(what, dict):
            images.write_files(path, what)
        else:
            what.write(path)
        return path
    return write


@contextlib.contextmanager
def gone_later(host, name, box):
    """Link @name of @host goes once @box has a macvlan, as one of a container that has just ended does
    in the kernel's own time."""
    def wait():
        wait_until(lambda: any(link.get("linkinfo", {}).get("info_kind") == "macvlan"
                               for link in box.links().values()), "a macvlan is made")
        host.ip("link", "del", name)
    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()
    assert name not in host.links()
