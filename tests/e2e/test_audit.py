"""One line a request, on stderr, with nothing of the peer's that was not decoded. That it is
exactly one is checked at the end of every session of every test (netcr_client.Session.close)."""
import errno
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

import namespaces
import netcr_client
import nlmsg as n
from namespaces import wait_until
from netcr_client import Ended, audit_lines, count_audited
from nlmsg import newlink

AUDIT_MD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/audit.md")
COMMON = ["time", "session", "uid", "pid", "req", "op"]
END = ["stage", "verdict", "errno", "reason"]


def test_common_fields(bound, user1):
    s, _ = bound
    lines = s.audit()
    assert [line["op"] for line in lines] == ["hello", "target-bind"]
    assert [line["req"] for line in lines] == ["1", "2"]
    for line in lines:
        assert list(line)[:6] == COMMON and list(line)[-4:] == END
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert re.fullmatch(r"[0-9a-f]{8}", line["session"])
        assert line["uid"] == str(user1.uid)
        assert line["pid"] == str(s.proc.pid)
        assert (line["stage"], line["verdict"], line["errno"]) == ("execute", "granted", "0")
    assert lines[0]["session"] == lines[1]["session"]
    assert int(lines[1]["netns"]) > 0


def test_clock_and_date(bound):
    s, _ = bound
    said = subprocess.run(["date", "-u", "-d", s.audit()[0]["time"], "+%s"], check=True,
                          capture_output=True).stdout
    assert abs(int(said) - time.time()) < 60


def test_link_create_granted(bound):
    s, _ = bound
    s.create(("par0", newlink("eth0", address="02:00:00:00:00:01", ifindex=77)),
             ("par0", newlink("eth1", "private")))
    line = s.audit()[-1]
    assert {k: line[k] for k in ("op", "links", "made", "parent", "name", "ifindex", "mac",
                                 "mode", "verdict", "errno")} == {
        "op": "link-create", "links": "2", "made": "2", "parent": "par0",
        "name": "eth0,eth1", "ifindex": "77,0", "mac": "02:00:00:00:00:01,any",
        "mode": "bridge,private", "verdict": "granted", "errno": "0"}


def test_link_create_of_several_modes_and_parents(bound):
    """One value where it is the same for all, else one for each link."""
    s, _ = bound
    s.create(("par0", newlink("a0")), ("par1", newlink("a1")))
    assert (s.audit()[-1]["parent"], s.audit()[-1]["mode"]) == ("par0,par1", "bridge")
    s.create(("par0", newlink("a0")), ("par0", newlink("a1", "vepa")))
    assert (s.audit()[-1]["parent"], s.audit()[-1]["mode"]) == ("par0", "bridge,vepa")


def test_denied(bound):
    """The reason is here, and only here."""
    s, _ = bound
    s.create(("nosuch0", newlink("eth0")))
    line = s.audit()[-1]
    assert (line["verdict"], line["stage"], line["errno"]) == ("denied", "policy", "EPERM")
    assert (line["parent"], line["name"], line["made"]) == ("nosuch0", "eth0", "0")
    assert "no such parent" in line["reason"]


def test_invalid(bound):
    """Of what did not pass decoding there is nothing."""
    s, _ = bound
    s.create(("par0", newlink("bad/name")))
    line = s.audit()[-1]
    assert (line["verdict"], line["stage"], line["errno"]) == ("invalid", "decode", "EINVAL")
    assert "bad" not in s.stderr()


def test_failed(bound):
    s, _ = bound
    s.create(("par0", newlink("eth0")))
    s.create(("par0", newlink("eth0")))
    line = s.audit()[-1]
    assert (line["verdict"], line["stage"], line["errno"]) == ("failed", "execute", "EEXIST")
    assert (line["links"], line["made"]) == ("1", "0")


def test_violation(bound):
    s, _ = bound
    s.breach(b"SECRET netcr-audit time=0\n")
    line = s.audit()[-1]
    assert (line["op"], line["verdict"], line["errno"]) == ("-", "violation", "EPROTO")
    assert "SECRET" not in s.stderr()


def test_refused_bind_names_no_namespace_twice(session, container, user2):
    s, box = session(), container(user2)
    s.hello()
    netns, rtnl = box.open(), box.netlink()
    assert s.bind(fds=s.agent.give(netns, rtnl.fileno())).error == errno.EPERM
    os.close(netns)
    rtnl.close()
    line = s.audit()[-1]
    assert (line["op"], line["verdict"]) == ("target-bind", "denied")
    assert "somebody else" in line["reason"]


