"""What link-create makes, as `ip -details` tells it."""
import errno
import os

import pytest

import namespaces
import nlmsg as n
from nlmsg import attr, newlink, u32


def create(s, *datas):
    reply = s.create(*[("par0", data) for data in datas])
    assert reply.error == 0, [(r.error, r.message) for r in reply.link_create.results]
    return list(reply.link_create.results)


def info(link):
    assert link["linkinfo"]["info_kind"] == "macvlan"
    return link["linkinfo"]["info_data"]


def test_plain(bound, host):
    s, box = bound
    result, = create(s, newlink("eth0"))
    assert (result.error, result.ifindex, result.message) == (0, 0, "")
    link = box.links()["eth0"]
    assert info(link)["mode"] == "bridge"
    assert link["link_index"] == host.links()["par0"]["ifindex"]
    assert "UP" not in link["flags"]


def test_everything_at_once(bound):
    s, box = bound
    more = b"".join(attr(kind, u32(value)) for kind, value in (
        (n.IFLA_TXQLEN, 500), (n.IFLA_GROUP, 42), (n.IFLA_NUM_TX_QUEUES, 4),
        (n.IFLA_NUM_RX_QUEUES, 2), (n.IFLA_GSO_MAX_SIZE, 32768), (n.IFLA_GSO_MAX_SEGS, 100)))
    result, = create(s, newlink("eth0", "private", "02:00:00:00:00:77", 1400, more,
                                {"flags": 1, "bc_queue_len": 2000}, ifindex=4242,
                                flags=n.IFF_UP))
    link = box.links()["eth0"]
    assert result.ifindex == link["ifindex"] == 4242
    assert (link["address"], link["mtu"], link["txqlen"]) == ("02:00:00:00:00:77", 1400, 500)
    assert (link["group"], link["num_tx_queues"], link["num_rx_queues"]) == ("42", 4, 2)
    assert (link["gso_max_size"], link["gso_max_segs"]) == (32768, 100)
    assert {"UP", "LOWER_UP"} <= set(link["flags"])
    assert info(link)["mode"] == "private"
    assert info(link)["bcqueuelen"] == 2000
    assert "nopromisc" in box.ip("-details", "link", "show", "eth0")


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa"])
def test_default_modes(bound, mode):
    s, box = bound
    create(s, newlink("eth0", mode))
    assert info(box.links()["eth0"])["mode"] == mode


@pytest.mark.parametrize("flags", [0, 1, 2, 3])
def test_macvlan_flags(bound, flags):
    s, box = bound
    create(s, newlink("eth0", data={"flags": flags}))
    text = box.ip("-details", "link", "show", "eth0")
    assert ("nopromisc" in text, "nodst" in text) == (bool(flags & 1), bool(flags & 2))


def test_interface_flags(bound):
    s, box = bound
    create(s, newlink("a0", flags=n.IFF_UP), newlink("a1", flags=0, change=n.IFF_UP),
           newlink("a2", flags=n.IFF_NOARP), newlink("a3", flags=0, change=n.IFF_MULTICAST))
    links = box.links()
    assert "UP" in links["a0"]["flags"]
    assert "UP" not in links["a1"]["flags"]
    assert "NOARP" in links["a2"]["flags"]
    assert "MULTICAST" not in links["a3"]["flags"]


@pytest.mark.parametrize("name", ["a", "x" * 15, "eth0.100", "a,b", 'a"b', "a=b", "a\\b", "a'b",
                                  "#", "~", "-x", "mv@0"])
def test_names(bound, name):
    s, box = bound
    create(s, newlink(name))
    assert name in box.links()


@pytest.mark.parametrize("mtu", [68, 576, 1499, 1500])
def test_mtu(bound, mtu):
    s, box = bound
    create(s, newlink("eth0", mtu=mtu))
    assert box.links()["eth0"]["mtu"] == mtu


def test_as_many_as_one_message_holds(bound):
    """128 in one message, each exactly as it was asked for, all of them UP."""
    s, box = bound
    macs = [f"02:00:00:00:01:{i:02x}" for i in range(128)]
    results = create(s, *[newlink(f"mv{i}", address=macs[i], ifindex=1000 + i, flags=n.IFF_UP)
                          for i in range(128)])
    assert [r.ifindex for r in results] == [1000 + i for i in range(128)]
    links = box.links()
    assert len(links) == 129
    for i in range(128):
        link = links[f"mv{i}"]
        assert (link["ifindex"], link["address"]) == (1000 + i, macs[i])
        assert "UP" in link["flags"]


def test_many_messages(bound):
    s, box = bound
    for i in range(100):
        create(s, newlink(f"mv{i}"))
    assert len(box.links()) == 101


