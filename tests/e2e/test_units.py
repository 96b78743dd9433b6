"""dist/systemd: what is there is sound, and as hard as it should be. systemd itself does not run
where the tests do: its own tools look at the files."""
import errno
import os
import re
import signal
import subprocess

import pytest

import netcr_client
from conftest import SOURCE
from modes import rule, write
from nlmsg import newlink
from service import run_id
from test_audit import journal  # noqa: F401

SERVICES = ["netcr-broker.service", "netcr-session@.service"]
UNITS = SERVICES + ["netcr-broker.socket", "netcr-session.socket"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory of a build that has them, and nothing of the rest."""
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "setup", "-Dsystemd=enabled", "-Dtests=disabled", "--prefix=/usr",
                    root / "build", SOURCE], check=True, capture_output=True)
    subprocess.run(["meson", "install", "-C", root / "build", "--no-rebuild", "--tags", "systemd",
                    "--destdir", root / "dest"], check=True, capture_output=True)
    return root / "dest"


def find(root, name):
    found = [os.path.join(d, name) for d, _, names in os.walk(root) if name in names]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def directives(path):
    """{key: [value, ...]}, of all sections together."""
    found = {}
    with open(path) as f:
        for line in f:
            key, equals, value = line.strip().partition("=")
            if equals and not key.startswith("#"):
                found.setdefault(key, []).append(value)
    return found


def analyze(*args, env=None):
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=60,
                          check=False, env=os.environ | {"SYSTEMD_COLORS": "0"} | (env or {}))


@pytest.fixture
def verifiable(installed, tmp_path, stage):
    """A copy of the units, whose program is where it is built."""
    for name in UNITS:
        with open(find(installed, name)) as f:
            text = f.read()
        program = re.findall(r"^ExecStart=(\S+)", text, re.M)
        assert all(p.endswith("/sbin/netcr-broker") for p in program)
        for p in program:
            text = text.replace(p, os.path.join(stage, "netcr-broker"))
        (tmp_path / name).write_text(text)
    return tmp_path


def verify(directory, *names):
    return analyze("verify", "--man=no", "--recursive-errors=no", *(directory / n for n in names))


@pytest.mark.parametrize("name", UNITS)
def test_verify_is_clean(verifiable, name):
    done = verify(verifiable, name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_verify_would_say_what_is_wrong(verifiable):
    path = verifiable / "netcr-broker.service"
    path.write_text(path.read_text().replace("LockPersonality=yes", "LockPersonalty=yes"))
    assert "LockPersonalty" in verify(verifiable, path.name).stderr


@pytest.mark.parametrize("name", SERVICES)
def test_exposure_is_at_most_1_3(verifiable, name):
    done = analyze("security", "--offline=true", "--threshold=13", verifiable / name)
    assert done.returncode == 0, done.stdout
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert float(found.group(1)) <= 1.3


def test_exposure_would_be_found_too_high(verifiable):
    path = verifiable / "netcr-broker.service"
    path.write_text(path.read_text().replace("ProtectSystem=strict\n", "").replace(
        "NoNewPrivileges=yes\n", ""))
    assert analyze("security", "--offline=true", "--threshold=13", path).returncode != 0


# --- what the service does, and what the units allow


def groups():
    """{"@name": [call or other group, ...]} of systemd's sets of system calls."""
    found, name = {}, None
    for line in analyze("syscall-filter").stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif line.startswith("    ") and name and not line.strip().startswith("#"):
            found[name].append(line.strip())
    return found


def allowed_calls(unit):
    """The system calls that SystemCallFilter= of a unit lets through."""
    sets, todo, calls = groups(), [], set()
    for value in unit["SystemCallFilter"]:
        assert not value.startswith("~")
        todo += value.split()
    while todo:
        one = todo.pop()
        if one.startswith("@"):
            todo += sets[one]
        else:
            calls.add(one)
    return calls


# As the unit starts it: the account, its one capability, and a /run with a journal.
AS_THE_UNIT = """
mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/netcr &&
mount --bind "$1" /run/systemd/journal && chown "$2:$2" /run/netcr &&
chmod 666 "$NOTIFY_SOCKET" && uid=$2 && shift 2 &&
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all,+net_admin \
    --ambient-caps=-all,+net_admin --bounding-set=-all,+net_admin --no-new-privs "$@"
"""


@pytest.fixture
def trace(service, container, user1, user2, journal, conf_dir):  # noqa: F811
    """The system calls of the service and its sessions, each with its arguments, over a life with
    grants, a quota, refusals, a violation, a policy that is read again, and an end."""
    conf = write(f"{conf_dir}/c", rule(user1, "lan", "par0", "max-links = 2"))
    path = f"{journal.directory}/trace"
    svc = service(options=("--policy", conf, "--audit", "journal"),
                  prefix=["strace", "-f", "-qq", "-o", path, "unshare", "-m", "sh", "-c",
                          AS_THE_UNIT, "sh", journal.directory, str(run_id()[0])])
    for user in (user1, user2):
        journal.entries()  # who does not read makes the service wait
        s = svc.session(user).ready(container(user))
        s.expect_audit = False
        errors = [s.create(("par0", newlink(f"a{i}"))).error for i in range(3)]
        assert errors == ([0, 0, errno.EDQUOT] if user is user1 else [errno.EPERM] * 3)
        assert journal.entries()
        s.nsid(3)
        s.agent.send("ff", [])
        with pytest.raises(netcr_client.Ended):
            s.reply()
        s.close()
    os.kill(svc.pid, signal.SIGHUP)
    svc.notify.wait_for("READY=1")
    svc.session(user1).connect().close()
    assert svc.stop() == 0
    with open(path) as f:
        text = f.read()
    # From the exec of the broker on.
    pid, lines = re.findall(r"^(\d+) +execve\(\"[^\"]*netcr-broker\"", text, re.M)[-1], []
    for line in text.splitlines():
        if lines or (line.startswith(pid) and "netcr-broker" in line and "execve" in line):
            lines.append(line.split(None, 1)[1])
    calls = [re.match(r"(\w+)\((.*)", line).groups() for line in lines if re.match(r"\w+\(", line)]
    assert {"accept4", "clone", "seccomp", "sendmsg", "mmap", "capset"} <= {c for c, _ in calls}
    return calls


@pytest.mark.no_sanitizer
def test_what_the_service_does_is_what_its_units_allow(installed, trace):
    made = {name for name, _ in trace}
    for unit in SERVICES:
        allowed = allowed_calls(directives(find(installed, unit)))
        assert {"read", "openat", "ppoll"} <= allowed and "mount" not in allowed
        assert made - allowed == set()
    with_namespaces = [call for call in trace if call[0] in ("unshare", "setns") or
                       call[0].startswith("clone") and "CLONE_NEW" in call[1]]
    assert with_namespaces == [], "RestrictNamespaces="
    assert {args.split(",")[0] for name, args in trace if name == "socket"} <= {
        "AF_UNIX", "AF_NETLINK"}, "RestrictAddressFamilies="
    assert not [args for name, args in trace if name in ("mmap", "mprotect") and
                "PROT_WRITE" in args and "PROT_EXEC" in args], "MemoryDenyWriteExecute="
    written = {args.split('"')[1] for name, args in trace if name == "openat" and
               re.search("O_WRONLY|O_RDWR|O_CREAT", args)}
    assert {p for p in written if p != "/dev/null"} <= {p for p in written
                                                        if p.startswith("/run/netcr/")
                                                        or "/" not in p}, "ProtectSystem="


def test_the_ledger_outlives_a_restart(installed):
    """Its directory is tmpfiles.d's, and not one that goes with the service."""
    for unit in SERVICES:
        found = directives(find(installed, unit))
        assert "RuntimeDirectory" not in found and found["ReadWritePaths"] == ["/run/netcr"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_one_capability(installed, name):
    unit = directives(find(installed, name))
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == ["CAP_NET_ADMIN"]
    assert (unit["User"], unit["NoNewPrivileges"]) == (["netcr"], ["yes"])


def test_both_services_are_confined_alike(installed):
    """What is between the comment on capabilities and the end is the same text twice."""
    texts = []
    for name in SERVICES:
        with open(find(installed, name)) as f:
            texts.append(f.read().partition("# CAP_NET_ADMIN is")[2])
    assert texts[0] and texts[0] == texts[1]


@pytest.mark.parametrize("name", ["netcr-broker.socket", "netcr-session.socket"])
def test_sockets(installed, name):
    """Where a worker looks for one, and where /run is another."""
    unit = directives(find(installed, name))
    assert unit["ListenSequentialPacket"] == ["/run/netcr/broker.sock", "/var/lib/netcr/broker.sock"]
    assert unit.get("Accept", ["no"]) == (["yes"] if "session" in name else ["no"])
    # The service of Accept=yes is the template of the socket's name.
    assert find(installed, name.replace(".socket", "@.service" if "session" in name else ".service"))


def test_account_and_directory(installed, tmp_path):
    """sysusers.d and tmpfiles.d, as systemd reads them, in another root."""
    (tmp_path / "etc").mkdir()
    for tool, directory in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        path = [os.path.join(d, "netcr.conf") for d, _, names in os.walk(installed)
                if d.endswith(directory) and "netcr.conf" in names]
        create = ["--create"] if tool == "systemd-tmpfiles" else []
        done = subprocess.run([tool, f"--root={tmp_path}", *create, *path], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
    account = re.search(r"^netcr:[^:]*:(\d+):(\d+):", (tmp_path / "etc/passwd").read_text(), re.M)
    made = os.stat(tmp_path / "run/netcr")
    assert (str(made.st_uid), str(made.st_gid)) == account.groups()
    assert made.st_mode & 0o7777 == 0o755


def test_module_is_loaded(installed):
    path = [os.path.join(d, "netcr.conf") for d, _, _ in os.walk(installed)
            if d.endswith("modules-load.d")]
    with open(path[0]) as f:
        assert [line for line in f.read().splitlines() if not line.startswith("#")] == ["macvlan"]
