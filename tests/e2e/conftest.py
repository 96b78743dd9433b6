"""Whole-program tests: the real programs, real namespaces, real netlink. Run as root:

    tests/run e2e [PYTEST ARGUMENT]...
    NETCR_BUILD=/tmp/build /usr/bin/python3 -m pytest tests/e2e -k D4     (built already)

What a test can ask for:

    stage        directory that every user can read, with copies of netcr-broker, netcr-worker
                 (where it is built), hostile.py and, in data/, of tests/data
    public_path  a directory of this test, as tmp_path, that every user can read
    broker       path of the copy of netcr-broker;  worker: of netcr-worker
    user1, user2 ordinary users (namespaces.User)
    host, lan    namespaces.Netns: the "host" with the parent par0, a veth whose other end par0p
                 is in lan. Shared by all tests of a run: leave them as they are
    with_file_caps  path of a copy of netcr-broker with cap_net_admin+ep
    world        a host with netcr installed, where users have Podman (podman.World)
    own_host     a host with par0 of this test alone, to break
    procs        namespaces.Procs of this test: what is started by it is ended with the test
    accounts     for a test that changes the machine's users, groups or sudoers: one run at a time
    path_of      path_of(netns): a path of a network namespace, as `ip netns` makes one
    container    container(user, subids=False): a new rootless container (namespaces.Container)
    session      session(user=user1, host=host, options=…): a broker with a hostile worker
                 (netcr_client.Session)
    begin        begin(policy): the broker with a policy file, by spawn and by serve (modes.Mode)
    service      service(options=…, sockets=1): `netcr-broker serve` in host (service.Service)
    bound        (session, container) of user1, greeted and bound
    unchanged    unchanged(container): a context in which neither host nor container may change

A test that runs netcr-worker under the broker as an ordinary user:

    def test_restore(host, user1, container, broker, worker, stage):
        box = container(user1)
        host.run(broker, "spawn", "--allow-parent", "par0", "--", worker, "restore",
                 "-D", f"{stage}/data/macvlan-x1", "--pid", box.pid, env=user1.sudo_env())
        assert box.links()["eth0"]["linkinfo"]["info_kind"] == "macvlan"

With NETCR_TESTS_MUST_RUN=1 a test that would be skipped fails.
"""
import atexit
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.path.dirname(TESTS)
sys.path.insert(0, os.path.join(TESTS, "lib"))

import modes  # noqa: E402
import namespaces  # noqa: E402
import netcr_client  # noqa: E402
import podman  # noqa: E402
import service as service_lib  # noqa: E402

USERS = ("netcr-test1", "netcr-test2")
MUST_RUN = os.environ.get("NETCR_TESTS_MUST_RUN", "0") not in ("", "0")


# --- the run as a whole


def build_dir():
    build = os.environ.get("NETCR_BUILD")
    if not build or not os.path.exists(os.path.join(build, "broker", "netcr-broker")):
        raise pytest.UsageError("NETCR_BUILD must name a build directory; see tests/run")
    return build


def is_sanitized():
    with open(os.path.join(build_dir(), "broker", "netcr-broker"), "rb") as f:
        return b"__asan_init" in f.read()


def pytest_configure():
    build_dir()
    if os.geteuid() != 0:
        raise pytest.UsageError("these tests make namespaces and users: run them as root")
    # A place of this run's own for tmp_path, which other users may enter. The usual one is root's alone
    # again whenever another run begins.
    place = tempfile.mkdtemp(prefix="netcr-tmp-", dir=stage_parent())
    os.chmod(place, 0o755)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = place
    atexit.register(shutil.rmtree, place, ignore_errors=True)  # after pytest's own
    namespaces.become_subreaper()


def pytest_collection_modifyitems(config, items):
    marks = ["guest"] * (not os.environ.get("NETCR_VM")) + ["no_sanitizer"] * is_sanitized()
    out = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if MUST_RUN and report.skipped:  # an expected failure is one, too
        report.outcome = "failed"
        report.longrepr = f"skipped, but every test must run: {call.excinfo.value}"


# --- what there is once a run


def copy_for_everyone(source, target):
    """The checkout may be where other users cannot go; and its modes may be anybody's guess."""
    if os.path.isdir(source):
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        for parent, dirs, files in os.walk(target):
            for name in dirs + files:
                os.chmod(os.path.join(parent, name), 0o755 if name in dirs else 0o644)
        os.chmod(target, 0o755)
    else:
        shutil.copyfile(source, target)
        os.chmod(target, 0o755)


def stage_parent():
    """A directory on a file system on which file capabilities count."""
    for path in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):
        if path and not os.statvfs(path).f_flag & os.ST_NOSUID:
            return path
    raise pytest.UsageError("/tmp and /var/tmp are mounted nosuid: set TMPDIR")


