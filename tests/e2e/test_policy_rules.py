"""Q1 to Q9 where the rules are a file's: each refusal beside what is allowed, by spawn and by
serve."""
import errno
import os
import signal
import subprocess

import pytest

import namespaces
import netcr_client
from modes import rule, write
from namespaces import wait_until
from nlmsg import newlink
from test_nsid import id_of, ids

OK, EPERM, EDQUOT = 0, errno.EPERM, errno.EDQUOT


def ask(s, *args, parent="par0", **kwargs):
    """The errno of one link-create."""
    return s.create((parent, newlink(*args, **kwargs))).error


@pytest.fixture
def start(run_broker, user1):
    """start(kind, path): the end of a broker that is not to start. serve has a socket to make."""
    def run(kind, path):
        more = ["--socket", f"{os.path.dirname(path)}/sock"] if kind == "serve" else []
        command = [] if kind == "serve" else ["--", "true"]
        return run_broker(kind, "--policy", path, *more, *command, env=user1.sudo_env())
    return run


both = pytest.mark.parametrize("kind", ["spawn", "serve"])


# --- Q1: files


def not_safe(conf_dir, user):
    """{what is wrong: (the file, what is said of it)}"""
    def path(name):
        return os.path.join(conf_dir, name)

    text = rule(user)
    for name, mode in (("group", 0o664), ("world", 0o646)):
        write(path(name), text, mode)
    os.chown(write(path("owner"), text), user.uid, 0)
    os.symlink(write(path("good"), text), path("link"))
    write(path("long"), text + ";\n" * (1 << 20))
    os.mkfifo(path("fifo"), 0o644)
    return {"group": "can be written by", "world": "can be written by", "owner": "somebody else",
            "link": "symbolic link", "long": "longer than 1 MiB", "fifo": "not a regular file",
            "": "not a regular file", "none": "not there"}


@both
def test_Q1_files_that_are_not_safe(start, user1, conf_dir, kind):
    for name, what in not_safe(conf_dir, user1).items():
        path = os.path.join(conf_dir, name)
        done = start(kind, path)
        assert (done.returncode, what in done.stderr) == (78, True), (name, done)
        assert path.rstrip("/") in done.stderr


@both
def test_Q1_a_directory_that_is_not_safe(start, user1, conf_dir, kind):
    """Whoever can write it can put another file of root's in the place of this one."""
    directory = os.path.join(conf_dir, "d")
    os.mkdir(directory, 0o755)
    main = write(os.path.join(directory, "netcr.conf"), "nonsense\n")
    assert f"{main}:1: neither" in start(kind, main).stderr
    write(main, rule(user1))
    for mode, owner, what in ((0o775, 0, "can be written by"), (0o757, 0, "can be written by"),
                              (0o1777, 0, "can be written by"), (0o755, user1.uid, "somebody else")):
        os.chmod(directory, mode)
        os.chown(directory, owner, 0)
        done = start(kind, main)
        assert (done.returncode, what in done.stderr) == (78, True), done
        assert directory in done.stderr


@both
def test_Q1_included_files_that_are_not_safe(start, user1, conf_dir, kind):
    """What holds for the file holds for those that it includes, and for their directory."""
    directory = os.path.join(conf_dir, "d")
    os.mkdir(directory, 0o755)
    main = write(os.path.join(conf_dir, "netcr.conf"), f"include = {directory}\n")
    cases = not_safe(conf_dir, user1)
    for name in ("group", "world", "owner", "link", "long", "fifo"):
        where = os.path.join(directory, "x.conf")
        os.rename(os.path.join(conf_dir, name), where)
        done = start(kind, main)
        assert (done.returncode, cases[name] in done.stderr) == (78, True), (name, done)
        assert where in done.stderr
        os.unlink(where)
    for mode, owner, what in ((0o775, 0, "can be written by"), (0o757, 0, "can be written by"),
                              (0o755, user1.uid, "somebody else")):
        os.chmod(directory, mode)
        os.chown(directory, owner, 0)
        done = start(kind, main)
        assert (done.returncode, what in done.stderr) == (78, True), done
    os.rmdir(directory)
    assert start(kind, main).returncode == 78


def test_Q1_an_empty_file_allows_nothing(begin, container, user1):
    s = begin("; nothing\n")(user1).ready(container(user1))
    assert ask(s) == EPERM


# --- several files


