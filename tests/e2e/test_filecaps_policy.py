"""A broker with file capabilities, which any user runs: its policy is that of the default path.

/etc is one of the tests' own, in a mount namespace, with what is needed of the machine's."""
import errno
import os
import subprocess

import pytest

from modes import rule, write
from nlmsg import newlink
from test_environment import NO_SUDO, RESET

# $1: a directory to be /etc, the rest: a command.
IN_ETC = 'mount --bind "$1" /etc && shift && exec "$@"'


@pytest.fixture
def etc(conf_dir):
    """The path of an /etc, with a directory netcr."""
    subprocess.run(["cp", "-L", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache",
                    conf_dir], check=True)
    os.mkdir(os.path.join(conf_dir, "netcr"), 0o755)
    return conf_dir


@pytest.fixture
def begin(session, with_file_caps, etc):
    """begin(text) for a policy; then of it with a user for a session."""
    def start(text=None):
        if text is not None:
            write(os.path.join(etc, "netcr", "netcr.conf"), text)

        def begin_session(user):
            return session(broker=with_file_caps, options=(), user=user, env=NO_SUDO,
                           prefix=["unshare", "-m", "sh", "-c", IN_ETC, "sh", etc, *user.argv()])
        return begin_session
    return start


def run(host, user, etc, *argv):
    return subprocess.run(host.argv("unshare", "-m", "sh", "-c", IN_ETC, "sh", etc,
                                    *user.argv(*argv)),
                          env=RESET, capture_output=True, text=True, timeout=60, check=False)


def test_Q6_filecaps_what_the_file_says(begin, container, user1, user2):
    start = begin(rule(user1))
    for user, error in ((user1, 0), (user2, errno.EPERM)):
        box = container(user)
        s = start(user).ready(box)
        assert s.create(("par1", newlink("eth1"))).error == errno.EPERM
        assert s.create(("par0", newlink("eth0"))).error == error
        assert ("eth0" in box.links()) == (error == 0)


def test_Q1_filecaps_without_a_file(begin, container, user1):
    s = begin()(user1).ready(container(user1))
    assert s.create(("par0", newlink("eth0"))).error == errno.EPERM
    assert "nothing is allowed" in s.stderr()


@pytest.mark.parametrize("what", ["writable", "owner", "link", "nonsense"])
def test_Q1_filecaps_a_file_that_is_not_safe(with_file_caps, host, user1, etc, what):
    path = write(os.path.join(etc, "netcr", "netcr.conf"),
                 "nonsense\n" if what == "nonsense" else rule(user1),
                 0o666 if what == "writable" else 0o644)
    if what == "owner":
        os.chown(path, user1.uid, user1.gid)
    elif what == "link":
        os.rename(path, f"{path}.real")
        os.symlink("netcr.conf.real", path)
    done = run(host, user1, etc, with_file_caps, "spawn", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (78, "")
    assert "/etc/netcr/netcr.conf" in done.stderr


def test_Q1_filecaps_another_file(with_file_caps, host, user1, etc, conf_dir):
    """Whose word --policy would be is the user's."""
    mine = write(os.path.join(conf_dir, "mine.conf"), rule(user1))
    done = run(host, user1, etc, with_file_caps, "spawn", "--policy", mine, "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (77, "") and "--policy" in done.stderr


def test_Q3_filecaps_a_limit_needs_a_ledger(with_file_caps, host, user1, etc):
    """Which is where the user cannot write: what cannot be counted is not begun."""
    path = os.path.join(etc, "netcr", "netcr.conf")
    for more, status, said in (((), 0, ""), (("max-links = 3",), 71, "the ledger of quotas: EACCES")):
        write(path, rule(user1, "lan", "par0", *more))
        done = run(host, user1, etc, with_file_caps, "spawn", "--", "echo", "ran")
        assert (done.returncode, done.stdout) == (status, "" if status else "ran\n")
        assert said in done.stderr
