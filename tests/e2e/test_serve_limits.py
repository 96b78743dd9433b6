"""What one user can do to another through netcr-broker serve, and what shortages do. How long the
other waits is for tests/bench/service to tell."""
import os
import re
import resource
import signal
import subprocess
import time

import pytest

from namespaces import DEADLINE, comm, wait_until
from nlmsg import newlink
from netcr_client import Ended
from service import children_of, run_id

# As an ordinary user: connections to PATH, N of them, kept or dropped; then a line on stdout, and
# the end of stdin is waited for.
FLOOD = """
import resource, socket, sys, time
path, n, keep, again = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "keep", sys.argv[4] == "again"
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, n + 100)) if keep else None
kept = []
def flood():
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(path)  # waits where the queue is full
        kept.append(s) if keep else s.close()
flood()
print("done", flush=True)
while again:
    flood()
sys.stdin.read()
"""


@pytest.fixture
def flood(procs):
    def start(svc, user, n, keep=True, again=False):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        assert not keep or hard > n + 100, f"a limit of {hard} descriptors"
        proc = procs.start(user.argv("/usr/bin/python3", "-c", FLOOD, svc.paths[0], str(n),
                                     "keep" if keep else "drop", "again" if again else "once"),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert proc.stdout.readline() == "done\n"
        return proc
    return start


def test_X1_a_limit_for_each_user(service, container, user1, user2):
    svc = service(options=("--allow-parent", "par0", "--max-sessions-per-user", "3"))
    held = []
    for _ in range(3):
        held.append(svc.session(user1))
        assert held[-1].hello().error == 0
    late = svc.session(user1, find=False)
    with pytest.raises((Ended, BrokenPipeError)):
        late.hello()
    late.expect_audit = False
    svc.said(f"a connection of uid {user1.uid} is refused: it has 3 sessions")
    assert svc.session(user2).hello().error == 0
    assert all(s.bind(container(user1)).error == 0 for s in held), "those who were there go on"
    held[0].close()
    wait_until(lambda: held[0].pid not in children_of(svc.pid), "it is reaped")
    assert svc.session(user1).hello().error == 0


def test_X1_five_thousand_connections_of_one_user(service, container, user1, user2, flood):
    """That say nothing, and stay. Another user's request meanwhile."""
    svc, box = service(), container(user2)
    other = svc.session(user2)
    other.ready(box)
    flood(svc, user1, 5000)
    assert len(svc.sessions()) <= 17
    assert other.nsid(-1).error == 0
    assert svc.session(user2, find=False).hello().error == 0
    assert len(re.findall("is refused", svc.stderr())) < 100, "not a line for each"


def test_X1_connections_that_come_and_go(service, container, user1, user2, flood):
    """As fast as a user can, for as long as the other works."""
    svc, box = service(), container(user2)
    flooder = flood(svc, user1, 100, keep=False, again=True)
    other = svc.session(user2, find=False)
    other.ready(box)
    for i in range(10):
        assert other.create(("par0", newlink(f"eth{i}"))).error == 0
    flooder.kill()


# As an ordinary user: connections to PATH, closed at once, until there is no room for one more, and
# their number on stdout; then one that waits for room, with a request, and how long the answer is.
FILL_THE_QUEUE = """
import socket, sys, time
def connect(blocking):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.setblocking(blocking)
    s.connect(sys.argv[1])
    return s
n = 0
try:
    while n < 5000:
        connect(False).close()
        n += 1
except BlockingIOError:
    pass
print(n, flush=True)
while True:
    s = connect(True)
    try:
        s.send(bytes.fromhex(sys.argv[2]))
        answer = s.recv(65536)
    except (BrokenPipeError, ConnectionResetError):
        answer = b""
    if answer:
        break
    time.sleep(0.05)  # refused: of those before it as many as one may have have not ended yet
print(len(answer), flush=True)
"""


def test_X1_the_queue_is_short(service, procs, user1, user2, pb):
    """What a user leaves in it another one has to wait for. Who finds it full is served, too."""
    svc = service()
    hello = pb.Request(id=1, hello=pb.Hello(version_min=1, version_max=1)).SerializeToString()
    os.kill(svc.pid, signal.SIGSTOP)
    fill = [procs.start(user.argv("/usr/bin/python3", "-c", FILL_THE_QUEUE, svc.paths[0],
                                  hello.hex()), stdout=subprocess.PIPE, text=True)
            for user in (user1, user2)]
    in_queue = sum(int(proc.stdout.readline()) for proc in fill)
    assert 32 < in_queue < 128
    os.kill(svc.pid, signal.SIGCONT)
    for proc in fill:
        assert int(proc.stdout.readline()) > 0, "answered"
        assert proc.wait(DEADLINE) == 0


def test_X1_slow_loris(service, user1):
    """Who does not say hello has five seconds; who said it has the idle time."""
    svc = service()
    quick = svc.session(user1)
    assert quick.hello().error == 0
    began = time.monotonic()
    s = svc.session(user1).connect()
    s.wait()
    assert time.monotonic() - began > 4.9, "not at once"
    s.violations += 1
    assert s.audit()[-1]["reason"] == "no request in time"
    assert comm(quick.pid), "it has more time"


def test_X1_idle(service, user1):
    svc = service(options=("--idle-timeout", "1"))
    s = svc.session(user1)
    assert s.hello().error == 0
    s.wait()
    s.violations += 1


def test_X1_no_time_limit_in_spawn_mode(session):
    s = session()
    time.sleep(6)
    assert s.hello().error == 0


def limit_fds(pid, soft):
    """As the same uid may."""
    uid, gid = run_id()
    subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "prlimit",
                    f"--pid={pid}", f"--nofile={soft}:48"], check=True)


