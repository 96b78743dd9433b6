"""The session protocol from the worker's side, driven by a test.

    with Session(procs, broker, host, user) as s:       # or the fixture `session`
        s.hello()
        s.bind(container)
        reply = s.create(("par0", nlmsg.newlink("eth0")))
        assert reply.error == 0

The test runs as root and encodes; hostile.py runs as the user, as the command of
`netcr-broker spawn`, and sends. Session.agent has its orders: agent.send(...), agent.recv(...).
"""
import errno
import importlib
import json
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import tempfile

from namespaces import DEADLINE, children, comm, fds_of, wait_exit, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
SESSION_NAMES = ("netcr-session", "netcr-broker")

pb = None  # the generated module, once load_proto() was called


def load_proto(proto, directory):
    """Generate Python code from netcr.proto into @directory, and import it as `pb`."""
    global pb  # pylint: disable=global-statement
    subprocess.run(["protoc", f"--proto_path={os.path.dirname(proto)}",
                    f"--python_out={directory}", proto], check=True)
    sys.path.insert(0, directory)
    pb = importlib.import_module("netcr_pb2")
    return pb


class AgentGone(Exception):
    """The command has ended."""


class Agent:
    """hostile.py at the other end of a socket. Its orders are methods; an OSError that it met
    is raised here."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(3 * DEADLINE)
        self._answer()

    def _read(self, n):
        data = b""
        while len(data) < n:
            got = self.sock.recv(n - len(data))
            if not got:
                raise AgentGone()
            data += got
        return data

    def _answer(self):
        return json.loads(self._read(struct.unpack("=I", self._read(4))[0]))

    def order(self, name, *args, fds=()):
        text = json.dumps([name, *args]).encode()
        try:
            socket.send_fds(self.sock, [struct.pack("=I", len(text))], list(fds))
            self.sock.sendall(text)
            answer = self._answer()
        except (BrokenPipeError, ConnectionResetError):
            raise AgentGone() from None
        if "errno" in answer:
            raise OSError(answer["errno"], answer["text"])
        return answer["ok"]

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.order(name, *args, **kwargs)

    def give(self, *fds):
        """Hand descriptors of the test over; returns the agent's numbers for them."""
        return self.order("received", fds=fds)

    def ns_fd(self, pid, name="net"):
        """A namespace of a process, opened by the agent in its own right."""
        return self.order("open_path", f"/proc/{pid}/ns/{name}")


class Ended(Exception):
    """The broker ended the session instead of answering."""


def audit_lines(text):
    """The audit lines in @text, as dictionaries."""
    lines = []
    for line in text.splitlines():
        if line.startswith("netcr-audit "):
            fields = [f.partition("=") for f in shlex.split(line)[1:]]
            assert len(set(f[0] for f in fields)) == len(fields), f"a key twice: {line}"
            lines.append({key: value for key, _, value in fields})
    return lines


def count_audited(lines):
    """How many requests and violations the audit lines tell of, or say that they do not."""
    return (sum(line["verdict"] not in ("dropped", "loaded") for line in lines) +
            sum(int(line.get("dropped", 0)) for line in lines))


