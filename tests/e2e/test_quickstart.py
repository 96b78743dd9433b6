"""dist/quickstart: what it shows, its exit status, and that it leaves nothing behind."""
import os
import pty
import re
import signal
import subprocess

import pytest

from conftest import SOURCE, build_dir, copy_for_everyone
from namespaces import comm, wait_until

QUICKSTART = os.path.join(SOURCE, "dist", "quickstart")


def processes_of(scratch):
    """Whatever has its directory in the environment: all that it started inherits that."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/environ", "rb") as f:
                if f"TMPDIR={scratch}".encode() in f.read().split(b"\0"):
                    found.append((entry, comm(entry)))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


@pytest.fixture
def scratch(public_path):
    """Where it makes its directory. Other users must be able to go there."""
    where = public_path / "scratch"
    where.mkdir(mode=0o755)
    return where


@pytest.fixture
def start(procs, scratch):
    def run(build, env=None, stdout=subprocess.PIPE):
        return procs.start([QUICKSTART, "--build", build], stdin=subprocess.DEVNULL,
                           stdout=stdout, stderr=subprocess.PIPE, text=True,
                           start_new_session=True,
                           env=dict(os.environ, TMPDIR=str(scratch), **(env or {})))
    return run


@pytest.fixture
def nothing_left(scratch):
    """A check for the end of a test: no file and no process, and so no namespace. A session takes a
    moment to end after its worker."""
    def check():
        assert not list(scratch.iterdir())
        wait_until(lambda: not processes_of(scratch), "what it started ended")
    return check


@pytest.fixture
def fake_build(tmp_path):
    """A build with a netcr-worker that fails, or does what @script says."""
    def make(script):
        for name in ("broker", "worker"):
            (tmp_path / "build" / name).mkdir(parents=True)
        copy_for_everyone(os.path.join(build_dir(), "broker", "netcr-broker"),
                          tmp_path / "build" / "broker" / "netcr-broker")
        worker = tmp_path / "build" / "worker" / "netcr-worker"
        worker.write_text(f"#!/bin/sh\n{script}\n")
        worker.chmod(0o755)
        return tmp_path / "build"
    return make


def sections(out):
    """{first word of a heading: text below it}"""
    parts = re.split(r"^== (\w+).*\n", out, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def test_quickstart_shows_a_restore(start, nothing_left):
    proc = start(build_dir())
    out, err = proc.communicate(timeout=120)
    assert proc.returncode == 0, out + err
    assert "\x1b" not in out
    shown = [part for part in re.split(r"^== ", out, flags=re.M)[1:]]
    before, image, restore, audit, session, after, reach = shown[1:]
    assert "mv1" not in before
    assert "mv1" in image
    assert "netcr-broker spawn --allow-parent par0 -- netcr-worker restore -D image" in restore
    line = next(line for line in audit.splitlines() if " op=link-create " in line)
    for field in ("uid=29999", "verdict=granted", "parent=par0", "name=mv1", "ifindex=1001"):
        assert f" {field}" in line
    assert re.search(r"^CapEff:\s+0000000000001000$", session, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", session, re.M)
    assert re.search(r"^1001: mv1@.*UP", after, re.M)
    assert "macvlan mode bridge" in after
    assert len(re.findall(r"1 received, 0% packet loss", reach)) == 2
    assert out.endswith("All of it worked, and nothing is left behind.\n")
    nothing_left()


def test_quickstart_is_bold_on_a_terminal_only_if_wanted(start):
    for env, bold in (({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        proc = start(build_dir(), env, stdout=theirs)
        os.close(theirs)
        out = b""
        try:
            while chunk := os.read(ours, 65536):
                out += chunk
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        proc.stderr.read()
        assert proc.wait(timeout=120) == 0
        assert (b"\x1b[1m" in out) == bold


def test_quickstart_fails_if_a_step_does(start, fake_build, nothing_left):
    build = fake_build('[ "$1" != restore ] || { echo "it was made to fail" >&2; exit 1; }')
    proc = start(build)
    out, err = proc.communicate(timeout=120)
    assert proc.returncode == 1, out + err
    assert "it was made to fail" in out
    assert "the restore failed" in err
    assert "After" not in sections(out)
    nothing_left()


def test_quickstart_fails_if_no_link_was_made(start, fake_build, nothing_left):
    proc = start(fake_build("exit 0"))
    out, err = proc.communicate(timeout=120)
    assert proc.returncode not in (0, None), out + err
    assert "All of it worked" not in out
    nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_quickstart_interrupted_leaves_nothing(start, fake_build, scratch, nothing_left, number):
    # Ctrl-C goes to all processes of the terminal; a kill to one.
    build = fake_build('[ "$1" != restore ] || { echo reached; exec sleep 3; }')
    proc = start(build)
    for line in proc.stdout:
        if line == "reached\n":
            break
    assert list(scratch.iterdir())
    (os.killpg if number == signal.SIGINT else os.kill)(proc.pid, number)
    out, err = proc.communicate(timeout=120)
    assert proc.returncode not in (0, None), out + err
    nothing_left()


def test_quickstart_killed_leaves_no_process(start, fake_build, scratch):
    build = fake_build('[ "$1" != restore ] || { echo reached; exec sleep 1; }')
    proc = start(build)
    for line in proc.stdout:
        if line == "reached\n":
            break
    assert processes_of(scratch)
    proc.kill()
    proc.communicate(timeout=120)
    wait_until(lambda: not processes_of(scratch), "what it started ended")


def test_quickstart_usage(procs):
    for argv, status in ((["--help"], 0), (["--nonsense"], 64), (["--build"], 64)):
        done = subprocess.run([QUICKSTART, *argv], capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == status
        assert "dist/quickstart [--build DIR]" in (done.stdout if status == 0 else done.stderr)


def test_quickstart_installs_what_the_tests_do():
    """Its packages are among those of tests/run, so that what is tested with is what it uses."""
    def arrays(path, *names):
        with open(os.path.join(SOURCE, path)) as f:
            text = re.sub(r"#.*", "", f.read())
        return {word for name in names
                for word in re.search(rf"^{name}=\(([^)]*)\)", text, re.M).group(1).split()}
    ours = arrays("dist/quickstart", "packages", "build_packages")
    assert len(ours) > 10
    assert ours <= arrays("tests/run", "packages")
