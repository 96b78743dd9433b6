"""A worker believes a broker no more than it has to: whatever is answered, there is an error
that says what happened, the right exit status, and nothing left."""
import errno
import os
import socket

import pytest

from images import CONF4, put
from namespaces import DEADLINE
from restore_helpers import (FreeWorker, assert_restored, assert_same, data, relay,  # noqa: F401
                             restore, snapshot, written, x1)

OPS = ["hello", "target_bind", "nsid_alloc", "link_create"]


class FakeBroker:
    """Answers a worker as the broker would, but for what `wrong` says. Makes nothing."""

    def __init__(self, pb, worker, wrong):
        self.pb, self.sock, self.wrong = pb, worker.sock, wrong
        self.ops = []

    def right(self, request):
        pb, op = self.pb, request.WhichOneof("op")
        reply = pb.Reply(id=request.id, error=0)
        if op == "hello":
            reply.hello.CopyFrom(pb.HelloReply(
                version=1, uid=1000, max_links=128, max_datagram=65536, landlock_abi=1,
                netns_id=True, release="0.1.0"))
        elif op == "nsid_alloc":
            reply.nsid_alloc.nsid = request.nsid_alloc.nsid
        elif op == "link_create":
            for _ in request.link_create.links:
                reply.link_create.results.add(error=0, ifindex=1)
        return reply

    def serve(self):
        self.sock.settimeout(DEADLINE)
        while True:
            try:
                datagram, fds, _, _ = socket.recv_fds(self.sock, 1 << 17, 8)
            except ConnectionResetError:
                return
            for fd in fds:
                os.close(fd)
            if not datagram:
                return
            request = self.pb.Request.FromString(datagram)
            op = request.WhichOneof("op")
            self.ops.append(op)
            assert len(fds) == (2 if op == "target_bind" else 0)
            answer = self.wrong(op, request, self.right(request))
            if answer is None:
                self.sock.close()
                return
            try:
                self.send(answer)
            except BrokenPipeError:
                return

    def send(self, answer):
        if isinstance(answer, tuple):
            socket.send_fds(self.sock, [answer[0].SerializeToString()], answer[1])
        elif isinstance(answer, bytes):
            self.sock.send(answer)
        else:
            self.sock.send(answer.SerializeToString())


@pytest.fixture
def fake(restore, container, user1, written, x1, pb):
    """fake(wrong, *options): (result, ops that were asked). The target is as before."""
    x1.netns.nsids.add(target_ns_id=2, netnsid_value=5)
    x1.netns.unix_conf[0].iarg = 99
    put(x1.netns.def_conf4, CONF4, rp_filter=2)
    x1.like(3)

    def run(wrong, *more):
        box = container(user1)
        before = snapshot(box)
        worker = FreeWorker(restore, box, written(x1), "--external", "macvlan[*]:par0", *more)
        broker = FakeBroker(pb, worker, wrong)
        broker.serve()
        worker.sock.close()
        result = worker.result()
        assert_same(box, before)
        return result, broker.ops
    return run


def at(op, answer):
    """What is wrong is the answer to @op: answer(request, the right reply)."""
    return lambda name, request, reply: answer(request, reply) if name == op else reply


def changed(**fields):
    def answer(_, reply):
        for key, value in fields.items():
            if value is None:
                reply.ClearField(key)
            else:
                setattr(reply, key, value)
        return reply
    return answer


def status_at(op):
    """Nothing is done before the session is bound; then it is undone."""
    return 69 if op in ("hello", "target_bind") else 1


def test_K11_nothing_is_made(fake):
    """All is granted, and nothing happens: the kernel is asked, not the broker."""
    result, ops = fake(lambda op, request, reply: reply)
    assert result.status == 1, result
    assert ops == OPS
    assert "the target has no mv0" in result.said
    assert "everything is as it was" in result.said


@pytest.mark.parametrize("op", OPS)
def test_K11_hangs_up(fake, op):
    result, ops = fake(at(op, lambda request, reply: None))
    assert result.status == status_at(op), result
    assert ops == OPS[:OPS.index(op) + 1]
    assert "ended the session" in result.said


@pytest.mark.parametrize("garbage", [b"\0", b"\xff" * 100, b"x" * 65536, b"x" * 65537,
                                     b"\x08\x01\x10", os.urandom(64) + b"\xff"],
                         ids=["NUL", "ones", "64 KiB", "too long", "cut off", "noise"])
