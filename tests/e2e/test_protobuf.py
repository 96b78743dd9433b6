"""P: bytes that protobuf-c would take, or choke on. A message is canonical, or it is the end."""
import errno

import pytest

from nlmsg import newlink


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, payload):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(field_, n):
    return varint(field_ << 3) + varint(n)


ID = number(1, 1)
HELLO = number(1, 1) + number(2, 1)


def nested(depth):
    data = b""
    for _ in range(depth):
        data = field(1, data)
    return data


P1 = {
    "truncated varint": b"\x08",
    "varint without an end": b"\x08" + b"\x80" * 11,
    "tag 0": b"\x00\x01",
    "group": ID + b"\x13\x08\x01\x14",
    "end of a group": ID + b"\x14",
    "wire type 6": ID + b"\x16",
    "wrong wire type of the number": field(1, b"x") + field(2, HELLO),
    "wrong wire type of the op": ID + number(2, 1),
    "fixed32 number": b"\x0d\x01\x00\x00\x00" + field(2, HELLO),
    "length of 4 GiB": ID + b"\x12\xff\xff\xff\xff\x0f",
    "length beyond the end": ID + b"\x12\x05\x08\x01\x10\x01",
    "length of 2^64": ID + b"\x12" + b"\xff" * 9 + b"\x01",
    "text": b"GET / HTTP/1.1\r\n\r\n",
}

P3 = {
    "one unknown field": ID + field(2, HELLO) + number(9, 1),
    "5000 unknown fields": ID + field(2, HELLO) + number(9, 1) * 5000,
    "unknown field in hello": ID + field(2, HELLO + number(3, 1)),
    "unknown field in front": number(15, 1) + ID + field(2, HELLO),
}

P4 = {
    "number twice": ID + ID + field(2, HELLO),
    "hello twice": ID + field(2, HELLO) * 2,
    "version twice": ID + field(2, number(1, 1) + HELLO),
    "number behind the op": field(2, HELLO) + ID,
    "versions in the wrong order": ID + field(2, number(2, 1) + number(1, 1)),
}

P6 = {
    "number in two bytes": b"\x08\x81\x00" + field(2, HELLO),
    "number in ten bytes": b"\x08" + b"\x81" + b"\x80" * 8 + b"\x00" + field(2, HELLO),
    "number above 32 bits": b"\x08\x81\x80\x80\x80\x10" + field(2, HELLO),
    "version in two bytes": ID + field(2, b"\x08\x81\x00\x10\x01"),
    "tag in two bytes": b"\x88\x00\x01" + field(2, HELLO),
    "length in two bytes": ID + b"\x12\x84\x00" + HELLO,
}

P7 = {
    "no op": ID,
    "two ops": ID + field(2, HELLO) + field(3, b""),
    "no number": field(2, HELLO),
    "hello without versions": ID + field(2, b""),
    "hello without the highest version": ID + field(2, number(1, 1)),
}


@pytest.mark.parametrize("case", P1)
def test_P1_malformed(session, case):
    session().breach(P1[case])


@pytest.mark.parametrize("depth", [50, 4000, 16000])
@pytest.mark.parametrize("op", [2, 5])
def test_P2_nested(session, op, depth):
    data = ID + field(op, nested(depth))
    session().breach(data[:65536])


@pytest.mark.parametrize("case", P3)
def test_P3_unknown_fields(session, case):
    session().breach(P3[case])


@pytest.mark.parametrize("case", P4)
def test_P4_twice_or_out_of_order(session, case):
    session().breach(P4[case])


@pytest.mark.parametrize("case", P6)
def test_P6_numbers(session, case):
    session().breach(P6[case])


@pytest.mark.parametrize("case", P7)
def test_P7_missing_or_too_many(session, case):
    session().breach(P7[case])


# --- what needs a bound session


LINK = field(1, b"par0") + field(2, newlink())
BOUND = {
    "P3 unknown field in a link": field(5, field(1, LINK + number(3, 1))),
    "P3 unknown field in link-create": field(5, field(1, LINK) + number(2, 1)),
    "P3 unknown field in nsid-alloc": field(4, number(1, 1) + number(2, 1)),
    "P4 parent twice": field(5, field(1, field(1, b"par0") + LINK)),
    "P4 bytes twice": field(5, field(1, LINK + field(2, newlink()))),
    "P5 NUL in the parent": field(5, field(1, field(1, b"par0\0") + field(2, newlink()))),
    "P6 nsid in ten bytes": field(4, b"\x08" + b"\xff" * 9 + b"\x01"),
    "P6 nsid above 32 bits": field(4, b"\x08\x80\x80\x80\x80\x10"),
    "P7 link without a parent": field(5, field(1, field(2, newlink()))),
    "P7 link without bytes": field(5, field(1, field(1, b"par0"))),
    "P7 nsid-alloc without an nsid": field(4, b""),
}


@pytest.mark.parametrize("case", BOUND)
def test_P3_to_P7_in_a_bound_session(bound, unchanged, case):
    s, box = bound
    with unchanged(box):
        s.breach(number(1, s.next_id) + BOUND[case])


def test_P3_unknown_field_in_target_bind(session, container, user1):
    s = session()
    s.hello()
    s.breach(number(1, 2) + field(3, number(1, 1)), s.target_fds(container(user1)))


P5_PARENTS = (b"", b"\xff\xfe", b"par0\x01", b"\x7f", b"par 0", b"par0/", b"par%d", b"x" * 16,
              b"../par0", b"lo", b"all", "pär0".encode(), b"\xc0\xaf", b"p" * 4096)


def test_P5_strings(bound, unchanged):
    s, box = bound
    with unchanged(box):
        for parent in P5_PARENTS:
            link = field(1, parent) + field(2, newlink())
            reply = s.raw(number(1, s.next_id) + field(5, field(1, link)))
            assert reply.error == errno.EINVAL, parent
            assert [r.error for r in reply.link_create.results] == [errno.EINVAL]
    assert s.create(("par0", newlink())).error == 0


def test_P8_number_of_links(bound, unchanged):
    s, box = bound
    with unchanged(box):
        assert s.create().error == errno.EINVAL
        reply = s.create(*[("par0", newlink(f"mv{i}")) for i in range(129)])
        assert reply.error == errno.E2BIG
        assert not reply.HasField("link_create")
    reply = s.create(*[("par0", newlink(f"mv{i}")) for i in range(128)])
    assert reply.error == 0
    assert len(reply.link_create.results) == 128
    assert len(box.links()) == 129


def test_P9_short_bytes(bound, unchanged):
    s, box = bound
    good = newlink()
    with unchanged(box):
        for size in (*range(16), 16, 31, 32, len(good) - 1):
            reply = s.create(("par0", good[:size]))
            assert reply.error == errno.EINVAL, size
            assert reply.link_create.results[0].message
    assert s.create(("par0", good)).error == 0


def test_P9_long_bytes(bound, unchanged):
    s, box = bound
    with unchanged(box):
        for size in (1025, 4096, 60000):
            assert s.create(("par0", newlink() + bytes(size))).error == errno.EINVAL