@pytest.mark.parametrize("name, shown", [
    ("a,b", r"a\x2cb"), ('a"b', r"a\x22b"), ("a=b", r"a\x3db"), ("a\\b", r"a\x5cb"),
    ("a'b", r"a\x27b"), ("a.b@c+d-e_F9", "a.b@c+d-e_F9"), ("$(x)`;|&", None),
    ('" verdict=x', None), ("x" * 15, "x" * 15)])
def test_names_are_escaped(bound, name, shown):
    """What could be taken for another field is not left as it is."""
    s, _ = bound
    name = name.replace(" ", "_")
    s.create(("par0", newlink(name)), (name, newlink("ok0")))
    last = [line for line in s.stderr().splitlines() if "link-create" in line][-1]
    field = re.search(r" name=(\S*) ", last).group(1)
    if shown:
        assert field == shown + ",ok0"
    assert re.fullmatch(r"[A-Za-z0-9_.@+\-,\\]*", field)
    unescaped = re.sub(r"\\x(..)", lambda m: chr(int(m.group(1), 16)), field.rpartition(",")[0])
    assert unescaped == name


def test_line_about_as_many_links_as_there_can_be(bound):
    """All fields are there, also at the longest."""
    s, _ = bound
    links = [("par0", newlink(f'"""""""""""{i:03}', "private", f"02:00:00:00:02:{i:02x}",
                              ifindex=2**31 - 200 + i)) for i in range(128)]
    assert s.create(*links).error == 0
    # Not by shlex, which would take the escapes for its own.
    line = [line for line in s.stderr().splitlines() if "link-create" in line][-1]
    fields = dict(field.split("=", 1) for field in line.split(" ")[1:])
    assert (fields["verdict"], fields["links"], fields["made"]) == ("granted", "128", "128")
    assert fields["name"].split(",") == [r"\x22" * 11 + f"{i:03}" for i in range(128)]
    assert fields["mac"].split(",")[-1] == "02:00:00:00:02:7f"
    assert (fields["parent"], fields["mode"]) == ("par0", "private")


def test_closed_stderr_does_not_end_a_session(session, container, user1):
    """K12: nobody reads any more, and there is no SIGPIPE."""
    read, write = os.pipe()
    with open(write, "wb", buffering=0) as stderr:
        s = session(stderr=stderr)
    os.close(read)
    s.expect_audit = False
    s.ready(container(user1))
    assert s.create(("par0", newlink("eth0"))).error == 0


def test_full_disk_does_not_end_a_session(session, container, user1):
    with open("/dev/full", "wb", buffering=0) as full:
        s = session(stderr=full)
    s.expect_audit = False
    s.ready(container(user1))
    assert s.create(("par0", newlink("eth0", flags=n.IFF_UP))).error == 0


