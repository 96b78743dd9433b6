"""The command line of netcr-worker restore: what is asked for wrongly is said so, with what to
do, and nothing is done."""
import json
import os
import subprocess

import pytest

from namespaces import comm, wait_until
from restore_helpers import (LIMIT, assert_restored, assert_same, data, differences,  # noqa: F401
                             lasting, restore, snapshot, written, x1)


@pytest.fixture
def alone(worker, user1):
    """The worker as a user, without any broker."""
    def run(*args, user=user1, env=None, **kwargs):
        done = subprocess.run(user.argv(worker, *map(str, args)), capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"]} | (env or {}), timeout=LIMIT,
                              stdin=subprocess.DEVNULL, cwd="/", check=False, **kwargs)
        assert "Sanitizer" not in done.stderr
        return done
    return run


# --- the parent


def test_I5_parent_is_not_named(restore, container, user1, data):
    """The message is the option to add, ready to be copied."""
    box = container(user1)
    before = snapshot(box)
    result = restore(box, f"{data}/macvlan-x10", external=None, status=64)
    assert "--external 'macvlan[mv1]:PARENT'" in result.said
    assert "'macvlan[*]:PARENT'" in result.said
    assert_same(box, before)
    assert result.audit == []


def test_I5_one_of_many_is_not_named(restore, container, user1, data):
    box = container(user1)
    more = [arg for i in range(1, 10) for arg in ("--external", f"macvlan[mv{i}]:par0")]
    result = restore(box, f"{data}/macvlan-x10", *more, external=None, status=64)
    assert "macvlan[mv10]" in result.said


@pytest.mark.parametrize("star_first", [True, False])
def test_name_goes_before_star(restore, container, user1, data, own_host, star_first):
    """Whatever their order is."""
    own_host.batch("link add par1 type bridge", "link set par1 up")
    box = container(user1)
    star, name = ["--external", "macvlan[*]:par0"], ["--external", "macvlan[mv3]:par1"]
    restore(box, f"{data}/macvlan-x10", *(star + name if star_first else name + star),
            external=None, allow=("par0", "par1"))
    assert_restored(box, f"{data}/macvlan-x10", own_host, parents={"mv3": "par1"})


def test_external_that_nothing_asks_for(restore, container, user1, data, own_host):
    box = container(user1)
    result = restore(box, f"{data}/macvlan-x1", "--external", "macvlan[mv2]:par9")
    assert "warning" in result.said and "macvlan[mv2]:par9" in result.said
    assert_restored(box, f"{data}/macvlan-x1", own_host)


def test_star_that_nothing_asks_for(restore, container, user1, data):
    result = restore(container(user1), f"{data}/macvlan-x1", "--external", "macvlan[mv1]:par0")
    assert "macvlan[*]:par0: no link of the images asks for it" in result.said


@pytest.mark.parametrize("key", ["macvlan[eth0]", "macvlan[eth0]:", "macvlan[]:par0", "macvlan",
                                 "[eth0]:par0", "macvlan[eth0", "macvlan[eth0]par0", "", ":", "[]:",
                                 "]mv1[:x"])
def test_external_that_is_none(alone, data, key):
    """The first of these is where CRIU itself ends by SIGSEGV."""
    done = alone("restore", "-D", f"{data}/macvlan-x1", "--external", key)
    assert done.returncode == 64, done.stderr
    assert "macvlan[NAME]:PARENT" in done.stderr and key in done.stderr


@pytest.mark.parametrize("key", ["net[123]:k", "dev[1]:x", "macvlanx[a]:b"])
def test_external_of_another_kind(alone, data, key):
    done = alone("restore", "-D", f"{data}/macvlan-x1", "--external", key)
    assert done.returncode == 64 and key in done.stderr


def test_external_twice(alone, data):
    done = alone("restore", "-D", f"{data}/macvlan-x1", "--external", "macvlan[a]:b", "--external",
                 "macvlan[a]:c")
    assert done.returncode == 64 and "already" in done.stderr


@pytest.mark.parametrize("parent", ["lo", "a/b/c", "../b", "x" * 16, "a%d", "all", ".."])
def test_parent_that_is_no_name(restore, container, user1, data, parent):
    result = restore(container(user1), f"{data}/macvlan-x1", external=f"macvlan[*]:{parent}",
                     status=64)
    assert f"'{parent}'" in result.said and "mv1" in result.said


# --- other options


@pytest.mark.parametrize("args,text", [
    (["--nonsense"], "--nonsense"), (["-x"], "-x"), (["extra"], "extra"),
    (["--pid"], "--pid"), (["--pid", "0"], "--pid 0"), (["--pid", "-1"], "--pid -1"),
    (["--pid", "x"], "--pid x"), (["--pid", "1x"], "1x"), (["--pid", "2147483648"], "2147483648"),
    (["--pid", ""], "--pid"), (["--ns-id", "0"], "--ns-id"), (["--ns-id", "4294967296"], "--ns-id"),
    (["--pid", "1", "--netns", "/proc/self/ns/net"], "--netns"),
    (["--pid", "1", "--userns", "/proc/self/ns/user"], "--userns"),
    (["--userns", "/proc/self/ns/user"], "--netns"), (["--broker"], "--broker"),
    (["--broker", "fd:"], "fd:"), (["--broker", "fd:x"], "fd:x"), (["--broker", "fd:-1"], "fd:-1"),
    (["--broker", "/" + "x" * 200], "too long"), (["--dot"], "--dot"), ([], "no target")], ids=str)