@pytest.fixture(scope="session")
def stage():
    path = tempfile.mkdtemp(prefix="netcr-e2e-", dir=stage_parent())
    os.chmod(path, 0o755)
    try:
        for name in ("broker", "worker"):
            binary = os.path.join(build_dir(), name, f"netcr-{name}")
            if os.path.exists(binary):
                copy_for_everyone(binary, os.path.join(path, f"netcr-{name}"))
        for name in ("hostile.py", "activate.py"):
            copy_for_everyone(os.path.join(TESTS, "lib", name), os.path.join(path, name))
        copy_for_everyone(os.path.join(TESTS, "data"), os.path.join(path, "data"))
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def public_path(stage):
    """As tmp_path, but for everybody: pytest shuts others out of its own, in each run that begins."""
    path = tempfile.mkdtemp(prefix="public-", dir=stage)
    os.chmod(path, 0o755)
    yield pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def broker(stage):
    return os.path.join(stage, "netcr-broker")


@pytest.fixture(scope="session")
def with_file_caps(broker):
    """A copy of netcr-broker that gives CAP_NET_ADMIN to whoever runs it."""
    path = broker + "-filecaps"
    shutil.copy(broker, path)
    subprocess.run(["setcap", "cap_net_admin+ep", path], check=True)
    return path


@pytest.fixture(scope="session")
def worker(stage):
    return os.path.join(stage, "netcr-worker")


@pytest.fixture(scope="session")
def pb():
    """The protocol's messages, generated from netcr.proto."""
    with tempfile.TemporaryDirectory(prefix="netcr-pb-") as directory:
        yield netcr_client.load_proto(os.path.join(SOURCE, "proto", "netcr.proto"), directory)


def find_user(name):
    try:
        return namespaces.User(name)
    except KeyError:
        return pytest.skip(f"there is no user {name}: `tests/run setup` makes it")


@pytest.fixture(scope="session")
def user1():
    return find_user(USERS[0])


@pytest.fixture(scope="session")
def user2():
    return find_user(USERS[1])


@pytest.fixture
def accounts():
    """For a test that changes the machine's users, groups or sudoers. Two runs may be at the same time:
    each waits for the other's end of that."""
    with open("/run/netcr-tests-accounts.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["groupdel", "netcr-testg"], check=False, capture_output=True)  # a killed run's
        yield


@pytest.fixture(scope="session")
def run_procs():
    with namespaces.Procs() as procs:
        yield procs


@pytest.fixture(scope="session")
def lan(run_procs):
    return namespaces.Netns(run_procs)


@pytest.fixture(scope="session")
def host(run_procs, lan):
    ns = namespaces.Netns(run_procs)
    namespaces.connect(ns, lan)
    return ns


@pytest.fixture(scope="session")
def world(stage):
    """A host of its own with netcr installed, for Podman and the runtimes (podman.World)."""
    with namespaces.Procs() as procs:
        yield podman.World(procs, stage, os.path.join(build_dir(), "dist", "oci", "netcr.json"))


# --- what each test has for itself


@pytest.fixture
def procs():
    with namespaces.Procs() as procs:
        yield procs


@pytest.fixture
def own_host(procs):
    ns, peer = namespaces.Netns(procs), namespaces.Netns(procs)
    namespaces.connect(ns, peer)
    return ns


@pytest.fixture
def path_of(stage):
    paths = []

    def mount(netns):
        paths.append(os.path.join(stage, f"netns-{os.urandom(4).hex()}"))
        netns.mount(paths[-1])
        return paths[-1]
    yield mount
    for path in paths:
        subprocess.run(["umount", "--lazy", path], check=True)  # a session may have it open
        os.unlink(path)


@pytest.fixture
def container(procs):
    return lambda user, **kwargs: namespaces.Container(procs, user, **kwargs)


@pytest.fixture
def session(procs, broker, host, user1, pb):
    def start(**kwargs):
        args = {"broker": broker, "host": host, "user": user1} | kwargs
        return netcr_client.Session(procs, **args)
    return start


@pytest.fixture
def service(procs, broker, host, pb):
    def start(**kwargs):
        return service_lib.Service(procs, **({"broker": broker, "host": host} | kwargs))
    return start


@pytest.fixture
def conf_dir(stage):
    """A directory of root's, for a policy that everybody may read, as in /etc."""
    path = tempfile.mkdtemp(prefix="conf-", dir=stage)
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["spawn", "serve"])
def begin(request, session, service, conf_dir):
    """begin(text of a policy file, …): modes.Mode, by spawn and by serve."""
    def start(text, **kwargs):
        path = modes.write(os.path.join(conf_dir, "netcr.conf"), text)
        return modes.Mode(request.param, session, service, path, kwargs)
    return start


@pytest.fixture
def bound(session, container, user1):
    box = container(user1)
    return session().ready(box), box


@pytest.fixture
def unchanged(host):
    @contextlib.contextmanager
    def check(*others):
        namespaces_ = (host, *others)
        before = [ns.links() for ns in namespaces_]
        yield
        assert [ns.links() for ns in namespaces_] == before
    return check


@pytest.fixture(scope="session")
def run_broker(broker, host):
    """run_broker(args..., env=..., prefix=...): netcr-broker in host, to its end."""
    def run(*args, prefix=(), where=host, **kwargs):
        kwargs.setdefault("capture_output", True)
        kwargs.setdefault("text", True)
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(where.argv(*prefix, broker, *args), timeout=60, check=False,
                              **kwargs)
    return run
