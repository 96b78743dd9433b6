"""E1 to E10 where a policy file rules, by spawn and by serve: from where and how the broker is
started. What only spawn has is in test_environment.py, what only serve has in test_serve_start.py.
"""
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

import netcr_client
from conftest import TESTS
from inject import INT80, call_in
from modes import rule, write
from namespaces import status_of, wait_until
from netcr_client import PYTHON, audit_lines
from nlmsg import IFF_UP, newlink
from test_environment import HOSTILE_STARTER, RESET, shell

NET_ADMIN, NOTHING = "0000000000001000", "0000000000000000"


def works(start, user, box, **kwargs):
    """A whole session does what it should, and refuses what it should."""
    s = start(user, **kwargs)
    s.ready(box)
    assert s.create(("par1", newlink("eth1"))).error == errno.EPERM
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert set(box.links()) == {"lo", "eth0"}
    return s


def everyone(start, s):
    """The processes that there are for it."""
    return [s.pid] + ([start.service.pid] if start.service else [])


# --- E1: descriptors


def test_E1_junk_is_not_inherited(begin, container, user1):
    junk = "; ".join(f"exec {fd}</etc/passwd" for fd in (3, 4, 5, 6, 7, 10, 50, 200, 900))
    start = begin(rule(user1), prefix=shell(junk))
    s = works(start, user1, container(user1))
    for pid in everyone(start, s):
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert not [what for what in links if "passwd" in what]


def test_E1_closed_standard_descriptors(begin, container, user1):
    """The place of 0 to 2 is not taken by what the broker opens. (In spawn mode, 0 is the
    command's.)"""
    start = begin(rule(user1), prefix=shell("exec 1>&- 2>&-"))
    s = start(user1)
    s.expect_audit = False
    s.ready(container(user1))
    assert s.create(("par0", newlink("eth0"))).error == 0
    for pid in everyone(start, s):
        for fd in range(3):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"


# --- E2: arguments and environment


ODD = {"GLIBC_TUNABLES": "glibc.malloc.check=3:glibc.malloc.perturb=165", "MALLOC_PERTURB_": "165",
       "TZ": ":/etc/passwd", "LC_ALL": "de_DE.UTF-8", "LD_LIBRARY_PATH": "/nonexistent",
       "POSIXLY_CORRECT": "1", "NETCR_BROKER": "fd:0", "HOME": "/nonexistent", "IFS": "/",
       "RES_OPTIONS": "debug", "LOCALDOMAIN": "x" * 100_000}


@pytest.mark.no_sanitizer
def test_E2_environment_has_no_effect(begin, container, user1, user2):
    """Who asks is told by the kernel, or in spawn mode by sudo."""
    start = begin(rule(user1), env=ODD)
    works(start, user1, container(user1))
    s = start(user2).ready(container(user2))
    assert s.create(("par0", newlink("eth0"))).error == errno.EPERM


def test_E2_very_much_of_it(begin, container, user1):
    start = begin(rule(user1), env={f"JUNK{i}": "x" * 100_000 for i in range(15)})
    works(start, user1, container(user1))


