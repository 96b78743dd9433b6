"""How netcr-broker serve gets its sockets, what it tells the service manager, and how it ends."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import netcr_client
from namespaces import DEADLINE, comm, wait_until
from netcr_client import Ended
from nlmsg import newlink
from service import NotifySocket, children_of, run_id

SEQ, STREAM, DGRAM = socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_DGRAM
HANDED = {"LISTEN_PID": "%PID%", "LISTEN_FDS": "1"}


@pytest.fixture
def place(stage):
    """A directory that every user may enter."""
    path = tempfile.mkdtemp(prefix="place-", dir=stage)
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


def listening(path, kind=SEQ):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    if kind != DGRAM:
        sock.listen(10)
    os.chmod(path, 0o666)
    return sock


def works(s, box):
    s.ready(box)
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert "eth0" in box.links()


# --- its own sockets


def refused(svc, status, text):
    assert svc.proc.wait(DEADLINE) == status, svc.stderr()
    assert text in svc.stderr()
    assert "Sanitizer" not in svc.stderr()


def test_socket_that_was_left_is_replaced(service, user1, place):
    path = f"{place}/left.sock"
    listening(path).close()
    svc = service(sockets=0, options=("--socket", path))
    assert svc.session(user1, path=path).hello().error == 0


@pytest.mark.parametrize("what", ["file", "link", "directory"])
def test_something_else_is_not_replaced(service, place, what):
    path = f"{place}/taken"
    {"file": lambda: open(path, "w").close(), "directory": lambda: os.mkdir(path),
     "link": lambda: os.symlink("nowhere", path)}[what]()
    refused(service(sockets=0, options=("--socket", path), ready=False), 71, "no socket")
    assert os.path.lexists(path)


def test_somebody_else_listens(service, place):
    path = f"{place}/live.sock"
    with listening(path):
        refused(service(sockets=0, options=("--socket", path), ready=False), 71, "already")
    assert os.path.exists(path)


USAGE = [("--socket",), ("--socket", "relative.sock"), ("--socket", "/" + "x" * 108),
         ("--no-such",), ("command",), ("--idle-timeout", "0"), ("--idle-timeout", "-1"),
         ("--idle-timeout", "4294967296"), ("--max-sessions-per-user", "x"),
         ("--max-sessions-per-user", "0"), ("--max-sessions-per-user", "513"),
         ["--socket", "/tmp/no"] * 17]


@pytest.mark.parametrize("options", USAGE, ids=lambda o: " ".join(o)[:30])
def test_usage(service, options):
    svc = service(sockets=0, options=options, ready=False)
    assert svc.proc.wait(DEADLINE) == 64
    assert svc.stderr()


def test_directory_that_is_not_there(service, place):
    refused(service(sockets=0, options=("--socket", f"{place}/no/x.sock"), ready=False), 71,
            "ENOENT")


def test_N14_ordinary_user(run_broker, user1, place):
    done = run_broker("serve", "--socket", f"{place}/x", prefix=user1.argv(), env={})
    assert done.returncode == 77 and "CAP_NET_ADMIN" in done.stderr


def test_N14_file_capabilities(with_file_caps, host, user1, place):
    """Then its options would be the user's own word."""
    done = subprocess.run(host.argv(*user1.argv(with_file_caps, "serve", "--socket",
                                                f"{place}/x")),
                          env={}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 77 and "comes with the file" in done.stderr


# --- socket activation


def test_activated_by_two_that_listen(service, container, user1, place):
    paths = [f"{place}/a", f"{place}/b"]
    socks = [listening(p) for p in paths]
    svc = service(fds=[s.fileno() for s in socks],
                  variables=HANDED | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"})
    for sock in socks:
        sock.close()
    for path in paths:
        works(svc.session(user1, path=path), container(user1))
    assert svc.stop() == 0
    assert all(os.path.exists(p) for p in paths), "they are the service manager's"


def connected(user, path):
    """A connection that @user made: (its end as the accepted socket, the process that has it)."""
    server = listening(path)
    code = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "s.connect(sys.argv[1]); s.send(bytes.fromhex(sys.argv[2])); print(len(s.recv(65536)))\n"
            "s.close()")
    pb = netcr_client.pb
    hello = pb.Request(id=1, hello=pb.Hello(version_min=1, version_max=1)).SerializeToString()
    proc = subprocess.Popen(user.argv("/usr/bin/python3", "-c", code, path, hello.hex()),
                            stdout=subprocess.PIPE, text=True)
    accepted = server.accept()[0]
    server.close()
    return accepted, proc


def test_activated_by_a_connection(service, user1, place):
    """Accept=yes: one session, then the end."""
    accepted, peer = connected(user1, f"{place}/c")
    svc = service(fds=[accepted.fileno()], variables=HANDED, ready=False)
    accepted.close()
    assert int(peer.communicate(timeout=60)[0]) > 10
    assert svc.proc.wait(DEADLINE) == 0
    line, = netcr_client.audit_lines(svc.stderr())
    assert (line["uid"], line["pid"], line["op"]) == (str(user1.uid), str(peer.pid), "hello")
    assert peer.returncode == 0


def test_activated_by_a_connection_and_locked_down(service, user1, place):
    server = listening(f"{place}/c")
    client = socket.socket(socket.AF_UNIX, SEQ)
    client.connect(f"{place}/c")
    accepted = server.accept()[0]
    svc = service(fds=[accepted.fileno()], variables=HANDED, ready=False)
    accepted.close()
    from namespaces import status_of
    wait_until(lambda: status_of(svc.proc.pid)["Seccomp"] == "2", "it is locked down")
    now = status_of(svc.proc.pid)
    assert now["CapEff"] == now["CapPrm"] == "0000000000001000"
    assert set(now["Uid"].split()) == {str(run_id()[0])} and now["Groups"] == ""
    kinds = sorted(os.readlink(f"/proc/{svc.proc.pid}/fd/{fd}").split(":")[0]
                   for fd in os.listdir(f"/proc/{svc.proc.pid}/fd") if int(fd) > 2)
    assert kinds == ["net", "socket", "socket"]
    client.close()
    server.close()
    assert svc.proc.wait(DEADLINE) == 0


def make(kind, place):
    """A descriptor that must not be taken, and what else has to stay open for it."""
    if kind == "file":
        return open("/dev/null"), None
    if kind == "stream":
        return listening(f"{place}/s", STREAM), None
    if kind == "dgram":
        return listening(f"{place}/s", DGRAM), None
    if kind == "inet":
        sock = socket.socket(socket.AF_INET, STREAM)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        return sock, None
    if kind == "netlink":
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0), None
    if kind == "stream pair":
        return socket.socketpair(socket.AF_UNIX, STREAM)
    assert kind == "neither"
    return socket.socket(socket.AF_UNIX, SEQ), None


