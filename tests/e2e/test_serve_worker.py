"""netcr-worker and the broker at a path: found or not, each with its own words and status."""
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

SEQ = socket.SOCK_SEQPACKET


@pytest.fixture
def place(stage):
    path = tempfile.mkdtemp(prefix="place-", dir=stage)
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(worker, user1, procs):
    """netcr-worker check as an ordinary user, begun."""
    def run(*args, **env):
        return procs.start(user1.argv(worker, "check", *args), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, cwd="/",
                           env={"PATH": "/usr/bin:/bin", **env})
    return run


def end(proc, status, text):
    out, err = proc.communicate(timeout=60)
    assert (proc.returncode, text in err) == (status, True), (proc.returncode, out, err)
    return out


def bound(path, kind=SEQ, mode=0o666, backlog=10):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    os.chmod(path, mode)
    if backlog and kind != socket.SOCK_DGRAM:
        sock.listen(backlog)
    return sock


def test_served_by_option_and_by_environment(service, start, user1):
    svc = service()
    for proc in (start("--broker", svc.paths[0]), start(NETCR_BROKER=svc.paths[0])):
        assert f"acts for         uid {user1.uid}" in end(proc, 0, "")


def test_no_rights_on_the_socket(start, place):
    with bound(f"{place}/b", mode=0o600):
        end(start("--broker", f"{place}/b"), 77, "no right to connect")


def test_no_rights_on_its_directory(start, place):
    with bound(f"{place}/b"):
        os.chmod(place, 0o700)
        end(start("--broker", f"{place}/b"), 77, "no right to connect")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_F12_another_type(start, place, kind):
    with bound(f"{place}/b", kind):
        end(start("--broker", f"{place}/b"), 69, "has another type")


def test_nobody_listens(start, place):
    bound(f"{place}/b").close()
    end(start("--broker", f"{place}/b"), 69, "nobody listens there")


def test_not_there(start, place):
    end(start("--broker", f"{place}/b"), 69, "No such file")


def test_a_broker_that_is_full(start, place):
    """Its queue is, and nobody accepts."""
    with bound(f"{place}/b", backlog=1) as server:
        taken = []
        for _ in range(5):
            sock = socket.socket(socket.AF_UNIX, SEQ)
            sock.setblocking(False)
            try:
                sock.connect(f"{place}/b")
            except BlockingIOError:
                pass
            taken.append(sock)
        end(start("--broker", f"{place}/b"), 69, "takes no connection")
        assert server.fileno() > 0
        for sock in taken:
            sock.close()


def test_refused_at_once(service, start, user1):
    svc = service(options=("--allow-parent", "par0", "--max-sessions-per-user", "1"))
    assert svc.session(user1).hello().error == 0
    end(start("--broker", svc.paths[0]), 69, "too many sessions")
    svc.said("is refused: it has 1 sessions")


def test_K11_a_version_that_it_does_not_speak(start, place, pb):
    with bound(f"{place}/b") as server:
        proc = start("--broker", f"{place}/b")
        peer = server.accept()[0]
        assert pb.Request.FromString(peer.recv(65536)).hello.version_max == 1
        peer.send(pb.Reply(id=1, error=93, message="this broker speaks versions 2 to 3"
                           ).SerializeToString())
        peer.close()
        end(proc, 69, "this broker speaks versions 2 to 3")


def test_K1_a_broker_that_dies_in_the_middle(start, place):
    with bound(f"{place}/b") as server:
        proc = start("--broker", f"{place}/b")
        peer = server.accept()[0]
        peer.recv(65536)
        peer.close()
        end(proc, 69, "ended the session before it answered")