def test_lost_lines_are_counted(session, container, user1):
    """A file that is full for a while: what comes next says how much is missing."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", directory], check=True)
        try:
            log, filler = os.path.join(directory, "log"), os.path.join(directory, "filler")
            with open(log, "ab", buffering=0) as stderr:
                s = session(stderr=stderr)
            s.expect_audit = False
            s.ready(container(user1))
            with open(filler, "wb", buffering=0) as f:
                f.write(bytes(4096))
            asked = 2
            while not fills_up(s, log):
                asked += 1
            asked += 2
            s.nsid(-1)
            os.unlink(filler)
            s.nsid(-1)
            s.close()
            with open(log) as f:
                text = f.read()
        finally:
            subprocess.run(["umount", "--lazy", directory], check=True)
    assert all(line.startswith("netcr-audit time=2") for line in text.splitlines())
    # A line that was written in part stays as it is, ended by the one after it.
    whole = [line for line in text.splitlines() if line.count('"') % 2 == 0]
    assert len(text.splitlines()) - len(whole) <= 1
    lost = [int(line["lost"]) for line in audit_lines("\n".join(whole)) if "lost" in line]
    assert lost and lost[0] >= 1
    assert text.count("verdict=granted") + lost[0] >= asked + 1


def fills_up(s, log):
    before = os.path.getsize(log)
    s.nsid(-1)
    return os.path.getsize(log) == before


# --- too many lines


def test_X5_flood_is_cut_off_and_counted(bound):
    """What makes nothing can be asked for as often as one likes, and fills no disk: 1000 lines
    and then 10 a second, and how many are missing. A link is always told of."""
    s, _ = bound
    s.nsids(1500)
    assert s.create(("par0", newlink("eth0"))).error == 0
    line = s.audit()[-1]
    assert (line["op"], line["verdict"]) == ("link-create", "granted")
    assert 0 < int(line["dropped"]) <= 500
    # That all are accounted for is checked as at the end of every session.
    assert count_audited(s.audit()) == s.requests


def test_X5_end_of_a_session_tells_what_is_missing(bound):
    s, _ = bound
    s.nsids(1500)
    s.close()
    line = s.audit()[-1]
    assert (line["op"], line["verdict"], line["reason"]) == ("-", "dropped", "the session ends")
    assert 0 < int(line["dropped"]) <= 500


def told(lines, start):
    """Of the lines of a user: how many requests they account for. There are no more lines than may
    be since @start, a time of time.monotonic()."""
    optional = [line for line in lines if line.get("made", "0") == "0"]
    assert len(optional) <= 1000 + 10 * (time.monotonic() - start) + 1
    return count_audited(lines)


def of_user(svc, user):
    return [line for line in audit_lines(svc.stderr()) if line.get("uid") == str(user.uid)]


def asks(s, n):
    s.expect_audit = False
    s.nsids(n)
    return s


def test_X5_a_limit_for_each_user(service, container, user1, user2):
    """All sessions of a user have one: at the same time, one after the other, and one that is
    killed. What is left out is told of in the end, by whichever; a link always; and another user
    has a limit of their own."""
    svc, start = service(), time.monotonic()
    sessions = [svc.session(user1).ready(container(user1)) for _ in range(2)]
    for s in sessions:
        asks(s, 700)
    first, second = sessions
    assert first.create(("par0", newlink("eth0"))).error == 0
    assert of_user(svc, user1)[-1]["made"] == "1"
    asks(second, 3).send_signal(signal.SIGKILL)
    second.wait()
    first.close()
    for _ in range(5):
        sessions.append(svc.session(user1))
        sessions[-1].hello()
        asks(sessions[-1], 0).close()
    assert told(of_user(svc, user1), start) == sum(s.requests for s in sessions)
    other = svc.session(user2).ready(container(user2))
    asks(other, 20).close()
    lines = of_user(svc, user2)
    assert len(lines) == 22 and not any("dropped" in line for line in lines)


def test_X5_sessions_that_come_and_go(service, container, user1):
    """A line at the end of each that had one to leave out is no way around the limit: it waits
    for its turn."""
    svc, start, box = service(), time.monotonic(), container(user1)
    sessions = [asks(svc.session(user1).ready(box), 1100)]
    sessions[0].close()
    for _ in range(10):
        sessions.append(asks(svc.session(user1).ready(box), 3))
        sessions[-1].close()
    assert told(of_user(svc, user1), start) == sum(s.requests for s in sessions)


def test_X5_a_limit_in_the_journal(service, container, user1, journal):
    """The same there, with the number in a field of its own. A journal that does not read makes a
    session wait, so this one reads all the time."""
    svc = service(options=("--allow-parent", "par0", "--audit=journal"), prefix=journal.prefix())
    entries, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            entries.extend(dict(e) for e in journal.entries())
            time.sleep(0.002)

    def accounted_for():
        mine = [e for e in list(entries) if e.get("NETCR_UID") == str(user1.uid)]
        return (sum(e["NETCR_VERDICT"] != "dropped" for e in mine) +
                sum(int(e.get("NETCR_DROPPED", 0)) for e in mine))
    reader = threading.Thread(target=read)
    reader.start()
    try:
        sessions = [svc.session(user1).ready(container(user1)) for _ in range(2)]
        for s in sessions:
            asks(s, 600)
        for s in sessions:
            s.close()
        asked = sum(s.requests for s in sessions)
        wait_until(lambda: accounted_for() == asked, "each is in the journal, or counted there")
    finally:
        stop.set()
        reader.join()
    told_of = [e for e in entries if "NETCR_DROPPED" in e]
    assert all(f" dropped={e['NETCR_DROPPED']}" in e["MESSAGE"] for e in told_of)


# --- the examples of the manual


EXAMPLE = re.compile(r"^netcr-audit .*$", re.MULTILINE)
# What is another one in each run.
VOLATILE = re.compile(r"\b(time|session|uid|pid|netns)=\S+")


def examples():
    with open(AUDIT_MD) as f:
        return [VOLATILE.sub(r"\1", line) for line in EXAMPLE.findall(f.read())]


def test_examples_are_what_is_written(session, container, user1, procs):
    """The session that the manual shows the lines of, once more, line by line."""
    host = namespaces.Netns(procs)
    for name in ("lan0", "lan1"):
        namespaces.connect(host, namespaces.Netns(procs), name)
    options = ("--allow-parent", "lan0")
    s = session(host=host, options=options)
    s.hello()
    fds = s.target_fds(container(user1))
    # As netcr-worker's, so that the kernel says more: NETLINK_CAP_ACK and NETLINK_EXT_ACK.
    for option in (10, 11):
        s.agent.evaluate(f"socket.socket(fileno=os.dup({fds[1]})).setsockopt(270, {option}, 1)")
    assert s.bind(fds=fds).error == 0
    s.nsid(31)
    s.create(*[("lan0", newlink(f"eth{i}", ifindex=10 + i, address=f"02:00:5e:10:00:0{i}"))
               for i in range(2)])
    s.create(("lan0", newlink("eth0")))
    s.create(("lan1", newlink("eth5")))
    s.create(("lan0", newlink("eth5", mode="passthru")))
    s.create(("lan0", newlink("mv%d")))
    s.create(("lan0", newlink('a,b=c"', ifindex=77)))
    s.nsid(32)
    s.breach(s.encode(hello=netcr_client.pb.Hello(version_min=1, version_max=1)))
    text = s.stderr()
    for target in ("null", "host"):
        s = session(host=host, options=options)
        s.hello()
        fds = s.target_fds(container(user1))
        other = os.open("/dev/null", os.O_RDONLY) if target == "null" else host.open()
        assert s.bind(fds=[*s.agent.give(other), fds[1]]).error == errno.EPERM
        os.close(other)
        text += s.stderr().split("\n", 1)[1]
    written = [VOLATILE.sub(r"\1", line) for line in EXAMPLE.findall(text)]
    assert examples() == written


# --- as JSON


def test_json_has_the_same_fields(session, container, user1):
    s = session(options=("--allow-parent", "par0", "--audit-format=json"))
    s.expect_audit = False
    s.ready(container(user1))
    s.create(("par0", newlink('a"\\', address="02:00:00:00:00:01", ifindex=77)),
             ("par0", newlink("eth1")))
    s.create(("par1", newlink("eth2")))
    lines = [json.loads(line) for line in s.stderr().splitlines()]
    assert [line["op"] for line in lines] == ["hello", "target-bind", "link-create", "link-create"]
    for line in lines:
        assert list(line)[:8] == ["schema", "log", *COMMON]
        assert (line["schema"], line["log"]) == (1, "netcr-audit")
        assert line["uid"] == user1.uid
    assert {k: lines[2][k] for k in ("links", "made", "parent", "name", "ifindex", "mac", "mode",
                                     "verdict", "errno")} == {
        "links": 2, "made": 2, "parent": ["par0", "par0"], "name": ['a"\\', "eth1"],
        "ifindex": [77, 0], "mac": ["02:00:00:00:00:01", "any"], "mode": ["bridge", "bridge"],
        "verdict": "granted", "errno": "0"}
    assert (lines[3]["verdict"], lines[3]["errno"]) == ("denied", "EPERM")


# --- the journal


class Journal:
    """What listens in the place of the journal, in the mount namespace of what runs under
    prefix()."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        os.chmod(self.directory, 0o755)
        self.sock.bind(os.path.join(self.directory, "socket"))
        os.chmod(os.path.join(self.directory, "socket"), 0o666)

    def prefix(self):
        script = ("mount -t tmpfs none /run && mkdir -p /run/systemd/journal && "
                  'mount --bind "$1" /run/systemd/journal && shift && exec "$@"')
        return ["unshare", "-m", "sh", "-c", script, "sh", self.directory]

    def entries(self):
        """All that has come, each a list of (field, value)."""
        found = []
        while True:
            try:
                data = self.sock.recv(1 << 20, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            assert data.endswith(b"\n")
            found.append([tuple(field.split("=", 1)) for field in data.decode().splitlines()])

    def close(self):
        self.sock.close()


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path)
    yield found
    found.close()


