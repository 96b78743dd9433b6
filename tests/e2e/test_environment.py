"""E and N14: from where and how the broker is started, and what it runs."""
import ctypes
import errno
import json
import os
import resource
import signal
import subprocess

import pytest

import namespaces
from namespaces import DEADLINE, status_of
from netcr_client import PYTHON
from nlmsg import newlink

NO_SUDO = {"SUDO_UID": None, "SUDO_GID": None}
NOTHING = "0000000000000000"
RESET = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@pytest.fixture
def spawn(run_broker, user1):
    """spawn(command..., options=..., ...): netcr-broker spawn as user1's sudo has it, to its end."""
    def run(*command, options=("--allow-parent", "par0"), **kwargs):
        kwargs.setdefault("env", user1.sudo_env())
        return run_broker("spawn", *options, "--", *command, **kwargs)
    return run


def works(s, box):
    """A whole session does what it should."""
    s.ready(box)
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert "eth0" in box.links()


# --- the command


@pytest.mark.parametrize("status", [0, 1, 7, 64, 77, 255])
def test_exit_status_is_the_commands(spawn, status):
    assert spawn("sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV])
def test_death_by_a_signal_is_the_commands(spawn, number):
    assert spawn("sh", "-c", f"kill -{int(number)} $$").returncode == -number


def test_signals_reach_the_command(session):
    s = session()
    s.proc.send_signal(signal.SIGTERM)
    assert s.proc.wait(DEADLINE) == -signal.SIGTERM
    assert s.wait() == 0, "the session ends with its socket"


def test_command_not_found(spawn):
    done = spawn("/nonexistent/command")
    assert done.returncode == 127
    assert "/nonexistent/command" in done.stderr


def test_command_not_found_in_path(spawn):
    assert spawn("no-such-command-anywhere").returncode == 127


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc", "/etc/shadow"])
def test_command_not_executable(spawn, path):
    done = spawn(path)
    assert done.returncode == 126
    assert path in done.stderr


def test_command_that_only_root_could_run(spawn, stage):
    """It is the user who runs it."""
    path = os.path.join(stage, "roots-own")
    with open(path, "w") as f:
        f.write("#!/bin/sh\necho ran\n")
    os.chmod(path, 0o700)
    done = spawn(path)
    assert (done.returncode, done.stdout) == (126, "")


def test_output_is_the_commands(spawn):
    done = spawn("sh", "-c", "cat; echo out; echo err >&2", stdin=None, input="in\n")
    assert (done.stdout, done.stderr) == ("in\nout\n", "err\n")


def test_arguments_are_the_commands(spawn):
    args = ["--allow-parent", "x", "", "a b", "--", "-h"]
    done = spawn(PYTHON, "-c", "import sys, json; json.dump(sys.argv[1:], sys.stdout)", *args)
    assert json.loads(done.stdout) == args


def test_command_runs_as_the_user(session, user1):
    about = session().agent.about()
    assert about["ids"][:2] == [[user1.uid] * 3, [user1.gid] * 3]
    for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert about["status"][key] == NOTHING
    assert about["env"]["HOME"] == user1.home
    assert about["env"]["USER"] == about["env"]["LOGNAME"] == user1.name
    assert about["env"]["NETCR_BROKER"] == "fd:3"
    assert about["cwd"] == "/"


def test_N12_whose_socketpair_it_is(session, user1):
    """SO_PEERCRED names root, who made it; the session acts for the user all the same."""
    s = session()
    code = "struct.unpack('=iII', session().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))"
    assert s.agent.evaluate(code)[1] == 0
    assert s.hello().hello.uid == user1.uid


def test_command_has_the_users_groups(session, user1, accounts):
    subprocess.run(["groupadd", "netcr-testg"], check=True)
    try:
        subprocess.run(["gpasswd", "--add", user1.name, "netcr-testg"], check=True,
                       capture_output=True)
        groups = session().agent.about()["ids"][2]
        known = subprocess.run(["id", "-G", user1.name], check=True, capture_output=True).stdout
        assert sorted(groups) == sorted(map(int, known.split()))
        assert len(groups) == 2
    finally:
        subprocess.run(["groupdel", "netcr-testg"], check=True)


def test_command_cannot_become_root_again(session):
    s = session()
    for call in ("os.setuid(0)", "os.seteuid(0)", "os.setgid(0)", "os.setgroups([0])"):
        with pytest.raises(PermissionError):
            s.agent.evaluate(call)


def test_command_has_four_descriptors(session):
    fds = session().agent.about()["fds"]
    # The agent lists its directory through one more, which is gone when it is looked at.
    assert sorted(fds) == ["0", "1", "2", "3"]
    assert fds["3"].startswith("socket:")


def test_command_is_nobodys_parent(session):
    """The session is not a child that it would have to wait for."""
    s = session()
    with pytest.raises(ChildProcessError):
        s.agent.evaluate("os.wait()")


def test_a_forged_session_is_replaced(session):
    about = session(env={"NETCR_BROKER": "/run/forged.sock"}).agent.about()
    assert about["env"]["NETCR_BROKER"] == "fd:3"


# --- the command line


USAGE = [(), ("--no-such-option",), ("no-such-command",), ("spawn",), ("spawn", "--"),
         ("spawn", "--no-such-option", "--", "true"), ("spawn", "--allow-parent"),
         ("spawn", "--allow-mode"), ("spawn", "-x", "true")]


@pytest.mark.parametrize("args", USAGE, ids=lambda a: " ".join(a) or "nothing")
def test_usage(run_broker, user1, args):
    done = run_broker(*args, env=user1.sudo_env())
    assert (done.returncode, done.stdout) == (64, "")
    assert "--help" in done.stderr


@pytest.mark.parametrize("options", [
    ["--allow-parent", "nosuch0"], ["--allow-parent", "lo"], ["--allow-parent", "a/b"],
    ["--allow-parent", ""], ["--allow-parent", "x" * 16], ["--allow-parent", "par%d"],
    ["--allow-parent", "par0", "--allow-mode", "nosuch"], ["--allow-mode", ""]],
    ids=" ".join)
def test_what_makes_no_sense(spawn, options):
    done = spawn("echo", "ran", options=options)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("netcr-broker: --allow-")


def test_help_and_version_need_no_privilege(run_broker, user1):
    for options, text in (("--help", "Usage:"), ("spawn --help", "Usage:"), ("serve --help", "Usage:"),
                          ("check --help", "Usage:"), ("--version", "netcr-broker ")):
        done = run_broker(*options.split(), prefix=user1.argv(), env=RESET)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(text)


def test_more_than_one_parent_of_a_name(spawn):
    """Twice the same is a mistake, or harmless; it is not a crash."""
    done = spawn("true", options=["--allow-parent", "par0"] * 2)
    assert done.returncode in (0, 78)


# --- N14: no privilege


def test_N14_ordinary_user(run_broker, user1):
    done = run_broker("spawn", "--", "echo", "ran", prefix=user1.argv(), env=RESET)
    assert (done.returncode, done.stdout) == (77, "")
    assert "CAP_NET_ADMIN" in done.stderr


def test_N14_child_user_namespace(run_broker, user1):
    """All capabilities, but of a user namespace that is nobody's but the user's."""
    done = run_broker("spawn", "--", "echo", "ran", prefix=user1.argv("unshare", "-Ur"),
                      env=RESET)
    assert (done.returncode, done.stdout) == (77, "")
    assert "child user namespace" in done.stderr


def test_N14_child_user_namespace_with_file_capabilities(with_file_caps, host, user1):
    done = subprocess.run(host.argv(*user1.argv("unshare", "-Ur", with_file_caps, "spawn", "--",
                                                "echo", "ran")),
                          env=RESET, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (77, "")


def test_N14_root_without_the_capability(spawn):
    done = spawn("echo", "ran", prefix=["setpriv", "--bounding-set=-net_admin"])
    assert (done.returncode, done.stdout) == (77, "")
    assert "CAP_NET_ADMIN" in done.stderr


def run_copy(path, host, user, *prefix):
    return subprocess.run(host.argv(*user.argv(*prefix, path, "spawn", "--", "echo", "ran")),
                          env=RESET, capture_output=True, text=True, timeout=60, check=False)


def test_N14_no_new_privs(with_file_caps, host, user1):
    done = run_copy(with_file_caps, host, user1, "setpriv", "--no-new-privs")
    assert (done.returncode, done.stdout) == (77, "")
    assert "no_new_privs" in done.stderr


def test_N14_nosuid_mount(with_file_caps, host, user1):
    where = os.path.dirname(with_file_caps)
    script = ('mount --bind "$1" "$1" && mount -o remount,bind,nosuid "$1" && shift && exec "$@"')
    argv = ["unshare", "-m", "sh", "-c", script, "sh", where,
            *user1.argv(with_file_caps, "spawn", "--", "echo", "ran")]
    done = subprocess.run(host.argv(*argv), env=RESET, capture_output=True, text=True, timeout=60,
                          check=False)
    assert (done.returncode, done.stdout) == (77, "")
    assert "nosuid" in done.stderr


# --- file capabilities


def test_filecaps_allow_parent_is_refused(with_file_caps, host, user1):
    done = subprocess.run(host.argv(*user1.argv(with_file_caps, "spawn", "--allow-parent", "par0",
                                                "--", "echo", "ran")),
                          env=RESET, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (77, "")
    assert "--allow-parent" in done.stderr


@pytest.fixture
def filecaps_session(session, with_file_caps, user1):
    return session(broker=with_file_caps, options=(), prefix=user1.argv(), env=NO_SUDO)


def test_filecaps_everything_is_refused(filecaps_session, container, user1, unchanged):
    s, box = filecaps_session, container(user1)
    assert s.hello().hello.uid == user1.uid
    assert s.bind(box).error == 0
    with unchanged(box):
        assert s.create(("par0", newlink("eth0"))).error == errno.EPERM


def test_filecaps_sudo_variables_are_a_users_lie(session, with_file_caps, user1, user2):
    """Only root may say that it acts for somebody else."""
    s = session(broker=with_file_caps, options=(), prefix=user1.argv(),
                env={"SUDO_UID": str(user2.uid), "SUDO_GID": str(user2.gid)})
    assert s.hello().hello.uid == user1.uid
    s = session(broker=with_file_caps, options=(), prefix=user1.argv(),
                env={"SUDO_UID": "0", "SUDO_GID": "0"})
    assert s.hello().hello.uid == user1.uid


def test_filecaps_of_another_users_container(filecaps_session, container, user2):
    s, box = filecaps_session, container(user2)
    s.hello()
    netns, rtnl = box.open(), box.netlink()
    assert s.bind(fds=s.agent.give(netns, rtnl.fileno())).error == errno.EPERM
    os.close(netns)
    rtnl.close()


def test_filecaps_the_command_has_nothing(filecaps_session, user1):
    about = filecaps_session.agent.about()
    assert about["ids"][0] == [user1.uid] * 3
    for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert about["status"][key] == NOTHING
    assert sorted(about["fds"]) == ["0", "1", "2", "3"]


def test_filecaps_the_session(filecaps_session):
    """It cannot change its uid or empty the bounding set, and no_new_privs makes that moot."""
    status = status_of(filecaps_session.pid)
    assert status["CapEff"] == status["CapPrm"] == "0000000000001000"
    assert status["CapInh"] == status["CapAmb"] == NOTHING
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT"])
def test_filecaps_preloads_are_ignored(with_file_caps, host, user1, stage, name):
    """AT_SECURE: the loader takes nothing from who has no say. (E2)"""
    code = os.path.join(stage, "preload.c")
    library = os.path.join(stage, "preload.so")
    with open(code, "w") as f:
        f.write('#include <unistd.h>\n'
                'unsigned la_version(unsigned v) { write(1, "LOADED\\n", 7); return v; }\n'
                '__attribute__((constructor)) static void c(void) { write(1, "LOADED\\n", 7); }\n')
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-o", library, code], check=True)
    os.chmod(library, 0o755)
    done = subprocess.run(host.argv(*user1.argv("sh", "-c", 'export "$1"; shift; exec "$@"', "sh",
                                                f"{name}={library}", with_file_caps, "--version")),
                          env=RESET, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    # The shell has exported it, so only the exec of the broker can have loaded it.
    assert done.stdout.startswith("netcr-broker")


# --- E1: descriptors


def shell(script):
    """A prefix that runs @script before what follows it."""
    return ["bash", "-c", script + '; exec "$@"', "sh"]


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"])
def test_E1_closed_standard_descriptors(spawn, user1, tmp_path, closed):
    """Nothing of the broker's becomes somebody's stdout."""
    os.chmod(tmp_path, 0o755)
    out = tmp_path / "out"
    out.touch()
    os.chown(out, user1.uid, user1.gid)
    for parent in out.parents:
        if parent.name.startswith("pytest-"):
            os.chmod(parent, 0o755)
    code = ("import os, sys, json; "
            "fds = {fd: os.readlink(f'/proc/self/fd/{fd}') for fd in range(20) "
            "if os.path.exists(f'/proc/self/fd/{fd}')}; "
            "json.dump(fds, open(sys.argv[1], 'w'))")
    done = spawn(PYTHON, "-I", "-c", code, out, prefix=shell(f"exec {closed}"))
    assert done.returncode == 0
    fds = json.loads(out.read_text())
    assert sorted(fds) == ["0", "1", "2", "3"]
    assert fds["3"].startswith("socket:")
    for number in (n for n in "012" if n in closed):
        assert fds[number] == "/dev/null"


def test_E1_session_without_standard_descriptors(session, container, user1):
    """The agent's control socket is 0, so it stays; 1 and 2 do not."""
    s = session(prefix=shell("exec 1>&- 2>&-"))
    s.expect_audit = False
    works(s, container(user1))
    assert s.fds()[2] == "/dev/null"


def test_E1_junk_is_not_inherited(session, container, user1):
    junk = "; ".join(f"exec {fd}</etc/passwd" for fd in (3, 4, 5, 6, 7, 10, 50, 200, 900))
    s = session(prefix=shell(junk))
    assert sorted(s.agent.about()["fds"]) == ["0", "1", "2", "3"]
    assert not [what for what in s.fds().values() if "passwd" in what]
    works(s, container(user1))


# --- E2: arguments and environment


def test_E2_no_argument_at_all(broker):
    """argv = { NULL }: the kernel makes one that is empty. (CVE-2021-4034)"""
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 2)
        nothing = (ctypes.c_char_p * 1)(None)
        ctypes.CDLL(None).execve(broker.encode(), nothing, nothing)
        os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 64


def test_E2_very_many_arguments(spawn):
    done = spawn(PYTHON, "-c", "import sys; print(len(sys.argv))", *["x"] * 100_000)
    assert (done.returncode, done.stdout) == (0, "100001\n")


def test_E2_large_environment(spawn, user1):
    env = user1.sudo_env() | {f"JUNK{i}": "x" * 100_000 for i in range(15)}
    done = spawn("sh", "-c", 'echo ${#JUNK14}', env=env)
    assert (done.returncode, done.stdout) == (0, "100000\n")


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("name, value", [
    ("GLIBC_TUNABLES", "glibc.malloc.check=3:glibc.malloc.perturb=165"),
    ("MALLOC_CHECK_", "3"), ("MALLOC_PERTURB_", "165"), ("MALLOC_ARENA_MAX", "1"),
    ("TZ", "Europe/Berlin"), ("TZ", ":/etc/passwd"), ("LANG", "de_DE.UTF-8"),
    ("LC_ALL", "C.UTF-8"), ("LISTEN_FDS", "3"), ("LISTEN_PID", "1"), ("NOTIFY_SOCKET", "@x"),
    ("LD_LIBRARY_PATH", "/nonexistent"), ("LD_BIND_NOW", ""), ("POSIXLY_CORRECT", "1"),
    ("RES_OPTIONS", "debug"), ("NETCR_BROKER", "fd:0")])
def test_E2_environment_has_no_effect(session, container, user1, name, value):
    works(session(env={name: value}), container(user1))


# --- E3: limits


def limited(limit, session, container, user1, may_fail=True):
    """It works, or says why it does not start."""
    try:
        s = session(prefix=["prlimit", limit])
    except AssertionError as e:
        assert may_fail and "no session, status" in str(e), e
        return
    s.expect_audit = False
    box = container(user1)
    # The agent has the same limits, and might not be able to open them itself.
    netns, rtnl = box.open(), box.netlink()
    s.hello()
    assert s.request(s.agent.give(netns, rtnl.fileno()), target_bind={}).error == 0
    os.close(netns)
    rtnl.close()
    assert s.create(("par0", newlink("eth0"))).error == 0


@pytest.mark.parametrize("limit", [
    "--nofile=3:3", "--nofile=4:4", "--nofile=5:5", "--nofile=8:8", "--nofile=16:16",
    "--nofile=32:32", "--stack=65536:65536", "--nproc=1:1", "--core=unlimited", "--memlock=0:0",
    "--sigpending=0:0", "--msgqueue=0:0", "--rttime=1:1", "--data=4194304:4194304"])
@pytest.mark.no_sanitizer
def test_E3_limits(session, container, user1, limit):
    limited(limit, session, container, user1)


@pytest.mark.parametrize("limit", ["--nofile=64:1024", "--core=unlimited", "--fsize=0:unlimited",
                                   "--cpu=1:unlimited", "--nproc=4096"])
def test_E3_limits_that_it_resets(session, container, user1, limit):
    """A soft limit is not an excuse."""
    limited(limit, session, container, user1, may_fail=False)


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("limit", ["--as=8388608:8388608", "--as=2097152:2097152",
                                   "--nofile=0:0", "--nofile=3:3"])
def test_E3_too_little_to_start(spawn, limit):
    """Nothing runs, and nobody hangs."""
    done = spawn("echo", "ran", prefix=["prlimit", limit])
    if done.returncode == 0:
        assert done.stdout == "ran\n"
    else:
        assert done.stdout == "" and done.stderr


def test_E3_no_file_may_grow(session, container, user1):
    """Where stderr is a file, a line is lost, and nothing else. (The hard limit, which only
    CAP_SYS_RESOURCE could lift.)"""
    s = session(prefix=["prlimit", "--fsize=0:0"])
    s.expect_audit = False
    works(s, container(user1))


def test_E3_core_dumps_are_off(session):
    s = session(prefix=["prlimit", "--core=unlimited"])
    with open(f"/proc/{s.pid}/limits") as f:
        assert [line.split()[4:6] for line in f if "core" in line] == [["0", "0"]]


# --- E4: signals


HOSTILE_STARTER = """
import os, signal, sys
for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(n, signal.SIG_IGN)
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
os.kill(os.getpid(), signal.SIGALRM)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_E4_ignored_sigchld(session, container, user1):
    """Then children leave nothing to wait for, which is no reason not to start."""
    s = session(prefix=["env", "--ignore-signal=CHLD"])
    works(s, container(user1))


def test_E4_signals_are_reset(session, container, user1):
    """Nearly everything was ignored and blocked, and one was pending, at the start."""
    s = session(prefix=[PYTHON, "-I", "-S", "-c", HOSTILE_STARTER])
    status = status_of(s.pid)
    assert int(status["SigBlk"], 16) == 0
    # Those that a line on stderr could end in.
    harmless = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(status["SigIgn"], 16) & ~harmless == 0
    assert int(status["SigCgt"], 16) == 0
    assert int(status["SigPnd"], 16) == int(status["ShdPnd"], 16) == 0
    works(s, container(user1))


def test_E4_signals_to_the_group_do_not_reach_the_session(session, container, user1):
    """^C at a terminal is the command's: it is sent to the command's process group."""
    s = session(prefix=["setsid"])
    os.killpg(os.getpgid(s.proc.pid), signal.SIGTERM)
    assert s.proc.wait(DEADLINE) == -signal.SIGTERM
    assert s.wait() == 0
    again = session(prefix=["setsid"])
    assert os.getpgid(again.pid) != os.getpgid(again.proc.pid)
    works(again, container(user1))


# --- E5, E6: places


def test_E5_odd_places(session, container, user1, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"umask 0; cd {gone}; rmdir {gone}"
    s = session(prefix=shell(script))
    s.ready(container(user1))
    assert s.create(("par0", newlink("eth0"))).error == 0


def test_E5_without_proc(with_file_caps, host):
    """It cannot tell its namespaces then, and does not start."""
    script = 'mount -t tmpfs none /proc && exec "$@"'
    done = subprocess.run(
        host.argv("unshare", "-m", "sh", "-c", script, "sh", with_file_caps, "spawn", "--",
                  "echo", "ran"),
        env=RESET, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (77, "")
    assert "/proc" in done.stderr


def test_E6_hard_link_elsewhere(broker, host, user1, tmp_path):
    """It does not care where it lies."""
    link = os.path.join(os.path.dirname(broker), "other-name")
    os.link(broker, link)
    done = subprocess.run(host.argv(link, "spawn", "--allow-parent", "par0", "--", "echo", "ran"),
                          env=user1.sudo_env(), capture_output=True, text=True, timeout=60,
                          check=False)
    os.unlink(link)
    assert (done.returncode, done.stdout) == (0, "ran\n")


def test_sudo_itself(broker, host, user1, container, accounts):
    """The form of the README, with the real sudo: it is who sets SUDO_UID."""
    rule = "/etc/sudoers.d/netcr-test"
    with open(rule, "w") as f:
        f.write(f"{user1.name} ALL=(root) NOPASSWD: {broker}\n")
    os.chmod(rule, 0o440)
    try:
        done = subprocess.run(
            host.argv(*user1.argv("sudo", "-n", broker, "spawn", "--allow-parent", "par0", "--",
                                  "sh", "-c", "id -u; echo $USER $NETCR_BROKER")),
            env=RESET, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.unlink(rule)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{user1.uid}\n{user1.name} fd:3\n"


def test_many_starts_leave_nothing(spawn):
    """No zombie, no session that stays: the test process would inherit them."""
    before = set(namespaces.children())
    for _ in range(20):
        assert spawn("true").returncode == 0
    for pid in set(namespaces.children()) - before:
        assert namespaces.wait_exit(pid)[0] == 0


def test_open_files_of_the_tests_themselves():
    """This suite opens many: a limit that is reached would look like the broker's fault."""
    assert len(os.listdir("/proc/self/fd")) < resource.getrlimit(resource.RLIMIT_NOFILE)[0] / 2


# What a step of the lock-down asks of the kernel, and how the step is called.
LOCKDOWN = [("prlimit64", "reset the resource limits"), ("getrandom", "open its netns"),
            ("setgroups", "change the uid"), ("setresgid", "change the uid"),
            ("setresuid", "change the uid"), ("capset", "keep CAP_NET_ADMIN only"),
            ("landlock_create_ruleset", "deny all paths"),
            ("landlock_restrict_self", "deny all paths")]


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("call,step", LOCKDOWN)
def test_lockdown_that_fails(spawn, call, step):
    """Each step that cannot be taken is the end: the command does not run."""
    done = spawn("echo", "ran", prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                        f"inject={call}:error=EPERM"])
    assert (done.returncode, done.stdout) == (71, ""), done.stderr
    assert step in done.stderr and "EPERM" in done.stderr
    assert "the lock-down failed" in done.stderr


@pytest.mark.no_sanitizer
def test_lockdown_without_landlock(spawn):
    """What the kernel has not is said, and gone without."""
    done = spawn("echo", "ran", prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                        "inject=landlock_create_ruleset:error=EOPNOTSUPP"])
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert "no Landlock" in done.stderr