def old_kernel():
    return tuple(map(int, os.uname().release.split(".")[:2])) < (6, 15)


@pytest.mark.parametrize("kind", ["macvlan", "veth"])
def test_index_of_a_device_of_the_host(own_host, session, container, user1, kind):
    """Without NLM_F_EXCL the kernel would rename that device and move it into the container,
    or say that it cannot."""
    box = container(user1)
    s = session(host=own_host).ready(box)
    if kind == "macvlan":
        own_host.ip("link", "add", "mine0", "link", "par0", "index", "4242", "type", "macvlan")
    else:
        own_host.ip("link", "add", "mine0", "index", "4242", "type", "veth", "peer", "mine1")
    before = own_host.links()
    reply = s.create(("par0", newlink("eth0", ifindex=4242)))
    assert own_host.links() == before
    if old_kernel():
        assert reply.error == errno.EEXIST
    else:
        assert reply.error == 0
        assert box.links()["eth0"]["ifindex"] == 4242


def test_name_of_a_device_of_the_host(bound, unchanged):
    s, box = bound
    with unchanged():
        create(s, newlink("par0", ifindex=50))
    assert info(box.links()["par0"])["mode"] == "bridge"


def test_failure_in_the_middle(bound):
    """What was made before stays and is reported; the rest is not tried."""
    s, box = bound
    mac = "02:00:00:00:00:01"
    links = [newlink("a0", address=mac, flags=n.IFF_UP, ifindex=10), newlink("a1", ifindex=11),
             newlink("a2", address=mac, flags=n.IFF_UP, ifindex=12), newlink("a3", ifindex=13),
             newlink("a4", ifindex=14)]
    reply = s.create(*[("par0", data) for data in links])
    assert reply.error == errno.EADDRINUSE
    assert [(r.error, r.ifindex) for r in reply.link_create.results] == [
        (0, 10), (0, 11), (errno.EADDRINUSE, 0), (errno.ECANCELED, 0), (errno.ECANCELED, 0)]
    assert list(box.links()) == ["lo", "a0", "a1"]
    assert s.audit()[-1]["verdict"] == "failed"
    assert s.audit()[-1]["made"] == "2"
    create(s, *links[3:])


def test_extended_ack_is_passed_on(bound):
    """The kernel's own text about why."""
    s, _ = bound
    create(s, newlink("a0", "bridge"))
    reply = s.create(("par0", newlink("a0", "bridge")))
    assert reply.error == errno.EEXIST
    reply = s.create(("par0", newlink("a1", mtu=9000)))
    assert reply.error == errno.EINVAL


def test_the_containers_root_has_it(bound):
    """It is the container's like any other: root there may set it up, and delete it."""
    s, box = bound
    create(s, newlink("eth0"))
    box.run_inside("ip", "link", "set", "eth0", "up", "alias", "mine")
    box.run_inside("ip", "link", "del", "eth0")
    assert list(box.links()) == ["lo"]


def test_it_reaches_the_lan(bound, lan):
    """Packets go through the parent to the other end."""
    s, box = bound
    create(s, newlink("eth0", flags=n.IFF_UP))
    lan.ip("address", "replace", "192.0.2.1/24", "dev", "par0p")
    box.run_inside("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
    box.run("ping", "-c1", "-w60", "192.0.2.1")


def test_two_sessions_at_once(session, container, user1, user2):
    boxes = container(user1), container(user2)
    sessions = [session(user=box.user).ready(box) for box in boxes]
    for i in range(10):
        for s in sessions:
            create(s, newlink(f"mv{i}", ifindex=100 + i, flags=n.IFF_UP))
    assert [len(box.links()) for box in boxes] == [11, 11]


def test_more_than_one_parent(own_host, procs, session, container, user1):
    namespaces.connect(own_host, namespaces.Netns(procs), "par1")
    box = container(user1)
    s = session(host=own_host, options=("--allow-parent", "par0", "--allow-parent=par1")).ready(box)
    assert s.create(("par0", newlink("a0")), ("par1", newlink("a1")),
                    ("par0", newlink("a2"))).error == 0
    parents = {name: link["ifindex"] for name, link in own_host.links().items()}
    assert [box.links()[name]["link_index"] for name in ("a0", "a1", "a2")] == [
        parents["par0"], parents["par1"], parents["par0"]]


def test_parent_is_a_bridge(own_host, session, container, user1):
    own_host.batch("link add br0 type bridge", "link set br0 up")
    box = container(user1)
    s = session(host=own_host, options=("--allow-parent", "br0")).ready(box)
    assert s.create(("br0", newlink("eth0", flags=n.IFF_UP))).error == 0
    assert "UP" in box.links()["eth0"]["flags"]
