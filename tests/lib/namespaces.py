"""Processes and network namespaces for tests, with nothing left behind.

The machine's own network namespace is never touched: what the tests call the host is a network
namespace of its own that the init user namespace owns. A namespace lives as long as its holder,
which is a `cat` on a pipe from the test: when the test process dies, by whatever cause, the pipe
closes, the holder ends, and the kernel takes the namespace down.
"""
import contextlib
import ctypes
import json
import os
import pwd
import signal
import socket
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNET = 0x40000000
DEADLINE = 60  # seconds; generous, only to turn a hang into a failure
LIMIT = 2 * DEADLINE  # of a command

# What a sanitizer's run-time has to say, it says without asking for more: a process under seccomp
# would be killed for looking whether stderr is a terminal, and the report be lost.
QUIET = {"ASAN_OPTIONS": "color=never:symbolize=0", "UBSAN_OPTIONS": "color=never:symbolize=0"}

_libc = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


def become_subreaper():
    """Make orphans of what a test starts children of the test process, so that they can be
    found, waited for, and their exit status looked at."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def children():
    """The pids of this process's children, zombies included."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as f:
                stat = f.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat[stat.rindex(b")") + 2:].split()[1]) == os.getpid():
            found.append(int(entry))
    return found


def comm(pid):
    """The name of a process, or None if there is none."""
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def status_of(pid):
    """/proc/PID/status as a dictionary of strings, which is empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return dict((k, v.strip()) for k, v in (line.split(":", 1) for line in f))
    except (FileNotFoundError, ProcessLookupError):
        return {}


def fds_of(pid):
    """The descriptors of a process: number -> what it is."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


def wait_until(condition, what, deadline=DEADLINE):
    """Poll until @condition() is true, and return what it returned."""
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"this did not happen within {deadline} s: {what}"
        time.sleep(0.005)


def wait_exit(pid, deadline=DEADLINE):
    """Wait for a child that subprocess does not know. Returns its exit code, or -SIGNAL, and
    its resource usage."""
    def reap():
        done, status, usage = os.wait4(pid, os.WNOHANG)
        return (os.waitstatus_to_exitcode(status), usage) if done else None
    return wait_until(reap, f"process {pid} ended", deadline)


class Procs:
    """What was started, so that all of it can be ended. A context manager."""

    def __init__(self):
        self._popen = []
        self._cleanups = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self, argv, **kwargs):
        """subprocess.Popen, remembered."""
        proc = subprocess.Popen([str(a) for a in argv], **kwargs)
        self._popen.append(proc)
        return proc

    def at_end(self, function):
        """Call @function when everything is ended, last first, before processes are killed."""
        self._cleanups.append(function)

    def stop(self):
        """End everything. The first error of a clean-up is raised, after all were done."""
        first = None
        while self._cleanups:
            try:
                self._cleanups.pop()()
            except BaseException as e:  # an assertion, too, must not leave the others running
                first = first or e
        while self._popen:
            proc = self._popen.pop()
            if proc.poll() is None:
                proc.kill()
                os.kill(proc.pid, signal.SIGCONT)
            for stream in (proc.stdin, proc.stdout, proc.stderr):
                if stream:
                    stream.close()
            proc.wait()
        if first:
            raise first


class User:
    """An ordinary user of this machine."""

    def __init__(self, name):
        entry = pwd.getpwnam(name)
        assert entry.pw_uid >= 1000, f"{name} is not an ordinary user"
        self.name, self.uid, self.gid, self.home = name, entry.pw_uid, entry.pw_gid, entry.pw_dir

    def __repr__(self):
        return self.name

    @classmethod
    def of(cls, uid, gid, home="/"):
        """A uid that need not have an account."""
        user = cls.__new__(cls)
        user.name, user.uid, user.gid, user.home = f"uid{uid}", uid, gid, home
        return user

    def argv(self, *command):
        """The command that runs @command as this user, with no group but its own."""
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups",
                "--", *command]

    def sudo_env(self, **more):
        """The environment of a command that this user runs by sudo."""
        return dict(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root", SUDO_UID=str(self.uid),
                    SUDO_GID=str(self.gid), **QUIET, **more)


