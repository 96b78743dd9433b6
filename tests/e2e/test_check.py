"""netcr-worker check: what this kernel and this broker can do."""
import json
import os
import re
import subprocess

import pytest

TRIALS = ["user-namespaces", "macvlan", "sysctls", "pidfd", "pidfd-namespaces",
          "exact-index", "landlock", "netns-id"]


@pytest.fixture
def check(broker, worker, own_host, user1):
    """check(options, by=True): with a broker, or without."""
    def run(*more, by=True, env=None):
        spawn = [broker, "spawn", "--allow-parent", "par0", "--"] if by else user1.argv()
        done = subprocess.run(own_host.argv(*spawn, worker, "check", *more), capture_output=True,
                              env=user1.sudo_env(**(env or {})), text=True, timeout=60, cwd="/",
                              check=False)
        assert "Sanitizer" not in done.stderr
        return done
    return run


def test_with_a_broker(check, user1):
    done = check()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"kernel {os.uname().release}"
    for name in TRIALS[:4]:
        assert any(line.split() == [name, "yes"] for line in lines), name
    at = next(i for i, line in enumerate(lines) if line.startswith("broker "))
    rest = "\n".join(lines[at:])
    assert "version 1, 128 links a message" in rest
    assert f"acts for         uid {user1.uid}" in rest
    assert f"parents that uid {user1.uid} may use" in rest
    assert "par0             any number of macvlans" in rest


def test_json(check, user1):
    done = check("--json")
    assert (done.returncode, done.stderr.count("netcr-worker")) == (0, 0)
    report = json.loads(done.stdout)
    assert (report["schema"], report["command"], report["status"]) == (1, "check", 0)
    assert report["kernel"]["release"] == os.uname().release
    assert set(report["kernel"]) == {"release", "landlock-abi", *TRIALS}
    assert all(report["kernel"][name] is True for name in TRIALS[:4])
    broker = report["broker"]
    assert (broker["version"], broker["uid"], broker["max_links"]) == (1, user1.uid, 128)
    assert broker["release"]
    assert report["parents"] == [{"parent": "par0", "used": None, "limit": None,
                                  "limit_per_netns": None}]
    assert report["more_parents"] is False
    assert (broker["landlock_abi"] > 0) == report["kernel"]["landlock"]
    assert broker["landlock_abi"] == report["kernel"]["landlock-abi"]
    assert broker["netns_id"] == report["kernel"]["netns-id"]


def test_without_a_broker(check):
    """The kernel's part is there all the same."""
    done = check(by=False)
    assert done.returncode == 69
    assert "there is no broker" in done.stderr
    assert done.stdout.startswith("kernel ") and "broker" not in done.stdout
    report = json.loads(check("--json", by=False).stdout)
    assert (report["status"], report["broker"]) == (69, None)
    assert report["kernel"]["macvlan"] is True


@pytest.mark.parametrize("where,status", [("/nowhere", 69), ("fd:0", 69), ("fd:x", 64)])
def test_broker_that_is_none(check, where, status):
    done = check("--broker", where)
    assert done.returncode == status, done.stderr


def test_nothing_is_left(check, own_host):
    before = own_host.links()
    check()
    assert own_host.links() == before


def test_no_trial_leaves_a_descriptor(worker, user1, stage):
    """What a trial opens to see whether it can be done, it closes before it ends."""
    log = f"{stage}/check-{os.urandom(4).hex()}"
    os.mkdir(log)
    os.chmod(log, 0o777)
    done = subprocess.run(["strace", "-ff", "-qq", "-o", f"{log}/t", "--trace=pidfd_open,openat,"
                           "socket,ioctl,close,exit_group", *user1.argv(worker, "check", "--json")],
                          capture_output=True, text=True, timeout=120, check=False, cwd="/",
                          env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"})
    assert '"kernel"' in done.stdout, done
    opened = 0
    for name in os.listdir(log):
        with open(f"{log}/{name}") as f:
            lines = f.read().splitlines()
        if not any("AF_UNIX" in line for line in lines):  # which is what the command itself opens
            made = [int(m[1]) for line in lines if (m := re.match(
                r"(?:pidfd_open|openat|socket|ioctl)\(.* = (\d+)$", line)) and int(m[1]) > 2]
            closed = [int(m[1]) for line in lines if (m := re.match(r"close\((\d+)\) += 0", line))]
            assert sorted(made) == sorted(closed), lines
            opened += len(made)
    assert opened >= 5


def test_kernel_that_allows_no_user_namespace(worker):
    """A limit of 0 is as good as a kernel without them: said, with what it is for."""
    done = subprocess.run(["unshare", "-U", "-r", "sh", "-c",
                           'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh", worker,
                           "check", "--json"], capture_output=True, text=True, timeout=60, cwd="/",
                          check=False)
    report = json.loads(done.stdout)
    assert (done.returncode, report["status"]) == (71, 71), done.stdout
    assert report["kernel"]["user-namespaces"] is False
    assert "user-namespaces" in report["error"]
