"""Running netcr-worker attach, detach and oci-hook, and looking at what came of it."""
import contextlib
import json
import socket
import struct
import subprocess

import pytest

from namespaces import wait_until
from netcr_client import audit_lines

ETH_P_ALL = 3
PLAN_GROUP = 0x6e657463


class Done:
    """The end of a command under a broker."""

    def __init__(self, done):
        self.status, self.out = done.returncode, done.stdout
        self.audit = audit_lines(done.stderr)
        self.said = "\n".join(line for line in done.stderr.splitlines()
                              if not line.startswith("netcr-audit "))

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}, out {self.out!r}, said {self.said!r}, audit {self.audit}"


class Attach:
    """attach(box, "--parent", "par0", …): the worker as box.user, by netcr-broker spawn."""

    def __init__(self, broker, worker, host):
        self.broker, self.worker, self.host = broker, worker, host

    def argv(self, *command, allow=("par0",), modes=()):
        parents = [word for name in allow for word in ("--allow-parent", name)]
        modes = [word for name in modes for word in ("--allow-mode", name)]
        return self.host.argv(self.broker, "spawn", *parents, *modes, "--", self.worker, *command)

    def run(self, *command, user, stdin=None, env=None, **kwargs):
        stdin = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        return Done(subprocess.run(self.argv(*command, **kwargs), env=user.sudo_env(**(env or {})),
                                   timeout=60, check=False, capture_output=True, text=True,
                                   **stdin))

    def __call__(self, box, *options, status=0, command="attach", **kwargs):
        done = self.run(command, "--pid", box.pid, *options, user=box.user, **kwargs)
        assert done.status == status, done
        return done

    def hook(self, box, annotations, *options, status=0, state="created", pid=None, **kwargs):
        text = json.dumps({"ociVersion": "1.0.2", "id": "box", "status": state,
                           "pid": box.pid if pid is None else pid, "bundle": "/",
                           "annotations": annotations})
        done = self.run("oci-hook", *options, user=box.user, stdin=text, **kwargs)
        assert done.status == status, done
        return done


@pytest.fixture
def attach(broker, worker, own_host):
    return Attach(broker, worker, own_host)


@contextlib.contextmanager
def listening(ns, name):
    """A packet socket on link @name of @ns, for all that arrives there."""
    import restore_helpers
    with restore_helpers.inside(ns):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.bind((name, ETH_P_ALL))
    with sock:
        sock.settimeout(0.2)
        yield sock


def frames(sock):
    """What has arrived."""
    found = []
    try:
        while True:
            found.append(sock.recv(2048))
    except TimeoutError:
        return found


def heard(sock, *wanted):
    """What has arrived, once each of the tests @wanted is true of a frame: where the kernel copies a
    broadcast, it does so in its own time."""
    seen = []

    def all_are_there():
        seen.extend(frames(sock))
        return all(any(is_it(frame) for frame in seen) for is_it in wanted)
    wait_until(all_are_there, f"all is heard: {seen}")
    return seen


def is_gratuitous_arp(frame, mac, ip):
    """RFC 5227: a broadcast request whose sender and target address are @ip."""
    want = (b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac +
            socket.inet_aton(ip) + bytes(6) + socket.inet_aton(ip))
    return frame[:len(want)] == want


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def is_advertisement(frame, mac, ip):
    """RFC 4861: unsolicited, to all nodes, overriding, with the MAC address, and a right sum."""
    address = socket.inet_pton(socket.AF_INET6, ip)
    body, head = frame[54:86], frame[14:54]
    if frame[:14] != bytes.fromhex("333300000001") + mac + b"\x86\xdd" or body[:1] != b"\x88":
        return False
    pseudo = head[8:40] + struct.pack("!II", len(body), 58)
    return (head[7] == 255 and head[8:24] == address and body[8:24] == address and
            body[4] == 0x20 and body[24:26] == b"\x02\x01" and body[26:32] == mac and
            checksum(pseudo + body) == 0xffff)


def macvlans(box):
    return {name: link for name, link in box.links().items()
            if link.get("linkinfo", {}).get("info_kind") == "macvlan"}