JOURNALD = ("--allow-parent", "par0", "--audit=journal")


def test_journal_has_the_line_and_its_fields(session, container, user1, journal):
    s = session(options=JOURNALD, prefix=journal.prefix())
    s.expect_audit = False
    s.ready(container(user1))
    s.create(("par0", newlink("eth0", address="02:00:00:00:00:01", ifindex=77)),
             ("par0", newlink('a"')))
    s.create(("par1", newlink("eth2")))
    s.create(("par0", newlink("eth0")))
    s.create(("par0", newlink("bad/name")))
    s.agent.send(b"SECRET=1\nMESSAGE=SECRET\n".hex(), [])
    with pytest.raises(Ended):
        s.reply()
    s.wait()
    entries = journal.entries()
    assert s.stderr() == "", "the lines are in the journal instead"
    assert [dict(e)["NETCR_VERDICT"] for e in entries] == [
        "granted", "granted", "granted", "denied", "failed", "invalid", "violation"]
    for e in entries:
        assert [key for key, _ in e[:4]] == ["PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE_ID",
                                             "MESSAGE"]
        assert all(key.startswith("NETCR_") for key, _ in e[4:])
        assert "SECRET" not in str(e)
        line, fields = audit_lines(dict(e)["MESSAGE"])[0], dict(e)
        assert list(line) == list(dict.fromkeys(k[6:].lower() for k, _ in e[4:]))
        for key in ("time", "session", "uid", "req", "op", "stage", "verdict", "errno", "reason"):
            assert fields["NETCR_" + key.upper()] == line[key]
    made = entries[2]
    assert [value for key, value in made if key == "NETCR_NAME"] == ["eth0", r"a\x22"]
    assert [value for key, value in made if key == "NETCR_IFINDEX"] == ["77", "0"]
    assert [value for key, value in made if key == "NETCR_PARENT"] == ["par0"]
    assert [(dict(e)["PRIORITY"], dict(e)["MESSAGE_ID"]) for e in entries] == [
        message_ids()[dict(e)["NETCR_VERDICT"]] for e in entries]