@pytest.mark.parametrize("op", OPS)
def test_K11_garbage(fake, op, garbage):
    result, ops = fake(at(op, lambda request, reply: garbage))
    assert result.status == status_at(op), result
    assert ops[-1] == op
    assert result.said.isprintable() or "\n" in result.said


@pytest.mark.parametrize("op", OPS)
def test_K11_empty_datagram(fake, op):
    result, _ = fake(at(op, lambda request, reply: b""))
    assert result.status == status_at(op), result


@pytest.mark.parametrize("number", [0, 1, 77, 2**32 - 1])
def test_K11_wrong_number(fake, number):
    result, _ = fake(at("nsid_alloc", changed(id=number)))
    assert result.status == 1, result
    assert "makes no sense" in result.said


@pytest.mark.parametrize("op", OPS)
def test_K11_descriptor_with_the_answer(fake, op):
    result, _ = fake(at(op, lambda request, reply: (reply, [1])))
    assert result.status == status_at(op), result
    assert "makes no sense" in result.said


@pytest.mark.parametrize("other", ["hello", "nsid_alloc", "link_create"])
@pytest.mark.parametrize("op", OPS)
def test_K11_the_result_of_another_op(fake, pb, op, other):
    """All of an answer is right, but that it is one to another request. A bind has no result."""
    if op == other:
        return

    def answer(_, reply):
        result = {"hello": {"version": 1, "uid": 1000, "max_links": 128, "max_datagram": 65536,
                            "landlock_abi": 1, "netns_id": True, "release": "0.1.0"},
                  "nsid_alloc": {"nsid": 5},
                  "link_create": {"results": [{"error": 0, "ifindex": 1}] * 3}}[other]
        return pb.Reply(id=reply.id, error=0, **{other: result})

    result, ops = fake(at(op, answer))
    assert result.status == (1 if op == "target_bind" else status_at(op)), result
    if op in ("hello", "nsid_alloc"):
        assert "makes no sense" in result.said and ops[-1] == op


@pytest.mark.parametrize("nsid", [-1, -2, 0, 4, 2**31 - 1])
def test_K11_Q9_a_forged_nsid(fake, nsid):
    """Whatever number but the one that the images have."""
    def answer(_, reply):
        reply.nsid_alloc.nsid = nsid
        return reply
    result, ops = fake(at("nsid_alloc", answer))
    assert result.status == 1 and ops[-1] == "nsid_alloc", result
    assert "nsid 5" in result.said and "EPROTO" in result.said


def test_K11_version_is_not_spoken(fake):
    result, ops = fake(at("hello", lambda request, reply: changed(
        error=errno.EPROTONOSUPPORT, hello=None, message="this broker speaks versions 2 to 3")(
            request, reply)))
    assert (result.status, ops) == (69, ["hello"]), result
    assert "EPROTONOSUPPORT" in result.said and "versions 2 to 3" in result.said


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_K11_version_that_was_not_offered(fake, version):
    def answer(_, reply):
        reply.hello.version = version
        return reply
    result, ops = fake(at("hello", answer))
    assert (result.status, ops) == (69, ["hello"]), result


@pytest.mark.parametrize("limit", [0, 1, 127])
def test_K11_too_small_a_limit(fake, limit):
    def answer(_, reply):
        reply.hello.max_links = limit
        return reply
    result, ops = fake(at("hello", answer))
    assert (result.status, ops) == (69, ["hello"]), result
    assert "as many links" in result.said


@pytest.mark.parametrize("op", ["hello", "nsid_alloc"])
def test_K11_success_without_a_result(fake, op):
    result, _ = fake(at(op, changed(**{op: None})))
    assert result.status == status_at(op), result
    assert "makes no sense" in result.said


def test_K11_another_nsid_than_was_asked(fake):
    def answer(_, reply):
        reply.nsid_alloc.nsid = 6
        return reply
    result, _ = fake(at("nsid_alloc", answer))
    assert result.status == 1, result
    assert "nsid 5" in result.said


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, 4095, 2**31 - 1])
@pytest.mark.parametrize("op", OPS)
def test_K11_error_without_a_text(fake, op, number):
    result, _ = fake(at(op, changed(error=number, hello=None, nsid_alloc=None, link_create=None)
                        if op != "target_bind" else changed(error=number)))
    assert result.status == status_at(op), result
    if number < 4095:
        assert errno.errorcode[number] in result.said
    if op == "link_create":
        assert "mv0" in result.said