def test_included_files_in_the_order_of_their_names(begin, container, user1, conf_dir):
    """The first rule that allows it grants, and is the one that counts; what is not *.conf, or
    begins with a dot, is nobody's rule."""
    directory = os.path.join(conf_dir, "d")
    os.mkdir(directory, 0o755)
    for name in ("20-b.conf", "10-a.conf", "9.conf", "30-c.conf"):
        write(os.path.join(directory, name), rule(user1, f"in-{name[:-5]}"))
    for name in ("00.conf~", "00.txt", ".00.conf", "conf"):
        write(os.path.join(directory, name), "nonsense\n")
    include = f"include = {directory}\n"
    for order in ("10-a", "20-b", "30-c", "9"):
        start = begin(include)
        s = start(user1).ready(container(user1))
        assert ask(s) == OK
        assert start.audit()["rule"] == f"in-{order}"
        os.unlink(os.path.join(directory, f"{order}.conf"))
    s = begin(include)(user1).ready(container(user1))
    assert ask(s) == EPERM
    start = begin(include + rule(user1, "main"))
    write(os.path.join(directory, "0.conf"), rule(user1, "late"))
    s = start(user1).ready(container(user1))
    assert ask(s) == OK and start.audit()["rule"] == "main"


@both
def test_Q2_an_error_in_an_included_file(start, user1, conf_dir, kind):
    """Names the file and its own line, whichever it is."""
    directory = os.path.join(conf_dir, "d")
    os.mkdir(directory, 0o755)
    main = write(os.path.join(conf_dir, "netcr.conf"), f"include = {directory}\n" + rule(user1))
    write(os.path.join(directory, "1.conf"), rule(user1, "one"))
    bad = write(os.path.join(directory, "2.conf"), "\n" + rule("nosuchuser", "two"))
    done = start(kind, main)
    assert done.returncode == 78 and f"{bad}:3: there is no user 'nosuchuser'" in done.stderr
    write(bad, rule(user1, "one"))
    done = start(kind, main)
    assert done.returncode == 78 and f"{bad}:1: a second rule 'one'" in done.stderr
    write(bad, f"include = {directory}\n")
    done = start(kind, main)
    assert done.returncode == 78 and "there is an 'include' already" in done.stderr


# --- Q2: what is unknown


@both
@pytest.mark.parametrize("line, what", [
    ("user = nosuchuser", "there is no user"), ("user = @nosuchgroup", "there is no group"),
    ("mode = bridge, magic", "there is no mode 'magic'"), ("colour = red", "unknown key"),
    ("parent = red/par0", "there is no [netns red]")])
def test_Q2_no_condition_is_dropped(start, user1, conf_dir, kind, line, what):
    key = line.split()[0]
    text = [one for one in rule(user1).splitlines() if not one.startswith(key + " ")]
    path = write(os.path.join(conf_dir, "netcr.conf"), "\n".join([*text, line, ""]))
    done = start(kind, path)
    assert (done.returncode, what in done.stderr) == (78, True), done


def test_Q2_Q5_a_parent_may_come_later(begin, container, user1, own_host):
    """What a name stands for is looked up when it is asked for, and who is told that it is not
    there is who may know."""
    start = begin(rule(user1, "lan", "late0"), host=own_host)
    box = container(user1)
    s = start(user1).ready(box)
    assert ask(s, parent="late0") == errno.ENODEV
    assert ask(s, parent="late1") == EPERM
    own_host.ip("link", "add", "late0", "type", "bridge")
    assert ask(s, parent="late0") == OK
    assert box.links()["mv0"]["link_index"] == own_host.links()["late0"]["ifindex"]


# --- Q3, Q4: limits


LIMITED = "max-links = 3"


def test_Q3_exactly_n_and_one_more(begin, container, user1, user2):
    """In two sessions and three containers of one user; another user's are another matter."""
    start = begin(rule(f"{user1.name}, {user2.name}", "lan", "par0", LIMITED))
    boxes = [container(user1) for _ in range(2)]
    one, other = (start(user1).ready(box) for box in boxes)
    assert [ask(one, "a0"), ask(other, "b0"), ask(one, "a1")] == [OK] * 3
    assert [ask(one, "a2"), ask(other, "b1")] == [EDQUOT] * 2
    assert start.audit()["verdict"] == "quota" and start.audit()["rule"] == "lan"
    theirs = start(user2).ready(container(user2))
    assert ask(theirs, "c0") == OK
    boxes[1].ip("link", "del", "b0")
    assert [ask(one, "a2"), ask(other, "b1")] == [OK, EDQUOT]


def test_Q3_in_one_netns(begin, container, user1):
    start = begin(rule(user1, "lan", "par0", "max-links-per-netns = 1"))
    boxes = [container(user1) for _ in range(2)]
    for box in boxes:
        s = start(user1).ready(box)
        assert [ask(s, "a0"), ask(s, "a1")] == [OK, EDQUOT]
        assert set(box.links()) == {"lo", "a0"}