def message_ids():
    """What docs/audit.md says: verdict -> (priority, id)."""
    with open(AUDIT_MD) as f:
        rows = re.findall(r"^\| `(\w+)` \| (\d) \| `([0-9a-f]{32})` \|", f.read(), re.M)
    return {verdict: (priority, number) for verdict, priority, number in rows}


def test_journal_and_a_line_of_128_links(session, container, user1, journal):
    s = session(options=JOURNALD, prefix=journal.prefix())
    s.expect_audit = False
    s.ready(container(user1))
    assert s.create(*[("par0", newlink(f'"""""""""""{i:03}', ifindex=10000 + i))
                      for i in range(128)]).error == 0
    entry = journal.entries()[-1]
    assert [v for k, v in entry if k == "NETCR_NAME"] == [r"\x22" * 11 + f"{i:03}"
                                                          for i in range(128)]
    assert dict(entry)["NETCR_MADE"] == "128"


def test_journal_that_is_not_there(run_broker, user1):
    """Nobody acts without a record."""
    done = run_broker("spawn", *JOURNALD, "--", "echo", "ran", env=user1.sudo_env(),
                      prefix=["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"',
                              "sh"])
    assert (done.returncode, done.stdout) == (71, "")
    assert "could not open the way of the audit lines: ENOENT" in done.stderr


def test_K12_journal_that_went_away(session, container, user1, journal):
    """Its lines go to stderr, and nothing is lost."""
    s = session(options=JOURNALD, prefix=journal.prefix())
    s.expect_audit = False
    s.ready(container(user1))
    journal.close()
    assert s.create(("par0", newlink("eth0"))).error == 0
    assert [(line["op"], line["made"]) for line in s.audit()] == [("link-create", "1")]


@pytest.mark.parametrize("option", ["--audit=syslog", "--audit=", "--audit-format=xml"])
def test_what_cannot_be_chosen(run_broker, user1, option):
    done = run_broker("spawn", option, "--", "echo", "ran", env=user1.sudo_env())
    assert (done.returncode, done.stdout) == (64, "")
    assert option.partition("=")[0] in done.stderr
