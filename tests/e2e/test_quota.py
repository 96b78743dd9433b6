"""Limits of links: exact, whoever dies when. Against the confined broker, as ordinary users."""
import contextlib
import errno
import fcntl
import os
import signal
import struct

import pytest

import netcr_client
import nlmsg
from namespaces import User, wait_until

RUN = "/run/netcr"
HEADER, SLOT = 32, 32


def ledger_of(host):
    return f"{RUN}/ledger-{host.inode()}"


def forget(host):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(ledger_of(host))


def records(host):
    """(uid, nsid) of each record of the ledger."""
    with open(host.file(ledger_of(host)), "rb") as f:
        data = f.read()
    slots = [data[i:i + SLOT] for i in range(HEADER, len(data), SLOT)]
    return [struct.unpack("=Ii", slot[:8]) for slot in slots if any(slot)]


def alive(host):
    """The records whose target the kernel still knows."""
    known = {int(line.split()[1]) for line in host.ip("netns", "list-id").splitlines()
             if line.startswith("nsid ")}
    return [rec for rec in records(host) if rec[1] in known]


def macvlans(box):
    return [link for link in box.links().values()
            if link.get("linkinfo", {}).get("info_kind") == "macvlan"]


@pytest.fixture
def quota(session, own_host, procs):
    """quota(box, limits, user=…): a bound session on own_host; its ledger goes with the test."""
    forget(own_host)  # that of an earlier namespace with the same number
    procs.at_end(lambda: forget(own_host))

    def start(box, *limits, **kwargs):
        s = session(host=own_host, user=box.user,
                    options=("--allow-parent", "par0", *limits), **kwargs)
        return s.ready(box)
    return start


class Names:
    def __init__(self):
        self.n = 0

    def __call__(self, count=1):
        self.n += count
        return [("par0", nlmsg.newlink(f"mv{i}")) for i in range(self.n - count, self.n)]


@pytest.fixture
def links():
    return Names()


def refused(reply, limit, used, more):
    assert reply.error == errno.EDQUOT
    assert reply.message == (f"{limit} macvlans are allowed to a user on par0: there are {used}, "
                             f"and {more} more were asked for")
    assert not reply.HasField("link_create")
    return True


def test_Q3_exactly_n_over_two_sessions_and_containers(quota, container, user1, links):
    first, second = container(user1), container(user1)
    a, b = quota(first, "--max-links", "5"), quota(second, "--max-links", "5")
    assert refused(a.create(*links(6)), 5, 0, 6)
    assert a.create(*links(3)).error == 0
    assert refused(b.create(*links(3)), 5, 3, 3)
    assert len(macvlans(second)) == 0  # whole or not at all
    assert b.create(*links(2)).error == 0
    assert refused(a.create(*links()), 5, 5, 1)
    assert refused(b.create(*links()), 5, 5, 1)
    assert (len(macvlans(first)), len(macvlans(second))) == (3, 2)
    verdicts = [line["verdict"] for line in a.audit() if line["op"] == "link-create"]
    assert verdicts == ["quota", "granted", "quota"]
    line = a.audit()[-1]
    assert (line["stage"], line["errno"], line["made"]) == ("policy", "EDQUOT", "0")
    assert line["reason"] == "a limit of the rule"


def test_Q3_in_one_netns(quota, container, user1, links):
    first, second = container(user1), container(user1)
    limit = ("--max-links-per-netns", "2")
    for box in first, second:
        s = quota(box, *limit)
        assert s.create(*links(3)).error == errno.EDQUOT
        assert s.create(*links(2)).error == 0
        reply = s.create(*links())
        assert reply.error == errno.EDQUOT
        assert reply.message.startswith("2 macvlans are allowed in a network namespace: there are 2")
        assert len(macvlans(box)) == 2


def test_Q3_users_count_apart(quota, container, user1, user2, links):
    """Another user; and a subordinate uid, which is a user of its own."""
    sub = User.of(100000, 100000)
    for user in user1, user2, sub:
        s = quota(container(user), "--max-links", "2")
        assert s.create(*links(2)).error == 0
        assert refused(s.create(*links()), 2, 2, 1)


def test_Q3_two_sessions_race(quota, container, user1, links):
    """Requests of two sessions at once: as many links as are allowed, to the last one."""
    boxes = container(user1), container(user1)
    sessions = [quota(box, "--max-links", "21") for box in boxes]
    granted = 0
    for _ in range(8):
        for s in sessions:
            s.agent.send(s.encode(link_create=netcr_client.pb.LinkCreate(
                links=[netcr_client.pb.Link(parent=p, newlink=n) for p, n in links(2)])).hex(), [])
        for s in sessions:
            reply = s.reply()
            assert reply.error in (0, errno.EDQUOT)
            granted += 2 * (reply.error == 0)
    assert granted == 20 == sum(len(macvlans(box)) for box in boxes)
    assert sessions[0].create(*links()).error == 0
    assert refused(sessions[1].create(*links()), 21, 21, 1)


