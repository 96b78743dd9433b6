"""serve with a policy file: sessions judge by it, SIGHUP reads it again, a bad one changes nothing."""
import grp
import os
import signal
import subprocess

import pytest

from namespaces import DEADLINE
from nlmsg import newlink

RULE = "[rule {name}]\nuser = {user}\nparent = par0\n"


@pytest.fixture
def conf(stage):
    """conf(text): the path of a policy file with this text."""
    path = os.path.join(stage, f"serve-{os.urandom(4).hex()}.conf")

    def write(text):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o644)
        return path
    yield write
    os.unlink(path)


def answer(svc, container, user, name="a0", **kwargs):
    """The errno of the answer to one link-create on par0, and the names in the container."""
    box = container(user)
    s = svc.session(user).ready(box)
    reply = s.create(("par0", newlink(name, **kwargs)))
    s.close()
    return reply.error, [n for n in box.links() if n != "lo"]


def test_who_is_named_may(service, container, user1, user2, conf):
    svc = service(options=("--policy", conf(RULE.format(name="one", user=user1.name))))
    assert answer(svc, container, user1) == (0, ["a0"])
    assert answer(svc, container, user2) == (1, [])
    svc.said("rule=one")
    svc.said('op=policy-load stage=execute verdict=loaded')


def test_a_group_is_named(service, container, user1, user2, conf, accounts):
    """By the groups that the account has; what the peer's process has is not asked."""
    group = "netcr-testg"
    subprocess.run(["groupadd", "--users", user1.name, group], check=True)
    try:
        assert user1.name in grp.getgrnam(group).gr_mem
        svc = service(options=("--policy", conf(RULE.format(name="g", user="@" + group))))
        assert answer(svc, container, user1) == (0, ["a0"])
        assert answer(svc, container, user2) == (1, [])
    finally:
        subprocess.run(["groupdel", group], check=True)


def test_hup_takes_the_new_file(service, container, user1, user2, conf):
    """New sessions get it; one that runs keeps what it began with."""
    path = conf(RULE.format(name="one", user=user1.name))
    svc = service(options=("--policy", path))
    box = container(user1)
    old = svc.session(user1).ready(box)
    conf(RULE.format(name="two", user=user2.name))
    os.kill(svc.pid, signal.SIGHUP)
    svc.notify.wait_for("READY=1")
    assert answer(svc, container, user2) == (0, ["a0"])
    assert answer(svc, container, user1) == (1, [])
    assert old.create(("par0", newlink("b0"))).error == 0


def test_hup_with_a_bad_file_changes_nothing(service, container, user1, user2, conf):
    path = conf(RULE.format(name="one", user=user1.name))
    svc = service(options=("--policy", path))
    conf("[rule two]\nuser = nosuchuser\nparent = par0\n")
    os.kill(svc.pid, signal.SIGHUP)
    svc.said(f"{path}:2: ")
    svc.said("the old one stays in force")
    svc.notify.wait_for("STATUS=the old policy is in force")
    assert answer(svc, container, user1) == (0, ["a0"])
    assert answer(svc, container, user2) == (1, [])
    os.unlink(path)
    os.kill(svc.pid, signal.SIGHUP)
    svc.said("it is not there")
    assert answer(svc, container, user1) == (0, ["a0"])
    conf("")


def test_a_bad_file_is_no_start(service, user1, conf):
    svc = service(options=("--policy", conf("nonsense\n")), ready=False)
    assert svc.proc.wait(DEADLINE) == 78
    assert ":1: " in svc.stderr()


def test_a_limit(service, container, user1, conf):
    """Of the user on this parent, over all containers."""
    svc = service(options=("--policy", conf(RULE.format(name="one", user=user1.name) +
                                            "max-links = 2\n")))
    assert answer(svc, container, user1) == (0, ["a0"])
    box = container(user1)
    s = svc.session(user1).ready(box)
    assert s.create(("par0", newlink("b0"))).error == 0
    assert s.create(("par0", newlink("b1"))).error == 122
    svc.said("verdict=quota")


def test_not_beside_allow_parent(service, conf):
    svc = service(options=("--policy", conf(""), "--allow-parent", "par0"), ready=False)
    assert svc.proc.wait(DEADLINE) == 64