@pytest.mark.parametrize("kind", ["file", "stream", "dgram", "inet", "netlink", "stream pair",
                                  "neither"])
def test_E7_F12_wrong_descriptors(service, place, kind):
    bad, other = make(kind, place)
    refused(service(fds=[bad.fileno()], variables=HANDED, ready=False), 78,
            "socket activation: descriptor 3 ")
    bad.close()
    if other:
        other.close()


def test_E7_a_connection_among_others(service, place):
    ours, theirs = socket.socketpair(socket.AF_UNIX, SEQ)
    with listening(f"{place}/a") as sock, ours, theirs:
        refused(service(fds=[sock.fileno(), ours.fileno()], variables=HANDED | {"LISTEN_FDS": "2"},
                        ready=False), 78, "descriptor 4 is a connection")


@pytest.mark.parametrize("variables", [
    {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": "", "LISTEN_FDS": "1"},
    {"LISTEN_FDS": "1"}, {"LISTEN_PID": "%PID%"}, HANDED | {"LISTEN_FDS": "0"},
    HANDED | {"LISTEN_FDS": "-1"}, HANDED | {"LISTEN_FDS": "17"}, HANDED | {"LISTEN_FDS": "999"},
    HANDED | {"LISTEN_FDS": "1 "}, HANDED | {"LISTEN_FDS": "4294967297"},
    HANDED | {"LISTEN_PID": "%PID%x"}], ids=str)
def test_E7_forged_variables(service, place, variables):
    with listening(f"{place}/a") as sock:
        refused(service(fds=[sock.fileno()], variables=variables, ready=False), 78,
                "socket activation: LISTEN_")


def test_E7_fewer_than_promised(service, place):
    with listening(f"{place}/a") as sock:
        refused(service(fds=[sock.fileno()], variables=HANDED | {"LISTEN_FDS": "2"}, ready=False),
                78, "descriptor 4 is not a socket")


def test_E7_more_than_promised(service, user1, place):
    """The others are closed."""
    with listening(f"{place}/a") as sock, open("/dev/zero") as more:
        svc = service(fds=[sock.fileno(), more.fileno()], variables=HANDED)
        assert "/dev/zero" not in svc.fds().values()
        assert svc.session(user1, path=f"{place}/a").hello().error == 0


def test_E7_both_is_a_mistake(service, place):
    with listening(f"{place}/a") as sock:
        refused(service(fds=[sock.fileno()], variables=HANDED,
                        options=("--socket", f"{place}/b"), ready=False), 64, "--socket")


def test_E7_not_read_in_spawn_mode(session, user1):
    s = session(env={"LISTEN_PID": "1", "LISTEN_FDS": "3"})
    assert s.hello().hello.uid == user1.uid


# --- the service manager


def test_notify(service, user1):
    svc = service()
    assert any("STATUS=" in text for text in svc.notify.said)
    os.kill(svc.pid, signal.SIGHUP)
    svc.notify.wait_for("RELOADING=1")
    assert "MONOTONIC_USEC=" in svc.notify.said[-1]
    svc.notify.wait_for("READY=1")
    assert svc.session(user1).hello().error == 0
    os.kill(svc.pid, signal.SIGTERM)
    svc.notify.wait_for("STOPPING=1")
    assert svc.proc.wait(DEADLINE) == 0


def test_notify_abstract(service, procs, host, broker):
    """Abstract names are those of the broker's network namespace."""
    name = f"@netcr-test-{os.getpid()}"
    script = ("import socket, sys\n"
              "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
              "s.bind('\\0' + sys.argv[1][1:]); print('bound', flush=True)\n"
              "print(s.recv(4096).decode().split()[0], flush=True)")
    proc = procs.start(host.argv("/usr/bin/python3", "-c", script, name), stdout=subprocess.PIPE,
                       text=True)
    assert proc.stdout.readline() == "bound\n"
    svc = service(env={"NOTIFY_SOCKET": name}, ready=False)
    assert proc.stdout.readline() == "READY=1\n"
    svc.pid = svc.proc.pid


@pytest.mark.parametrize("where", ["relative", "/nonexistent/socket", "@" + "x" * 200, "vsock:2:1"])
def test_notify_that_cannot_be(service, user1, where):
    """It is said, and the service serves."""
    svc = service(env={"NOTIFY_SOCKET": where}, ready=False)
    svc.pid = svc.proc.pid
    svc.said("$NOTIFY_SOCKET cannot be used")
    wait_until(lambda: os.path.exists(svc.paths[0]), "it listens")
    assert svc.session(user1).hello().error == 0


def test_a_notify_socket_that_is_full_is_not_waited_for(service, user1):
    svc = service()
    for _ in range(50):
        os.kill(svc.pid, signal.SIGHUP)
        svc.session(user1).connect().close()
    assert svc.session(user1).hello().error == 0


# --- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_removes_its_sockets(service, user1, number):
    svc = service(sockets=2)
    s = svc.session(user1)
    s.hello()
    assert svc.stop(number) == 0
    assert not [p for p in svc.paths if os.path.exists(p)]
    s.wait()


def test_stop_leaves_a_socket_that_is_not_its_own(service):
    svc = service()
    os.unlink(svc.paths[0])
    with listening(svc.paths[0]):
        assert svc.stop() == 0
        assert os.path.exists(svc.paths[0])


def test_stop_where_the_directory_is_roots(service):
    svc = service()
    os.chown(svc.directory, 0, 0)
    assert svc.stop() == 0
    assert "stays behind" in svc.stderr()
    assert os.path.exists(svc.paths[0])


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("delay", [0, 0.002, 0.005, 0.01, 0.03])
def test_stop_in_a_request_is_all_or_nothing(service, container, user1, delay):
    """128 links, and SIGTERM at some time: the answer comes and all are there, or none is."""
    import time
    svc, box = service(), container(user1)
    s = svc.session(user1)
    s.ready(box)
    pb = netcr_client.pb
    links = [pb.Link(parent="par0", newlink=newlink(f"mv{i}")) for i in range(128)]
    s.agent.send(s.encode(link_create=pb.LinkCreate(links=links)).hex(), [])
    time.sleep(delay)
    assert svc.stop() == 0
    s.expect_audit = False
    try:
        reply = s.reply()
    except Ended:
        made = False
    else:
        made = reply.error == 0
        assert made and len(reply.link_create.results) == 128
    there = [name for name in box.links() if name.startswith("mv")]
    assert len(there) == (128 if made else 0)
    assert made or delay < 0.03 or not there


def test_stop_of_a_session_in_the_middle_of_a_request(service, container, user1):
    """It is stopped (by SIGSTOP) when SIGTERM comes, with a request that it has not read."""
    svc, box = service(), container(user1)
    s = svc.session(user1)
    s.ready(box)
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    os.kill(svc.pid, signal.SIGTERM)
    svc.notify.wait_for("STOPPING=1")
    with pytest.raises(OSError):
        late = socket.socket(socket.AF_UNIX, SEQ)
        late.connect(svc.paths[0])
    s.send_signal(signal.SIGCONT)
    assert svc.proc.wait(DEADLINE) == 0
    s.wait()


def test_a_busy_worker_does_not_keep_sigterm_out(service, container, user1):
    """The next request is always there, and the end comes between two."""
    svc, box = service(), container(user1)
    s = svc.session(user1)
    s.ready(box)
    pb, frames = netcr_client.pb, []
    for _ in range(20000):
        frames.append(pb.Request(id=s.next_id, nsid_alloc=pb.NsidAlloc(nsid=-1)).SerializeToString())
        s.next_id += 1
    s.agent.evaluate("globals().update(reader=__import__('threading').Thread(target=lambda: "
                     "[None for _ in iter(lambda: session().recv(RECV_MAX), b'')], daemon=True))")
    s.agent.evaluate("reader.start()")
    s.agent.evaluate("globals().update(sender=__import__('threading').Thread(target=flood, "
                     f"args=({[f.hex() for f in frames]!r}, 20), daemon=True))")
    s.agent.evaluate("sender.start()")
    wait_until(lambda: "req=200 " in svc.stderr(), "it is busy")
    assert svc.stop() == 0
    assert comm(s.pid) is None
    s.expect_audit = False
    assert "req=20000 " not in svc.stderr()


def test_stop_reaches_sessions_that_begin(service):
    """They have not set up their signals when SIGTERM comes, and are not to forget it."""
    pb = netcr_client.pb
    hello = pb.Request(id=1, hello=pb.Hello(version_min=1, version_max=1)).SerializeToString()
    svc = service()
    socks = [socket.socket(socket.AF_UNIX, SEQ) for _ in range(16)]
    for sock in socks:
        sock.connect(svc.paths[0])
        sock.send(hello)
    wait_until(lambda: children_of(svc.pid), "one has begun")
    assert svc.stop() == 0
    assert "still busy" not in svc.stderr(), "a session lives on until its --idle-timeout"
    for sock in socks:
        sock.close()


def test_deadline_of_the_end(service, user1):
    """A session that does not end keeps the service for ten seconds, and no longer."""
    svc = service()
    s = svc.session(user1)
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    assert svc.stop() == 0
    assert "still busy" in svc.stderr()
    s.send_signal(signal.SIGCONT)
    # The test's own child by now.
    assert os.waitstatus_to_exitcode(os.waitpid(s.pid, 0)[1]) == -signal.SIGTERM


def test_sigterm_of_a_single_session(session, container, user1):
    """In spawn mode, too."""
    s = session().ready(container(user1))
    s.send_signal(signal.SIGTERM)
    s.expect_status = -signal.SIGTERM
    assert s.wait() == -signal.SIGTERM


def test_children_of_the_acceptor_are_reaped(service, user1):
    svc = service()
    for _ in range(20):
        svc.session(user1).connect().close()
    wait_until(lambda: not children_of(svc.pid), "all are reaped")