def test_deleted_from_inside_is_free_again(quota, container, user1, links):
    box = container(user1)
    s = quota(box, "--max-links", "2")
    assert s.create(*links(2)).error == 0
    box.run_inside("ip", "link", "del", "mv0")
    assert refused(s.create(*links(2)), 2, 1, 2)
    assert s.create(*links()).error == 0
    assert refused(s.create(*links()), 2, 2, 1)


def test_made_from_inside_counts(quota, container, user1, links):
    box = container(user1)
    s = quota(box, "--max-links", "3")
    assert s.create(*links()).error == 0
    box.run_inside("ip", "link", "add", "own", "link", "mv0", "type", "macvlan")
    assert refused(s.create(*links(2)), 3, 2, 2)
    assert s.create(*links()).error == 0


def test_Q4_kept_after_the_session_and_freed_by_the_netns(quota, container, own_host, user1, links):
    box = container(user1)
    with quota(box, "--max-links", "2") as s:
        assert s.create(*links(2)).error == 0
    other = container(user1)
    with quota(other, "--max-links", "2") as s:
        assert refused(s.create(*links()), 2, 2, 1)
        box.close()
        wait_until(lambda: s.create(*links(2)).error == 0, "the quota is free")
        assert refused(s.create(*links()), 2, 2, 1)
    other.close()
    wait_until(lambda: not alive(own_host), "no record is alive")
    assert len(records(own_host)) == 1


@pytest.mark.parametrize("whom", ["broker", "worker"])
def test_Q4_killed_at_any_time(quota, container, own_host, user1, links, whom):
    """SIGKILL before, and at several moments after a request is sent: never one too many, and
    the next session counts what is there."""
    box = container(user1)
    for moment in range(6):
        s = quota(box, "--max-links", "40")
        if whom == "broker":
            s.expect_status = -signal.SIGKILL
        s.expect_audit = False
        there = len(macvlans(box))
        assert s.create(*links(2)).error == 0
        s.agent.send(s.encode(link_create=netcr_client.pb.LinkCreate(
            links=[netcr_client.pb.Link(parent=p, newlink=n) for p, n in links(8)])).hex(), [])
        if moment:
            wait_until(lambda least=there + 2 + moment: len(macvlans(box)) >= min(least, 40)
                       or s.audit()[-1]["verdict"] == "quota", "links are being made")
        if whom == "broker":
            s.send_signal(signal.SIGKILL)
            s.wait()
        else:
            s.proc.kill()
        s.close()
        assert len(macvlans(box)) <= 40
        if len(macvlans(box)) > 30:
            break
    used = len(macvlans(box))
    with quota(box, "--max-links", "40") as s:
        assert refused(s.create(*links(41 - used)), 40, used, 41 - used)
        assert used == 40 or s.create(*links(40 - used)).error == 0
        assert refused(s.create(*links()), 40, 40, 1)
    assert len(records(own_host)) == 1


def test_stopped_session_harms_its_own_user_alone(quota, container, user1, user2, links):
    """Where it is stopped it may have the locks of its user; others go on."""
    s = quota(container(user1), "--max-links", "100")
    s.agent.send(s.encode(link_create=netcr_client.pb.LinkCreate(
        links=[netcr_client.pb.Link(parent=p, newlink=n) for p, n in links(64)])).hex(), [])
    s.send_signal(signal.SIGSTOP)
    s.wait_state("T")
    other = quota(container(user2), "--max-links", "1")
    assert other.create(*links()).error == 0
    assert refused(other.create(*links()), 1, 1, 1)
    s.send_signal(signal.SIGCONT)
    assert s.reply().error == 0


