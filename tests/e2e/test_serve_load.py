"""serve when many ask at once: what one user takes is not another's, and the end comes in order."""
import os
import signal

import pytest

import netcr_client
from namespaces import status_of, wait_until
from netcr_client import Ended
from nlmsg import newlink
from service import children_of

PER_USER = 4
LINKS = 32  # in a message


def request(s, number):
    """One link-create of LINKS links, as bytes."""
    pb = netcr_client.pb
    links = [pb.Link(parent="par0", newlink=newlink(f"l{number}.{i}")) for i in range(LINKS)]
    return pb.Request(id=number, link_create=pb.LinkCreate(links=links)).SerializeToString()


def answers(s):
    """All that it is still answered, until the session ends. Where it has left requests unread, the
    kernel tells of that first (ECONNRESET), and has the answers behind it."""
    found, ended = [], None
    while ended != "eof":
        try:
            found.append(s.reply())
        except Ended as e:
            ended = str(e)
            s.violations -= 1  # it is none
    return found


def is_told(pid):
    """Whether SIGTERM waits for it."""
    return int(status_of(pid)["ShdPnd"], 16) & 1 << (signal.SIGTERM - 1)


@pytest.mark.no_sanitizer
def test_sigterm_under_load(service, container, user1, user2):
    """Four sessions of two users with requests in their queues: whatever was begun is made, answered
    and on record, and nothing else is. The first time it is told to end while the sessions are
    stopped, so that requests are left for certain."""
    n, unserved = 8, 0
    for moment in (None, 0, 2):
        svc = service()
        boxes = [container(user) for user in (user1, user2) * 2]
        sessions = [svc.session(box.user).ready(box) for box in boxes]
        if moment is None:
            for s in sessions:
                s.send_signal(signal.SIGSTOP)
                s.wait_state("T")
        for s in sessions:
            for number in range(s.next_id, s.next_id + n):
                s.agent.send(request(s, number).hex())
        if moment is None:
            os.kill(svc.pid, signal.SIGTERM)
            wait_until(lambda: all(is_told(s.pid) for s in sessions), "the sessions are told")
            for s in sessions:
                s.send_signal(signal.SIGCONT)
        got = [sessions[0].reply() for _ in range(moment or 0)]
        assert svc.stop() == 0
        wait_until(lambda: not children_of(svc.pid), "all sessions have ended")
        for s, box in zip(sessions, boxes):
            mine = answers(s) + (got if s is sessions[0] else [])
            assert all(reply.error == 0 for reply in mine)
            lines = [line for line in s.audit() if line["op"] == "link-create"]
            assert [line["made"] for line in lines] == [str(LINKS)] * len(mine)
            assert len([name for name in box.links() if name != "lo"]) == LINKS * len(mine)
            unserved += n - len(mine)
        assert "still busy" not in svc.stderr()
    assert unserved > 0, "it was under load"


@pytest.fixture
def many(service, user1):
    """A service, of which user1 has all the sessions that one may have."""
    svc = service(options=("--allow-parent", "par0", "--idle-timeout", "3600",
                           "--max-sessions-per-user", str(PER_USER)))
    for _ in range(PER_USER):
        assert svc.session(user1, find=False).hello().error == 0
    assert len(children_of(svc.pid)) == PER_USER
    return svc


def test_X1_a_user_who_has_all_takes_nothing_of_another(many, container, user1, user2):
    """user2 gets as many, and each works; user1 has no more of them meanwhile, nor after some of
    user2's have ended."""
    def refused():
        s = many.session(user1, find=False)
        s.expect_audit = False
        with pytest.raises((Ended, BrokenPipeError)):
            s.hello()
        return True
    theirs = []
    for i in range(PER_USER):
        s = many.session(user2, find=False).ready(container(user2))
        assert s.create(("par0", newlink(f"l{i}"))).error == 0
        theirs.append(s)
    assert refused() and len(children_of(many.pid)) == 2 * PER_USER
    theirs.pop().close()
    wait_until(lambda: len(children_of(many.pid)) == 2 * PER_USER - 1, "one has ended")
    assert refused()
    for s in theirs:
        assert s.nsid(-1).error == 0
    assert many.session(user2, find=False).hello().error == 0


def test_X1_stopped_sessions_are_their_users_alone(many, container, user2):
    """A worker that reads nothing keeps its own sessions busy, and nobody else's."""
    for pid in children_of(many.pid):
        os.kill(pid, signal.SIGSTOP)
    try:
        s = many.session(user2, find=False).ready(container(user2))
        assert s.create(("par0", newlink("l0"))).error == 0
    finally:
        for pid in children_of(many.pid):
            os.kill(pid, signal.SIGCONT)
