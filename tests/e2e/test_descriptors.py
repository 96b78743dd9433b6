"""D and N: what may be bound, and whose it has to be.

Every refusal is the same EPERM without a text, and leaves the broker's descriptors as they were."""
import ctypes
import errno
import os
import signal
import socket
import subprocess

import pytest

import namespaces
from namespaces import Container, Netns, User
from netcr_client import AgentGone
from nlmsg import newlink

NETLINK_GENERIC = 16
SYS_PIDFD_GETFD = 438


def closes(s, before):
    """What was received is closed, if only after the reply."""
    namespaces.wait_until(lambda: s.fds() == before, "the broker has the descriptors it had")


def refuse(s, fds):
    """Bind @fds (the agent's) after hello: refused, and nothing stays open."""
    assert s.hello().error == 0
    before = s.fds()
    reply = s.bind(fds=fds)
    assert (reply.error, reply.message) == (errno.EPERM, "")
    closes(s, before)
    assert s.audit()[-1]["verdict"] == "denied"


# --- D


def test_D1_number_of_descriptors(session, container, user1, pb):
    box = container(user1)
    for n in (0, 1, 3, 4, 253):
        s = session()
        s.hello()
        fds = s.target_fds(box) * 127
        s.breach(s.encode(target_bind=pb.TargetBind()), fds[:n])


@pytest.mark.parametrize("n", [1, 2, 3, 253])
def test_D1_where_none_belongs(session, pb, n):
    s = session()
    null = s.agent.open_path("/dev/null")
    s.breach(s.encode(hello=pb.Hello(version_min=1, version_max=1)), [null] * n)


@pytest.mark.parametrize("op", ["nsid_alloc", "link_create"])
def test_D1_none_belongs_to_later_ops(bound, unchanged, pb, op):
    s, box = bound
    message = {"nsid_alloc": pb.NsidAlloc(nsid=-1),
               "link_create": pb.LinkCreate(links=[pb.Link(parent="par0", newlink=newlink())])}
    fds = s.target_fds(box)
    with unchanged(box):
        s.breach(s.encode(**{op: message[op]}), fds)


def rights(*fds):
    return [socket.SOL_SOCKET, socket.SCM_RIGHTS,
            b"".join(fd.to_bytes(4, "little") for fd in fds).hex()]


def test_D2_two_control_messages(session, container, user1, pb):
    """The kernel makes one of them, so what counts is the sum."""
    box = container(user1)
    s = session()
    s.hello()
    netns, rtnl = s.target_fds(box)
    s.agent.send_cmsgs(s.encode(target_bind=pb.TargetBind()).hex(), [rights(netns), rights(rtnl)])
    assert s.reply().error == 0

    s = session()
    s.hello()
    netns, rtnl = s.target_fds(box)
    s.agent.send_cmsgs(s.encode(target_bind=pb.TargetBind()).hex(),
                       [rights(netns, rtnl), rights(netns, rtnl)])
    s.breached()


@pytest.mark.parametrize("room", [0, 1])
def test_D3_no_room_for_descriptors(session, container, user1, pb, room):
    """Whoever has the session's uid may lower its limit: then descriptors get lost on the way."""
    box = container(user1)
    s = session()
    s.hello()
    # The kernel looks for the lowest free number, and compares that with the limit.
    limit = max(s.fds()) + 1 + room
    free = sum(1 for fd in range(limit) if fd not in s.fds())
    assert free >= room
    limit -= free - room
    account = User.of(int(namespaces.status_of(s.pid)["Uid"].split()[0]),
                      int(namespaces.status_of(s.pid)["Gid"].split()[0]))
    subprocess.run(account.argv("prlimit", f"--pid={s.pid}", f"--nofile={limit}"),
                              check=True)
    s.breach(s.encode(target_bind=pb.TargetBind()), s.target_fds(box))


