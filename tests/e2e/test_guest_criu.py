"""A process with an established connection, dumped by CRIU itself and restored by CRIU and netcr together.
On the kernels of tests/vm: Debian 12's CRIU does not start on newer ones."""
import json
import os
import re
import subprocess

import pytest

from guest_helpers import (Peer, addressed, checkpoint, echo, exchange, network,  # noqa: F401
                           receive, send, servers, start)
from restore_helpers import differences

pytestmark = pytest.mark.guest


def externals(n):
    return [arg for i in range(n) for arg in ("--external", f"macvlan[eth{i}]:par0")]


def test_a_connection_survives(checkpoint, own_host, echo, procs):
    """One macvlan, with the index that its parent has on the host: CRIU alone cannot restore that."""
    target = start(checkpoint.root, echo)
    addressed(target, own_host, 1)
    assert target.links()["eth0"]["ifindex"] == own_host.links()["par0"]["ifindex"]
    peer = Peer(own_host, procs)
    four, six = peer.connect("192.0.2.2"), peer.connect("2001:db8::2")
    before = network(target)
    checkpoint.dump(target, *externals(1))
    log = checkpoint.restore(*externals(1), status=1)
    assert "Operation not supported" in log or "File exists" in log
    # What is sent while nobody is there, and while the network comes up, is answered later.
    send(four, b"meanwhile")
    again = checkpoint.restore_by_netcr("macvlan[eth0]:par0")
    receive(four, b"meanwhile")
    exchange(four, b"after")
    exchange(six, b"after")
    assert differences(before, network(again)) == {}
    for what in ("1 links made", "is whole", "announced 3 addresses"):
        assert what in checkpoint.log
    assert "netcr_lock" not in again.run("nft", "list", "tables").stdout


def test_ten_macvlans_and_another_parent(checkpoint, own_host, echo, procs):
    """The host has links with four of the ten indexes, and the parent has another name."""
    target = start(checkpoint.root, echo)
    addressed(target, own_host, 10)
    peer = Peer(own_host, procs)
    connection = peer.connect("192.0.2.2")
    before = network(target)
    checkpoint.dump(target, *externals(10))
    taken = [before[f"link eth{i}"]["ifindex"] for i in (1, 4, 7)]
    for index in taken:
        own_host.ip("link", "add", f"h{index}", "index", str(index), "type", "dummy")
    own_host.batch("link set par0 down", "link set par0 name lan7", "link set lan7 up")
    again = checkpoint.restore_by_netcr("macvlan[*]:lan7")
    exchange(connection, b"after")
    assert differences(before, network(again)) == {}
    hosts = own_host.links()
    assert all(hosts[f"h{index}"]["ifindex"] == index for index in taken)


def test_a_refusal_ends_the_restore(checkpoint, own_host, echo):
    target = start(checkpoint.root, echo)
    addressed(target, own_host, 1)
    checkpoint.dump(target, *externals(1))
    own_host.ip("link", "add", "secret0", "type", "dummy")
    log = checkpoint.restore_by_netcr("macvlan[eth0]:secret0", status=1)
    assert re.search("netcr-worker: .*eth0 on secret0.*the broker refuses it", log)
    assert servers() == []


def test_images_of_netcrs(checkpoint, own_host, echo, procs):
    """criu dump --empty-ns net writes none of the network; netcr does at post-dump."""
    target = start(checkpoint.root, echo)
    addressed(target, own_host, 1)
    peer = Peer(own_host, procs)
    connection = peer.connect("2001:db8::2")
    before = network(target)
    checkpoint.dump(target, "--empty-ns", "net", "--action-script", checkpoint.program,
                    NETCR_DUMP="yes")
    again = checkpoint.restore_by_netcr("macvlan[eth0]:par0")
    exchange(connection, b"after")
    assert differences(before, network(again)) == {}


def test_the_way_back(checkpoint, own_host, echo, procs, worker):
    """The network's images are netcr's, and CRIU restores them itself."""
    target = start(checkpoint.root, echo)
    addressed(target, own_host, 1, first=1001)
    peer = Peer(own_host, procs)
    connection = peer.connect("192.0.2.2")
    before = network(target)
    other = os.path.join(os.path.dirname(checkpoint.images), "netcr")
    os.mkdir(other)
    dumped = json.loads(subprocess.run([worker, "dump", "-D", other, "--pid", str(target.pid),
                                        "--json"], check=True, capture_output=True).stdout)
    checkpoint.dump(target, *externals(1))
    for name in dumped["files"]:
        if name not in ("inventory.img", "ids-1.img"):
            # CRIU opens them as the container's root.
            os.chmod(f"{other}/{name}", os.stat(f"{checkpoint.images}/{name}").st_mode)
            os.replace(f"{other}/{name}", f"{checkpoint.images}/{name}")
    again = checkpoint.restore(*externals(1))
    exchange(connection, b"after")
    assert differences(before, network(again)) == {}