def test_Q3_two_sessions_race(begin, container, user1):
    """Each asks for more than there is, at once: together they get what there is."""
    start = begin(rule(user1, "lan", "par0", "max-links = 20"))
    boxes = [container(user1) for _ in range(2)]
    sessions = [start(user1).ready(box) for box in boxes]
    pb = netcr_client.pb
    for s in sessions:
        for i in range(15):
            link = pb.Link(parent="par0", newlink=newlink(f"mv{i}"))
            s.agent.send(s.encode(link_create=pb.LinkCreate(links=[link])).hex(), [])
            s.next_id += 1
    answers = []
    for s in sessions:
        answers += [s.reply().error for _ in range(15)]
    assert sorted(answers) == [OK] * 20 + [EDQUOT] * 10
    assert sum(len(box.links()) - 1 for box in boxes) == 20


@pytest.mark.parametrize("whom", ["worker", "session"])
def test_Q4_after_kill_9(begin, container, user1, whom):
    """Not the session's end gives it back, but that of the namespace."""
    start = begin(rule(user1, "lan", "par0", LIMITED))
    first, second = container(user1), container(user1)
    s = start(user1).ready(first)
    assert [ask(s, f"a{i}") for i in range(3)] == [OK] * 3
    s.expect_audit, s.expect_status = False, 0 if whom == "worker" else -signal.SIGKILL
    os.kill(s.proc.pid if whom == "worker" else s.pid, signal.SIGKILL)
    s.wait()
    again = start(user1).ready(second)
    assert ask(again, "b0") == EDQUOT
    first.close()
    wait_until(lambda: ask(again, "b0") == OK, "the namespace is gone, and its links with it")


# --- Q5: names and devices


def test_Q5_names_follow_devices(begin, container, user1, own_host, procs):
    """A rule has a name, and what has the name when it is asked for is what is meant."""
    start = begin(rule(user1), host=own_host)
    box = container(user1)
    s = start(user1).ready(box)
    assert ask(s, "a0") == OK
    own_host.batch("link set par0 down", "link set par0 name new0", "link set new0 up")
    assert [ask(s, "a1", parent="new0"), ask(s, "a1")] == [EPERM, errno.ENODEV]
    namespaces.connect(own_host, namespaces.Netns(procs))
    assert [ask(s, "a1", parent="new0"), ask(s, "a1")] == [EPERM, OK]
    assert box.links()["a1"]["link_index"] == own_host.links()["par0"]["ifindex"]
    own_host.ip("link", "set", "par0", "netns", str(namespaces.Netns(procs).pid))
    assert ask(s, "a2") == errno.ENODEV


def test_Q5_L17_other_ways_to_a_parent(begin, container, user1, own_host):
    """An alternative name and a macvlan of it are the parent; a macvlan of another is not."""
    start = begin(rule(user1), host=own_host)
    own_host.batch("link property add dev par0 altname also0", "link add other0 type bridge",
                   "link add link par0 name on0 type macvlan mode bridge",
                   "link add link other0 name on1 type macvlan mode bridge")
    box = container(user1)
    s = start(user1).ready(box)
    assert [ask(s, "a0", parent="also0"), ask(s, "a1", parent="on0")] == [OK, OK]
    assert [ask(s, "a2", parent="other0"), ask(s, "a2", parent="on1")] == [EPERM, EPERM]
    assert {box.links()[f"a{i}"]["link_index"] for i in range(2)} == {
        own_host.links()["par0"]["ifindex"]}


# --- Q6: modes, addresses, flags


@pytest.mark.parametrize("mode, others", [
    ("bridge", ["private", "vepa", "passthru", "source"]), ("passthru", ["bridge", "source"]),
    ("source", ["bridge", "passthru"]), (None, ["passthru", "source"])])
def test_Q6_modes(begin, container, user1, own_host, mode, others):
    start = begin(rule(user1, "lan", "par0", *([f"mode = {mode}"] if mode else [])), host=own_host)
    s = start(user1).ready(container(user1))
    assert [ask(s, "a0", mode=other) for other in others] == [EPERM] * len(others)
    assert start.audit()["reason"] == "the mode is not allowed"
    assert ask(s, "a0", mode=mode or "bridge") == OK


@pytest.mark.parametrize("line, good, bad", [
    ("mac = keep", [None, "02:00:00:00:01:01"], ["00:16:3e:00:01:01"]),
    ("mac = any", [None, "00:16:3e:00:01:02"], []),
    ("mac = 02:00:00:*, 00:16:3e:aa:*", ["02:00:00:00:01:03", "00:16:3e:aa:00:03"],
     [None, "02:00:01:00:01:03", "00:16:3e:ab:00:03"])])
