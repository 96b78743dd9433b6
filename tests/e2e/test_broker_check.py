"""netcr-broker check: what it says is what a session does, and it needs and changes nothing."""
import contextlib
import errno
import grp
import os
import re
import subprocess

import pytest

import namespaces
from conftest import SOURCE
from nlmsg import newlink
from test_policy_file import BAD

LOCAL, LISTED, GLOBAL = "02:aa:bb:cc:dd:01", "02:00:00:cc:dd:01", "00:11:22:33:44:55"
ME = "[rule a]\nuser = {me}\nparent = par0\n"
DENY = "[rule b]\nuser = {me}\nparent = par0\ndeny = yes\n"


@pytest.fixture
def conf(stage):
    """conf(text): the path of a policy file that everybody can read."""
    path = os.path.join(stage, f"check-{os.urandom(4).hex()}.conf")

    def write(text, mode=0o644):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path
    yield write
    if os.path.exists(path):
        os.unlink(path)


@pytest.fixture
def check(run_broker, own_host, user1):
    """check(path, args..., user=): run as that user, without any privilege; None: as root."""
    def run(path, *args, user=user1, **kwargs):
        prefix = user.argv() if user else ()
        return run_broker("check", "--policy", path, *args, prefix=prefix, where=own_host, **kwargs)
    return run


# (the file, what is asked for beside the parent, the parent, what becomes of it and by which rule)
GRANTED, DENIED, GONE = 0, errno.EPERM, errno.ENODEV
CASES = {
    "nothing": ("", {}, "par0", DENIED, None),
    "name": (ME, {}, "par0", GRANTED, "a"),
    "number": ("[rule a]\nuser = {uid}\nparent = par0\n", {}, "par0", GRANTED, "a"),
    "somebody_else": ("[rule a]\nuser = {other}\nparent = par0\n", {}, "par0", DENIED, None),
    "group": ("[rule a]\nuser = {other}, @{group}\nparent = par0\n", {}, "par0", GRANTED, "a"),
    "other_group": ("[rule a]\nuser = @daemon\nparent = par0\n", {}, "par0", DENIED, None),
    "deny_behind": (ME + DENY, {}, "par0", DENIED, "b"),
    "deny_before": (DENY + ME, {}, "par0", DENIED, "b"),
    "deny_group": (ME + DENY.replace("{me}", "@{group}"), {}, "par0", DENIED, "b"),
    "deny_somebody_else": (ME + DENY.replace("{me}", "{other}"), {}, "par0", GRANTED, "a"),
    "deny_this_mode": (ME + DENY + "mode = private, vepa\n", {"mode": "vepa"}, "par0", DENIED, "b"),
    "deny_another_mode": (ME + DENY + "mode = vepa\n", {"mode": "bridge"}, "par0", GRANTED, "a"),
    "default_mode": (ME, {"mode": "private"}, "par0", GRANTED, "a"),
    "passthru_not_named": (ME, {"mode": "passthru"}, "par0", DENIED, None),
    "passthru_named": (ME + "mode = passthru\n", {"mode": "passthru"}, "par0", GRANTED, "a"),
    "source_named": (ME + "mode = source\n", {"mode": "source"}, "par0", GRANTED, "a"),
    "only_others_named": (ME + "mode = source\n", {"mode": "bridge"}, "par0", DENIED, None),
    "second_rule": (ME + "mode = vepa\n" + ME.replace(" a]", " c]"), {"mode": "bridge"}, "par0",
                    GRANTED, "c"),
    "first_of_two": (ME + "max-links = 3\n" + ME.replace(" a]", " c]"), {}, "par0", GRANTED, "a"),
    "keep_local": (ME, {"address": LOCAL}, "par0", GRANTED, "a"),
    "keep_global": (ME, {"address": GLOBAL}, "par0", DENIED, None),
    "any_global": (ME + "mac = any\n", {"address": GLOBAL}, "par0", GRANTED, "a"),
    "listed": (ME + "mac = 02:00:00:*\n", {"address": LISTED}, "par0", GRANTED, "a"),
    "not_listed": (ME + "mac = 02:00:00:*\n", {"address": LOCAL}, "par0", DENIED, None),
    "listed_and_none": (ME + "mac = 02:00:00:*\n", {}, "par0", DENIED, None),
    "one_address": (ME + f"mac = {LOCAL}\n", {"address": LOCAL}, "par0", GRANTED, "a"),
    "deny_address": (ME + DENY + "mac = 02:00:00:*\n", {"address": LISTED}, "par0", DENIED, "b"),
    "deny_other_address": (ME + DENY + "mac = 02:00:00:*\n", {"address": LOCAL}, "par0", GRANTED,
                           "a"),
    "deny_address_and_none": (ME + DENY + "mac = 02:00:00:*\n", {}, "par0", DENIED, "b"),
    "absent": (ME.replace("par0", "later0"), {}, "later0", GONE, "a"),
    "absent_and_denied": (ME.replace("par0", "later0") + DENY.replace("par0", "later0"), {},
                          "later0", DENIED, "b"),
    "absent_and_unlisted": (ME, {}, "later0", DENIED, None),
    "other_name_in_rule": (ME.replace("par0", "other0"), {}, "par0", GRANTED, "a"),
    "other_name_asked": (ME, {}, "other0", GRANTED, "a"),
    "other_name_denied": (ME + DENY.replace("par0", "other0"), {}, "par0", DENIED, "b"),
    "macvlan_asked": (ME, {}, "upper0", GRANTED, "a"),
    "macvlan_in_rule": (ME.replace("par0", "upper0"), {}, "par0", GRANTED, "a"),
    "elsewhere": (ME.replace("par0", "blue/par0"), {}, "blue/par0", GRANTED, "a"),
    "elsewhere_by_another_name": (ME.replace("par0", "blue/other0"), {}, "blue/par0", GRANTED, "a"),
    "elsewhere_denied": (ME.replace("par0", "blue/par0") + DENY.replace("par0", "blue/other0"), {},
                         "blue/par0", DENIED, "b"),
    "elsewhere_absent": (ME.replace("par0", "blue/later0"), {}, "blue/later0", GONE, "a"),
    "elsewhere_unlisted": (ME, {}, "blue/par0", DENIED, None),
    "no_such_namespace": (ME, {}, "red/par0", DENIED, None),
}


