"""dist/systemd: what is there is sound, and as hard as it should be. systemd itself does not run
where the tests do: its own tools look at the files."""
import os
import re
import subprocess

import pytest

from conftest import SOURCE

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
