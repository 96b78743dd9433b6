"""A caller of criu-action that does as CRIU does: root of the machine, in the host's namespaces, with the
image directory as a descriptor of its own and no stdin."""
import os
import subprocess

import pytest

from namespaces import QUIET, Netns
from netcr_client import audit_lines
from saved_state import settle

MAC = "02:00:00:00:12:34"
LINK, INDEX = "eth0", 7
ADDRESS4, ADDRESS6, GATEWAY = "192.0.2.2", "2001:db8::2", "192.0.2.1"


class RootBox(Netns):
    """Namespaces as CRIU makes them: the user namespace is root's."""

    def __init__(self, procs):
        super().__init__(procs, ["unshare", "-n", "-U", "--map-root-user"])


class Said:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Sanitizer" not in self.err and "runtime error" not in self.err, self.err
        self.audit = audit_lines(self.err)

    def __repr__(self):
        return f"status {self.status}\n{self.out}\n{self.err}"


class Criu:
    """criu(action, box, directory, NAME=VALUE…): one call of the action script."""

    def __init__(self, worker, host):
        self.worker, self.host, self.broker = worker, host, None
        self.program = os.path.join(os.path.dirname(worker), "criu-action")
        if not os.path.exists(self.program):
            os.symlink(worker, self.program)

    def environment(self, action, box, fd, variables):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **QUIET, "CRTOOLS_SCRIPT_ACTION": action,
               "CRTOOLS_IMAGE_DIR": f"/proc/{os.getpid()}/fd/{fd}"}
        if box is not None:
            env["CRTOOLS_INIT_PID"] = str(box.pid)
        if self.broker:
            env["NETCR_BROKER"] = self.broker
        env |= variables
        return {name: value for name, value in env.items() if value is not None}

    def __call__(self, action, box, directory, status=0, argv=None, **variables):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            closed = ["sh", "-c", 'exec "$@" <&-', "sh"]
            done = subprocess.run(
                self.host.argv(*closed, *(argv or [self.program])), capture_output=True, text=True,
                env=self.environment(action, box, fd, variables), cwd="/", timeout=60, check=False,
                errors="replace")
        finally:
            os.close(fd)
        said = Said(done)
        assert status is None or said.status == status, said
        return said


@pytest.fixture
def criu(worker, own_host):
    return Criu(worker, own_host)


@pytest.fixture
def served(criu, service, own_host, stage):
    """criu with a broker that root may ask for par0."""
    path = os.path.join(stage, f"criu-{os.urandom(4).hex()}.conf")
    with open(path, "w") as f:
        f.write("[rule criu]\nuser = root\nparent = par0\n")
    os.chmod(path, 0o644)
    svc = service(options=("--policy", path), host=own_host)
    criu.broker = svc.paths[0]
    criu.service = svc
    yield criu
    os.unlink(path)


def fill(box, host, n=1):
    """@n macvlans on par0 with addresses, the first with a default route."""
    box.ip("link", "set", "lo", "up")
    for i in range(n):
        name = f"eth{i}"
        host.ip("link", "add", f"tmp{i}", "link", "par0", "type", "macvlan", "mode", "bridge")
        host.ip("link", "set", f"tmp{i}", "netns", str(box.pid))
        box.batch(f"link set tmp{i} name {name} address {MAC[:-2]}{0x34 + i:02x}",
                  f"link set {name} up",
                  f"addr add 192.0.{2 + i}.2/24 dev {name}",
                  f"addr add 2001:db8:0:{i:x}::2/64 dev {name} nodad")
    box.batch(f"route add default via {GATEWAY}")
    settle(box)


@pytest.fixture
def saved(procs, worker, own_host, public_path):
    """saved(n, prepare=…): a directory with the images of a container that is gone."""
    def save(n=1, prepare=None):
        box = RootBox(procs)
        fill(box, own_host, n)
        if prepare:
            prepare(box)
        directory = public_path / "images"
        directory.mkdir(mode=0o755)
        subprocess.run([worker, "dump", "-D", directory, "--pid", str(box.pid)], check=True,
                       capture_output=True, timeout=60)
        box.links_before = box.links()
        # Not in the namespace's own time: until then their addresses are taken.
        box.batch(*[f"link del eth{i}" for i in range(n)])
        box.close()
        for name in os.listdir(directory):
            os.chmod(directory / name, 0o644)
        return directory, box.links_before
    return save