def parents(procs, host, path_of):
    """par0 is there and in another namespace, with a second name; here there is a macvlan on it,
    too. Returns the section that names the other namespace."""
    blue, peer = namespaces.Netns(procs), namespaces.Netns(procs)
    namespaces.connect(blue, peer)
    for ns in host, blue:
        ns.ip("link", "property", "add", "dev", "par0", "altname", "other0")
    return f"[netns blue]\npath = {path_of(blue)}\n"


def said_rule(text):
    found = re.search(r" by rule (\S+) \((.*?):(\d+)\)", text)
    return found and found.groups()


def line_of(text, rule):
    return text[:text.index(f"[rule {rule}]")].count("\n") + 1


@pytest.mark.parametrize("name", CASES)
def test_check_says_what_a_session_does(name, check, session, conf, container, own_host, procs, path_of,
                                        user1, user2):
    text, asked, parent, error, rule = CASES[name]
    blue = parents(procs, own_host, path_of)
    if "macvlan" in name:
        own_host.ip("link", "add", "upper0", "link", "par0", "type", "macvlan", "mode", "bridge")
    text = text.format(me=user1.name, uid=user1.uid, other=user2.name,
                       group=grp.getgrgid(user1.gid).gr_name) + (blue if "/" in parent + text else "")
    path = conf(text)
    args = ["--user", user1.name, "--parent", parent]
    args += ["--mode", asked["mode"]] if "mode" in asked else []
    args += ["--mac", asked["address"]] if "address" in asked else []
    done = check(path, *args, user=None if blue in text else user1)
    box = container(user1)
    s = session(host=own_host, options=["--policy", path]).ready(box)
    reply = s.create((parent, newlink("eth0", **asked)))
    audit = s.audit()[-1]

    assert reply.error == error, audit
    assert done.returncode == {GRANTED: 0, DENIED: 77, GONE: 1}[error], done.stderr
    word = {GRANTED: "granted", DENIED: "denied", GONE: "allowed"}[error]
    assert done.stdout.startswith(word), done.stdout
    assert said_rule(done.stdout) == (rule and (rule, path, str(line_of(text, rule))))
    if error == DENIED:
        assert audit["reason"] in done.stdout
    if error != GONE and "absent" not in name:
        assert audit["rule"] == (rule or "-")