def test_Q6_addresses(begin, container, user1, line, good, bad):
    start = begin(rule(user1, "lan", "par0", line))
    s = start(user1).ready(container(user1))

    def with_address(i, address):
        return ask(s, f"a{i}", **({"address": address} if address else {}))

    for i, address in enumerate(bad):
        assert with_address(i, address) == EPERM
        assert start.audit()["reason"] == "the MAC address is not allowed"
    assert [with_address(i, address) for i, address in enumerate(good)] == [OK] * len(good)


# --- Q7: deny


@pytest.mark.parametrize("order", ["allow first", "deny first"])
@pytest.mark.parametrize("what", ["user", "group", "mode", "mac", "parent"])
def test_Q7_deny_wins(begin, container, user1, user2, own_host, order, what):
    """Whatever it is about, and whether it stands before or behind; and about nothing else."""
    group = f"netcr-d{os.getpid()}"
    subprocess.run(["groupadd", "--users", user1.name, group], check=True)
    own_host.ip("link", "add", "par1", "type", "bridge")
    deny = {"user": rule(user1, "no", "par0", "deny = yes"),
            "group": rule("@" + group, "no", "par0", "deny = yes"),
            "mode": rule(user1, "no", "par0", "deny = yes", "mode = vepa"),
            "mac": rule(user1, "no", "par0", "deny = yes", "mac = 02:00:00:*"),
            "parent": rule(f"{user1.name}, {user2.name}", "no", "par0", "deny = yes")}[what]
    allow = rule(f"{user1.name}, {user2.name}", "yes", "par0, par1")
    try:
        start = begin(allow + deny if order == "allow first" else deny + allow, host=own_host)
        s = start(user1).ready(container(user1))
        asked = {"mode": {"mode": "vepa"}, "mac": {"address": "02:00:00:00:02:01"}}.get(what, {})
        assert ask(s, "a0", **asked) == EPERM
        assert (start.audit()["reason"], start.audit()["rule"]) == ("a rule denies it", "no")
        # What it is not about.
        if what == "mode":
            assert ask(s, "a0", mode="bridge") == OK
        elif what == "mac":
            assert ask(s, "a0", address="02:00:01:00:02:01") == OK
        else:
            assert ask(s, "a0", parent="par1") == OK
        other = start(user2).ready(container(user2))
        assert ask(other, "b0") == (EPERM if what == "parent" else OK)
    finally:
        subprocess.run(["groupdel", group], check=True)


# --- Q9: ids


@pytest.fixture
def blue(procs, conf_dir):
    """A namespace with a name: (it, the path)."""
    third, path = namespaces.Netns(procs), os.path.join(conf_dir, "blue")
    third.mount(path)
    yield third, path
    subprocess.run(["umount", "--lazy", path], check=True)


@pytest.mark.parametrize("netns", ["", "blue"])
def test_Q9_ids_of_namespaces(begin, container, user1, user2, host, blue, netns):
    """Of the broker's namespace, and of one that a rule about the caller names."""
    third, path = blue
    pb = netcr_client.pb
    start = begin(rule(user1, "lan", "blue/par0") + rule(user2, "other") +
                  f"[netns blue]\npath = {path}\n")
    box = container(user1)
    s = start(user1).ready(box)

    def nsid(wanted, s=s, name=netns):
        reply = s.request(nsid_alloc=pb.NsidAlloc(nsid=wanted, **({"netns": name} if name else {})))
        return reply.error or reply.nsid_alloc.nsid

    assert [nsid(-2), nsid(-2**31)] == [errno.EINVAL] * 2
    assert ids(box) == []
    assert nsid(2**31 - 1) == 2**31 - 1
    assert [nsid(0), nsid(7)] == [errno.EEXIST] * 2
    assert [nsid(-1), nsid(2**31 - 1)] == [2**31 - 1] * 2
    assert id_of(box, third if netns else host) == 2**31 - 1
    assert nsid(2**31 - 1, name="" if netns else "blue") == errno.EEXIST, "it is another's"
    assert [nsid(5, name="red"), nsid(5, name="blu")] == [EPERM] * 2
    # Who has no rule about a namespace is told what is told of one that is not there.
    stranger = start(user2).ready(container(user2))
    assert nsid(5, s=stranger, name="blue") == EPERM
    assert start.audit()["reason"] == "no such namespace of parents"
    assert nsid(5, s=stranger, name="") == 5
