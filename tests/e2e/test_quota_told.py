"""What a session tells of its user's own use: as it is counted, and nothing of anybody else's."""
import contextlib
import errno
import json
import os

import pytest

import namespaces
import netcr_client
from nlmsg import newlink
from test_quota import forget

MINE = "[rule {name}]\nuser = {user}\nparent = {parent}\n"


@pytest.fixture
def conf(stage, procs, own_host):
    """conf(text): the path of a policy file. The ledger goes with the test."""
    path = os.path.join(stage, f"told-{os.getpid()}.conf")

    def write(text):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o644)
        return path

    def remove():
        forget(own_host)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    procs.at_end(remove)
    forget(own_host)  # that of an earlier namespace with the same number
    return write


@pytest.fixture
def start(session, own_host, procs):
    """start(user, options): a session that has been greeted."""
    forget(own_host)
    procs.at_end(lambda: forget(own_host))

    def run(user, *options, **kwargs):
        s = session(host=own_host, user=user, options=options, **kwargs)
        assert s.hello().error == 0
        return s
    return run


def told(s):
    """{parent: (used, limit, limit in a namespace)}; whether there is more has to be False."""
    reply = s.quota()
    assert reply.error == 0, errno.errorcode[reply.error]
    assert not reply.quota.more
    found = [(p.parent, (p.used, p.limit, p.limit_per_netns)) for p in reply.quota.parents]
    assert len(dict(found)) == len(found)
    return dict(found)


def make(s, *names, parent="par0"):
    return s.create(*[(parent, newlink(name)) for name in names]).error


def test_Q3_it_is_what_is_counted(start, container, user1, user2):
    """Over sessions and containers, before and after target-bind, and no more than that."""
    limits = ("--allow-parent", "par0", "--max-links", "5", "--max-links-per-netns", "4")
    first, second = container(user1), container(user1)
    assert told(start(user1, *limits)) == {"par0": (0, 5, 4)}
    s = start(user1, *limits)
    assert s.bind(first).error == 0
    assert make(s, "a0", "a1", "a2") == 0
    assert told(s) == {"par0": (3, 5, 4)}
    s = start(user1, *limits)
    assert s.bind(second).error == 0
    assert told(s) == {"par0": (3, 5, 4)}
    assert make(s, "b0", "b1", "b2") == errno.EDQUOT
    assert make(s, "b0", "b1") == 0
    assert told(start(user1, *limits)) == {"par0": (5, 5, 4)}
    first.run_inside("ip", "link", "del", "a0")
    assert told(start(user1, *limits)) == {"par0": (4, 5, 4)}
    assert make(s, "b2", "b3") == errno.EDQUOT
    assert told(start(user2, *limits)) == {"par0": (0, 5, 4)}


def test_only_what_the_user_may_use(start, conf, container, own_host, procs, path_of, user1,
                                   user2):
    """A parent that is denied, whatever name the rule has, another user's, one that is not there."""
    peer = namespaces.Netns(procs)
    for name in "one0", "two0", "three0", "four0":
        namespaces.connect(own_host, peer, name)
    own_host.ip("link", "property", "add", "dev", "two0", "altname", "second0")
    blue = namespaces.Netns(procs)
    namespaces.connect(blue, peer, "far0")
    path = conf(
        MINE.format(name="a", user=user1.name, parent="one0, two0, three0, gone0, blue/far0, par0") +
        "max-links = 7\n" +
        MINE.format(name="b", user=user1.name, parent="second0") + "deny = yes\n" +
        MINE.format(name="c", user=user2.name, parent="four0, one0") + "max-links = 3\n" +
        MINE.format(name="d", user=user1.name, parent="three0") + "deny = yes\nmode = vepa\n" +
        MINE.format(name="e", user=user1.name, parent="par0") +
        "deny = yes\nmode = bridge, private, vepa\n" +
        f"[netns blue]\npath = {path_of(blue)}\n")
    s = start(user1, "--policy", path)
    assert s.bind(container(user1)).error == 0
    assert make(s, "f0", parent="blue/far0") == 0
    assert make(s, "f1", parent="three0") == 0
    assert make(s, "f2", parent="two0") == errno.EPERM
    assert make(s, "f2", parent="par0") == errno.EPERM
    assert told(s) == {"one0": (0, 7, 0), "three0": (1, 7, 0), "blue/far0": (1, 7, 0)}
    assert told(start(user2, "--policy", path)) == {"four0": (0, 3, 0), "one0": (0, 3, 0)}