def test_it_is_by_privilege_alone_that_one_sees_elsewhere(check, conf, own_host, procs, path_of, user1):
    """Without it, a parent in another namespace is judged as one that is not there."""
    blue = namespaces.Netns(procs)
    namespaces.connect(blue, own_host, "eth1")
    path = conf(f"[rule a]\nuser = {user1.name}\nparent = blue/eth1\n"
                f"[netns blue]\npath = {path_of(blue)}\n")
    args = ("--user", user1.name, "--parent")
    before = own_host.ip("netns", "list-id")
    done = check(path, *args, "blue/eth1", user=None)
    assert (done.returncode, done.stdout) == (0, f"granted by rule a ({path}:1)\n")
    done = check(path, *args, "blue/eth1")
    assert done.returncode == 1 and "to look there takes privilege" in done.stdout
    done = check(path, *args, "blue/par0")
    assert done.returncode == 77 and done.stdout.startswith("denied: ")
    assert own_host.ip("netns", "list-id") == before


def test_limits_are_said(check, conf, user1):
    path = conf(ME.format(me=user1.name) + "max-links = 8\nmax-links-per-netns = 4\n")
    done = check(path, "--user", str(user1.uid), "--parent", "par0")
    assert done.stdout.split() == ["granted", "by", "rule", "a", f"({path}:1)",
                                   "max-links", "8", "max-links-per-netns", "4"]


def test_the_rules_as_they_are_judged(check, conf, own_host, user1, user2):
    """All of them, resolved, those that deny first, each with its line."""
    group = grp.getgrgid(user1.gid).gr_name
    path = conf(f"[rule lan]\nuser = {user1.name}, @{group}, 4711\nparent = par0, later0\n"
                "mac = keep, 02:00:00:*\nmax-links = 8\nmax-links-per-netns = 4\n"
                f"[rule no]\ndeny = yes\nuser = {user2.name}\nparent = par0\n"
                "[rule root]\nuser = 0\nparent = par0\nmode = source, passthru\ninit-netns = yes\n")
    done = check(path)
    assert (done.returncode, done.stderr) == (0, "")
    index = own_host.links()["par0"]["ifindex"]
    assert [line.split() for line in done.stdout.splitlines() if line] == [line.split() for line in f"""
3 rules, {path}
These deny, whatever others say:
no {path}:7
user uid {user2.uid} ({user2.name})
parent par0 (index {index})
mode private, vepa, bridge, passthru, source
mac any
Of these, the first that fits grants:
lan {path}:1
user uid {user1.uid} ({user1.name}), gid {user1.gid} ({group}), uid 4711
parent par0 (index {index}), later0 (not there now)
mode private, vepa, bridge
mac keep (none given, or locally administered), 02:00:00:*
max-links 8
max-links-per-netns 4
root {path}:11
user uid 0 (root)
parent par0 (index {index})
mode passthru, source
mac keep (none given, or locally administered)
init-netns yes
What no rule grants is denied.""".strip().splitlines()]


def example():
    """That of netcr.conf(5)."""
    with open(os.path.join(SOURCE, "docs/man/netcr.conf.5")) as f:
        return f.read().partition(".Sh EXAMPLES")[2].split(".Bd -literal -offset indent\n")[1].split(".Ed")[0]


def sample():
    """dist/netcr.conf, with everything in force."""
    with open(os.path.join(SOURCE, "dist/netcr.conf")) as f:
        return re.sub(r"^; (?=\[|[a-z-]+ = )", "", f.read(), flags=re.M)


@pytest.mark.parametrize("text, rules", [(example, 3), (sample, 2)])
def test_what_a_person_would_copy(check, conf, procs, path_of, tmp_path, user1, user2, text,
                                  rules):
    """With accounts and a namespace of this machine, and nothing else changed."""
    other = namespaces.Netns(procs)
    text, changed = re.subn(r"/run/netns/\w+", path_of(other), text())
    assert changed == 1
    for was, name in {"alice": user1.name, "@containers": "@daemon", "builder": user2.name,
                      "@guests": "@daemon", "/etc/netcr/netcr.conf.d": str(tmp_path)}.items():
        text = re.sub(rf"(?<= ){was}\b", name, text)
    done = check(conf(text), user=None)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{rules} rules, ")


