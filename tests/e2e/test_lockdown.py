"""E8 and E9: what a session process is, from outside, and what it asks of the kernel."""
import os
import re
import signal
import subprocess

import pytest

import nlmsg as n
from conftest import SOURCE, TESTS
from namespaces import status_of
from netcr_client import PYTHON
from nlmsg import newlink

NET_ADMIN = "0000000000001000"
NOTHING = "0000000000000000"


def status(s):
    return status_of(s.pid)


# --- E9


def test_E9_capabilities_and_confinement(bound):
    s, _ = bound
    now = status(s)
    assert {k: now[k] for k in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {
        "CapEff": NET_ADMIN, "CapPrm": NET_ADMIN, "CapBnd": NOTHING, "CapInh": NOTHING,
        "CapAmb": NOTHING}
    assert (now["NoNewPrivs"], now["Seccomp"], now["Seccomp_filters"]) == ("1", "2", "1")
    assert now["Groups"] == ""
    assert now["Threads"] == "1"
    assert now["Name"] == "netcr-session"


def test_E9_uid_that_is_nobodys(bound, user1):
    """All four of each are one that is neither root's, nor the user's, nor nobody's."""
    s, _ = bound
    now = status(s)
    for key in ("Uid", "Gid"):
        ids = set(now[key].split())
        assert len(ids) == 1
        assert not ids & {"0", "65534", str(user1.uid), str(user1.gid)}


def test_E9_not_dumpable(bound):
    """Then its files in /proc are root's (proc(5)), whoever it runs as."""
    s, _ = bound
    assert os.stat(f"/proc/{s.pid}/environ").st_uid == 0
    with open(f"/proc/{s.pid}/limits") as f:
        limits = f.read()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert re.search(r"Max open files +48 +48 ", limits)


def test_E9_descriptors(session, container, user1, host):
    """0-2, the session, its own netns, an rtnetlink socket; once bound, two of the target."""
    box = container(user1)
    s = session()
    fds = s.fds()
    assert len(fds) == 6
    assert fds[0] == fds[1] == "/dev/null"
    kinds = sorted(what.split(":")[0] for fd, what in fds.items() if fd > 2)
    assert kinds == ["net", "socket", "socket"]
    assert f"net:[{host.inode()}]" in fds.values()
    before = set(fds.values())
    s.ready(box)
    new = [what for what in s.fds().values() if what not in before]
    assert sorted(what.split(":")[0] for what in new) == ["net", "socket"]
    assert f"net:[{box.inode()}]" in new
    s.create(("par0", newlink("eth0")))
    s.nsid(-1)
    assert len(s.fds()) == 8


def test_E9_every_descriptor_is_close_on_exec(bound):
    s, _ = bound
    for fd in s.fds():
        if fd > 2:
            with open(f"/proc/{s.pid}/fdinfo/{fd}") as f:
                flags = int(re.search(r"flags:\s+(\d+)", f.read()).group(1), 8)
            assert flags & os.O_CLOEXEC, fd


def test_E9_no_terminal_and_no_place(bound):
    """In a session of its own, in the root directory; not a member of the command's group."""
    s, _ = bound
    assert os.getsid(s.pid) == s.pid == os.getpgid(s.pid)
    assert os.readlink(f"/proc/{s.pid}/cwd") == "/"


def test_E9_the_command_has_nothing(session, user1):
    s = session()
    about = s.agent.about()
    for key in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert about["status"][key] == NOTHING
    assert about["ids"] == [[user1.uid] * 3, [user1.gid] * 3, [user1.gid]]


# --- E8


ATTEMPTS = {
    "mem": "os.open(f'/proc/{pid}/mem', os.O_RDONLY)",
    "fd": "os.listdir(f'/proc/{pid}/fd')",
    "environ": "os.open(f'/proc/{pid}/environ', os.O_RDONLY)",
    "ns": "os.open(f'/proc/{pid}/ns/net', os.O_RDONLY)",
    "maps": "os.open(f'/proc/{pid}/maps', os.O_RDONLY)",
    "ptrace": "(lambda r: r if r >= 0 else raise_(ctypes.get_errno()))"
              "(libc.ptrace(16, pid, None, None))",  # PTRACE_ATTACH
    "seize": "(lambda r: r if r >= 0 else raise_(ctypes.get_errno()))"
             "(libc.ptrace(0x4206, pid, None, None))",
    "pidfd_getfd": "(lambda r: r if r >= 0 else raise_(ctypes.get_errno()))"
                   "(libc.syscall(438, os.pidfd_open(pid), 3, 0))",
    "process_vm_readv": "(lambda r: r if r >= 0 else raise_(ctypes.get_errno()))"
                        "(libc.process_vm_readv(pid, struct.pack('=QQ', 4096, 8), 1, "
                        "struct.pack('=QQ', 4096, 8), 1, 0))",
}
OTHER_UID_ONLY = {
    "kill": "os.kill(pid, 0)",
    "stop": "os.kill(pid, 19)",
    "limit": "__import__('resource').prlimit(pid, 7, (3, 3))",
    "priority": "os.setpriority(os.PRIO_PROCESS, pid, 10)",
}


def attempt(agent, pid, source):
    """@source as the agent, with `pid` and raise_() there. It must not be allowed."""
    agent.evaluate("globals().update(raise_=lambda e: (_ for _ in ()).throw(OSError(e, '')))")
    agent.evaluate(f"globals().update(pid={pid})")
    with pytest.raises(PermissionError):
        agent.evaluate(source)


@pytest.mark.parametrize("what", [*ATTEMPTS, *OTHER_UID_ONLY])
def test_E8_the_worker_cannot_touch_its_session(session, what):
    s = session()
    attempt(s.agent, s.pid, (ATTEMPTS | OTHER_UID_ONLY)[what])
    assert s.hello().error == 0


@pytest.mark.parametrize("what", [*ATTEMPTS, *OTHER_UID_ONLY])
def test_E8_nor_that_of_another_user(session, user2, what):
    s, other = session(), session(user=user2)
    attempt(other.agent, s.pid, (ATTEMPTS | OTHER_UID_ONLY)[what])
    assert s.hello().error == 0


@pytest.mark.parametrize("what", ATTEMPTS)
def test_E8_nor_where_it_has_the_users_uid(session, with_file_caps, user1, what):
    """With file capabilities it stays the user's process; undumpable, it is closed to the user
    (who may stop, end and limit it: that is the user's own loss)."""
    s = session(broker=with_file_caps, options=(), prefix=user1.argv(),
                env={"SUDO_UID": None, "SUDO_GID": None})
    assert status(s)["Uid"].split()[0] == str(user1.uid)
    attempt(s.agent, s.pid, ATTEMPTS[what])
    assert s.hello().error == 0


# --- what it asks of the kernel


def allowed_calls():
    with open(os.path.join(SOURCE, "seccomp", "broker_rules.c")) as f:
        return set(re.findall(r"\{ SCMP_SYS\((\w+)\)", f.read()))


def calls_after_lockdown(trace, pid):
    """The names of the system calls in a `strace -f` that @pid made under its filter."""
    calls, locked = [], False
    for line in trace.splitlines():
        who, _, rest = line.partition(" ")
        if int(who) != pid:
            continue
        rest = rest.strip()
        if locked:
            found = re.match(r"(?:<\.\.\. )?(\w+)(?:\(| resumed)", rest)
            if found:
                calls.append(found.group(1))
        elif re.match(r"seccomp\(SECCOMP_SET_MODE_FILTER.* = 0$", rest):
            locked = True
    assert locked, "no filter was loaded"
    return set(calls)


@pytest.mark.no_sanitizer
def test_calls_of_a_whole_session(session, container, user1, tmp_path):
    """All that it does, refusals and failures included, is within the list."""
    trace = tmp_path / "trace"
    box = container(user1)
    s = session(prefix=["strace", "-f", "-qq", "-o", str(trace)])
    s.ready(box)
    s.nsid(31)
    s.nsid(-1)
    s.nsid(5)
    s.create(*[("par0", newlink(f"mv{i}", flags=n.IFF_UP)) for i in range(5)])
    s.create(("par0", newlink("mv0")))
    s.create(("nosuch", newlink("x")))
    s.create(("par0", newlink("a/b")))
    s.send_signal(signal.SIGSTOP)
    s.send_signal(signal.SIGCONT)
    s.nsid(-1)
    pid = s.pid
    s.breach(b"junk")
    s.close()
    calls = calls_after_lockdown(trace.read_text(), pid)
    assert calls - {"exit_group"} - {"restart_syscall"} <= allowed_calls()
    assert {"recvmsg", "sendmsg", "ppoll", "write", "ioctl", "fstat", "close"} <= calls
    assert {"openat", "open", "socket", "mmap", "brk", "execve", "clone"}.isdisjoint(calls)


@pytest.fixture(scope="session")
def malloc_spy(stage):
    path = os.path.join(stage, "malloc_spy.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-fno-builtin", "-o", path,
                    os.path.join(TESTS, "lib", "malloc_spy.c")], check=True)
    os.chmod(path, 0o755)
    return path