# Says at the first of these calls what getenv() has of what a service manager passes.
SPY = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>
#include <dlfcn.h>
static void say(const char *when)
{
	static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET" };
	char line[256];
	int n = snprintf(line, sizeof(line), "spy %s:", when);
	for (int i = 0; i < 4; i++)
		n += snprintf(line + n, sizeof(line) - n, " %s", getenv(names[i]) ? names[i] : "-");
	line[n++] = '\n';
	(void)!write(2, line, n);
}
__attribute__((constructor)) static void at_start(void) { say("start"); }
int seccomp_load(void *ctx)
{
	int (*real)(void *) = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");
	say("session");
	return real(ctx);
}
"""


@pytest.fixture(scope="session")
def env_spy(stage):
    code, library = os.path.join(stage, "env_spy.c"), os.path.join(stage, "env_spy.so")
    write(code, SPY)
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-o", library, code], check=True)
    os.chmod(library, 0o755)
    return library


@pytest.mark.no_sanitizer
def test_E2_E7_the_variables_are_taken_out(service, user1, conf_dir, env_spy):
    """What a service manager passes is there at the start (the spy sees it), and no more in a
    session, which has no use for the manager."""
    path, conf = os.path.join(conf_dir, "s"), write(os.path.join(conf_dir, "c"), rule(user1))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.bind(path)
        sock.listen(10)
        os.chmod(path, 0o666)
        svc = service(options=("--policy", conf), fds=[sock.fileno()], env={"LD_PRELOAD": env_spy},
                      variables={"LISTEN_PID": "%PID%", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x"})
        assert svc.session(user1, path=path).hello().error == 0
    assert "spy start: LISTEN_PID LISTEN_FDS LISTEN_FDNAMES NOTIFY_SOCKET\n" in svc.stderr()
    assert "spy session: - - - -\n" in svc.stderr()
    assert "LISTEN" not in svc.stderr().partition("spy session")[2]


# --- E3: limits


def test_E3_limits_that_it_resets(begin, container, user1):
    """(A limit of what a file may have ends it where stderr is one: it says that the policy is in
    force before it has a session, and signals are the starter's until then.)"""
    start = begin(rule(user1), prefix=["prlimit", "--nofile=64:1024", "--core=unlimited",
                                       "--cpu=1:unlimited", "--nproc=4096"])
    s = works(start, user1, container(user1))
    for pid in everyone(start, s):
        with open(f"/proc/{pid}/limits") as f:
            assert re.search(r"Max core file size +0 +0 ", f.read())


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("limit", ["--nofile=0:0", "--nofile=4:4", "--as=8388608:8388608",
                                   "--stack=65536:65536", "--data=4194304:4194304"])
@pytest.mark.parametrize("kind", ["spawn", "serve"])
def test_E3_too_little_to_start(run_broker, user1, conf_dir, kind, limit):
    """It ends with words, by no signal; or it works."""
    conf = write(os.path.join(conf_dir, "c"), rule(user1))
    more = ["--", "echo", "ran"] if kind == "spawn" else ["--socket", f"{conf_dir}/s"]
    done = run_broker(kind, "--policy", conf, *more, env=user1.sudo_env(),
                      prefix=["timeout", "5", "prlimit", limit])
    if done.returncode not in (0, 124):
        assert 0 < done.returncode < 128 and done.stdout == "" and done.stderr


# --- E4: signals


def test_E4_signals_are_reset(begin, container, user1):
    """Nearly everything was ignored and blocked, and one was pending, at the start."""
    start = begin(rule(user1), prefix=[PYTHON, "-I", "-S", "-c", HOSTILE_STARTER])
    s = works(start, user1, container(user1))
    status = status_of(s.pid)
    harmless = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(status["SigBlk"], 16) == int(status["SigCgt"], 16) == 0
    assert int(status["SigIgn"], 16) & ~harmless == 0
    assert int(status["SigPnd"], 16) == int(status["ShdPnd"], 16) == 0
    if start.service:
        # It reads four by a descriptor, and SIGTERM ends it as ever.
        status = status_of(start.service.pid)
        assert int(status["SigIgn"], 16) & ~harmless == int(status["SigCgt"], 16) == 0
        assert start.service.stop() == 0


# --- E5, E6: places


@pytest.mark.parametrize("mask", ["0", "0777"])
def test_E5_odd_places(begin, container, user1, tmp_path, mask):
    gone = tmp_path / "gone"
    gone.mkdir()
    start = begin(rule(user1), prefix=shell(f"umask {mask}; cd {gone}; rmdir {gone}"))
    s = works(start, user1, container(user1))
    assert os.readlink(f"/proc/{s.pid}/cwd") == "/"
    for path in start.service.paths if start.service else ():
        assert os.stat(path).st_mode & 0o777 == 0o666


@pytest.mark.parametrize("how", ["no_new_privs", "bounding set", "user namespace"])
@pytest.mark.parametrize("kind", ["spawn", "serve"])
def test_E5_N14_no_privilege(run_broker, user1, conf_dir, kind, how):
    prefix = {"no_new_privs": [*user1.argv(), "setpriv", "--no-new-privs"],
              "bounding set": ["setpriv", "--bounding-set=-net_admin"],
              "user namespace": [*user1.argv(), "unshare", "-Ur"]}[how]
    conf = write(os.path.join(conf_dir, "c"), rule(user1))
    more = ["--", "echo", "ran"] if kind == "spawn" else ["--socket", f"{conf_dir}/s"]
    done = run_broker(kind, "--policy", conf, *more, prefix=prefix, env=RESET)
    assert (done.returncode, done.stdout) == (77, "") and "cannot start" in done.stderr
    assert not os.path.exists(f"{conf_dir}/s")


def test_E6_a_copy_and_a_hard_link(begin, container, user1, broker, stage):
    """It does not care where it lies, and a copy has no more rights than who starts it."""
    place = tempfile.mkdtemp(dir=stage)
    os.chmod(place, 0o755)
    paths = [os.path.join(place, where, "netcr-broker") for where in ("link", "copy")]
    for path, make in zip(paths, (os.link, shutil.copy)):
        os.mkdir(os.path.dirname(path))
        make(broker, path)
        shutil.copy(os.path.join(os.path.dirname(broker), "hostile.py"), os.path.dirname(path))
        works(begin(rule(user1), broker=path), user1, container(user1))
        done = subprocess.run(user1.argv(path, "serve", "--socket", f"{place}/s"),
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 77


# --- E8 to E10: after the lock-down


def test_E8_E9_what_a_session_is(begin, container, user1):
    start = begin(rule(user1))
    s = works(start, user1, container(user1))
    now = status_of(s.pid)
    assert (now["CapEff"], now["CapPrm"]) == (NET_ADMIN, NET_ADMIN)
    assert {now[key] for key in ("CapBnd", "CapInh", "CapAmb")} == {NOTHING}
    assert (now["NoNewPrivs"], now["Seccomp"], now["Groups"]) == ("1", "2", "")
    assert os.stat(f"/proc/{s.pid}/environ").st_uid == 0, "not dumpable"
    for source in (f"open('/proc/{s.pid}/mem')", f"os.kill({s.pid}, 9)",
                   f"os.listdir('/proc/{s.pid}/fd')"):
        with pytest.raises(PermissionError):
            s.agent.evaluate(source)


# Numbers of x86-64, and arguments with which the kernel would do it or say why not.
FORBIDDEN = {
    "open": (2, 0, 0), "openat": (257, 2**64 - 100, 0, 0), "socket": (41, 16, 3, 0),
    "clone": (56, 0, 0, 0, 0, 0), "fork": (57,), "execve": (59, 0, 0, 0), "ptrace": (101, 0, 0, 0, 0),
    "setns": (308, 0, 0), "unshare": (272, 0x40000000), "mount": (165, 0, 0, 0, 0, 0),
    "mmap": (9, 0, 4096, 7, 0x22, 2**64 - 1, 0), "ioctl": (16, 0, 0x5412, 0), "bpf": (321, 0, 0, 0),
    "x32 getpid": (0x40000027,), "kill": (62, 1, 0), "capset": (126, 0, 0), "prctl": (157, 0, 0),
}


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("what", [*FORBIDDEN, "int 0x80"])
def test_E10_forbidden_calls_of_a_session(begin, container, user1, what):
    """Of the very process, once it serves."""
    start = begin(rule(user1))
    s = start(user1)
    s.hello()
    wait_until(lambda: status_of(s.pid)["State"][0] == "S", "it waits for a request")
    if what == "int 0x80":
        # Where the kernel has no i386 calls at all it is SIGSEGV: dead as well.
        result = call_in(s.pid, 20, instruction=INT80)
        assert result in (-signal.SIGSYS, -signal.SIGSEGV)
    else:
        result = call_in(s.pid, *FORBIDDEN[what])
        assert result == -signal.SIGSYS
    s.expect_status = result
    if start.service:
        start.service.said(f"was ended by signal {-result}")
        assert start(user1).hello().error == 0
    else:
        s.status = result


@pytest.mark.no_sanitizer
def test_E10_an_allowed_call_of_a_session(begin, container, user1):
    """What is on the list goes by the same way, and the session goes on."""
    start = begin(rule(user1))
    s = works(start, user1, container(user1))
    wait_until(lambda: status_of(s.pid)["State"][0] == "S", "it waits for a request")
    assert call_in(s.pid, 3, 99) == -errno.EBADF  # close(99)
    assert s.nsid(-1).error == 0


# --- exhaustion


@pytest.fixture(scope="session")
def malloc_fail(stage):
    path = os.path.join(stage, "malloc_fail.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-fno-builtin", "-o", path,
                    os.path.join(TESTS, "lib", "malloc_fail.c")], check=True)
    os.chmod(path, 0o755)
    return path


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("on", ["one", "all from there on"])
def test_X3_every_allocation_fails(run_broker, user1, conf_dir, malloc_fail, on):
    """Of a start with a policy file that has names to look up, an included file and a limit: the
    command runs, as what failed was not needed, or it does not, with words and no signal. (The
    session allocates nothing any more: test_lockdown.py.)"""
    os.mkdir(f"{conf_dir}/d", 0o755)
    conf = write(f"{conf_dir}/c", f"include = {conf_dir}/d\n" + rule(f"{user1.name}, @root"))
    write(f"{conf_dir}/d/1.conf", rule("root", "two", "par1", "deny = yes"))
    env = user1.sudo_env(**({} if on == "one" else {"MALLOC_FAIL_ON": "1"}))
    number, step, ended, ran = 1, 1, 0, 0
    while True:
        done = run_broker("spawn", "--policy", conf, "--", "echo", "ran",
                          env=env | {"MALLOC_FAIL_AT": str(number)},
                          prefix=["env", f"LD_PRELOAD={malloc_fail}"])
        if "malloc-fail" not in done.stderr:
            break
        assert (done.returncode, done.stdout) in [(0, "ran\n"), (71, ""), (78, "")], (number, done)
        ended += done.returncode != 0
        ran += done.returncode == 0
        if done.returncode:
            assert "netcr-broker: " in done.stderr, number
        number += step
        step = 1 + number // 10
    assert number > 20 and ended > 5, (number, ended, ran)
    assert done.stdout == "ran\n"


def test_X4_many_links_on_one_parent(service, container, user1, user2, conf_dir):
    """Requests for 128 links each that are up, as many as wait in the one session. Who comes later to
    another gets an answer long before the last of them."""
    conf = write(f"{conf_dir}/c", rule(f"{user1.name}, {user2.name}"))
    svc = service(options=("--policy", conf))
    busy, other = (svc.session(box.user).ready(box) for box in (container(user1), container(user2)))
    busy.send_signal(signal.SIGSTOP)
    busy.wait_state("T")
    pb, n = netcr_client.pb, 0
    for i in range(16):
        links = [pb.Link(parent="par0", newlink=newlink(f"m{i}x{j}", flags=IFF_UP))
                 for j in range(128)]
        request = pb.Request(id=busy.next_id + i, link_create=pb.LinkCreate(links=links))
        try:
            busy.agent.send(request.SerializeToString().hex(), [])
        except BlockingIOError:
            break  # the socket is full
        n += 1
    assert n >= 4
    busy.send_signal(signal.SIGCONT)
    for i in range(2):
        assert other.create(("par0", newlink(f"b{i}", flags=IFF_UP))).error == 0
    for _ in range(n):
        assert busy.reply(120).error == 0
    made = [line["uid"] for line in audit_lines(svc.stderr()) if line["op"] == "link-create"]
    assert made.count(str(user1.uid)) == n
    assert made[-1] == str(user1.uid), "the other had to wait for all of them"