def test_X2_no_descriptor_for_a_connection(service, container, user1, user2):
    """EMFILE: those who are there are served, and those who wait are, later."""
    svc, box = service(), container(user1)
    before = svc.fds()
    s = svc.session(user1)
    s.hello()
    wait_until(lambda: svc.fds() == before, "the session's connection is the session's alone")
    limit_fds(svc.pid, max(before) + 1)
    waiting = svc.session(user2, find=False).connect()
    svc.said("no connection can be accepted for now: EMFILE")
    assert s.bind(box).error == 0
    assert len(svc.sessions()) == 1
    limit_fds(svc.pid, 48)
    assert waiting.hello().error == 0


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("call,name", [
    ("accept4", "EMFILE"), ("accept4", "ENFILE"), ("accept4", "ENOBUFS"), ("accept4", "ENOMEM"),
    ("accept4", "ECONNABORTED"), ("accept4", "EINTR"), ("accept4", "EPERM"),
    ("getsockopt", "EMFILE"), ("clone", "EAGAIN"), ("clone", "ENOMEM")])
def test_X2_errors_are_not_the_end(service, user1, tmp_path, call, name):
    """The first three fail; the service goes on, and says so."""
    inject = f"inject={call}:error={name}:when=1..3"
    svc = service(prefix=["strace", "-qq", "-o", str(tmp_path / "trace"), "-e", f"trace={call}",
                          "-e", inject])
    lost = 0
    for _ in range(4):
        s = svc.session(user1, find=False)
        try:
            assert s.hello().error == 0
        except (Ended, BrokenPipeError):
            s.expect_audit = False
            lost += 1
    assert lost == (0 if call == "accept4" else 3)
    assert (tmp_path / "trace").read_text().count("(INJECTED)") == 3
    assert svc.proc.poll() is None


# As an ordinary user: connections to PATH, of which each queues descriptors until the kernel says no.
QUEUES = """
import array, errno, os, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
null, kept, sent = os.open("/dev/null", os.O_RDONLY), [], 0
while True:
    kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    kept[-1].connect(sys.argv[1])
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 100))]
    try:
        kept[-1].sendmsg([b"x"], rights)
    except OSError as e:
        print(errno.errorcode[e.errno], sent)
        break
    sent += 100
"""


def test_D9_descriptors_in_many_queues(service, container, user1, user2):
    """Nobody has accepted the connections: it is the sender who can send no more. And when the sender
    is gone, nothing is left of them."""
    svc = service()
    before = svc.fds()
    for _ in range(2):
        os.kill(svc.pid, signal.SIGSTOP)
        done = subprocess.run(user1.argv("/usr/bin/python3", "-c", QUEUES, svc.paths[0]), check=True,
                              timeout=DEADLINE, stdout=subprocess.PIPE, text=True)
        os.kill(svc.pid, signal.SIGCONT)
        what, sent = done.stdout.split()
        assert what == "ETOOMANYREFS" and 300 <= int(sent) <= 500
        s, box = svc.session(user2, find=False), container(user2)
        s.ready(box)
        assert s.create(("par0", newlink("eth0"))).error == 0
        s.close()
        wait_until(lambda: not svc.sessions(), "all have ended")
    assert svc.fds() == before


@pytest.mark.no_sanitizer
def test_X6_X7_a_thousand_sessions(service, user1):
    """Descriptors and memory of the acceptor are what they were. On a busy machine 16 sessions that
    are over may not have ended, and the next one is refused then: it is not one of the thousand."""
    svc = service()
    code = ("import socket, sys, time\n"
            "n = int(sys.argv[2])\n"
            "while n:\n"
            "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "    s.connect(sys.argv[1])\n"
            "    try:\n"
            "        s.send(bytes.fromhex(sys.argv[3])); answered = bool(s.recv(65536))\n"
            "    except (ConnectionResetError, BrokenPipeError):\n"
            "        answered = False\n"
            "    s.close()\n"
            "    if answered:\n"
            "        n -= 1\n"
            "    else:\n"
            "        time.sleep(0.05)\n")
    import netcr_client
    pb = netcr_client.pb
    hello = pb.Request(id=1, hello=pb.Hello(version_min=1, version_max=1)).SerializeToString()

    def run(n):
        subprocess.run(user1.argv("/usr/bin/python3", "-c", code, svc.paths[0], str(n), hello.hex()),
                       check=True, timeout=900)
        wait_until(lambda: not children_of(svc.pid), "all have ended")
        with open(f"/proc/{svc.pid}/statm") as f:
            size, resident = f.read().split()[:2]
        return svc.fds(), size, int(resident)
    run(100)
    before = run(10)
    after = run(1000)
    assert after[:2] == before[:2]
    assert after[2] - before[2] <= 16, "pages"
    assert all("it has 16 sessions" in line for line in svc.stderr().splitlines() if "is refused" in line)


@pytest.mark.no_sanitizer
def test_X1_the_limit_is_there_at_the_end_of_a_flood(service, user1, flood):
    """All of a flood goes, and so do its sessions."""
    svc = service()
    proc = flood(svc, user1, 200)
    assert 0 < len(svc.sessions()) <= 16
    proc.stdin.close()
    proc.wait(DEADLINE)

    def served():
        """Some of them may be in the queue still, and in the way."""
        s = svc.session(user1, find=False)
        try:
            assert s.hello().error == 0
            s.close()
            return True
        except (Ended, BrokenPipeError):
            s.expect_audit = False
            return False
    wait_until(served, "there is room again")
    wait_until(lambda: not children_of(svc.pid), "none is left")