@pytest.mark.no_sanitizer
def test_no_memory_from_the_heap(session, container, user1, malloc_spy):
    """The largest requests, and all kinds of answers."""
    s = session(env={"LD_PRELOAD": malloc_spy}).ready(container(user1))
    assert re.search(r"malloc-spy: [1-9]\d* before", s.stderr()), "the spy is there"
    assert s.nsid(31).error == 0
    reply = s.create(*[("par0", newlink(f"mv{i}", address=f"02:00:00:00:03:{i:02x}",
                                        ifindex=1000 + i, flags=n.IFF_UP)) for i in range(128)])
    assert reply.error == 0
    s.create(*[("par0", b"")] * 128)
    s.create(*[("par0", newlink())] * 129)
    s.create(("nosuch", newlink("x")))
    s.create(("par0", newlink("mv0")))
    s.nsid(32)
    s.breach(bytes(65536))


@pytest.mark.no_sanitizer
def test_an_allocation_would_be_noticed(malloc_spy):
    """The spy at another program, which does allocate after seccomp_load()."""
    code = "import ctypes; ctypes.CDLL(None).seccomp_load(None); print([object()] * 10000)"
    done = subprocess.run([PYTHON, "-I", "-S", "-c", code], capture_output=True, check=False,
                          env={"LD_PRELOAD": f"{malloc_spy} libseccomp.so.2"})
    assert (done.returncode, done.stdout) == (-signal.SIGILL, b"")


@pytest.mark.no_sanitizer
def test_memory_stays_what_it_is(bound):
    s, _ = bound
    for _ in range(5):
        s.create(*[("par0", b"")] * 128)
    before = s.rss()
    for _ in range(300):
        s.create(*[("par0", b"")] * 128)
    assert s.rss() - before < 64 * 1024


def test_the_list_can_be_read():
    assert len(allowed_calls()) > 10 and "recvmsg" in allowed_calls()