def test_stopped_start_harms_nobody(quota, container, own_host, user1, user2, links):
    """A broker that a user starts can be stopped by the user, as by freezing its control group,
    when it has just looked whether the ledger is one."""
    s = quota(container(user1), "--max-links", "2")
    assert s.create(*links()).error == 0
    with open(ledger_of(own_host), "r+b") as stopped:
        fcntl.fcntl(stopped, fcntl.F_OFD_SETLK,
                    struct.pack("=hh4xqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, HEADER, 0))
        other = quota(container(user2), "--max-links", "2")
        assert other.create(*links()).error == 0


def test_X7_containers_that_come_and_go(quota, container, own_host, user1, links):
    for _ in range(20):
        box = container(user1)
        with quota(box, "--max-links", "2") as s:
            wait_until(lambda s=s: s.create(*links(2)).error == 0, "the quota is free")
        box.close()
    wait_until(lambda: not alive(own_host), "no record is alive")
    assert len(records(own_host)) <= 2


# --- the file


def test_file_is_the_accounts_alone(quota, container, own_host, user1, links):
    s = quota(container(user1), "--max-links", "1")
    assert s.create(*links()).error == 0
    st = os.stat(ledger_of(own_host))
    assert st.st_mode & 0o7777 == 0o600
    assert s.fds()[31] == ledger_of(own_host)
    assert records(own_host)[0][0] == user1.uid
    with pytest.raises(OSError):
        s.agent.open_path(ledger_of(own_host))


def test_no_limit_no_file(session, container, own_host, user1, links):
    forget(own_host)
    s = session(host=own_host).ready(container(user1))
    assert s.create(*links(20)).error == 0
    assert not os.path.exists(ledger_of(own_host))
    assert 31 not in s.fds()


@pytest.mark.parametrize("damage", ["truncated", "garbage", "record", "removed"])
def test_damage_allows_nothing(quota, container, own_host, user1, run_broker, links, damage):
    box = container(user1)
    s = quota(box, "--max-links", "2")
    assert s.create(*links()).error == 0
    path = ledger_of(own_host)
    with open(path, "rb") as f:
        good = f.read()
    if damage == "removed":
        os.unlink(path)
    else:
        bad = {"truncated": good[:-1], "garbage": os.urandom(len(good)),
               "record": good[:HEADER] + bytes([good[HEADER] ^ 1]) + good[HEADER + 1:]}[damage]
        with open(path, "r+b") as f:
            f.write(bad)
            f.truncate()
    reply = s.create(*links())
    assert (reply.error, reply.message) == (errno.EUCLEAN, "the broker's ledger is damaged")
    assert s.audit()[-1]["verdict"] == "failed"
    assert len(macvlans(box)) == 1
    if damage == "record":
        return
    # While what it told of lives, no broker with a limit starts; one without does.
    for _ in range(2):
        done = run_broker("spawn", "--allow-parent", "par0", "--max-links", "2", "--", "true",
                          where=own_host, env=user1.sudo_env())
        assert done.returncode == 71, done.stderr
        assert "could not open the ledger of quotas: EUCLEAN" in done.stderr
    done = run_broker("spawn", "--allow-parent", "par0", "--", "true", where=own_host,
                      env=user1.sudo_env())
    assert done.returncode == 0, done.stderr
    s.close()
    box.close()

    def starts():
        return run_broker("spawn", "--allow-parent", "par0", "--max-links", "2", "--", "true",
                          where=own_host, env=user1.sudo_env()).returncode == 0
    wait_until(starts, "the broker starts when the target is gone")


def test_E3_a_record_is_not_written_in_part(quota, container, own_host, user1, user2, links):
    """A starter who allows files of a record and a half would end the ledger for all others."""
    s = quota(container(user1), "--max-links", "3")
    assert s.create(*links()).error == 0
    half = HEADER + SLOT + SLOT // 2
    with pytest.raises(AssertionError, match="no session, status 71"):
        other = quota(container(user2), "--max-links", "3",
                      prefix=["prlimit", f"--fsize={half}:{half}"])
        other.expect_audit = False
        other.create(*links())
    assert s.create(*links()).error == 0
    assert len(records(own_host)) == 1


@pytest.mark.parametrize("value", ["0", "", "-1", "1x", "4294967296", "x", " 1", "+1"])
def test_limits_that_are_none(run_broker, user1, value):
    for option in "--max-links", "--max-links-per-netns":
        done = run_broker("spawn", option, value, "--", "true", env=user1.sudo_env())
        assert done.returncode == 64
        assert f"{option} {value}: not a number from 1 to 4294967295" in done.stderr


def test_worker_says_it(own_host, container, user1, broker, worker, stage, procs):
    forget(own_host)
    procs.at_end(lambda: forget(own_host))
    box = container(user1)
    done = own_host.run(broker, "spawn", "--allow-parent", "par0", "--max-links", "3", "--", worker,
                        "restore", "-D", f"{stage}/data/macvlan-x10", "--pid", box.pid,
                        "--external", "macvlan[*]:par0", env=user1.sudo_env(), check=False)
    assert done.returncode == 77
    assert " on par0, or one of those after it: " in done.stderr
    assert ("EDQUOT (3 macvlans are allowed to a user on par0: there are 0, and 10 more were asked "
            "for): a limit of the broker's policy") in done.stderr
    assert list(box.links()) == ["lo"]
