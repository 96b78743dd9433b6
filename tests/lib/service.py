"""netcr-broker serve, and hostile workers that connect to it.

    svc = service()                      # the fixture: ready when it returns
    s = svc.session(user1)               # a netcr_client.Session whose worker has connected
    s.ready(box); s.create(...)
    svc.stop()                           # SIGTERM, and status 0
"""
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import netcr_client
from namespaces import DEADLINE, QUIET, comm, fds_of, status_of, wait_until
from netcr_client import PYTHON, Agent, Session, audit_lines, stage_path

FALLBACK_ID = 2004318071  # broker/start.c


def run_id():
    """The uid and gid of sessions."""
    try:
        entry = pwd.getpwnam("netcr")
        return entry.pw_uid, entry.pw_gid
    except KeyError:
        return FALLBACK_ID, FALLBACK_ID


def children_of(pid):
    """The pids of its children, zombies included."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid):
    """The pids of all that it has started, and of what these have."""
    found = children_of(pid)
    for one in found:
        found += children_of(one)
    return found


class NotifySocket:
    """What a service manager listens on. path may be abstract: '@name'."""

    def __init__(self, path):
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + path[1:] if path[0] == "@" else path)
        self.sock.settimeout(DEADLINE)
        self.said = []

    def wait_for(self, line):
        """Receive until a datagram has this line, or one that begins so. Returns it."""
        while True:
            text = self.sock.recv(4096).decode()
            self.said.append(text)
            for one in text.split("\n"):
                if one.startswith(line):
                    return text

    def close(self):
        self.sock.close()


class Service:
    """One `netcr-broker serve`. A context manager."""

    def __init__(self, procs, broker, host, options=("--allow-parent", "par0"), sockets=1,
                 prefix=(), env=None, fds=(), variables=None, ready=True):
        """@fds: what a service manager passes, from 3 on, with @variables (see activate.py);
        then no socket is made. @prefix as for Session."""
        self.procs, self.broker, self.host = procs, broker, host
        self.directory = tempfile.mkdtemp(prefix="serve-", dir=os.path.dirname(broker))
        os.chown(self.directory, *run_id())
        os.chmod(self.directory, 0o755)
        self.paths = [f"{self.directory}/{i}.sock" for i in range(sockets)]
        self.notify = NotifySocket(f"{self.directory}/notify")
        self._stderr = tempfile.TemporaryFile("a+b")
        self.found = []  # sessions whose process is known
        argv = [*prefix, broker, "serve", *options]
        if variables is not None:
            argv = [PYTHON, "-I", "-S", stage_path(broker, "activate.py"), json.dumps(variables),
                    *argv]
        else:
            argv += [a for p in self.paths for a in ("--socket", p)]
        self.proc = start_with_fds(
            procs, host.argv(*argv), fds, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self._stderr, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **QUIET,
                 "NOTIFY_SOCKET": self.notify.path} | (env or {}))
        procs.at_end(self.close)
        if ready:
            self.wait_ready()

    def wait_ready(self, deadline=3 * DEADLINE):
        """Until it says so. An error if it ends before, or has not begun after @deadline seconds:
        under load and strace, a start takes some."""
        self.notify.sock.settimeout(0.2)

        def is_ready():
            assert self.proc.poll() is None, self.stderr()
            with contextlib.suppress(TimeoutError):
                return self.notify.wait_for("READY=1")
        try:
            wait_until(is_ready, "it is ready", deadline)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.stderr()}") from None
        finally:
            self.notify.sock.settimeout(DEADLINE)
        self.pid = self.proc.pid
        if comm(self.pid) != "netcr-broker":  # under strace
            self.pid = next(p for p in children_of(self.pid) if comm(p) == "netcr-broker")

    def stderr(self):
        fd = self._stderr.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def said(self, text):
        """Wait until this is on stderr."""
        wait_until(lambda: text in self.stderr(), f"{text!r} is said: {self.stderr()[-2000:]}")

    def sessions(self):
        """The session processes that live."""
        return [p for p in children_of(self.pid) if comm(p) in netcr_client.SESSION_NAMES
                and status_of(p).get("State", "Z")[0] != "Z"]

    def fds(self):
        return fds_of(self.pid)

    def session(self, user, **kwargs):
        return ServedSession(self, user, **kwargs)

    def stop(self, number=signal.SIGTERM):
        """End it. Returns the exit status."""
        os.kill(self.pid, number)
        return self.proc.wait(DEADLINE)

    def close(self):
        if self._stderr.closed:
            return
        if self.proc.poll() is None:
            assert self.stop() == 0, self.stderr()
        text = self.stderr()
        assert not re.search(r"Sanitizer|runtime error", text), text
        self._stderr.close()
        self.notify.close()
        shutil.rmtree(self.directory)


def start_with_fds(procs, argv, fds, **kwargs):
    """Popen with @fds as 3, 4, ... of the process."""
    if not fds:
        return procs.start(argv, **kwargs)
    high = [os.dup(fd) for fd in fds]
    moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(high))
    closes = " ".join(f"{fd}<&-" for fd in high if fd >= 3 + len(high))
    try:
        return procs.start(["bash", "-c", f'exec "$@" {moves} {closes}', "sh", *argv],
                           pass_fds=high, **kwargs)
    finally:
        for fd in high:
            os.close(fd)


class ServedSession(Session):
    """A hostile worker at a Service, as an ordinary user. It connects when it is first asked for
    something: who has connected and says no hello is cut off, and a test may have more to prepare."""

    def __init__(self, service, user, path=None, find=True):  # pylint: disable=super-init-not-called
        self.procs, self.broker, self.host, self.user = (
            service.procs, service.broker, service.host, user)
        self.service = service
        self.expect_status, self.expect_audit = None, True
        self.requests = self.violations = 0
        self.next_id = 1
        self.status = self.usage = None
        self._stderr = service._stderr
        self._path, self._find = path or service.paths[0], find
        ours, theirs = socket.socketpair()
        self.proc = self.procs.start(
            user.argv(PYTHON, "-I", "-S", stage_path(self.broker, "hostile.py")),
            stdin=theirs, stdout=subprocess.DEVNULL, cwd="/")
        theirs.close()
        self.procs.at_end(self.close)
        self._control = ours
        self._pid = None
        self._agent, self._connected = Agent(ours), False

    def connect(self):
        self._connected = True
        self._agent.connect(self._path)
        if self._find:
            self.find()
        return self

    @property
    def agent(self):
        if not self._connected:
            self.connect()
        return self._agent

    @property
    def pid(self):
        """Of its session process, where it is to be found."""
        if not self._connected:
            self.connect()
        return self._pid

    def find(self):
        """Find its session process, which is the only one that is new, and locked down."""
        others = {s.pid for s in self.service.found}

        def new():
            found = [p for p in self.service.sessions() if p not in others]
            return found if len(found) == 1 and status_of(found[0]).get("Seccomp") == "2" else None
        self._pid = wait_until(new, "there is a new session")[0]
        self.service.found.append(self)
        return self

    def audit(self):
        return [line for line in audit_lines(self.stderr()) if line.get("pid") == str(self.proc.pid)]

    def wait(self, deadline=DEADLINE):
        """Its parent, the acceptor, reaps it."""
        if self.pid:
            # Not by the process alone: its number may have been given to another one by now.
            wait_until(lambda: status_of(self.pid).get("PPid") != str(self.service.pid),
                       "the session has ended", deadline)
        return self.status

    def close(self):
        if self._control.fileno() < 0:
            return
        self._control.close()
        self.proc.wait(DEADLINE)
        self.wait()
        if self.expect_audit and not self._stderr.closed:
            want = self.requests + self.violations
            assert len(self.audit()) == want, self.stderr()
