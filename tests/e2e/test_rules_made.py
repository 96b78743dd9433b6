"""Policy rules of the images in the target, as ip(8) tells them."""
import pytest

import saved_state as saved
from saved_state import base, place, put_back, source  # noqa: F401  fixtures

RULES4 = ["rule add fwmark 0x10/0xff lookup 100 priority 50",
          "rule add from 10.1.0.0/24 to 10.2.0.0/16 lookup 101 priority 60",
          "rule add iif mv1 lookup 102 priority 70", "rule add oif lo lookup 102 priority 71",
          "rule add lookup main suppress_prefixlength 0 priority 80",
          "rule add lookup main suppress_ifgroup 7 priority 81",
          "rule add goto 32000 priority 90", "rule add nop priority 32000",
          "rule add not from 10.9.0.0/16 blackhole priority 100",
          "rule add to 10.8.0.0/16 prohibit priority 101",
          "rule add unreachable tos 0x10 priority 102",
          "rule add ipproto tcp sport 10-20 dport 80 lookup 104 priority 104",
          "rule add lookup 300 realms 3/4 protocol 77 priority 105",
          "rule add tun_id 9 lookup 105 priority 106",
          "rule add iif nothere0 lookup 107 priority 107"]
RULES6 = ["-6 rule add from 2001:db8::/32 lookup 100 priority 50",
          "-6 rule add fwmark 7 lookup 100000 priority 60"]


def same(put_back, box, source, base, place, *commands, **raw):
    saved.batch(source, *commands)
    images = saved.images(f"{place}/images", base, source, **raw)
    put_back(images, box)
    assert saved.rules(box) == saved.rules(source)


def save_both(source):
    return saved.save(source, "rule", "save") + saved.save(source, "-6", "rule", "save")[4:]


def test_v4(put_back, container, user1, source, base, place):
    same(put_back, container(user1), source, base, place, *RULES4)


def test_v6_too(put_back, container, user1, source, base, place):
    saved.batch(source, *RULES4, *RULES6)
    same(put_back, container(user1), source, base, place, rule=save_both(source))


def test_others_go(put_back, container, user1, source, base, place):
    """Also the default ones, and also one of the same priority that is looser."""
    box = container(user1)
    saved.batch(box, "rule add priority 50 lookup 9", "rule add from 10.7.0.0/16 lookup 100 priority 50",
              "rule add priority 7 lookup 8", "rule add priority 40000 lookup 8")
    same(put_back, box, source, base, place, "rule del priority 32767",
         "rule del priority 32766", *RULES4)


def test_none_but_local(put_back, container, user1, source, base, place):
    same(put_back, container(user1), source, base, place, "rule del priority 32767",
         "rule del priority 32766", "rule del priority 0", "rule add priority 1 lookup local")


def test_order_within_a_priority(put_back, container, user1, source, base, place):
    lines = [f"rule add from 10.{i}.0.0/16 lookup {100 + i} priority 50" for i in range(9, 0, -1)]
    box = container(user1)
    saved.batch(box, lines[4], lines[0], lines[8])
    same(put_back, box, source, base, place, *lines)


def test_other_family_is_left_alone(put_back, container, user1, source, base, place):
    box = container(user1)
    saved.batch(box, "-6 rule add from 2001:db8::/32 lookup 100 priority 50",
                "-6 rule del priority 32766")
    before = saved.rules(box)[1]
    saved.batch(source, *RULES4)
    put_back(saved.images(f"{place}/images", base, source), box)
    assert saved.rules(box) == [saved.rules(source)[0], before]


def test_uids_are_those_of_the_container(put_back, container, user1, source, base, place):
    source.ip("rule", "add", "uidrange", "0-0", "lookup", "103", "priority", "103")
    box = container(user1)
    put_back(saved.images(f"{place}/images", base, source), box)
    rule, = [r for r in saved.rules(box)[0] if r["priority"] == 103]
    assert (rule["uid_start"], rule["uid_end"]) == (user1.uid, user1.uid)


def test_of_older_kernels(put_back, container, user1, source, base, place):
    """Before Linux 4.17 a rule does not say its protocol, and before 3.12 nothing to suppress."""
    saved.batch(source, *RULES4, *RULES6)
    data = save_both(source)
    for kinds in ({21}, {14, 21}):
        box = container(user1)
        images = saved.images(f"{place}/images{len(kinds)}", base,
                              rule=data[:4] + b"".join(saved.without(m, 12, kinds)
                                                       for m in saved.messages(data)))
        put_back(images, box)
        for has, wanted in zip(saved.rules(box), saved.rules(source)):
            for rule in has + wanted:
                rule.pop("protocol", None)
                for key in [key for key in rule if 14 in kinds and key.startswith("suppress_p")]:
                    rule.pop(key)
            assert has == wanted
        box.close()


@pytest.mark.parametrize("data", [None, b"", b"\x86\x69\x70\x71"], ids=["none", "empty", "magic"])
def test_nothing_there(put_back, container, user1, base, place, data):
    box = container(user1)
    saved.batch(box, "rule add priority 7 lookup 8")
    before = saved.rules(box)
    put_back(saved.images(f"{place}/images", base, rule=data), box)
    assert saved.rules(box) == before


def test_1000(put_back, container, user1, source, base, place):
    lines = [f"rule add from 10.{i // 250}.{i % 250}.0/24 lookup {i + 1} priority {i + 1}"
             for i in range(1000)]
    same(put_back, container(user1), source, base, place, *lines)