def test_usage(alone, data, container, user1, args, text):
    target = [] if not args or "no target" in text or "--broker" not in args else [
        "--pid", container(user1).pid]
    done = alone("restore", "-D", f"{data}/macvlan-x1", *target, *args)
    assert done.returncode == 64, done.stderr
    assert text in done.stderr and done.stderr.count("\n") == 1


def test_no_image_directory(alone):
    done = alone("restore", "--pid", "1")
    assert done.returncode == 64 and "-D DIR" in done.stderr


@pytest.mark.parametrize("args,status", [([], 64), (["nonsense"], 64), (["--help"], 0),
                                         (["-h"], 0), (["attach", "--help"], 0), (["check", "-h"], 0),
                                         (["--version"], 0), (["restore"], 64), (["show"], 64),
                                         (["check", "--pid", "1"], 64), (["show", "-D", "/", "x"], 64)],
                         ids=str)
def test_commands(alone, args, status):
    done = alone(*args)
    assert done.returncode == status, done.stderr
    assert bool(done.stdout) == (status == 0)


def test_usage_error_as_json(alone, data):
    for args in (["--json", "--nonsense"], ["--nonsense", "--json"]):
        done = alone("restore", "-D", f"{data}/macvlan-x1", *args)
        assert (done.returncode, done.stderr) == (64, "")
        report = json.loads(done.stdout)
        assert (report["schema"], report["command"], report["status"]) == (1, "restore", 64)
        assert "--nonsense" in report["error"]


# --- targets


def test_process_that_is_dead(restore, container, user1, data):
    child = subprocess.Popen(["true"])
    child.wait()
    result = restore(container(user1), f"{data}/macvlan-x1", target=("--pid", child.pid), status=71)
    assert f"process {child.pid}" in result.said


def test_process_of_another_user(restore, container, user1, user2, data):
    """The kernel does not let us look at its namespaces."""
    other = container(user2)
    before = snapshot(other)
    result = restore(other, f"{data}/macvlan-x1", user=user1, status=None)
    assert result.status in (71, 77), result
    assert "Permission denied" in result.said
    assert_same(other, before)


def test_the_hosts_own_namespace(restore, container, user1, data, own_host):
    before = lasting(own_host)
    result = restore(container(user1), f"{data}/macvlan-x1",
                     target=("--netns", "/proc/self/ns/net"), status=77)
    assert "CAP_NET_ADMIN over the target" in result.said
    assert differences(before, lasting(own_host)) == {}


def test_own_process_is_the_hosts_namespace(restore, container, user1, data, own_host):
    """A process of the user that is in no container."""
    sleeper = own_host.argv(*user1.argv("sleep", "60"))
    with subprocess.Popen(sleeper) as proc:
        try:
            wait_until(lambda: comm(proc.pid) == "sleep", "it sleeps")
            before = lasting(own_host)
            result = restore(container(user1), f"{data}/macvlan-x1", target=("--pid", proc.pid),
                             status=77)
            assert "CAP_NET_ADMIN over the target" in result.said
            assert differences(before, lasting(own_host)) == {}
        finally:
            proc.kill()


@pytest.mark.parametrize("option,path,text", [
    ("--netns", "/proc/self/ns/user", "not a network namespace"),
    ("--netns", "/dev/null", "not a network namespace"),
    ("--netns", "/", "not a network namespace"),
    ("--netns", "/nowhere", "cannot open the namespace"),
    ("--userns", "/proc/self/ns/net", "not a user namespace"),
    ("--userns", "/nowhere", "cannot open the namespace")])
def test_paths_that_are_no_namespaces(restore, container, user1, data, option, path, text):
    box = container(user1)
    target = ["--netns", box.path] if option == "--userns" else []
    result = restore(box, f"{data}/macvlan-x1", target=[*target, option, path], status=None)
    assert result.status in (64, 71), result
    assert text in result.said and path in result.said


def test_path_that_is_a_FIFO_does_not_hang(restore, container, user1, data, stage):
    path = f"{stage}/fifo-{os.getpid()}"
    os.mkfifo(path)
    os.chmod(path, 0o666)
    result = restore(container(user1), f"{data}/macvlan-x1", target=["--netns", path], status=64)
    assert "not a network namespace" in result.said


def test_userns_that_does_not_own_the_netns(restore, container, user1, data):
    one, other = container(user1), container(user1)
    before = snapshot(one), snapshot(other)
    result = restore(one, f"{data}/macvlan-x1", status=77, target=[
        "--netns", one.path, "--userns", f"/proc/{other.pid}/ns/user"])
    assert "network namespace" in result.said or "CAP_NET_ADMIN" in result.said
    assert_same(one, before[0])
    assert_same(other, before[1])