@pytest.mark.parametrize("op", OPS)
def test_K11_error_that_is_none(fake, op):
    result, _ = fake(at(op, changed(error=2**32 - 1)))
    assert result.status == status_at(op), result


@pytest.mark.parametrize("op", OPS[1:])
def test_refusal(fake, op):
    """EPERM is a refusal, whatever was asked."""
    result, _ = fake(at(op, lambda _, reply: type(reply)(id=reply.id, error=errno.EPERM)))
    assert result.status == 77, result
    assert "audit log" in result.said or "EPERM" in result.said


@pytest.mark.parametrize("text", ["x" * 5000, "\x1b[2J\n\r", "é\u2028", "%s%n%d"])
def test_K11_text_of_an_error(fake, text):
    def answer(_, reply):
        reply.error = errno.EINVAL
        reply.link_create.results[0].error = errno.EINVAL
        reply.link_create.results[0].message = text
        return reply
    result, _ = fake(at("link_create", answer))
    assert result.status == 1, result
    assert result.said.isprintable() and len(result.said) < 2100
    if "%" in text:
        assert text in result.said


@pytest.mark.parametrize("number", [0, 1, 2, 4, 128, 1000])
def test_K11_number_of_results(fake, number):
    """Too few, or too many; all of them good."""
    def answer(_, reply):
        del reply.link_create.results[:]
        for _ in range(number):
            reply.link_create.results.add(error=0, ifindex=1)
        return reply
    result, _ = fake(at("link_create", answer))
    assert result.status == 1, result


@pytest.mark.parametrize("error", [errno.EEXIST, 2**32 - 1])
@pytest.mark.parametrize("whole", [0, errno.EEXIST])
def test_K11_one_result_is_an_error(fake, whole, error):
    """Also where the answer as a whole says success."""
    def answer(_, reply):
        reply.error = whole
        reply.link_create.results[1].error = error
        return reply
    result, _ = fake(at("link_create", answer))
    assert result.status == 1, result
    if whole:
        assert "mv1" in result.said


# --- a broker that makes something, but not what was asked


@pytest.mark.parametrize("what,text", [
    ({"address": "02:00:00:00:00:99"}, "another address"),
    ({"mode": "private"}, "mode"), ({"kind": "bridge"}, "not a macvlan"),
    ({"name": "other"}, "no mv1"), ({"index": "77"}, "mv1")], ids=str)
def test_K11_something_else_is_made(relay, container, user1, data, own_host, what, text):
    """The test makes the link in the container, in the place of the session."""
    box = container(user1)
    box.ip("link", "add", "ve0", "type", "veth")
    before = snapshot(box)
    run = relay(box, f"{data}/macvlan-x1")
    link = {"name": "mv1", "index": "1001", "mode": "bridge",
            "kind": "macvlan"} | what
    for request in run:
        if request.WhichOneof("op") != "link_create":
            continue
        mac = ":".join(f"{b:02x}" for b in mac_of(request))
        address = what.get("address", mac)
        kind = ["macvlan", "mode", link["mode"]] if link["kind"] == "macvlan" else [link["kind"]]
        on = ["link", "ve0"] if link["kind"] == "macvlan" else []
        box.ip("link", "add", *on, "name", link["name"], "index", link["index"], "address",
               address, "group", str(0x6e657463), "type", *kind)
        reply = run.pb.Reply(id=request.id, error=0)
        reply.link_create.results.add(error=0, ifindex=1001)
        run.down.send(reply.SerializeToString())
        break
    result = run.worker.result()
    assert result.status == 1, result
    assert text in result.said
    assert_same(box, before)


def mac_of(request):
    """IFLA_ADDRESS of the one link of a request."""
    data, at_ = request.link_create.links[0].newlink, 32
    while at_ < len(data):
        length, kind = int.from_bytes(data[at_:at_ + 2], "little"), data[at_ + 2]
        if kind == 1:
            return data[at_ + 4:at_ + length]
        at_ += (length + 3) & ~3
    raise AssertionError("no address was asked for")