def test_one_device_is_told_once(start, conf, own_host, user1):
    own_host.ip("link", "property", "add", "dev", "par0", "altname", "second0")
    path = conf(MINE.format(name="a", user=user1.name, parent="second0, par0") + "max-links = 2\n" +
                MINE.format(name="b", user=user1.name, parent="par0") + "max-links = 9\n")
    assert told(start(user1, "--policy", path)) == {"second0": (0, 2, 0)}


def test_nothing_is_allowed_nothing_is_told(start, conf, user1):
    assert told(start(user1, "--policy", conf(""))) == {}


def test_more_than_fit(start, conf, user1):
    text = "".join(MINE.format(name=f"a{n}", user=user1.name, parent=", ".join(
        f"x{n}{i}" for i in range(8))) for n in range(8))
    assert told(start(user1, "--policy", conf(text))) == {}
    text += MINE.format(name="b", user=user1.name, parent="par0")
    reply = start(user1, "--policy", conf(text)).quota()
    assert (reply.error, len(reply.quota.parents), reply.quota.more) == (0, 0, True)


# --- hostile


def quota_bytes(number):
    return netcr_client.pb.Request(id=number, quota=netcr_client.pb.Quota()).SerializeToString()


def test_F6_quota_before_hello(session):
    s = session()
    s.breach(quota_bytes(1))


@pytest.mark.parametrize("bound", [False, True])
def test_F6_quota_twice(start, container, user1, bound):
    s = start(user1, "--allow-parent", "par0")
    assert told(s) == {"par0": (0, 0, 0)}
    if bound:
        assert s.bind(container(user1)).error == 0
    s.breach(quota_bytes(s.next_id))


@pytest.mark.parametrize("count", [1, 2])
def test_D1_quota_with_descriptors(start, user1, count):
    s = start(user1, "--allow-parent", "par0")
    fds = [s.agent.open_path("/dev/null") for _ in range(count)]
    s.breach(quota_bytes(2), fds)


@pytest.mark.parametrize("size", [1, 1000, 65000, 70000])
def test_P3_F2_quota_with_more_in_it(start, user1, size):
    """Unknown bytes, and more of them than a datagram may have."""
    s = start(user1, "--allow-parent", "par0")
    inside = netcr_client.pb.Link(parent="x" * size).SerializePartialToString()
    quota = netcr_client.pb.Quota.FromString(inside)
    s.breach(netcr_client.pb.Request(id=2, quota=quota).SerializeToString())


def test_damaged_ledger_is_no_zero(start, container, own_host, user1):
    limits = ("--allow-parent", "par0", "--max-links", "5")
    s = start(user1, *limits)
    assert s.bind(container(user1)).error == 0
    assert make(s, "a0") == 0
    with open(f"/run/netcr/ledger-{own_host.inode()}", "r+b") as f:
        f.truncate(25)
    reply = s.quota()
    assert (reply.error, reply.message) == (errno.EUCLEAN, "the broker's ledger is damaged")
    assert not reply.HasField("quota")
    assert s.audit()[-1]["verdict"] == "failed"


# --- netcr-worker check


def test_worker_says_it(own_host, conf, container, broker, worker, user1, start):
    path = conf(MINE.format(name="a", user=user1.name, parent="par0") +
                "max-links = 5\nmax-links-per-netns = 3\n")
    s = start(user1, "--policy", path)
    assert s.bind(container(user1)).error == 0
    assert make(s, "a0", "a1") == 0

    def check(*args):
        done = own_host.run(broker, "spawn", "--policy", path, "--", worker, "check", *args,
                            env=user1.sudo_env())
        return done.stdout
    assert json.loads(check("--json"))["parents"] == [
        {"parent": "par0", "used": 2, "limit": 5, "limit_per_netns": 3}]
    lines = [line.split() for line in check().splitlines()]
    at = lines.index(f"parents that uid {user1.uid} may use".split())
    assert lines[at + 1:] == [["par0", "2", "of", "5", "macvlans,", "3", "in", "a", "namespace"]]
    conf("")
    assert check().splitlines()[-1] == f"parents that uid {user1.uid} may use: none"