# What an agent can come by, as expressions that it evaluates to a descriptor.
KINDS = {
    "regular file": "os.open('/etc/passwd', os.O_RDONLY)",
    "directory": "os.open('/', os.O_RDONLY)",
    "device": "os.open('/dev/null', os.O_RDWR)",
    "pipe": "os.pipe()[0]",
    "epoll": "[e := select.epoll(), os.dup(e.fileno())][1]",
    "eventfd": "os.eventfd(0)",
    "memfd": "os.memfd_create('x')",
    "pidfd": "os.pidfd_open(os.getpid())",
    "unix socket": "socket.socketpair()[0].detach()",
    "tcp socket": "socket.socket().detach()",
    "directory of proc": "os.open('/proc/self/ns', os.O_RDONLY)",
    **{f"{name} namespace": f"os.open('/proc/self/ns/{name}', os.O_RDONLY)"
       for name in ("user", "mnt", "pid", "pid_for_children", "uts", "ipc", "cgroup", "time")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_D4_not_a_netns(session, container, user1, kind):
    s = session()
    rtnl = s.agent.netlink(container(user1).pid)
    refuse(s, [s.agent.evaluate(KINDS[kind]), rtnl])


@pytest.mark.parametrize("kind", KINDS)
def test_D4_not_an_rtnetlink_socket(session, container, user1, kind):
    s = session()
    netns = s.agent.ns_fd(container(user1).pid)
    refuse(s, [netns, s.agent.evaluate(KINDS[kind])])


def test_D4_the_containers_user_namespace(session, container, user1):
    s, box = session(), container(user1)
    refuse(s, [s.agent.ns_fd(box.pid, "user"), s.agent.netlink(box.pid)])


def test_D4_in_the_wrong_order(session, container, user1):
    s = session()
    refuse(s, s.target_fds(container(user1))[::-1])


def test_D5_o_path(session, container, user1):
    s, box = session(), container(user1)
    netns = s.agent.open_path(f"/proc/{box.pid}/ns/net", os.O_PATH)
    refuse(s, [netns, s.agent.netlink(box.pid)])


def test_D6_the_session_itself(session):
    s = session()
    assert s.hello().error == 0
    before = s.fds()
    reply = s.request([3, 3], target_bind={})
    assert reply.error == errno.EPERM
    closes(s, before)


def test_D6_own_end_does_not_keep_the_session(session, pb):
    """The worker's end, on its way to the broker when the worker closes it."""
    s = session()
    assert s.hello().error == 0
    s.agent.send(s.encode(target_bind=pb.TargetBind()).hex(), [3, 3])
    s.requests += 1
    s.agent.hang_up()
    assert s.wait() == 0


def test_D6_cycle_of_sockets(session, pb):
    """A socket whose queue holds itself: closing it here must not keep the broker's end open."""
    s = session()
    assert s.hello().error == 0
    before = s.fds()
    fd = s.agent.evaluate("[p := socket.socketpair(), socket.send_fds(p[0], [b'x'], "
                          "[p[1].fileno()]), p[0].close(), p[1].detach()][3]")
    assert s.bind(fds=[fd, fd]).error == errno.EPERM
    closes(s, before)


@pytest.mark.parametrize("what", [
    "[os.mkfifo(p := f'/tmp/netcr-fifo-{os.getpid()}'), os.open(p, os.O_RDWR), os.unlink(p)][1]",
    "os.openpty()[0]", "os.openpty()[1]"])
@pytest.mark.parametrize("place", [0, 1])
def test_D7_what_may_keep_one_waiting(session, container, user1, what, place):
    """Nothing is asked of it that could: it is no namespace, and no socket."""
    s = session()
    fds = s.target_fds(container(user1))
    fds[place] = s.agent.evaluate(what)
    refuse(s, fds)


def test_D8_closed_after_sending(bound):
    """Session.bind() has closed the agent's, so this is the broker's own."""
    s, box = bound
    assert s.nsid(5).nsid_alloc.nsid == 5
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert "eth0" in box.links()


def test_D8_number_taken_by_another_netns(session, container, user1):
    """The agent's number means another netns while the broker works: that is no matter."""
    s, box, other = session(), container(user1), container(user1)
    s.hello()
    netns, rtnl = s.target_fds(box)
    again = s.agent.ns_fd(other.pid)
    assert s.request([netns, rtnl], target_bind={}).error == 0
    s.agent.evaluate(f"os.dup2({again}, {netns})")
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert "eth0" in box.links() and "eth0" not in other.links()


def test_D10_another_family_of_netlink(session, container, user1):
    s, box = session(), container(user1)
    refuse(s, [s.agent.ns_fd(box.pid), s.agent.netlink(box.pid, NETLINK_GENERIC)])


def test_D10_socket_of_the_host(session, container, user1):
    s, box = session(), container(user1)
    own = s.agent.evaluate("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).detach()")
    refuse(s, [s.agent.ns_fd(box.pid), own])


def test_D10_socket_of_another_container(session, container, user1):
    s, box, other = session(), container(user1), container(user1)
    refuse(s, [s.agent.ns_fd(box.pid), s.agent.netlink(other.pid)])


def test_D10_unbound_socket(session, container, user1):
    s, box = session(), container(user1)
    s.hello()
    fds = [s.agent.ns_fd(box.pid), s.agent.netlink(box.pid, 0, False)]
    assert s.bind(fds=fds).error == 0
    assert s.nsid(7).nsid_alloc.nsid == 7


def with_option(s, rtnl, *calls):
    """Bend the agent's socket @rtnl by expressions over `k`."""
    return s.agent.evaluate(f"[k := socket.socket(fileno={rtnl}), {', '.join(calls)}, "
                            "k.detach()] and None")


SOL_NETLINK = 270


@pytest.mark.parametrize("calls", [
    ["k.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0)"],
    [f"k.setsockopt({SOL_NETLINK}, {option}, 1)" for option in (1, 3, 4, 8, 10, 11, 12)],
    ["k.setblocking(True)"],
], ids=["small buffer", "options", "blocking"])
def test_D10_socket_with_oddities(session, container, user1, calls):
    """Whatever it answers, it answers, and links do not depend on the worker's socket."""
    s, box = session(), container(user1)
    s.hello()
    fds = s.target_fds(box)
    with_option(s, fds[1], *calls)
    assert s.bind(fds=fds).error == 0
    s.nsid(9)
    assert s.create(("par0", newlink("eth0"))).error == 0


def test_D10_socket_that_gets_no_answer(session, container, user1, user2, pb):
    """A socket connected to somebody else: the kernel's answer does not reach it. The wait is
    bounded, and the session's own: another one is served."""
    s, box = session(), container(user1)
    s.hello()
    fds = s.target_fds(box)
    with_option(s, fds[1], "k.connect((12345, 0))")
    assert s.bind(fds=fds).error == 0
    s.agent.send(s.encode(nsid_alloc=pb.NsidAlloc(nsid=9)).hex())
    other = session(user=user2).ready(container(user2))
    assert other.create(("par0", newlink("eth0"))).error == 0
    assert s.agent.recv(0) == {"timeout": True}
    # It would be half a minute; that is not worth a test's time.
    s.send_signal(signal.SIGKILL)
    s.expect_status = -signal.SIGKILL


def test_D10_full_receive_queue(session, container, user1):
    """Events that nobody reads fill the socket: an error at most, and no wait."""
    s, box = session(), container(user1)
    s.hello()
    fds = s.target_fds(box)
    with_option(s, fds[1], "k.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)",
                "k.setsockopt(270, 1, 1)")
    assert s.bind(fds=fds).error == 0
    box.batch(*[f"link add v{i} type veth peer name w{i}" for i in range(20)])
    assert s.nsid(9).error in (0, errno.ENOBUFS)
    assert s.create(("par0", newlink("eth0"))).error == 0


# --- N


def refuse_ns(s, ns, pid_is_agents=False):
    """@ns is refused, though the worker has every descriptor that it takes."""
    if pid_is_agents:
        refuse(s, s.target_fds(ns))
        return
    netns, rtnl = ns.open(), ns.netlink()
    fds = s.agent.give(netns, rtnl.fileno())
    os.close(netns)
    rtnl.close()
    refuse(s, fds)


def test_N1_the_brokers_own(session):
    """The worker runs in it, so it has it."""
    s = session()
    own = s.agent.open_path("/proc/self/ns/net")
    rtnl = s.agent.evaluate("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).detach()")
    refuse(s, [own, rtnl])


def test_N1_the_machines(session):
    s = session()
    with pytest.raises(PermissionError):
        s.agent.open_path("/proc/1/ns/net")
    netns = os.open("/proc/self/ns/net", os.O_RDONLY)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as rtnl:
        fds = s.agent.give(netns, rtnl.fileno())
    os.close(netns)
    refuse(s, fds)


def test_N2_owned_by_init(session, lan):
    refuse_ns(session(), lan)


@pytest.fixture
def root():
    """Root, who has not come by sudo."""
    return User.of(0, 0, "/root")


NO_SUDO = {"SUDO_UID": None, "SUDO_GID": None}


def test_N2_owned_by_init_for_root(session, root, procs):
    ns = Netns(procs)
    s = session(user=root, env=NO_SUDO)
    assert s.hello().hello.uid == 0
    netns = ns.open()
    rtnl = ns.netlink()
    assert s.bind(fds=s.agent.give(netns, rtnl.fileno())).error == 0
    os.close(netns)
    rtnl.close()
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert "eth0" in ns.links()


def test_N2_owned_by_init_for_root_without_a_rule(session, root, procs):
    refuse_ns(session(user=root, env=NO_SUDO, options=()), Netns(procs))


def test_N2_root_may_not_bind_a_users(session, root, container, user1):
    """By this door uid 0 is a user like others: the owner is somebody else."""
    refuse_ns(session(user=root, env=NO_SUDO), container(user1))


def test_N3_of_another_user(session, container, user1, user2):
    refuse_ns(session(user=user1), container(user2))
    refuse_ns(session(user=user2), container(user1))


def test_N4_nested_user_namespace_of_a_subordinate_uid(session, procs, user1, user2):
    nested = ["setpriv", "--reuid=5", "--regid=5", "--clear-groups", "--", "unshare", "-Urn"]
    box = Container(procs, user1, subids=True, then=nested)
    refuse_ns(session(user=user2), box)
    s = session(user=user1)
    s.hello()
    netns, rtnl = box.open(), box.netlink()
    assert s.bind(fds=s.agent.give(netns, rtnl.fileno())).error == 0
    os.close(netns)
    rtnl.close()
    assert s.create(("par0", newlink("eth0"))).error == 0


@pytest.fixture
def of_user2_inside_user1s(procs, user1, user2):
    """A namespace of user2's in a user namespace of user1's, into which root has mapped both."""
    outer = procs.start(user1.argv("unshare", "-U", "cat"), stdin=subprocess.PIPE)
    namespaces.wait_until(lambda: namespaces.comm(outer.pid) == "cat", "the holder runs")
    for name in ("uid", "gid"):
        ids = (getattr(user1, name), getattr(user2, name))
        with open(f"/proc/{outer.pid}/{name}_map", "w") as f:
            f.write(f"0 {ids[0]} 1\n1 {ids[1]} 1\n")
    return Netns(procs, ["nsenter", f"--target={outer.pid}", "--user", "--setuid=1",
                         "--setgid=1", "unshare", "-Urn"])


def bind_given(s, ns):
    s.hello()
    netns, rtnl = ns.open(), ns.netlink()
    reply = s.bind(fds=s.agent.give(netns, rtnl.fileno()))
    os.close(netns)
    rtnl.close()
    return reply


def test_N5_one_user_inside_another(session, of_user2_inside_user1s, user1, user2):
    """It is user2's own, and within what is user1's; a third has no part in it."""
    ns = of_user2_inside_user1s
    assert bind_given(session(user=user2), ns).error == 0
    assert bind_given(session(user=user1), ns).error == 0
    assert bind_given(session(user=User.of(54321, 54321)), ns).error == errno.EPERM


def test_N6_as_deep_as_the_kernel_goes(session, procs, user1, user2):
    """33 levels, all but the uppermost of which belong to a subordinate uid."""
    deeper = ["setpriv", "--reuid=5", "--regid=5", "--clear-groups", "--"]
    deeper += ["unshare", "-Ur"] * 31 + ["unshare", "-Urn"]
    box = Container(procs, user1, subids=True, then=deeper)
    assert bind_given(session(user=user1), box).error == 0
    refuse_ns(session(user=user2), box)


def test_N6_one_level_deeper_is_not_possible(user1):
    """If it were, the bound of the walk would have to grow."""
    def nest(levels):
        return subprocess.run(user1.argv(*["unshare", "-Ur"] * levels, "true"),
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert nest(33) and not nest(34)


def test_N7_made_by_root_for_a_user(session, procs, user1):
    """The owner is who made it, not who is mapped into it."""
    outer = procs.start(["unshare", "-Un", "cat"], stdin=subprocess.PIPE)
    namespaces.wait_until(lambda: namespaces.comm(outer.pid) == "cat", "the holder runs")
    for name in ("uid", "gid"):
        with open(f"/proc/{outer.pid}/{name}_map", "w") as f:
            f.write(f"0 {getattr(user1, name)} 1\n")
    ns = Netns.__new__(Netns)
    ns.holder = outer
    refuse_ns(session(user=user1), ns)


@pytest.mark.parametrize("uid", [2**31 + 1, 2**32 - 2])
def test_N9_large_uids_are_not_negative(session, container, user1, uid):
    s = session(user=User.of(uid, 2**31 + 7))
    assert s.hello().hello.uid == uid
    assert s.audit()[-1]["uid"] == str(uid)
    box = container(user1)
    netns, rtnl = box.open(), box.netlink()
    assert s.bind(fds=s.agent.give(netns, rtnl.fileno())).error == errno.EPERM
    os.close(netns)
    rtnl.close()


@pytest.mark.parametrize("uid, gid", [
    ("65534", "1000"), ("4294967295", "1000"), ("4294967296", "1000"), ("-1", "1000"),
    ("", "1000"), ("1000 ", "1000"), ("0x3e8", "1000"), ("1000", "4294967295"),
    ("1000", None), (None, "1000"), ("99999999999999999999", "1000"), ("root", "root"),
])
def test_N9_uids_that_make_no_sense(run_broker, uid, gid):
    env = {k: v for k, v in (("SUDO_UID", uid), ("SUDO_GID", gid)) if v is not None}
    done = run_broker("spawn", "--allow-parent", "par0", "--", "/bin/echo", "ran",
                      env={"PATH": "/bin"} | env)
    assert (done.returncode, done.stdout) == (77, "")
    assert "SUDO_UID" in done.stderr


def test_N11_socket_in_the_hands_of_root(session, lan, pb):
    """A process of root's that has the worker's socket acts for the worker's user all the same
    (N12: nobody asks the socket who its peer is)."""
    s = session()
    s.hello()
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(s.proc.pid)
    fd = libc.syscall(SYS_PIDFD_GETFD, pidfd, 3, 0)
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    netns = lan.open()
    with socket.socket(fileno=fd) as sock, lan.netlink() as rtnl:
        socket.send_fds(sock, [s.encode(target_bind=pb.TargetBind())], [netns, rtnl.fileno()])
        reply = pb.Reply.FromString(sock.recv(4096))
    os.close(netns)
    s.requests += 1
    assert reply.error == errno.EPERM


def test_N13_only_the_broker_holds_the_target(bound, host):
    """The namespace lives as long as the session, and takes its links along."""
    s, box = bound
    assert s.create(("par0", newlink("eth0"))).error == 0
    box.close()
    reply = s.create(("par0", newlink("eth1")))
    assert reply.error == 0
    before = s.fds()
    assert sum(1 for what in before.values() if what.startswith("net:")) == 2
    s.close()
    assert "par0" in host.links()


def test_N13_worker_killed(bound):
    s, _ = bound
    s.proc.send_signal(signal.SIGKILL)
    with pytest.raises(AgentGone):
        s.agent.about()
    assert s.wait() == 0