# --- the broker


def test_no_broker(alone, container, user1, data):
    box = container(user1)
    before = snapshot(box)
    done = alone("restore", "-D", f"{data}/macvlan-x1", "--pid", box.pid, "--external",
                 "macvlan[*]:par0")
    assert done.returncode == 69, done.stderr
    assert "netcr-broker spawn" in done.stderr
    assert_same(box, before)


@pytest.mark.parametrize("where, status", [
    ("/nowhere/broker.sock", 69), ("/dev/null", 69), ("/", 77), ("fd:0", 69), ("fd:1", 69),
    ("fd:77", 69), ("", 69)], ids=lambda value: str(value) if isinstance(value, str) else "")
@pytest.mark.parametrize("by", ["option", "environment"])
def test_broker_that_is_none(alone, container, user1, data, where, status, by):
    """A socket that may not be connected to is a refusal; `/` is as good as one."""
    box = container(user1)
    more, env = ([], {"NETCR_BROKER": where}) if by == "environment" else (["--broker", where], {})
    done = alone("restore", "-D", f"{data}/macvlan-x1", "--pid", box.pid, "--external",
                 "macvlan[*]:par0", *more, env=env)
    assert done.returncode == status, done.stderr
    assert list(box.links()) == ["lo"]


def test_option_goes_before_the_environment(restore, container, user1, data):
    box = container(user1)
    result = restore(box, f"{data}/macvlan-x1", "--broker", "/nowhere", status=69)
    assert "/nowhere" in result.said
    assert list(box.links()) == ["lo"]


# --- what is said


def test_dry_run(restore, container, user1, data, own_host):
    """The steps in their order, and nothing of them is done; nor is the broker asked."""
    box = container(user1)
    before = snapshot(box), lasting(own_host)
    result = restore(box, f"{data}/macvlan-x500", "--dry-run")
    assert_same(box, before[0])
    assert differences(before[1], lasting(own_host)) == {}
    assert result.audit == []
    lines = result.out.splitlines()
    assert [int(line.split(".")[0]) for line in lines] == list(range(1, len(lines) + 1))
    order = [line.split(". ", 1)[1] for line in lines]
    kinds = ["net/ipv4/conf/all", "net/ipv4/conf/default", "make 128 macvlans", "flags and MTU of lo ",
             "sysctls of lo ", "read everything back", "release"]
    where = [next(i for i, line in enumerate(order) if kind in line) for kind in kinds]
    assert where == sorted(where)
    made = [line for line in order if line.startswith("make ")]
    assert [line.split()[1] for line in made] == ["128", "128", "128", "116"]


def test_dry_run_as_json(restore, container, user1, data):
    box = container(user1)
    text = restore(box, f"{data}/macvlan-x10", "--dry-run").out
    report = restore(box, f"{data}/macvlan-x10", "--dry-run", "--json").json
    assert [f"{i}. {step}" for i, step in enumerate(report["steps"], 1)] == text.splitlines()
    assert (report["status"], report["command"]) == (0, "restore")


def test_dry_run_needs_no_broker(alone, container, user1, data):
    done = alone("restore", "-D", f"{data}/macvlan-x1", "--pid", container(user1).pid, "--external",
                 "macvlan[*]:par0", "--dry-run")
    assert done.returncode == 0 and "make macvlan mv1" in done.stdout


def test_result_as_json(restore, container, user1, data):
    box = container(user1)
    report = restore(box, f"{data}/macvlan-x10", "--json").json
    assert (report["schema"], report["status"], report["ns_id"]) == (1, 0, 10)
    assert report["warnings"] == [] and "error" not in report
    assert report["netns_inode"] == box.inode()
    assert report["links"][0] == {"name": "lo", "kind": "loopback", "ifindex": 1}
    assert report["links"][1] == {"name": "mv1", "kind": "macvlan", "ifindex": 1001,
                                  "parent": "par0"}
    assert len(report["links"]) == 11


def test_warnings_as_json(restore, container, user1, data):
    result = restore(container(user1), f"{data}/macvlan-x1", "--external", "macvlan[x]:y", "--json")
    assert len(result.json["warnings"]) == 1 and "macvlan[x]:y" in result.json["warnings"][0]
    assert result.said == ""


@pytest.mark.parametrize("more", [[], ["--json"], ["--dry-run"]])
def test_K12_stdout_is_full(restore, container, user1, data, more):
    result = restore(container(user1), f"{data}/macvlan-x1", *more, status=71,
                     prefix=["sh", "-c", 'exec "$@" >/dev/full', "sh"])
    assert "stdout" in result.said


def test_second_restore_into_the_same_namespace(restore, container, user1, data):
    """All is there already: refused, and left alone."""
    box = container(user1)
    restore(box, f"{data}/macvlan-x10")
    before = snapshot(box)
    result = restore(box, f"{data}/macvlan-x10", status=1)
    assert "mv1" in result.said and "nothing was done" in result.said
    assert_same(box, before)
