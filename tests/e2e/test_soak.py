"""A short soak (tests/bench/soak has the long one), and that a soak sees what is wrong."""
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import nlmsg
import soak
from conftest import TESTS, build_dir, copy_for_everyone
from namespaces import DEADLINE

UIDS = [5001, 5002]
LETTERS = "gggdqiv"


@pytest.fixture(scope="module")
def client(stage):
    path = os.path.join(stage, "soak_client")
    copy_for_everyone(os.path.join(build_dir(), "tests", "load", "soak_client"), path)
    return path


@pytest.mark.no_sanitizer
def test_Q3_X6_X7_many_users(procs, broker, client, pb):
    """5 users, 100 sessions, 2500 requests: answers, audit, descriptors, memory, ledger, links."""
    figures, wrong = soak.run(procs, broker, client, users=5, rounds=5, interval=0.05)
    assert not wrong
    assert (figures["sessions"], figures["requests"]) == (100, 2500)
    assert figures["answers"] == {"g": 1650, "d": 300, "i": 275, "q": 250, "v": 25}
    assert figures["audit lines"] == 2500 + 2 * 100 + 1


# --- what is wrong is seen


def audit_of(key, letters=LETTERS, session="0a0a0a0a"):
    """The lines of a session that is as it should be."""
    words = {letter: word for word, letter in soak.LETTERS.items()}
    lines = []
    for i, letter in enumerate(letters):
        op = ("hello", "target-bind")[i] if i < 2 else "link-create"
        number, name = i + 1, f"links=1 made={int(letter == 'g')} name={key}.{i - 2}"
        if letter == "v":
            op, number = "-", i
        lines.append(f"netcr-audit session={session} uid={UIDS[int(key[0]) - 1]} req={number} "
                     f'op={op} verdict={words[letter]} reason="a b=c" '
                     f"{name if i >= 2 and letter not in 'iv' else ''}")
    return lines


@pytest.fixture
def good():
    """Answers, and the audit of them."""
    answers = {"1.1.0": LETTERS, "2.1.0": LETTERS}
    lines = audit_of("1.1.0") + audit_of("2.1.0", session="0b0b0b0b")
    assert not soak.compare("\n".join(lines), answers, UIDS)
    return answers, lines


@pytest.mark.parametrize("i", range(len(LETTERS)))
def test_a_line_that_is_missing_or_there_twice(good, i):
    answers, lines = good
    assert soak.compare("\n".join(lines[:i] + lines[i + 1:]), answers, UIDS)
    assert soak.compare("\n".join(lines[:i + 1] + lines[i:]), answers, UIDS)


@pytest.mark.parametrize("i, old, new", [
    (0, "granted", "failed"), (2, "granted", "denied"), (3, "denied", "granted"),
    (4, "quota", "denied"), (5, "invalid", "quota"), (2, "uid=5001", "uid=5002"),
    (2, "req=3", "req=4"), (2, "1.1.0.0", "1.1.0.1"), (2, "1.1.0.0", "2.1.0.0"),
    (2, "made=1", "made=0"), (3, "made=0", "made=1"), (1, "target-bind", "nsid-alloc"),
    (6, "violation", "violation dropped=3"), (6, "violation", "violation lost=1")])
def test_a_line_that_is_wrong(good, i, old, new):
    answers, lines = good
    assert old in lines[i]
    lines[i] = lines[i].replace(old, new)
    assert soak.compare("\n".join(lines), answers, UIDS)


def test_a_session_that_is_missing_or_there_twice(good):
    answers, lines = good
    assert soak.compare("\n".join(lines[:len(LETTERS)]), answers, UIDS)
    twice = [line.replace("0a0a0a0a", "0c0c0c0c") for line in lines[:len(LETTERS)]]
    assert soak.compare("\n".join(lines + twice), answers, UIDS)
    assert soak.compare("\n".join(lines), answers | {"1.1.1": LETTERS}, UIDS)


def test_another_line_of_the_broker(good):
    answers, lines = good
    said = "netcr-broker: session process 7 of uid 5001 was ended by signal 31"
    assert soak.compare("\n".join([*lines, said]), answers, UIDS) == [f"the broker says: {said}"]


def test_numbers_that_are_wrong():
    letters = "gg" + "g" * (soak.ROWS - 8) + "d" * 8
    right = {f"1.1.{lane}": letters for lane in range(soak.LANES)}
    right["1.1.0"] = right["1.1.1"] = letters[:-9] + "d" * 9
    assert not soak.check_counts(right, 1, 1)
    assert soak.check_counts(right | {"1.1.0": letters}, 1, 1), "one is granted too many"
    assert soak.check_counts({k: v for k, v in right.items() if k != "1.1.2"}, 1, 1)
    assert soak.check_counts(right, 2, 1), "nothing is known of a user"


def sample(sessions=4, fds=6, rss=3000, anon_each=100, most_fds=9):
    return SimpleNamespace(sessions=sessions, fds=fds, rss=rss, pss=0, anon=anon_each,
                           pss_each=0, anon_each=anon_each, most_fds=most_fds)


def test_what_has_grown():
    flat, rest = [sample()] * 9, sample(sessions=0)
    assert not soak.check_flat(flat, rest, rest)
    for late in sample(anon_each=200), sample(most_fds=10):
        assert soak.check_flat(flat + [late] * 5, rest, rest)
    for after in (sample(0, fds=7), sample(0, rss=3100), sample(0, anon_each=200), sample(1)):
        assert soak.check_flat(flat, rest, after)
    assert soak.check_flat(flat[:3], rest, rest), "too few samples"


def test_what_is_left(procs, broker, container, user1, pb, monkeypatch):
    """A session, a container with links on record, a link in the host: each is named."""
    monkeypatch.setattr(soak, "PATIENCE", 0.5)
    with soak.ground(procs, broker, [user1.uid]) as (host, svc):
        box, links = container(user1), host.links()
        s = svc.session(user1).ready(box)
        assert s.create(("par0", nlmsg.newlink("a", address="02:00:00:00:00:01"))).error == 0
        host.ip("link", "add", "left", "link", "par2", "type", "macvlan")
        left, records, link = soak.check_end(host, links, svc, 1)
        assert "sessions are left" in left
        assert records.startswith("1 records of the ledger")
        assert "'left'" in link
        monkeypatch.setattr(soak, "PATIENCE", DEADLINE)
        host.ip("link", "del", "left")
        s.close()
        box.close()
        assert not soak.check_end(host, links, svc, 1)


def test_an_answer_that_is_wrong(procs, broker, client, pb, monkeypatch):
    monkeypatch.setattr(soak, "POLICY", soak.POLICY.replace("max-links = 34", "max-links = 33"))
    wrong = soak.run(procs, broker, client, users=1, rounds=1)[1]
    assert "user 1: 1.1.0: 33 links were granted to the user, and not 34" in wrong
    assert "user 1 ended with status 1" in wrong


def test_the_command_fails(broker, client):
    """With a run that is too short to tell anything."""
    done = subprocess.run([sys.executable, os.path.join(TESTS, "bench", "soak"), "--users", "1",
                           "--rounds", "1", "--interval", "5", "--build", build_dir()], check=False,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 1
    assert "samples are too few" in done.stderr and "FAILED" in done.stderr