class Netns:
    """A network namespace, held by a process. host and lan are such.

    run() runs a command in it as root of the machine, ip() is run() for ip(8), links() is what
    `ip -json -details link` says, by name."""

    def __init__(self, procs, argv=("unshare", "-n")):
        # Its stderr is where pytest's is, and tells why it failed.
        self.holder = procs.start([*argv, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdin.write(b"x")
        self.holder.stdin.flush()
        # cat answers only once it runs, which is when the namespaces are there.
        assert self.holder.stdout.read(1) == b"x", f"{argv} failed"

    @property
    def pid(self):
        return self.holder.pid

    @property
    def path(self):
        """A path to the namespace, good for nsenter --net= and ip link set netns."""
        return f"/proc/{self.pid}/ns/net"

    @staticmethod
    def file(path):
        """A file of this place, for who is outside."""
        return path

    def argv(self, *command):
        return ["nsenter", f"--net={self.path}", "--", *[str(c) for c in command]]

    def run(self, *command, check=True, **kwargs):
        kwargs.setdefault("capture_output", True)
        kwargs.setdefault("text", True)
        done = subprocess.run(self.argv(*command), timeout=LIMIT, **kwargs)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done

    def ip(self, *args):
        return self.run("ip", *args).stdout

    def batch(self, *lines):
        """Several commands of ip(8) at once."""
        self.run("ip", "-batch", "-", input="\n".join(lines) + "\n")

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.ip("-json", "-details", "link"))}

    def inode(self):
        return os.stat(self.path).st_ino

    def open(self, name="net"):
        """A descriptor of one of its holder's namespaces, opened as root. The caller closes."""
        return os.open(f"/proc/{self.pid}/ns/{name}", os.O_RDONLY)

    def netlink(self, protocol=0):
        """A netlink socket that was opened in it, by root."""
        home, there = os.open("/proc/self/ns/net", os.O_RDONLY), self.open()
        try:
            _setns(there)
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
            sock.bind((0, 0))
            return sock
        finally:
            _setns(home)
            os.close(home)
            os.close(there)

    def mount(self, path):
        """Give it the name @path, as `ip netns add` does. umount(8) takes it away again."""
        with open(path, "w"):
            pass
        subprocess.run(["mount", "--bind", self.path, path], check=True)

    def close(self):
        """Let go of it: the kernel takes it down, unless somebody else has it open."""
        self.holder.stdin.close()
        self.holder.wait()


class Container(Netns):
    """A user and a network namespace that an ordinary user made, as rootless containers have.

    subids=True maps the user's subordinate ids, too. run() is as root of the machine;
    run_inside() is as the container's root, with no right outside."""

    def __init__(self, procs, user, subids=False, then=()):
        """@then: a command line that is put before the holder's, for further nesting."""
        maps = ["--map-auto"] if subids else []
        self.user = user
        super().__init__(procs, [*user.argv("unshare", "-n", "-U", "--map-root-user", *maps),
                                 *then])

    def run_inside(self, *command, check=True, **kwargs):
        kwargs.setdefault("capture_output", True)
        kwargs.setdefault("text", True)
        argv = self.user.argv("nsenter", f"--target={self.pid}", "--user", "--net",
                              "--preserve-credentials", "--", *[str(c) for c in command])
        done = subprocess.run(argv, timeout=LIMIT, **kwargs)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done


def connect(host, lan, name="par0"):
    """A parent: a veth @name in @host that is up, with its other end, NAMEp, in @lan."""
    host.ip("link", "add", name, "type", "veth", "peer", "name", name + "p",
            "netns", str(lan.pid))
    host.ip("link", "set", name, "up")
    lan.ip("link", "set", name + "p", "up")