class Session:
    """One `netcr-broker spawn` with a hostile worker, as a context manager.

    At its end the session process must have ended by itself, with status 0, after one audit line
    a request, and no sanitizer may have had anything to say. Set expect_status where a test
    makes it end otherwise."""

    def __init__(self, procs, broker, host, user, options=("--allow-parent", "par0"), env=None,
                 prefix=(), command=None, agent_status=0, stderr=None):
        """@prefix is a command line in front of the broker's (strace, prlimit, setpriv);
        @command a command in the place of hostile.py's; @env is in addition to sudo's, or with
        None as value taken away."""
        self.procs, self.broker, self.host, self.user = procs, broker, host, user
        self.expect_status = 0
        self.expect_audit = True  # False where it cannot be known how far the session came
        self.requests = 0    # sent whole and well, each to be found in the audit
        self.violations = 0  # found to be met by an end without an answer
        self.next_id = 1
        self.status = None
        self.usage = None    # of the session process, as getrusage(2) has it
        # Appended to by several processes, and read without moving their offset.
        self._stderr = stderr or tempfile.TemporaryFile("a+b")
        ours, theirs = socket.socketpair()
        full_env = user.sudo_env() | (env or {})
        before = set(children())
        self.proc = procs.start(
            [*host.argv(*prefix, broker, "spawn", *options, "--"),
             *(command or [PYTHON, "-I", "-S", stage_path(broker, "hostile.py"), agent_status])],
            stdin=theirs, stdout=subprocess.DEVNULL, stderr=self._stderr, cwd="/",
            env={k: v for k, v in full_env.items() if v is not None})
        theirs.close()
        procs.at_end(self.close)
        self._control = ours
        try:
            self.agent = Agent(ours)
        except (AgentGone, ConnectionResetError):
            self.proc.wait(DEADLINE)
            self.pid = None
            raise AssertionError(f"no session, status {self.proc.returncode}: {self.stderr()}"
                                 ) from None
        found = [p for p in set(children()) - before
                 if p != self.proc.pid and comm(p) in SESSION_NAMES]
        # Under strace -f the session is strace's child until its own parent has ended.
        self.pid = found[0] if found else None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # --- what is seen of it

    def stderr(self):
        """All that the broker and the session have written so far."""
        fd = self._stderr.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def audit(self):
        return audit_lines(self.stderr())

    def fds(self):
        """The descriptors of the session process: number -> what it is."""
        return fds_of(self.pid)

    def rss(self):
        """Resident memory of the session process in bytes."""
        with open(f"/proc/{self.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    # --- requests

    def encode(self, **op):
        """A Request with the next number. @op: hello=…, target_bind=…, …"""
        request = pb.Request(id=self.next_id, **op)
        return request.SerializeToString()

    def raw(self, data, fds=(), deadline=DEADLINE):
        """Send bytes; return the Reply, or raise Ended."""
        self.agent.send(data.hex(), list(fds))
        return self.reply(deadline)

    def reply(self, deadline=DEADLINE):
        return self.take(self.agent.recv(deadline))

    def take(self, answer):
        """The Reply in what the agent received."""
        assert "timeout" not in answer, "the broker does not answer"
        if "end" in answer:
            self.violations += 1
            raise Ended(answer["end"])
        assert answer["fds"] == 0, "the broker never sends a descriptor"
        reply = pb.Reply.FromString(bytes.fromhex(answer["data"]))
        self.requests += 1
        self.next_id = reply.id + 1
        return reply

    def request(self, fds=(), **op):
        number = self.next_id
        reply = self.raw(self.encode(**op), fds)
        assert reply.id == number
        return reply

    def hello(self, low=1, high=1):
        return self.request(hello=pb.Hello(version_min=low, version_max=high))

    def target_fds(self, container):
        """[netns, rtnetlink socket in it], as the agent can have them in its own right."""
        return [self.agent.ns_fd(container.pid), self.agent.netlink(container.pid)]

    def bind(self, container=None, fds=None):
        """target-bind; the agent's own descriptors are closed afterwards."""
        fds = self.target_fds(container) if fds is None else fds
        reply = self.request(fds, target_bind=pb.TargetBind())
        self.agent.close(*set(fds))
        return reply

    def nsid(self, wanted):
        return self.request(nsid_alloc=pb.NsidAlloc(nsid=wanted))

    def nsids(self, count):
        """So many requests for any id, one after the other, at the agent's pace."""
        frames = [pb.Request(id=self.next_id + i, nsid_alloc=pb.NsidAlloc(nsid=-1)
                             ).SerializeToString().hex() for i in range(count)]
        return [self.take(answer) for answer in self.agent.ask(frames)]

    def quota(self):
        return self.request(quota=pb.Quota())

    def create(self, *links):
        """link-create of (parent, bytes) pairs."""
        message = pb.LinkCreate(links=[pb.Link(parent=p, newlink=n) for p, n in links])
        return self.request(link_create=message)

    def ready(self, container):
        """hello and target-bind, both of which succeed."""
        assert self.hello().error == 0
        reply = self.bind(container)
        assert reply.error == 0, errno.errorcode[reply.error]
        return self

    # --- its end

    def breach(self, data, fds=()):
        """Send what breaks the protocol, and see the session end without an answer."""
        self.agent.send(data.hex(), list(fds))
        self.breached()

    def breached(self):
        """See the session end without an answer to what was sent last."""
        try:
            reply = self.reply()
        except Ended:
            self.wait()
            assert self.audit()[-1]["verdict"] == "violation"
            return
        raise AssertionError(f"answered: {reply}")

    def wait(self, deadline=DEADLINE):
        """Wait for the end of the session process. Returns its exit code, or -SIGNAL."""
        if self.status is None and self.pid:
            self.status, self.usage = wait_exit(self.pid, deadline)
        return self.status

    def close(self):
        """Hang up, wait for both processes, and look at what they leave."""
        if self._control.fileno() < 0:
            return
        self._control.close()
        self.proc.wait(DEADLINE)
        if self.pid:
            self.wait()
            said = "" if self._stderr.closed else self.stderr()
            assert self.status == self.expect_status, f"{self.status}: {said}"
        if self._stderr.closed:
            return  # a test's own, which it looks at itself
        text = self.stderr()
        assert not re.search(r"Sanitizer|runtime error", text), text
        if self.pid and self.expect_audit:
            assert count_audited(audit_lines(text)) == self.requests + self.violations, text

    def send_signal(self, number):
        """To the session process."""
        os.kill(self.pid, number)

    def wait_state(self, letter):
        """Wait until the session process is in a state of proc(5), such as T for stopped."""
        def state():
            with open(f"/proc/{self.pid}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] == letter
        wait_until(state, f"the session is in state {letter}")


def stage_path(broker, name):
    """A file beside the copy of the broker that ordinary users can read."""
    return os.path.join(os.path.dirname(broker), name)
