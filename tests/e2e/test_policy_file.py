"""The policy file: what is refused at start with its line, and what rules do, whole program."""
import os

import pytest

from nlmsg import newlink

RULE = "[rule lan]\nuser = {user}\nparent = par0\n"


@pytest.fixture
def conf(tmp_path):
    def write(text, name="netcr.conf", mode=0o644):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)
    return write


def start(run_broker, user, path):
    return run_broker("spawn", "--policy", path, "--", "true", env=user.sudo_env())


BAD = [
    ("[rule a]\nuser = nosuchuser\nparent = par0\n", 2, "there is no user 'nosuchuser'"),
    ("[rule a]\nuser = @nosuchgroup\nparent = par0\n", 2, "there is no group 'nosuchgroup'"),
    ("[rule a]\nuser = 65534\nparent = par0\n", 2, "stands for nobody"),
    ("[rule a]\nuser = 4294967295\nparent = par0\n", 2, "stands for nobody"),
    ("[rule a]\nuser = 4294967296\nparent = par0\n", 2, "there is no user"),
    ("[rule a]\nuser = 0\nparent = a b\n", 3, "not a name of an interface"),
    ("[rule a]\nuser = 0\nparent = par0\nmode = magic\n", 4, "there is no mode 'magic'"),
    ("[rule a]\nuser = 0\nparent = par0\nmac = 01:00:*\n", 4, "unicast"),
    ("[rule a]\nuser = 0\nparent = par0\nmax-links = 0\n", 4, "not a number from 1"),
    ("[rule a]\nuser = 0\nparent = par0\ndeny = maybe\n", 4, "neither yes nor no"),
    ("[rule a]\nuser = 0\nparent = par0\ncolour = red\n", 4, "unknown key 'colour'"),
    ("[rule a]\nuser = 0\nuser = 1\nparent = par0\n", 3, "a second 'user'"),
    ("[rule a]\nuser = 0\n\n[rule b]\nuser = 0\nparent = par0\n", 1, "no 'parent'"),
    ("[rule a]\n", 1, "no 'user'"),
    ("[rule a]\nuser = 0\nparent = x\n[rule a]\nuser = 0\nparent = x\n", 4, "a second rule 'a'"),
    ("[rule a]\nuser = 0\nparent = x\ndeny = yes\nmax-links = 3\n", 1, "has no limits"),
    ("[rule a] x\nuser = 0\nparent = x\n", 1, "a section is"),
    ("[thing a]\nuser = 0\n", 1, "a section is"),
    ("nonsense\n", 1, "neither a [section]"),
    ("user = 0\n", 1, "unknown key 'user'"),
    ("[netns a]\npath = relative\n", 2, "not an absolute path"),
    ("; " + 300 * "x" + "\n", 1, "longer than"),
]


@pytest.mark.parametrize("text, line, what", BAD)
def test_Q2_no_condition_is_dropped(run_broker, user1, conf, text, line, what):
    path = conf(text)
    done = start(run_broker, user1, path)
    assert done.returncode == 78
    assert done.stderr.startswith(f"netcr-broker: {path}:{line}: ")
    assert what in done.stderr


def test_Q1_files_that_are_not_safe(run_broker, user1, conf, tmp_path):
    good = conf(RULE.format(user="root"))
    assert start(run_broker, user1, good).returncode == 0
    assert start(run_broker, user1, conf("", "empty.conf")).returncode == 0
    for mode in (0o664, 0o646):
        done = start(run_broker, user1, conf("", "open.conf", mode))
        assert done.returncode == 78 and "can be written by" in done.stderr
    os.symlink(good, tmp_path / "link.conf")
    cases = {"link.conf": "symbolic link", ".": "not a regular file", "none.conf": "not there"}
    conf(";\n" * (1 << 20), "long.conf")
    cases["long.conf"] = "longer than 1 MiB"
    os.chown(conf("", "theirs.conf"), user1.uid, 0)
    cases["theirs.conf"] = "somebody else"
    for name, what in cases.items():
        done = start(run_broker, user1, str(tmp_path / name))
        assert done.returncode == 78 and what in done.stderr, name


def test_Q7_deny_in_an_included_file_wins(session, container, user1, conf, tmp_path):
    (tmp_path / "d").mkdir(mode=0o755)
    include = f"include = {tmp_path}/d\n"
    allow, deny = RULE.format(user=user1.name), RULE.format(user=user1.name) + "deny = yes\n"
    for first, second, granted in ((allow, "", True), (allow, deny, False), (deny, allow, False)):
        conf(second.replace("lan", "other"), "d/x.conf")
        path = conf(include + first)
        box = container(user1)
        s = session(options=["--policy", path]).ready(box)
        reply = s.create(("par0", newlink("eth0")))
        assert reply.error == (0 if granted else 1)


@pytest.mark.parametrize("option", ["--max-links", "--max-links-per-netns"])
def test_a_limit_that_would_not_hold_is_refused(run_broker, user1, conf, option):
    path = conf(RULE.format(user=user1.name))
    for policy in (["--policy", path], []):
        done = run_broker("spawn", *policy, option, "3", "--", "true", env=user1.sudo_env())
        assert done.returncode == 64 and "go with --allow-parent" in done.stderr


@pytest.mark.parametrize("who", ["{user}", "@{user}"])
def test_Q2_who_cannot_be_looked_up_is_not_missing(run_broker, user1, conf, who):
    """With the file and its directory open there is no descriptor left for NSS."""
    path = conf("[rule a]\nuser = " + who.format(user=user1.name) + "\nparent = par0\n")
    done = run_broker("spawn", "--policy", path, "--", "true", env=user1.sudo_env(),
                      prefix=("prlimit", "--nofile=5:5", "--"))
    assert done.returncode == 78
    assert f"{path}:2: cannot look up '" in done.stderr and "': EMFILE" in done.stderr
