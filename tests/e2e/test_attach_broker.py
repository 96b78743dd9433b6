"""A broker that lies to attach: what is not so is found out, said, and undone."""
import os
import socket
import subprocess
import threading

import pytest

import namespaces
from restore_helpers import assert_same, snapshot
from test_restore_broker import FakeBroker, at, changed


class Waiting:
    """Of the worker's connection, until it is there."""
    sock = None


@pytest.fixture
def lied_to(stage, worker, container, user1, pb):
    """lied_to(wrong): (status, what attach said, ops that it asked for); all is as before."""
    path = os.path.join(stage, f"fake-{os.urandom(4).hex()}")

    def run(wrong):
        box = container(user1)
        before = snapshot(box)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.bind(path)
            os.chmod(path, 0o666)
            server.listen()
            broker = FakeBroker(pb, Waiting, wrong)

            def serve():
                broker.sock = server.accept()[0]
                broker.serve()
                broker.sock.close()
            thread = threading.Thread(target=serve)
            thread.start()
            done = subprocess.run(
                user1.argv(worker, "attach", "--pid", str(box.pid), "--parent", "par0",
                           "--broker", path),
                capture_output=True, text=True, timeout=60, check=False, cwd="/",
                env={"PATH": "/usr/bin:/bin", **namespaces.QUIET})
            thread.join(namespaces.DEADLINE)
        os.unlink(path)
        assert_same(box, before)
        return done.returncode, done.stderr, broker.ops
    return run


def test_K11_attach_nothing_is_made(lied_to):
    status, said, ops = lied_to(lambda op, request, reply: reply)
    assert (status, ops) == (1, ["hello", "target_bind", "link_create"])
    assert "eth0 is not there, or came out otherwise" in said


@pytest.mark.parametrize("op", ["hello", "target_bind", "link_create"])
def test_K1_attach_hangs_up(lied_to, op):
    status, said, ops = lied_to(at(op, lambda request, reply: None))
    assert (status, ops[-1]) == (1 if op == "link_create" else 69, op)
    assert "ended the session" in said


@pytest.mark.parametrize("op", ["hello", "target_bind", "link_create"])
def test_K11_attach_descriptors_and_other_numbers(lied_to, op):
    for wrong in (lambda request, reply: (reply, [0, 1]), changed(id=77)):
        status, said, ops = lied_to(at(op, wrong))
        assert (status, ops[-1]) == (1 if op == "link_create" else 69, op)
        assert "makes no sense" in said