@pytest.mark.parametrize("case", range(0, len(BAD), 3))
def test_Q2_a_bad_file_is_the_error_of_serve(check, service, conf, case):
    path = conf(BAD[case][0])
    svc = service(options=("--policy", path), ready=False)
    assert svc.proc.wait(namespaces.DEADLINE) == 78
    for args in (), ("--user", "root", "--parent", "par0"):
        done = check(path, *args)
        assert (done.returncode, done.stdout) == (78, "")
        assert done.stderr == svc.stderr()


def test_Q1_an_unsafe_file_is_no_answer(check, conf, user1):
    done = check(conf("", 0o646))
    assert done.returncode == 78 and "can be written by" in done.stderr
    done = check(conf("", 0o600))
    assert done.returncode == 78 and "EACCES" in done.stderr
    path = conf("")
    os.chown(path, user1.uid, 0)
    done = check(path)
    assert done.returncode == 78 and "somebody else" in done.stderr


@pytest.mark.parametrize("args, what", [
    (["--user", "root"], "go together"),
    (["--parent", "par0"], "go together"),
    (["--mode", "bridge"], "go together"),
    (["--user", "nosuchuser", "--parent", "par0"], "there is no user nosuchuser"),
    (["--user", "65534", "--parent", "par0"], "stands for nobody"),
    (["--user", "4294967295", "--parent", "par0"], "stands for nobody"),
    (["--user", "0", "--parent", "a b"], "not a name of an interface"),
    (["--user", "0", "--parent", "par0", "--mode", "magic"], "there is no mode magic"),
    (["--user", "0", "--parent", "par0", "--mac", "01:00:00:00:00:01"], "not a unicast"),
    (["--user", "0", "--parent", "par0", "--mac", "00:00:00:00:00:00"], "not a unicast"),
    (["--user", "0", "--parent", "par0", "--mac", "02:00:00:*"], "not a unicast"),
    (["--allow-parent", "par0"], "unknown option"),
    (["par0"], "check runs no command"),
])
def test_usage(check, conf, args, what):
    done = check(conf(""), *args)
    assert done.returncode == 64 and what in done.stderr


def test_nothing_is_changed(check, conf, own_host, user1):
    """No link, no id, no ledger, and no audit line."""
    path = conf(ME.format(me=user1.name) + "max-links = 8\n")
    # One may be there, of a namespace that is gone and had the same inode.
    ledger = f"/run/netcr/ledger-{own_host.inode()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(ledger)
    before = own_host.links(), own_host.ip("netns", "list-id")
    for user in user1, None:
        for args in (), ("--user", user1.name, "--parent", "par0"):
            done = check(path, *args, user=user)
            assert (done.returncode, done.stderr) == (0, "")
    assert (own_host.links(), own_host.ip("netns", "list-id")) == before
    assert not os.path.exists(ledger)


def test_the_files_privilege_is_given_up(with_file_caps, conf, own_host, procs, user1):
    """Looked at while it waits for a reader of what it prints."""
    path = conf("".join(ME.replace(" a]", f" a{i}]").format(me=user1.name) for i in range(1000)))
    proc = procs.start(own_host.argv(*user1.argv(with_file_caps, "check", "--policy", path)),
                       stdout=subprocess.PIPE)
    os.read(proc.stdout.fileno(), 1)
    status = namespaces.status_of(proc.pid)
    assert [status[key] for key in ("CapPrm", "CapEff", "CapInh", "CapAmb")] == 4 * ["0" * 16]
    assert len(proc.communicate(timeout=60)[0]) > 1 << 16 and proc.returncode == 0


def test_a_stdout_that_is_full(check, conf, user1):
    with open("/dev/full", "w") as full:
        done = check(conf(ME.format(me=user1.name)), capture_output=False, stdout=full,
                     stderr=subprocess.PIPE)
    assert done.returncode == 71
